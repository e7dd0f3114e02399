"""Every outgoing HTTP call: https, to the very address that was checked, bounded in size and time.

The check sits in the resolver of the connection itself, so a name that leads elsewhere the second time (DNS rebinding)
is checked the second time too. Redirects are followed here, each as a new call. Errors tell what went wrong and never
the address, a header or a body, since those may hold secrets or a patient's number.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from foundation.errors import Unavailable
from foundation.i18n import N_
from foundation.reach import Reach

MOST_BYTES = 16 * 1024 * 1024
TIMEOUT_S = 10.0
_MOST_REDIRECTS = 4
_MOST_CONNECTIONS, _MOST_TO_A_HOST = 100, 16
_CHUNK = 64 * 1024
_MOVED = frozenset({301, 302, 303, 307, 308})
_OF_ONE_ORIGIN = ("Authorization", "Cookie", "Proxy-Authorization")

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses; raises OSError when there are none."""


class Fault(StrEnum):
    """Why a call came to nothing."""

    ADDRESS = "address"
    SCHEME = "scheme"
    REDIRECT = "redirect"
    TOO_LARGE = "too_large"
    TIMEOUT = "timeout"
    NAME = "name"
    TLS = "tls"
    CONNECTION = "connection"


class FetchFailed(Unavailable):
    """The call came to nothing; `code` is `fetch.` and the fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"fetch.{fault}", FAULTS[fault])
        self.fault = fault


class Follow(StrEnum):
    """Which redirects are followed."""

    NONE = "none"
    SAME_ORIGIN = "same-origin"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. `url` is the last one asked; `headers` are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Fetcher:
    """Makes calls, over connections that are kept; `close` ends them."""

    def __init__(self, reach: Reach | None = None, *, resolve: Resolve | None = None) -> None:
        self._reach = reach or Reach()
        self._resolve = resolve or _addresses
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float = TIMEOUT_S,
        most_bytes: int = MOST_BYTES,
        follow: Follow = Follow.NONE,
        tls: ssl.SSLContext | None = None,
    ) -> Answer:
        """One call and its whole answer, whatever its status. Raises `FetchFailed`.

        `timeout_s` holds for everything together. Redirects of other methods than GET and HEAD are never followed,
        and headers that prove who asks stay with the first origin.
        """
        try:
            asked = URL(url)
        except ValueError:
            raise FetchFailed(Fault.SCHEME) from None
        sent = dict(headers or {})
        try:
            async with asyncio.timeout(timeout_s):
                for _ in range(_MOST_REDIRECTS + 1):
                    answer = await self._once(method, asked, sent, form, body, most_bytes, tls)
                    if answer.status not in _MOVED or follow is Follow.NONE:
                        return answer
                    target = self._target(method, asked, answer, follow)
                    if target.origin() != asked.origin():
                        sent = {name: value for name, value in sent.items() if name.title() not in _OF_ONE_ORIGIN}
                    asked = target
                raise FetchFailed(Fault.REDIRECT)
        except TimeoutError:
            raise FetchFailed(Fault.TIMEOUT) from None

    def _target(self, method: str, asked: URL, answer: Answer, follow: Follow) -> URL:
        try:
            target = asked.join(URL(answer.headers.get("Location", "")))
            if method in ("GET", "HEAD") and target.host and target.scheme in ("http", "https"):
                downgraded = asked.scheme == "https" and target.scheme == "http"
                if not downgraded and (follow is Follow.ANYWHERE or target.origin() == asked.origin()):
                    return target
        except ValueError:
            pass  # it is no address
        raise FetchFailed(Fault.REDIRECT)

    async def _once(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
        body: bytes | None,
        most_bytes: int,
        tls: ssl.SSLContext | None,
    ) -> Answer:
        self._admit(url)
        try:
            async with self._opened().request(
                method,
                url,
                headers=headers,
                data=dict(form) if form is not None else body,
                allow_redirects=False,
                ssl=tls if tls is not None else True,
            ) as response:
                content = bytearray()
                async for chunk in response.content.iter_chunked(_CHUNK):
                    content += chunk
                    if len(content) > most_bytes:  # counted after unpacking: a small gzip may hold much
                        raise FetchFailed(Fault.TOO_LARGE)
                return Answer(response.status, response.headers, bytes(content), str(url))
        except aiohttp.ClientConnectorDNSError:
            raise FetchFailed(Fault.NAME) from None
        except (aiohttp.ClientSSLError, ssl.SSLError):
            raise FetchFailed(Fault.TLS) from None
        except (aiohttp.ServerTimeoutError, TimeoutError):
            raise FetchFailed(Fault.TIMEOUT) from None
        except (aiohttp.ClientError, OSError, ValueError):  # ValueError: a header or an address that cannot be sent
            raise FetchFailed(Fault.CONNECTION) from None

    def _admit(self, url: URL) -> None:
        """Scheme and host, before anything is sent. The addresses of a name are checked when it is resolved."""
        host, port = url.host, url.port
        if not host or port is None or url.user is not None or url.password is not None:
            raise FetchFailed(Fault.SCHEME)
        if url.scheme != "https" and not (url.scheme == "http" and self._reach.plain(host, port)):
            raise FetchFailed(Fault.SCHEME)
        if _is_address(host) and not self._reach.address(host):
            raise FetchFailed(Fault.ADDRESS)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=_Checked(self._reach, self._resolve),
                use_dns_cache=False,
                limit=_MOST_CONNECTIONS,
                limit_per_host=_MOST_TO_A_HOST,
            )
            # No proxy of the environment, no cookies: nothing is sent that the caller did not give.
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None),
                headers={"User-Agent": "Hoichan"},
            )
        return self._session

    async def close(self) -> None:
        """End all connections. A later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class _Checked(AbstractResolver):
    """Gives the connection the addresses that may be called, and so the very ones that it connects to."""

    def __init__(self, reach: Reach, resolve: Resolve) -> None:
        self._reach = reach
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolve(host, port)
        allowed = [address for address in found if self._reach.address(address)]
        if not allowed:
            raise FetchFailed(Fault.ADDRESS) if found else OSError("the name has no address")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in allowed
            if family in (socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET)
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def _addresses(host: str, port: int) -> list[str]:
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


FAULTS = {
    Fault.ADDRESS: N_("Its address is in a network that outgoing calls may not reach."),
    Fault.SCHEME: N_("Its address is no https address, and http is not allowed for it."),
    Fault.REDIRECT: N_("It sends on to another place, which is not followed."),
    Fault.TOO_LARGE: N_("Its answer is larger than is taken."),
    Fault.TIMEOUT: N_("It did not answer in time."),
    Fault.NAME: N_("Its name leads to no address."),
    Fault.TLS: N_("Its certificate is not trusted here."),
    Fault.CONNECTION: N_("No connection to it can be made, or it broke off."),
}
