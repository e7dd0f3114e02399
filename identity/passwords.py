"""Passwords: what is good enough, and argon2id (RFC 9106) without blocking the event loop.

Rules follow NIST SP 800-63B: length counts, composition does not; common ones and the user name are refused.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from foundation.errors import Invalid, Unavailable
from foundation.i18n import N_
from foundation.text import fold

log = logging.getLogger(__name__)
T = TypeVar("T")

SHORTEST = 12
LONGEST = 256
_WAITING = 64
"""Hashes that may wait at once; one takes about 50 ms, so that the last still gets an answer in seconds."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is misread on paper
_COMMON = frozenset(
    {
        "123456789012",
        "1234567890123",
        "12345678901234",
        "123456123456",
        "123123123123",
        "111111111111",
        "000000000000",
        "abcdefghijkl",
        "abcd12345678",
        "abc123456789",
        "qwertyuiop12",
        "qwerty123456",
        "qwertyuiopasdfgh",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "password1234",
        "password12345",
        "password123456",
        "passwordpassword",
        "administrator",
        "administrator1",
        "adminadminadmin",
        "iloveyou1234",
        "matkhau12345",
        "matkhau123456",
        "matkhaumatkhau",
        "khongcomatkhau",
        "anhyeuem1234",
        "anhyeuem123456",
        "emyeuanh1234",
        "vietnam12345",
        "vietnam123456",
        "vietnamvodich",
        "benhvien1234",
        "benhvien12345",
        "bacsibacsibacsi",
        "hoichan12345",
        "hoichan123456",
        "hoichanhoichan",
        "hoichantuxa1",
        "hoichantuxa123",
    }
)


def normal(password: str) -> str:
    """The form that is hashed: NFC, so that every keyboard's `ế` is the same."""
    return unicodedata.normalize("NFC", password)


def check_new(password: str, user_name: str, *, field: str = "new") -> None:
    """Raise `Invalid` (`password.short`, `.long`, `.user_name`, `.common`) when a new password will not do."""
    password = normal(password)
    plain = fold(password).replace(" ", "")
    if len(password) < SHORTEST:
        raise Invalid("password.short", SHORT, field=field, shortest=SHORTEST)
    if len(password) > LONGEST:
        raise Invalid("password.long", LONG, field=field, longest=LONGEST)
    if len(user_name) >= 3 and fold(user_name) in plain:
        raise Invalid("password.user_name", LIKE_USER_NAME, field=field)
    if plain in _COMMON or len(set(plain)) < 4:
        raise Invalid("password.common", COMMON, field=field)


def random_password() -> str:
    """A first password of 79 random bits, easy to read out: `k7mw-…-…-…`."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


class Passwords:
    """Hashes and verifies in threads of its own, at most `threads` at once and a bounded number waiting."""

    def __init__(self, hasher: PasswordHasher | None = None, *, threads: int = 2) -> None:
        self._hasher = hasher or PasswordHasher()
        # A random password needs no slow hash; its first sign-in hashes it again with the full cost.
        self._light = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
        self._nobody = self._hasher.hash(secrets.token_hex(16))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The argon2id hash, with parameters and salt, as stored."""
        return await self._in_thread(lambda: self._hasher.hash(normal(password)))

    async def hash_random(self, passwords: list[str]) -> list[str]:
        """Cheap hashes of passwords that `random_password` made; never for what a person chose."""
        return await self._in_thread(lambda: [self._light.hash(normal(password)) for password in passwords])

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password fits. A refusal costs the same for None (nobody of that name) as for anybody."""
        return await self._in_thread(lambda: self._verify(stored, normal(password)[: LONGEST + 1]))

    def outdated(self, stored: str) -> bool:
        """Whether the hash has other parameters than today's, so that it should be made anew at this sign-in."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str | None, password: str) -> bool:
        if stored is not None:
            try:
                return self._hasher.verify(stored, password)
            except VerificationError:
                if not self.outdated(stored):
                    return False
            except InvalidHashError:
                log.error("a stored password hash is unreadable; its owner needs a reset")
        with suppress(VerificationError):  # the same work as for somebody who exists
            self._hasher.verify(self._nobody, password)
        return False

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= _WAITING:
            raise Unavailable("password.busy", BUSY)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)


SHORT = N_("Choose a password of at least %(shortest)s characters. A short sentence is easy to remember.")
LONG = N_("Choose a password of at most %(longest)s characters.")
LIKE_USER_NAME = N_("Choose a password that does not contain your user name.")
COMMON = N_("This password is too easy to guess. Choose another one.")
BUSY = N_("Too many people are signing in at this moment. Try again in a few seconds.")
