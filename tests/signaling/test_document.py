"""docs/protocol.md is current, and its examples are events."""

from __future__ import annotations

import json
import re

import pytest
from pydantic import TypeAdapter

from signaling.protocol import CLIENT_EVENTS, SERVER_EVENTS, parse, wire
from signaling.protocol_document import PAGE, document, main

OVER_HTTP = ("doors.py", "open_door.py", "sdp_fragment.py", "whip.py")
"""WHIP and WHEP, whose errors stand in docs/media.md."""


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == document()
    assert main(["--check"]) == 0


def test_a_stale_page_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stale = tmp_path_factory.mktemp("docs") / "protocol.md"
    stale.write_text(document().replace("beat", "throb"))
    monkeypatch.setattr("signaling.protocol_document.PAGE", stale)
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0


@pytest.mark.parametrize("name", CLIENT_EVENTS)
def test_the_example_of_a_clients_event_is_one(name: str) -> None:
    kind = CLIENT_EVENTS[name]
    assert isinstance(parse(name, (kind.example,)), kind)
    ack = TypeAdapter(kind.ack).validate_json(json.dumps(kind.ack.example))
    assert wire(ack) == kind.ack.example


@pytest.mark.parametrize("name", SERVER_EVENTS)
def test_the_example_of_a_servers_event_is_one(name: str) -> None:
    kind = SERVER_EVENTS[name]
    event = TypeAdapter(kind).validate_json(json.dumps(kind.example))
    assert wire(event) == kind.example


def test_every_field_of_every_event_has_a_meaning() -> None:
    for line in document().splitlines():
        assert not re.fullmatch(r"\| `\w+` \| .* \|  \|", line), line


def test_every_error_code_of_signalling_is_on_the_page() -> None:
    page = document()
    folder = PAGE.parents[1] / "signaling"
    raised = re.compile(r"(?:Invalid|SignInNeeded|Forbidden|NotFound|Conflict|TooMany|Unavailable)\(\s*\"([\w.]+)\"")
    codes = {
        code for path in folder.glob("*.py") if path.name not in OVER_HTTP for code in raised.findall(path.read_text())
    }
    assert {"room.not_joined", "event.unknown", "session.locked"} <= codes
    assert not {code for code in codes if f"`{code}`" not in page}


def test_every_error_code_of_devices_is_on_their_page() -> None:
    folder = PAGE.parents[1] / "signaling"
    raised = re.compile(
        r"(?:Invalid|SignInNeeded|Forbidden|NotFound|Conflict|TooMany|Refused|Unavailable)\((?:\d{3}, )?\s*\"([\w.]+)\""
    )
    codes = {code for name in OVER_HTTP for code in raised.findall((folder / name).read_text())}
    page = (PAGE.parents[1] / "docs" / "media.md").read_text()
    assert {"device.session_unknown", "session.tag_old", "request.too_large"} <= codes
    assert not {code for code in codes - {"internal"} if f"`{code}`" not in page}
