"""The demo's people at a cluster: they ask, ring, consult and write on while its parts die, and are looked at after it.

What holds each time: every consult keeps its one owner, each side its place and role, the log and the chat come whole,
in order and once, what rings goes on to ring, and media comes back.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from consult_rooms.log_entry import LogEntry, LogKind
from consult_rooms.owners import owner_at
from consult_rooms.tables import consult_log, consults, offers
from foundation.ids import ConsultId
from hoichan import demo
from identity.tables import specialties
from tests.hoichan.attendee import Attendee
from tests.hoichan.cluster import Cluster
from tests.protocol_client import ProtocolClient

RING_S = 3.0
FAR = ("87", "96")
"""The first digits of the southern clinics' and their hospital's codes, whose links hold in office hours alone."""


async def rows(store: AsyncEngine, query: Any) -> list[Any]:
    async with store.connect() as connection:
        return list(await connection.execute(query))


async def one(store: AsyncEngine, query: Any) -> Any:
    [row] = await rows(store, query)
    return row[0]


async def until(holds: Callable[[], Awaitable[object]], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not await holds():
            await asyncio.sleep(0.05)


async def emergency(store: AsyncEngine, code: str = "than_kinh_dot_quy") -> dict[str, object]:
    specialty = await one(store, select(specialties.c.id).where(specialties.c.code == code))
    return {"specialty_id": specialty, "urgency": "emergency", "idempotency_key": secrets.token_hex(8)}


def step(consult_id: str) -> Any:
    return select(consults.c.step).where(consults.c.id == consult_id)


async def owned(store: AsyncEngine, consult_id: str, owner_id: str) -> None:
    """One owner at each moment by the log, and this one now, by the log as by the consult."""
    found = await rows(store, select(consult_log).where(consult_log.c.consult_id == consult_id).order_by("number"))
    entries = [LogEntry(ConsultId(e.consult_id), e.number, e.at, LogKind(e.kind), e.actor, e.data) for e in found]
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    assert all(owner_at(entries, entry.number) for entry in entries)
    assert owner_at(entries) == owner_id
    assert await one(store, select(consults.c.owner_id).where(consults.c.id == consult_id)) == owner_id
    rung = [entry.data["staff"] for entry in entries if entry.kind is LogKind.RUNG]
    assert len(rung) == len(set(rung)), "each is rung once"


@dataclass
class Consulting:
    """A claimed consult with both in its room."""

    consult_id: str
    doctor: Attendee
    specialist: Attendee

    @property
    def sides(self) -> tuple[Attendee, Attendee]:
        return self.doctor, self.specialist


class Hall:
    """The demo's people at the cluster, by the balancers. Everybody signs in once, and connects once for each use."""

    def __init__(self, cluster: Cluster, store: AsyncEngine, stack: AsyncExitStack, urls: dict[str, str]) -> None:
        self.cluster, self.store = cluster, store
        self._stack, self._urls = stack, urls
        self._sessions: dict[str, ProtocolClient] = {}
        staff = demo.staff(date(2026, 11, 23))
        near = [person for person in staff if not person.facility_code.startswith(FAR)]
        self._doctors = [person.user_name for person in near if "rural_doctor" in person.roles]
        self._specialists = [person for person in near if "specialist" in person.roles]

    async def connect(self, user_name: str, transport: str = "websocket") -> ProtocolClient:
        client = ProtocolClient(self._urls[transport], transport=transport)
        known = self._sessions.setdefault(user_name, client)
        if known is client:
            await client.sign_in(user_name, self.cluster.passwords[user_name])
        else:
            client.use(known.session)
            client.staff = known.staff
        await client.connect()
        self._stack.push_async_callback(client.close)
        return client

    async def ring(self, number: int) -> tuple[ProtocolClient, ProtocolClient, str]:
        """A request that rings for a specialist of its own, after as many steps as that takes."""
        person = self._specialists[number]
        # The first pair of all comes by long polling.
        transport = "polling" if number == 0 else "websocket"
        doctor = await self.connect(self._doctors[number % len(self._doctors)], transport)
        specialist = await self.connect(person.user_name, transport)
        wanted = await emergency(self.store, person.specialties[0].replace("-", "_"))
        consult_id = str((await doctor.call("request_consult", **wanted))["consult_id"])
        mine = select(func.count()).where(
            offers.c.consult_id == consult_id, offers.c.staff_id == specialist.staff["id"]
        )
        while not await one(self.store, mine):
            await doctor.call("widen_request", consult_id=consult_id)
        await specialist.wait_for("ring", consult_id=consult_id)
        return doctor, specialist, consult_id

    async def consult(self, number: int, *, media: bool) -> Consulting:
        doctor, specialist, consult_id = await self.ring(number)
        await specialist.call("accept_offer", consult_id=consult_id)
        found = Consulting(consult_id, *(Attendee(client, consult_id, media=media) for client in (doctor, specialist)))
        for side in found.sides:
            await side.enter()
            staying = asyncio.create_task(side.stay())
            self._stack.callback(staying.cancel)
        return found

    async def consults(self, count: int, with_media: int) -> list[Consulting]:
        """That many at once, the last of them with media."""
        return [await self.consult(number, media=number >= count - with_media) for number in range(count)]


@asynccontextmanager
async def talking(held: list[Consulting]) -> AsyncIterator[None]:
    """Both sides of each consult write on while the block does its worst; after it everything has arrived."""
    over = asyncio.Event()
    said: dict[str, list[str]] = {consult.consult_id: [] for consult in held}

    async def talk(side: Attendee, name: str) -> None:
        while not over.is_set():
            said[side.consult_id].append(line := f"{name} {len(said[side.consult_id])}")
            await side.say(line)
            await asyncio.sleep(0.1)

    talks = [
        asyncio.create_task(talk(side, name))
        for consult in held
        for side, name in zip(consult.sides, ("A", "B"), strict=True)
    ]
    try:
        yield
        await asyncio.sleep(0.3)
    finally:
        over.set()
        await asyncio.wait_for(asyncio.gather(*talks), 30)
    for consult in held:
        for side in consult.sides:
            async with asyncio.timeout(10):
                while len(side.lines) < len(said[consult.consult_id]):
                    await asyncio.sleep(0.05)
            assert sorted(side.lines) == sorted(said[consult.consult_id])
        assert consult.doctor.lines == consult.specialist.lines


async def outlived(hall: Hall, held: list[Consulting]) -> None:
    """Same consult, same places, everything in order and once, one owner; media runs. Then it ends for both."""
    await asyncio.gather(
        *(
            one.sees_and_hears(other)
            for consult in held
            for one, other in (consult.sides, consult.sides[::-1])
            if one.media
        )
    )
    for consult in held:
        await consult.specialist.client.call("end_consult", consult_id=consult.consult_id)
    for consult in held:
        for side in consult.sides:
            await side.client.wait_for("consult", consult_id=consult.consult_id, state="ended")
            async with asyncio.timeout(10):
                while side.client.entries[-1]["kind"] != "ended":
                    await asyncio.sleep(0.05)
            numbers = [entry["number"] for entry in side.client.entries]
            assert numbers == list(range(1, len(numbers) + 1)), "each once and in order"
            kinds = [entry["kind"] for entry in side.client.entries]
            assert (kinds.count("claimed"), kinds.count("joined"), kinds.count("left")) == (1, 2, 0)
        assert [[role for _, role in side.places] for side in consult.sides] == [["requester"], ["specialist"]]
        await owned(hall.store, consult.consult_id, str(consult.specialist.client.staff["id"]))


async def rises(hall: Hall, consult_id: str) -> None:
    """The deadline of the step that runs passes now, by the store's time: the next begins."""
    before = await one(hall.store, step(consult_id))
    async with hall.store.begin() as connection:
        due = text("UPDATE consults SET step_due_at = now() WHERE id = :id")
        await connection.execute(due, {"id": consult_id})

    async def risen() -> bool:
        return bool(await one(hall.store, step(consult_id)) != before)

    await until(risen, RING_S)
