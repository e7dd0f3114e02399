"""Encryption at rest of what names a person, and the blind index by which it is still found.

A sealed value is AES-256-GCM (NIST SP 800-38D) by the `cryptography` library: one byte with the key's number, a random
96-bit nonce, the ciphertext with its tag. The associated data binds a value to its place, so that a row's value
cannot be moved to another row. The blind index is HMAC-SHA-256 under a key of its own. Keys live in a file outside
the database: lines of `number:base64 of 32 bytes`, the highest number being the one that seals; number 0 marks files
and imports, and is the index key as long as no line `index:base64` gives another. Under the key of a line
`also-index:base64` identifiers are looked for and not written: the next index key before all nodes know it, the last
one while indexes move (`records_panel.reindexing`).
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from foundation.errors import Unavailable
from foundation.i18n import N_

_NONCE = 12


class Sealer:
    """Seals, opens and indexes values under the installation's keys.

    `index_key` takes the place of key 0 for identifiers; by `also_index_keys` they are looked for, too.
    """

    def __init__(
        self, keys: dict[int, bytes], *, index_key: bytes | None = None, also_index_keys: Sequence[bytes] = ()
    ) -> None:
        given = (*keys.values(), *also_index_keys, *([index_key] if index_key is not None else []))
        if 0 not in keys or len(keys) < 2 or any(len(key) != 32 for key in given):
            raise ValueError("a key file needs key 0 and at least one sealing key, all of 32 bytes")
        self._mark_key = keys[0]
        self._index_keys = tuple(dict.fromkeys((index_key or keys[0], *also_index_keys)))
        self._ciphers = {number: AESGCM(key) for number, key in keys.items() if number}
        self._current = max(self._ciphers)

    @classmethod
    def from_file(cls, path: Path, *, create: bool = False) -> Sealer:
        """Read the keys; with `create`, make the file (mode 0600) when there is none."""
        if create and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = [f"{number}:{base64.b64encode(secrets.token_bytes(32)).decode()}\n" for number in (0, 1)]
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.writelines(lines)
        keys: dict[int, bytes] = {}
        index_key: bytes | None = None
        also: list[bytes] = []
        for line in path.read_text().split():
            name, _, encoded = line.partition(":")
            key = base64.b64decode(encoded, validate=True)
            if name == "index":
                index_key = key
            elif name == "also-index":
                also.append(key)
            else:
                keys[int(name)] = key
        return cls(keys, index_key=index_key, also_index_keys=also)

    def seal(self, plain: bytes, place: str) -> bytes:
        """Encrypt; `place` (such as `patients.identity:pat_…`) has to be the same when it is opened."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._ciphers[self._current].encrypt(nonce, plain, place.encode())
        return bytes((self._current,)) + nonce + sealed

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt. Raises `Unavailable("sealing.unreadable")` when the key is missing or the value was changed."""
        cipher = self._ciphers.get(sealed[0]) if sealed else None
        if cipher is None:
            raise Unavailable("sealing.unreadable", UNREADABLE)
        try:
            return cipher.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], place.encode())
        except InvalidTag as error:
            raise Unavailable("sealing.unreadable", UNREADABLE) from error

    def seal_text(self, plain: str, place: str) -> bytes:
        """`seal` for text (UTF-8)."""
        return self.seal(plain.encode(), place)

    def open_text(self, sealed: bytes, place: str) -> str:
        """`open` for text (UTF-8)."""
        return self.open(sealed, place).decode()

    @property
    def current(self) -> bytes:
        """The first byte of everything that is sealed now: the number of the newest key."""
        return bytes((self._current,))

    def resealed(self, sealed: bytes, place: str) -> bytes:
        """The same value under the newest key. Raises as `open`."""
        return sealed if sealed[:1] == self.current else self.seal(self.open(sealed, place), place)

    def index(self, kind: str, value: str) -> bytes:
        """The 16-byte blind index of an identifier: equal values of one kind meet, nothing else is learnt."""
        return _blind(self._index_keys[0], kind, value.encode())

    def indexes(self, kind: str, value: str) -> tuple[bytes, ...]:
        """Every index under which the identifier may stand, the one that is written now first."""
        return tuple(_blind(key, kind, value.encode()) for key in self._index_keys)

    @property
    def is_index_changing(self) -> bool:
        """Whether identifiers may stand under more than one index key."""
        return len(self._index_keys) > 1

    def mark(self, kind: str, value: str | bytes) -> bytes:
        """The 16-byte mark of a file or an import, which names nobody and stays the same when index keys change."""
        return _blind(self._mark_key, kind, value.encode() if isinstance(value, str) else value)


def _blind(key: bytes, kind: str, plain: bytes) -> bytes:
    return hmac.digest(key, f"{kind}\x00".encode() + plain, "sha256")[:16]


UNREADABLE = N_("A stored value cannot be opened with the keys at hand. Tell the administrator.")
