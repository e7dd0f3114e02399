"""Passwords: what is refused, what a hash is, and that nobody can tell names apart by the time it takes."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from foundation.errors import Invalid, Unavailable
from identity.passwords import Passwords, check_new, random_password


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(PasswordHasher(time_cost=2, memory_cost=2048, parallelism=1))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("mười một ký", "password.short"),
        ("x" * 257, "password.long"),
        ("bs.bao-bs.bao-2026", "password.user_name"),
        ("BS.BAO rất giỏi", "password.user_name"),
        ("matkhau123456", "password.common"),
        ("MậtKhẩu123456", "password.common"),
        ("ababababababab", "password.common"),
    ],
)
def test_refused(password: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_new(password, "bs.bao")
    assert (caught.value.code, caught.value.field) == (code, "new")


@pytest.mark.parametrize("password", ["mùa mưa ngoài đảo", "chỉ chữ thường thôi nhé", "a" * 6 + "bcdefg"])
def test_length_is_enough_composition_is_not_asked_for(password: str) -> None:
    check_new(password, "bs.bao")


async def test_a_hash_is_argon2id_and_fits_its_password_in_any_normal_form(passwords: Passwords) -> None:
    stored = await passwords.hash("một-câu-dễ-nhớ")
    assert stored.startswith("$argon2id$")
    assert await passwords.verify(stored, unicodedata.normalize("NFD", "một-câu-dễ-nhớ"))
    assert not await passwords.verify(stored, "một-câu-khó-nhớ")


async def test_nobody_never_fits(passwords: Passwords) -> None:
    assert not await passwords.verify(None, "whatever it is")


async def test_an_unreadable_hash_fits_nothing(passwords: Passwords) -> None:
    assert not await passwords.verify("!", "whatever it is")


async def test_hashes_of_other_parameters_are_outdated(passwords: Passwords) -> None:
    assert passwords.outdated(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("x"))
    assert not passwords.outdated(await passwords.hash("x"))


async def test_random_passwords_pass_their_own_rules_and_are_hashed_cheaply(passwords: Passwords) -> None:
    chosen = [random_password() for _ in range(50)]
    assert len(set(chosen)) == 50
    for password in chosen:
        check_new(password, "bs.bao")
    stored = await passwords.hash_random(chosen[:3])
    assert [await passwords.verify(one, password) for one, password in zip(stored, chosen, strict=False)] == [True] * 3
    assert all(map(passwords.outdated, stored))


async def test_waiting_is_bounded(passwords: Passwords) -> None:
    answers = await asyncio.gather(*(passwords.verify(None, "x") for _ in range(200)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert refused
    assert {error.code for error in refused} == {"password.busy"}
    assert answers.count(False) == 200 - len(refused) == 64
    assert await passwords.verify(None, "x") is False
