"""The bus of a cluster, over one Redis. Hints are lost silently while it is away; presence and leases say so.

Apart from `foundation.bus`, so that an installation of one process never loads the client.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from foundation.bus import QUEUE, Hint, drain, offer
from foundation.errors import Unavailable
from foundation.i18n import N_
from foundation.tasks import end

log = logging.getLogger(__name__)

UNAVAILABLE = N_("The live connection between servers is down. Try again in a moment.")

# Times in these scripts are the Redis server's own, so that nodes' clocks do not matter.
_BEAT = """
local t = redis.call('TIME'); local until_ms = t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[2]
redis.call('ZADD', KEYS[1], until_ms, ARGV[1]); redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, math.max(ARGV[2], redis.call('PTTL', key))) end
"""
_MEMBERS = """
local t = redis.call('TIME'); local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms)
for _, member in ipairs(gone) do redis.call('ZREM', KEYS[1], member); redis.call('HDEL', KEYS[2], member) end
return redis.call('HGETALL', KEYS[2])
"""
# A board is a set of holders with the ends of their leases, and a hash a holder. The hashes' keys are made here and not
# given, which one Redis allows and a Redis Cluster would not.
_NOTE = """
local t = redis.call('TIME'); local now_ms = t[1] * 1000 + math.floor(t[2] / 1000)
local sheet = KEYS[1] .. ':' .. ARGV[1]
if ARGV[3] == '1' then redis.call('DEL', sheet)
elseif (tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1])) or 0) <= now_ms then return 0 end
local sets = tonumber(ARGV[4])
for i = 5, 4 + 2 * sets, 2 do redis.call('HSET', sheet, ARGV[i], ARGV[i + 1]) end
for i = 5 + 2 * sets, #ARGV do redis.call('HDEL', sheet, ARGV[i]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms); redis.call('ZADD', KEYS[1], now_ms + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.max(ARGV[2], redis.call('PTTL', KEYS[1])))
redis.call('PEXPIRE', sheet, ARGV[2]); return 1
"""
_LOOK = """
local t = redis.call('TIME'); local now_ms = t[1] * 1000 + math.floor(t[2] / 1000); local found = {}
for _, holder in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now_ms, '+inf')) do
  for i, entry in ipairs(ARGV) do
    local value = redis.call('HGET', KEYS[1] .. ':' .. holder, entry)
    if value then found[#found + 1] = i; found[#found + 1] = value end
  end
end
return found
"""
_ACQUIRE = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]); return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class RedisBus:
    """The bus of a cluster, over one Redis. Keys and channels begin with `hoichan:`."""

    def __init__(self, redis: Redis, *, prefix: str = "hoichan:") -> None:
        self._redis = redis
        self._prefix = prefix
        self._beat = redis.register_script(_BEAT)
        self._members = redis.register_script(_MEMBERS)
        self._note = redis.register_script(_NOTE)
        self._look = redis.register_script(_LOOK)
        self._acquire = redis.register_script(_ACQUIRE)
        self._release = redis.register_script(_RELEASE)

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[AsyncIterator[Hint]]:
        queue: asyncio.Queue[Hint] = asyncio.Queue(QUEUE)
        subscribed = asyncio.Event()
        pump = asyncio.create_task(self._pump(topic, queue, subscribed))
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(5):  # wait_for of Python 3.11 can swallow a cancellation
                    await subscribed.wait()
            yield drain(queue)
        finally:
            await end([pump])

    async def _pump(self, topic: str, queue: asyncio.Queue[Hint], subscribed: asyncio.Event) -> None:
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(self._prefix + topic)
                    async for message in channel.listen():
                        if message["type"] == "subscribe":
                            subscribed.set()
                        elif message["type"] == "message":
                            offer(queue, json.loads(message["data"]))
            except RedisError:
                log.warning("the bus is down; readers go on looking for themselves")
                await asyncio.sleep(1)

    async def publish(self, topic: str, hint: Hint) -> None:
        try:
            await self._redis.publish(self._prefix + topic, json.dumps(dict(hint)))
        except RedisError:
            log.warning("a hint was lost; readers will look for themselves")

    def _keys(self, group: str) -> list[str]:
        return [f"{self._prefix}group:{group}", f"{self._prefix}values:{group}"]

    async def beat(self, group: str, member: str, ttl_s: float, value: str = "") -> None:
        with _translated():
            await self._beat(keys=self._keys(group), args=[member, int(ttl_s * 1000), value])

    async def drop(self, group: str, member: str) -> None:
        with _translated():
            async with self._redis.pipeline() as pipe:
                keys = self._keys(group)
                pipe.zrem(keys[0], member)
                pipe.hdel(keys[1], member)
                await pipe.execute()

    async def members(self, groups: Iterable[str]) -> dict[str, dict[str, str]]:
        wanted = list(dict.fromkeys(groups))
        found: dict[str, dict[str, str]] = {}
        with _translated():
            for group in wanted:
                flat = [_text(part) for part in await self._members(keys=self._keys(group))]
                if flat:
                    found[group] = dict(zip(flat[::2], flat[1::2], strict=True))
        return found

    async def note(
        self, board: str, holder: str, ttl_s: float, changes: Mapping[str, str | None], *, whole: bool = False
    ) -> bool:
        kept = [(entry, value) for entry, value in changes.items() if value is not None]
        struck = [entry for entry, value in changes.items() if value is None]
        flat = [part for pair in kept for part in pair]
        arguments = [holder, int(ttl_s * 1000), "1" if whole else "0", len(kept), *flat, *struck]
        with _translated():
            return bool(await self._note(keys=[f"{self._prefix}board:{board}"], args=arguments))

    async def look(self, board: str, entries: Iterable[str]) -> dict[str, list[str]]:
        wanted = list(dict.fromkeys(entries))
        with _translated():
            flat = await self._look(keys=[f"{self._prefix}board:{board}"], args=wanted)
        found: dict[str, list[str]] = {}
        for place, value in zip(flat[::2], flat[1::2], strict=True):
            found.setdefault(wanted[int(place) - 1], []).append(_text(value))
        return found

    async def acquire(self, name: str, holder: str, ttl_s: float) -> bool:
        with _translated():
            return bool(await self._acquire(keys=[f"{self._prefix}lease:{name}"], args=[holder, int(ttl_s * 1000)]))

    async def release(self, name: str, holder: str) -> None:
        with _translated():
            await self._release(keys=[f"{self._prefix}lease:{name}"], args=[holder])

    async def holder(self, name: str) -> str | None:
        with _translated():
            owner = await self._redis.get(f"{self._prefix}lease:{name}")
        return None if owner is None else _text(owner)

    async def ready(self) -> bool:
        try:
            async with asyncio.timeout(1):
                return bool(await self._redis.ping())
        except (RedisError, TimeoutError):
            return False

    async def close(self) -> None:
        await self._redis.aclose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise Unavailable("bus.unavailable", UNAVAILABLE) from error


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
