"""What is signed and how it travels: statement, payload of the QR code, signed file. The format is docs/signatures.md.

A signature is Ed25519 (RFC 8032) over a short canonical statement (RFC 8785), which names the document by its SHA-256.
So a QR code can carry everything that a check needs, and nobody's name. Pure: no key is made or kept here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consult_rooms.minutes_model import Signature

STATEMENT = "hoichan-signature/1"
SIGNED_FILE = "hoichan-signed/1"
_MARK = "HCM1"
_SEATS = ("chair", "secretary", "member", "author")
"""By the number of a seat in a payload; `author` is the one of an addendum."""
_ONE = 1 + 5 + 16 + 64
"""Bytes of a signature in a payload: seat, seconds since 1970 (big-endian), key id, signature."""
MOST_IN_PAYLOAD = 12
"""Signatures of a payload at most: with more a QR code on paper is no longer read by ordinary telephones."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """One signature as a payload carries it. `seat` is chair, secretary, member or author."""

    seat: str
    at: int
    key_id: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Payload:
    """What a QR code says: the document's digest, how many have to sign, and signatures."""

    digest: str
    of: int
    stamps: tuple[Stamp, ...]


def canonical(value: object) -> str:
    """The canonical text of a JSON value (RFC 8785, JCS)."""
    return rfc8785.dumps(value).decode()  # type: ignore[arg-type]  # any JSON value; the library's own type is recursive


def digest_of(document: str) -> str:
    """SHA-256 of a canonical document, in hex."""
    return hashlib.sha256(document.encode()).hexdigest()


def key_id(public: bytes) -> str:
    """The name of a key: the first 32 hex digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(public).hexdigest()[:32]


def statement(digest: str, seat: str, at: int, key: str, of: int) -> bytes:
    """The bytes that are signed."""
    told = {"format": STATEMENT, "document": digest, "as": seat, "at": at, "key": key, "of": of}
    return canonical(told).encode()


def seconds(at: datetime) -> int:
    """Whole seconds since 1970, as statements hold them."""
    return int(at.timestamp())


def encoded(value: bytes) -> str:
    """base64url without padding (RFC 4648, 5)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bytes of base64url without padding. Raises ValueError for every other spelling of the same bytes."""
    try:
        found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if encoded(found) != text:
        raise ValueError("not base64url as it is written here")
    return found


def payload(digest: str, of: int, signatures: tuple[Signature, ...], seat: str | None = None) -> str:
    """The text of the QR code. With more than `MOST_IN_PAYLOAD` signatures the last ones are left out."""
    parts = [
        bytes((_SEATS.index(seat or one.seat.value),))
        + seconds(one.at).to_bytes(5, "big")
        + bytes.fromhex(one.key_id)
        + decoded(one.value)
        for one in signatures[:MOST_IN_PAYLOAD]
    ]
    return ".".join((_MARK, encoded(bytes.fromhex(digest)), str(of), *map(encoded, parts)))


def read_payload(text: str) -> Payload:
    """What a payload says, not yet verified. Raises ValueError for everything that `payload` does not write."""
    mark, _, rest = text.partition(".")
    parts = rest.split(".")
    if mark != _MARK or not 3 <= len(parts) <= 2 + MOST_IN_PAYLOAD:
        raise ValueError("not a payload of signatures")
    digest = decoded(parts[0])
    of = int(parts[1]) if parts[1].isascii() and parts[1].isdecimal() else 0
    if len(digest) != hashlib.sha256().digest_size or not 0 < of < 1000 or str(of) != parts[1]:
        raise ValueError("not a payload of signatures")
    stamps = []
    for part in parts[2:]:
        raw = decoded(part)
        if len(raw) != _ONE or raw[0] >= len(_SEATS):
            raise ValueError("not a signature")
        stamps.append(Stamp(_SEATS[raw[0]], int.from_bytes(raw[1:6], "big"), raw[6:22].hex(), raw[22:]))
    return Payload(digest.hex(), of, tuple(stamps))


def holds(stamp: Stamp, digest: str, of: int, public: bytes) -> bool:
    """Whether that key has signed this."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(
            stamp.value, statement(digest, stamp.seat, stamp.at, stamp.key_id, of)
        )
    except InvalidSignature:
        return False
    return key_id(public) == stamp.key_id


def signed_file(document: str, carried: str) -> str:
    """A document together with its signatures, as it is handed on and verified without a network."""
    return canonical({"format": SIGNED_FILE, "document": document, "payload": carried})


def moment(at: datetime) -> str:
    """An instant as documents hold it: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
