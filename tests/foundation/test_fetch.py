"""Outgoing calls against real servers on loopback: what is refused, what is followed, what an error may say."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.fetch import FAULTS, Fault, Fetcher, FetchFailed, Follow
from foundation.reach import Reach
from tests.conftest import free_port

SECRET = "051058004471"
LOOPBACK = Reach.read("127.0.0.1/32", "127.0.0.1, hospital.test, other.test")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, *, host: str = "127.0.0.1", port: int = 0, tls: Any = None) -> AsyncIterator[int]:
    """A server that answers every request by `handler`; gives its port."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = port or free_port()
    await web.TCPSite(runner, host, port, ssl_context=tls).start()
    try:
        yield port
    finally:
        await runner.cleanup()


@asynccontextmanager
async def fetching(reach: Reach = LOOPBACK, *addresses: list[str]) -> AsyncIterator[tuple[Fetcher, list[str]]]:
    """A fetcher whose names lead to these addresses, one answer after the other, and the names that it asked for."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return addresses[min(len(asked), len(addresses)) - 1] if addresses else ["127.0.0.1"]

    fetcher = Fetcher(reach, resolve=resolve)
    yield fetcher, asked
    await fetcher.close()


async def echo(request: web.Request) -> web.Response:
    sent = {name: request.headers.get(name, "") for name in ("Authorization", "Cookie", "X-Kept")}
    return web.json_response(sent | {"path": request.path, "body": (await request.read()).decode()})


async def fault_of(fetcher: Fetcher, url: str, **how: Any) -> Fault:
    with pytest.raises(FetchFailed) as failed:
        await fetcher.request(how.pop("method", "GET"), url, **how)
    told = "".join(traceback.format_exception(failed.value))
    assert SECRET not in told
    assert "hospital.test" not in told
    return failed.value.fault


async def test_an_answer_comes_whole_whatever_its_status() -> None:
    async def refuse(request: web.Request) -> web.Response:
        assert request.cookies == {}
        response = web.Response(status=404, text="không có", headers={"X-Told": "1"})
        response.set_cookie("tracked", "1")
        return response

    async with serving(refuse) as port, fetching() as (fetcher, _):
        for _ in range(2):  # the second would bring the cookie, if it were kept
            answer = await fetcher.request("GET", f"http://127.0.0.1:{port}/x")
            assert (answer.status, answer.body.decode(), answer.headers["x-told"]) == (404, "không có", "1")


@pytest.mark.parametrize(
    "url",
    [
        "http://elsewhere.test/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "https://user:pass@hospital.test/",
        "//hospital.test/",
        "https:///nothing",
        "",
        "https://hospital.test:99999/",
    ],
)
async def test_what_is_no_https_address_is_not_asked(url: str) -> None:
    async with fetching() as (fetcher, asked):
        assert await fault_of(fetcher, url) is Fault.SCHEME
        assert asked == []


@pytest.mark.parametrize("host", ["127.0.0.2", "[::1]", "[::ffff:127.0.0.2]", "169.254.169.254", "10.0.0.1"])
async def test_a_private_address_is_refused_when_it_is_written_out(host: str) -> None:
    async with fetching() as (fetcher, _):
        assert await fault_of(fetcher, f"https://{host}/?q={SECRET}") is Fault.ADDRESS


@pytest.mark.parametrize("host", ["2130706434", "127.2", "0x7f.0.0.2", "0177.0.0.2"])
async def test_old_ways_to_write_an_address_lead_nowhere(host: str) -> None:
    fetcher = Fetcher(Reach.read("", host))
    assert await fault_of(fetcher, f"http://{host}:{free_port()}/") in (Fault.ADDRESS, Fault.CONNECTION, Fault.SCHEME)
    await fetcher.close()


async def test_a_name_that_leads_to_private_addresses_alone_is_refused() -> None:
    async with serving(echo) as port, fetching(Reach.read("", "hospital.test"), ["127.0.0.1", "::1"]) as (fetcher, _):
        assert await fault_of(fetcher, f"http://hospital.test:{port}/{SECRET}") is Fault.ADDRESS


async def test_of_several_addresses_only_allowed_ones_are_connected_to() -> None:
    async with serving(echo) as port, fetching(LOOPBACK, ["127.0.0.2", "127.0.0.1"]) as (fetcher, _):
        async with serving(_not_reached, host="127.0.0.2", port=port):
            answer = await fetcher.request("GET", f"http://hospital.test:{port}/x")
        assert answer.status == 200


async def _not_reached(request: web.Request) -> web.Response:
    raise AssertionError("a private address was called")


async def test_a_name_that_turns_private_later_is_refused_then() -> None:
    """DNS rebinding: what is connected to is what was checked, and each new connection is checked anew."""

    async def closing(request: web.Request) -> web.Response:
        response = await echo(request)
        response.force_close()
        return response

    async with (
        serving(closing) as port,
        serving(_not_reached, host="127.0.0.2", port=port),
        fetching(LOOPBACK, ["127.0.0.1"], ["127.0.0.2"]) as (fetcher, asked),
    ):
        assert (await fetcher.request("GET", f"http://hospital.test:{port}/")).status == 200
        assert asked == ["hospital.test"]  # once: nobody resolves the checked name a second time
        assert await fault_of(fetcher, f"http://hospital.test:{port}/") is Fault.ADDRESS


async def redirecting(request: web.Request) -> web.Response:
    if "to" in request.query:
        return web.Response(status=int(request.query.get("status", "302")), headers={"Location": request.query["to"]})
    return await echo(request)


@pytest.mark.parametrize(
    ("to", "fault"),
    [
        ("http://127.0.0.2/", Fault.SCHEME),
        ("https://127.0.0.2/", Fault.ADDRESS),
        ("https://169.254.169.254/latest", Fault.ADDRESS),
        ("file:///etc/passwd", Fault.REDIRECT),
        ("http://[broken", Fault.REDIRECT),
    ],
)
async def test_a_redirect_is_checked_like_a_first_call(to: str, fault: Fault) -> None:
    async with serving(redirecting) as port, fetching() as (fetcher, _):
        url = f"http://127.0.0.1:{port}/?to={to}"
        assert await fault_of(fetcher, url, follow=Follow.ANYWHERE) is fault
        assert await fault_of(fetcher, url, follow=Follow.SAME_ORIGIN) is Fault.REDIRECT
        assert (await fetcher.request("GET", url)).status == 302


async def test_a_redirect_elsewhere_takes_no_credentials_along() -> None:
    sent = {"authorization": "Bearer x", "X-Kept": "1"}
    async with serving(redirecting) as port, fetching() as (fetcher, _):
        there = f"http://other.test:{port}/there"
        answer = await fetcher.request(
            "GET", f"http://127.0.0.1:{port}/?to={there}", headers=sent, follow=Follow.ANYWHERE
        )
        assert (answer.url, b"Bearer" in answer.body, b'"X-Kept": "1"' in answer.body) == (there, False, True)
        answer = await fetcher.request(
            "GET", f"http://127.0.0.1:{port}/?to=/here", headers=sent, follow=Follow.SAME_ORIGIN
        )
        assert b"Bearer x" in answer.body


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_what_was_posted_is_sent_nowhere_else(status: int) -> None:
    async with serving(redirecting) as port, fetching() as (fetcher, _):
        url = f"http://127.0.0.1:{port}/?status={status}&to=/elsewhere"
        form = {"identifier": SECRET}
        assert await fault_of(fetcher, url, method="POST", form=form, follow=Follow.ANYWHERE) is Fault.REDIRECT


async def test_a_loop_of_redirects_ends() -> None:
    async def loop(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/again"})

    async with serving(loop) as port, fetching() as (fetcher, _):
        assert await fault_of(fetcher, f"http://127.0.0.1:{port}/", follow=Follow.ANYWHERE) is Fault.REDIRECT


@pytest.mark.parametrize("packed", [False, True])
async def test_a_huge_answer_is_cut_off_even_when_it_comes_small(packed: bool) -> None:
    huge = b"0" * 3_000_000

    async def answer(request: web.Request) -> web.Response:
        if packed:
            return web.Response(body=gzip.compress(huge), headers={"Content-Encoding": "gzip"})
        return web.Response(body=huge)

    async with serving(answer) as port, fetching() as (fetcher, _):
        assert await fault_of(fetcher, f"http://127.0.0.1:{port}/", most_bytes=1_000_000) is Fault.TOO_LARGE
        whole = await fetcher.request("GET", f"http://127.0.0.1:{port}/", most_bytes=3_000_000)
        assert whole.body == huge


@pytest.mark.parametrize("when", ["before", "within"])
async def test_a_slow_answer_is_given_up(when: str) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if when == "within":
            await response.prepare(request)
            await response.write(b"{")
        await asyncio.Event().wait()
        return response

    async with serving(slow) as port, fetching() as (fetcher, _):
        assert await fault_of(fetcher, f"http://127.0.0.1:{port}/{SECRET}", timeout_s=0.2) is Fault.TIMEOUT


async def test_an_answer_that_breaks_off_is_none() -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport is not None
        request.transport.close()
        return response

    async with serving(broken) as port, fetching() as (fetcher, _):
        assert await fault_of(fetcher, f"http://127.0.0.1:{port}/{SECRET}") is Fault.CONNECTION


async def test_nobody_there_and_no_such_name_are_told_apart() -> None:
    async with fetching() as (fetcher, _):
        assert await fault_of(fetcher, f"http://127.0.0.1:{free_port()}/{SECRET}") is Fault.CONNECTION
    async with fetching(LOOPBACK, []) as (fetcher, _):
        assert await fault_of(fetcher, f"http://hospital.test/{SECRET}") is Fault.NAME


async def test_a_certificate_has_to_be_trusted(tmp_path: Path) -> None:
    server, trusting = certificate(tmp_path)
    async with serving(echo, tls=server) as port, fetching() as (fetcher, _):
        url = f"https://hospital.test:{port}/{SECRET}"
        assert await fault_of(fetcher, url) is Fault.TLS
        assert (await fetcher.request("GET", url, tls=trusting)).status == 200
        # the name counts, not the address that it led to
        assert await fault_of(fetcher, f"https://other.test:{port}/{SECRET}", tls=trusting) is Fault.TLS


def test_each_fault_has_a_sentence() -> None:
    assert set(FAULTS) == set(Fault)


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for hospital.test, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hospital.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hospital.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())
