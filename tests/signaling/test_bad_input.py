"""Whatever a client sends: a stable code, a sentence in its language, and a server that lives on."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiohttp
import pytest
import socketio  # type: ignore[import-untyped]  # python-socketio has no type marker
from sqlalchemy import update

from foundation.ids import new_id
from identity.tables import staff
from signaling.connections import BURST
from signaling.gateway import MESSAGE_BYTES
from tests.signaling.conftest import ORIGIN, Live, eventually

CONSULT = "con_" + "0" * 32


MALFORMED: list[tuple[str, Any, str, str | None]] = [
    ("no_such_event", {}, "event.unknown", None),
    ("ring", {}, "event.unknown", None),
    ("beat", [1, 2], "event.malformed", None),
    ("beat", "x", "event.malformed", None),
    ("beat", {"unknown": 1}, "event.malformed", "unknown"),
    ("beat", {"bytes": b"\x00\xff"}, "event.malformed", None),
    ("accept_offer", {}, "event.malformed", "consult_id"),
    ("accept_offer", {"consult_id": 5}, "event.malformed", "consult_id"),
    ("accept_offer", {"consult_id": None}, "event.malformed", "consult_id"),
    ("accept_offer", {"consult_id": "con_'; DROP TABLE consults"}, "event.malformed", "consult_id"),
    ("accept_offer", {"consult_id": CONSULT + "\n"}, "event.malformed", "consult_id"),
    ("decline_offer", {"consult_id": CONSULT, "reason": "tired"}, "event.malformed", "reason"),
    ("watch_consult", {"consult_id": CONSULT, "after": -1}, "event.malformed", "after"),
    ("watch_consult", {"consult_id": CONSULT, "after": True}, "event.malformed", "after"),
    ("watch_consult", {"consult_id": CONSULT, "after": 2**60}, "event.malformed", "after"),
    ("watch_consult", {"consult_id": CONSULT, "after": "1"}, "event.malformed", "after"),
    ("join_room", {"consult_id": CONSULT, "tab_id": "x"}, "event.malformed", "tab_id"),
    (
        "send_chat",
        {"consult_id": CONSULT, "text": "x" * 4001, "client_id": "client-001"},
        "event.malformed",
        "text",
    ),
    ("send_chat", {"consult_id": CONSULT, "text": "\ud800", "client_id": "client-001"}, "event.malformed", None),
    (
        "publish",
        {"consult_id": CONSULT, "sdp": "x" * 100_001, "sources": {"0": "camera"}},
        "event.malformed",
        "sdp",
    ),
    ("publish", {"consult_id": CONSULT, "sdp": "v=0", "sources": {}}, "event.malformed", "sources"),
    (
        "publish",
        {"consult_id": CONSULT, "sdp": "v=0", "sources": {"0": "<script>"}},
        "event.malformed",
        "sources.0",
    ),
    ("answer", {"consult_id": CONSULT, "sdp": "v=0", "revision": 1.5}, "event.malformed", "revision"),
    (
        "report_first_frame",
        {"consult_id": CONSULT, "participant_id": "par_" + "0" * 32, "kind": "smell", "after_ms": 1},
        "event.malformed",
        "kind",
    ),
    (
        "invite",
        {"consult_id": CONSULT, "staff_id": "stf_" + "0" * 32, "role": "king"},
        "event.malformed",
        "role",
    ),
]


async def test_what_cannot_be_read_is_refused_by_code(live: Live) -> None:
    lan = await live.connect("lan")
    for name, payload, code, field in MALFORMED:
        error = (await lan.call(name, payload))["error"]
        assert (error["code"], error.get("field")) == (code, field), (name, str(payload)[:80])
        assert error["message"]
        assert (await lan.done("beat")) == {"ok": True}


ROOM_EVENTS: dict[str, dict[str, object]] = {
    "join_room": {"tab_id": "tab-00001"},
    "watch_consult": {},
    "accept_offer": {},
    "decline_offer": {"reason": "other"},
    "cancel_request": {"reason": "other"},
    "widen_request": {},
    "publish": {"sdp": "v=0", "sources": {"0": "camera"}},
    "subscribe": {},
    "answer": {"sdp": "v=0", "revision": 1},
    "prefer": {"heights": {"t": 360}},
    "set_media": {"audio": True, "video": True},
    "send_chat": {"text": "x", "client_id": "client-001"},
    "report_first_frame": {"participant_id": "par_" + "0" * 32, "kind": "video", "after_ms": 1},
    "report_line": {"state": "weak"},
    "leave_room": {},
    "end_consult": {},
    "invite": {"staff_id": "stf_" + "0" * 32, "role": "observer"},
}


async def test_a_foreign_consult_is_unknown_whether_it_exists_or_not(live: Live) -> None:
    consult = await live.claimed()
    before = await live.world.kinds(consult)
    stranger = await live.connect("mai")
    for name, payload in ROOM_EVENTS.items():
        codes = set()
        for consult_id in (consult.id, new_id("con")):
            error = await stranger.error(name, consult_id=consult_id, **payload)
            codes.add(error["code"])
            assert "BS. Hà" not in error["message"]
        assert codes in ({"consult.unknown"}, {"policy.denied"}), name
    assert await live.world.kinds(consult) == before


async def test_an_oversized_message_ends_its_connection_alone(live: Live) -> None:
    lan, ha = await live.connect("lan"), await live.connect("ha")
    await lan.socket.emit("send_chat", {"text": "x" * (MESSAGE_BYTES + 1)})
    await eventually(lambda: not lan.socket.connected)
    await ha.done("beat")


async def test_raw_frames_that_are_no_events_leave_the_server_alive(live: Live) -> None:
    secret = await live.sign_in("lan")
    ha = await live.connect("ha")
    headers = {"Cookie": f"hoichan_session={secret}"}
    frames = ("42", "42[]", "42{}", '42[{"a":1}]', '421["beat"', "4x", "451-[", '42["connect",{}]', "9", "42[null,{}]")
    async with aiohttp.ClientSession() as http:
        for frame in (*frames, '42["disconnect","x"]', "42" + "[" * 50_000):
            url = f"{live.node.url}/socket.io/?EIO=4&transport=websocket"
            async with http.ws_connect(url, headers=headers) as raw:
                await raw.receive(timeout=2)
                await raw.send_str("40")
                assert (await raw.receive(timeout=2)).data.startswith("40{")
                await raw.send_str(frame)
                await raw.send_str('4299["beat",{}]')
                answer = await raw.receive(timeout=2)
                # Alive and well, or hung up on; nothing in between.
                assert answer.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED) or answer.data in (
                    '4399[{"ok":true}]',
                    "41",
                )
    await ha.done("beat")


async def test_a_flood_is_held_back_and_the_socket_stays(live: Live) -> None:
    lan = await live.connect("lan")
    answers = await asyncio.gather(*(lan.call("beat") for _ in range(int(BURST) + 20)))
    refused = [answer["error"] for answer in answers if "error" in answer]
    assert refused
    assert {(one["code"], one["retry_after_s"]) for one in refused} == {("event.too_many", 1)}
    live.world.clock.advance(1)
    await lan.done("beat")


async def test_too_many_windows_of_one_person_are_refused(live: Live) -> None:
    secret = await live.sign_in("lan")
    for _ in range(20):
        await live.connect("lan", secret=secret)
    assert await refused(live, secret) == "socket.too_many"
    await live.connect("ha")


async def refused(live: Live, secret: str | None, **headers: str) -> str:
    """The code with which a connection is refused."""
    socket = socketio.AsyncClient(reconnection=False)
    told: list[dict[str, Any]] = []
    socket.on("connect_error", told.append)
    if secret is not None:
        headers["Cookie"] = f"hoichan_session={secret}"
    with pytest.raises(socketio.exceptions.ConnectionError):
        await socket.connect(live.node.url, headers=headers, transports=["websocket"], wait_timeout=5)
    await socket.disconnect()
    assert told[0]["message"]
    code: str = told[0]["data"]["code"]
    return code


async def test_nobody_connects_without_a_living_session(live: Live) -> None:
    assert await refused(live, None) == "session.needed"
    assert await refused(live, "forged" * 8) == "session.needed"
    secret = await live.sign_in("lan")
    live.world.clock.advance(13 * 3600)
    assert await refused(live, secret) == "session.needed"


async def test_a_first_password_has_to_be_changed_before(live: Live) -> None:
    secret = await live.sign_in("lan")
    async with live.world.database.transaction() as tx:
        await tx.execute(update(staff).where(staff.c.user_name == "lan").values(must_change_password=True))
    assert await refused(live, secret) == "session.first_password"


async def test_a_foreign_origin_is_turned_away_before_it_connects(live: Live) -> None:
    secret = await live.sign_in("lan")
    for origin in ("https://evil.example", ORIGIN + ".evil.example", "null", ORIGIN.replace("https", "http")):
        headers = {"Cookie": f"hoichan_session={secret}", "Origin": origin}
        async with aiohttp.ClientSession(headers=headers) as http:
            for transport in ("polling", "websocket"):
                url = f"{live.node.url}/socket.io/?EIO=4&transport={transport}"
                async with http.get(url) as response:
                    assert response.status == 403
                    assert (await response.json(content_type=None))["code"] == "origin.foreign"
    own = await live.connect("lan", secret=secret, Origin=ORIGIN)
    await own.done("beat")


async def test_a_locked_session_rings_and_does_nothing_else(live: Live) -> None:
    secret = await live.sign_in("ha")
    ha = await live.connect("ha", secret=secret)
    session = await live.node.sessions.find(secret)
    assert session is not None
    await live.node.sessions.lock(session)
    consult = await live.world.ask()
    await ha.next("ring")
    assert (await ha.error("accept_offer", consult_id=consult.id))["code"] == "session.locked"
    again = await live.connect("ha", secret=secret)
    await again.next("ring")


async def test_a_role_that_was_taken_away_is_gone_at_once(live: Live) -> None:
    ha = await live.connect("ha")
    consult = await live.world.ask()
    await ha.next("ring")
    async with live.world.database.transaction() as tx:
        await tx.execute(update(staff).where(staff.c.user_name == "ha").values(roles=["administrator"]))
    assert (await ha.error("accept_offer", consult_id=consult.id))["code"] == "policy.denied"


async def test_the_sentence_is_in_the_persons_language(live: Live) -> None:
    secret = await live.sign_in("lan")
    cookie = f"hoichan_session={secret}; hoichan_language=en"
    english = await live.open(live.node, {"Cookie": cookie})
    vietnamese = await live.connect("lan")
    told = {(await client.error("no_such_event"))["message"] for client in (english, vietnamese)}
    assert told == {"The server does not know this event.", "Máy chủ không biết sự kiện này."}


async def test_an_unexpected_failure_is_told_as_internal_and_logged(
    live: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lan = await live.connect("lan")

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(live.node.world.presence, "beat", broken)
    with caplog.at_level(logging.ERROR):
        assert (await lan.error("beat"))["code"] == "internal"
    assert "ZeroDivisionError" in caplog.text
    monkeypatch.undo()
    await lan.done("beat")
