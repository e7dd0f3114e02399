"""Payloads and signed files: what a changed byte does to them. Pure; a forger's key never counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from consult_rooms.minutes_model import Seat, Signature
from consult_rooms.signatures import (
    canonical,
    digest_of,
    encoded,
    holds,
    key_id,
    payload,
    read_payload,
    seconds,
    signed_file,
    statement,
)
from foundation.ids import StaffId

AT = datetime(2026, 11, 23, 7, 29, 3, tzinfo=UTC)
DOCUMENT = canonical({"format": "hoichan-minutes/1", "conclusion": "Chuyển ngay bằng tàu cấp cứu.", "version": 4})


def signature(private: Ed25519PrivateKey, seat: Seat, named: str | None = None) -> Signature:
    key = named or key_id(private.public_key().public_bytes_raw())
    value = private.sign(statement(digest_of(DOCUMENT), seat.value, seconds(AT), key, 2))
    return Signature(StaffId("stf_x"), seat, 2, AT, key, encoded(value))


KEYS = [Ed25519PrivateKey.generate() for _ in range(2)]
TRUSTED = {key_id(one.public_key().public_bytes_raw()): one.public_key().public_bytes_raw() for one in KEYS}
CARRIED = payload(digest_of(DOCUMENT), 2, (signature(KEYS[0], Seat.CHAIR), signature(KEYS[1], Seat.SECRETARY)))


def valid(text: str) -> bool:
    """A verifier as docs/signatures.md describes it, of a signed file or a payload."""
    try:
        if text.startswith("{"):
            told = json.loads(text)
            if signed_file(told["document"], told["payload"]) != text or set(told) != {"format", "document", "payload"}:
                return False
            found = read_payload(told["payload"])
            if digest_of(told["document"]) != found.digest:
                return False
        else:
            found = read_payload(text)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return all(
        one.key_id in TRUSTED and holds(one, found.digest, found.of, TRUSTED[one.key_id]) for one in found.stamps
    )


def test_what_was_signed_is_valid() -> None:
    assert valid(CARRIED)
    assert valid(signed_file(DOCUMENT, CARRIED))
    assert len(CARRIED) < 500, "a code that a telephone reads"


def test_a_forger_is_not_believed_whichever_key_he_names() -> None:
    forger = Ed25519PrivateKey.generate()
    named = key_id(KEYS[0].public_key().public_bytes_raw())
    for one in (signature(forger, Seat.CHAIR), signature(forger, Seat.CHAIR, named)):
        assert not valid(payload(digest_of(DOCUMENT), 2, (one,)))


@pytest.mark.parametrize("whole", [CARRIED, signed_file(DOCUMENT, CARRIED)], ids=["payload", "file"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_every_changed_byte_is_found(whole: str, data: st.DataObject) -> None:
    raw = whole.encode()
    place = data.draw(st.integers(0, len(raw) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda one: one != raw[place]))
    changed = raw[:place] + bytes((byte,)) + raw[place + 1 :]
    assert not valid(changed.decode(errors="surrogateescape"))


@pytest.mark.parametrize("text", ["", "HCM1", "HCM1..1.", CARRIED + "A", CARRIED + "=", CARRIED[:-1], CARRIED + "."])
def test_what_is_no_payload_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_payload(text)
