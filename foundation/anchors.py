"""Anchors: the heads of the hash chains, signed, on lines of a file outside the database.

Whoever may write the database can rewrite a bare chain from any row on; nobody can make it fit the anchors without the
key. A line is JSON (RFC 8259), a tab, and the base64 of its Ed25519 signature (RFC 8032) over the bytes before the tab.
It names the SHA-256 of the line before it, so a line that is lost, changed or cut short is seen too. Files are named by
the UTC day, so that old ones can be moved to storage that is written once.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

LINE = 4096
"""Bytes of a line at most; a longer one is no anchor."""
_SUFFIX = ".anchors"
_PEM = re.compile(rb"-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head of a chain at one time: its columns in `chains`, and the digest of its last link."""

    at: datetime
    source: str
    shard: int
    shards: int
    position: int
    settled: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class SignedAnchor:
    """An anchor as a line holds it, its signature not yet verified. `where` is file and line number, for people."""

    anchor: Anchor
    where: str
    before: str
    key: str
    signed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an anchor file; `held` is None where it cannot be read as an anchor."""

    where: str
    text: bytes
    held: SignedAnchor | None = None


class AnchorKeys:
    """Public keys of which a signature may be, by their short names."""

    def __init__(self, keys: Sequence[Ed25519PublicKey]) -> None:
        self._keys = {key_name(key): key for key in keys}

    def hold(self, one: SignedAnchor) -> bool:
        """Whether one of these keys has signed it."""
        key = self._keys.get(one.key)
        if key is None:
            return False
        try:
            key.verify(one.signature, one.signed)
        except InvalidSignature:
            return False
        return True


class AnchorSigner:
    """Signs anchors. A key file holds Ed25519 keys in PEM (PKCS 8): the last one signs, all are trusted."""

    def __init__(self, keys: Sequence[Ed25519PrivateKey]) -> None:
        if not keys:
            raise ValueError("no key")
        self._key = keys[-1]
        self.public_keys = [key.public_key() for key in keys]
        self.name = key_name(self.public_keys[-1])

    @classmethod
    def from_file(cls, path: Path, *, create: bool = False) -> AnchorSigner:
        """Read the keys; with `create`, make the file (mode 0600) when there is none. Raises OSError, ValueError."""
        if create and not path.exists():
            _make(path)
        return cls(private_keys(path.read_bytes()))

    def sign(self, signed: bytes) -> bytes:
        """The 64 bytes of the signature."""
        return self._key.sign(signed)


def private_keys(pem: bytes) -> list[Ed25519PrivateKey]:
    """The keys of a key file, in order. Raises ValueError for anything else; its text shows no key."""
    found = []
    for block in _PEM.findall(pem):
        try:
            key = load_pem_private_key(block, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError("not an Ed25519 key in PEM") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("not an Ed25519 key in PEM")
        found.append(key)
    return found


def public_keys(pem: bytes) -> list[Ed25519PublicKey]:
    """The public keys of a file, as `hoichan audit key` prints them. Raises ValueError."""
    found = []
    for block in _PEM.findall(pem):
        try:
            key = load_pem_public_key(block)
        except UnsupportedAlgorithm as error:
            raise ValueError("not an Ed25519 public key in PEM") from error
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("not an Ed25519 public key in PEM")
        found.append(key)
    return found


def public_pem(key: Ed25519PublicKey) -> str:
    """A public key as a person hands it on."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_name(key: Ed25519PublicKey) -> str:
    """The short name of a key: the first 16 hex digits of the SHA-256 of its 32 bytes."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    being_made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(being_made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was quicker: its key is the one
            os.link(being_made, path)  # there only once it is whole
    finally:
        being_made.unlink()


class AnchorFolder:
    """The folder of anchor files. Several processes may write it; a lock on the file keeps their lines apart."""

    def __init__(self, path: Path, signer: AnchorSigner) -> None:
        self.path = path
        self._signer = signer

    def append(self, anchors: Sequence[Anchor]) -> None:
        """Write the anchors and wait until the disk has them. Raises OSError when it does not.

        What a crash has cut short stays in the file as a line without meaning, which the next line names.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        there = anchor_files(self.path)
        name = f"{anchors[0].at:%Y-%m-%d}{_SUFFIX}"
        if there and there[-1].name > name:
            name = there[-1].name  # the clock was set back; the order of files is that of their lines
        file = self.path / name
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            tail = os.pread(descriptor, LINE + 1, max(0, size - LINE - 1))
            last = _last(tail) if size else _last_of(there, but=name)
            text = b"" if tail.endswith(b"\n") or not size else b"\n"
            for anchor in anchors:
                last = self._line(anchor, last)
                text += last + b"\n"
            try:
                while text:
                    text = text[os.write(descriptor, text) :]
                os.fsync(descriptor)
            except OSError:
                with suppress(OSError):  # storage that is written once keeps what was cut short
                    os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
        if not size:
            _keep_name(self.path)

    def _line(self, anchor: Anchor, before: bytes) -> bytes:
        signed = json.dumps(
            {
                "at": anchor.at.isoformat(timespec="microseconds"),
                "source": anchor.source,
                "shard": anchor.shard,
                "shards": anchor.shards,
                "position": anchor.position,
                "settled": anchor.settled,
                "digest": anchor.digest.hex(),
                "key": self._signer.name,
                "before": name_of(before),
            },
            separators=(",", ":"),
        ).encode()
        return signed + b"\t" + base64.b64encode(self._signer.sign(signed))


def anchor_files(folder: Path) -> list[Path]:
    """The anchor files of a folder in the order of their lines; none where there is no such folder."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX)
    except FileNotFoundError:
        return []


def name_of(line: bytes) -> str:
    """What the next line calls this one; nothing before the first."""
    return sha256(line).hexdigest() if line else ""


def read_lines(files: Sequence[tuple[Path, int]]) -> Iterator[Line]:
    """The lines of anchor files, each file up to that size in bytes, so that what is appended meanwhile stays out."""
    for path, size in files:
        with path.open("rb") as file:
            number, left = 0, size
            while left > 0 and (text := file.readline(min(LINE, left))):
                number, left = number + 1, left - len(text)
                yield _read(f"{path.name} line {number}", text.rstrip(b"\n"))


def _read(where: str, text: bytes) -> Line:
    signed, _, encoded = text.partition(b"\t")
    try:
        held = json.loads(signed)
        anchor = Anchor(
            at=datetime.fromisoformat(held["at"]),
            source=str(held["source"]),
            shard=int(held["shard"]),
            shards=int(held["shards"]),
            position=int(held["position"]),
            settled=int(held["settled"]),
            digest=bytes.fromhex(held["digest"]),
        )
        if anchor.at.tzinfo is None:
            raise ValueError("an instant without a zone")
        signature = base64.b64decode(encoded, validate=True)
        found = SignedAnchor(anchor, where, str(held["before"]), str(held["key"]), signed, signature)
    except (
        ValueError,
        TypeError,
        KeyError,
        OverflowError,
        RecursionError,
    ):  # cut short, or tampered with
        return Line(where, text)
    return Line(where, text, found)


def _last(tail: bytes) -> bytes:
    return tail.rstrip(b"\n").rpartition(b"\n")[2]


def _last_of(files: Sequence[Path], *, but: str) -> bytes:
    for path in reversed(files):
        if path.name < but and (size := path.stat().st_size):
            with path.open("rb") as file:
                file.seek(max(0, size - LINE - 1))
                return _last(file.read())
    return b""


def _keep_name(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # a new file's name is the folder's own content
    finally:
        os.close(descriptor)
