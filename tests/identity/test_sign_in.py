"""Signing in: right and wrong, throttled, told of the last attempts, at equal cost for names that do not exist."""

from __future__ import annotations

import asyncio
import time
from statistics import median

import pytest
from limits.aio.storage import MemoryStorage
from sqlalchemy import select

from foundation.errors import Conflict, HoichanError, Invalid, SignInNeeded, TooMany
from identity.tables import sessions, staff
from identity.throttle import Attempt, Throttle, counters
from tests.identity.conftest import ADDRESS, OPERATOR, PASSWORD, Identity, World

WRONG = "không phải câu này"


async def refused(identity: Identity, user_name: str, *, address: str = ADDRESS, password: str = WRONG) -> HoichanError:
    with pytest.raises((SignInNeeded, TooMany)) as caught:
        await identity.accounts.sign_in(user_name, password, address=address)
    return caught.value


async def test_a_session_carries_the_person_and_the_secret_stays_out_of_the_database(
    identity: Identity, world: World
) -> None:
    session, secret = await identity.sign_in("  BS.Bao ")
    assert session.staff == world.doctor
    assert session.facility == world.clinic
    assert session.terminal is None
    assert not session.locked
    assert await identity.sessions.find(secret) == session
    assert await identity.sessions.find(secret + "x") is None
    async with identity.database.reading() as read:
        stored = str((await read.execute(select(sessions))).all())
    assert secret not in stored
    [entry] = await identity.audited("session.start")
    assert (entry.actor, entry.session, entry.address, entry.outcome) == (
        world.doctor.id,
        session.id,
        ADDRESS,
        "success",
    )


async def test_wrong_unknown_and_deactivated_look_the_same(identity: Identity, world: World) -> None:
    await identity.accounts.deactivate(OPERATOR, world.nurse.id)
    wrong = await refused(identity, "bs.bao")
    unknown = await refused(identity, "bs.khongco")
    deactivated = await refused(identity, "ys.loan", password=PASSWORD)
    assert {(error.code, error.message, error.status) for error in (wrong, unknown, deactivated)} == {
        ("sign_in.wrong", wrong.message, 401)
    }
    entries = [entry for entry in await identity.audited("session.start") if entry.outcome == "denied"]
    assert [entry.actor for entry in entries] == [world.doctor.id, "-", world.nurse.id]
    assert "khongco" not in str(entries)


async def test_an_unknown_name_costs_the_same_work_as_a_wrong_password(identity: Identity, world: World) -> None:
    """Both run argon2 once at full cost, measured as CPU time of the hashing thread."""
    await identity.sign_in("bs.bao")  # the light first hash gives way to a full one
    identity.passwords.took.clear()
    for number in range(4):
        await refused(identity, "bs.bao", address=f"192.0.2.{number}")
    known = median(identity.passwords.took)
    identity.passwords.took.clear()
    for number in range(4):
        await refused(identity, "bs.khongco", address=f"192.0.2.{number}")
    unknown = median(identity.passwords.took)
    assert len(identity.passwords.took) == 4
    assert 0.4 < unknown / known < 2.5


async def test_a_hash_of_old_parameters_is_renewed_at_sign_in(identity: Identity, world: World) -> None:
    async def stored() -> str:
        async with identity.database.reading() as read:
            query = select(staff.c.password_hash).where(staff.c.id == world.doctor.id)
            return str((await read.execute(query)).scalar_one())

    before = await stored()
    await identity.sign_in("bs.bao")
    after = await stored()
    assert identity.passwords.outdated(before)
    assert not identity.passwords.outdated(after)
    await identity.sign_in("bs.bao")
    assert await stored() == after


async def test_the_last_attempts_are_told_then_the_account_waits(identity: Identity, world: World) -> None:
    errors = [await refused(identity, "bs.bao", address=f"192.0.2.{number}") for number in range(6)]
    assert [error.code for error in errors] == ["sign_in.wrong"] * 2 + ["sign_in.last_attempts"] * 3 + [
        "sign_in.throttled"
    ]
    assert [error.parameters["left"] for error in errors[2:5]] == [2, 1, 0]
    blocked = await refused(identity, "bs.bao", password=PASSWORD)
    assert isinstance(blocked, TooMany)
    assert 14 * 60 < blocked.retry_after_s <= 15 * 60 + 1
    assert blocked.parameters["minutes"] in (15, 16)
    await identity.sign_in("ys.loan")  # others are not concerned


async def test_unknown_names_are_counted_like_known_ones(identity: Identity, world: World) -> None:
    errors = [await refused(identity, "bs.khongco", address=f"192.0.2.{number}") for number in range(6)]
    assert [error.code for error in errors[2:]] == ["sign_in.last_attempts"] * 3 + ["sign_in.throttled"]


async def test_parallel_guesses_gain_nothing(identity: Identity, world: World) -> None:
    guesses = (refused(identity, "bs.bao", address=f"192.0.2.{number}") for number in range(30))
    errors = await asyncio.gather(*guesses)
    assert sum(error.code == "sign_in.throttled" for error in errors) == 25


async def test_a_right_password_starts_the_count_afresh(identity: Identity, world: World) -> None:
    for _ in range(2):
        for number in range(4):
            await refused(identity, "bs.bao", address=f"192.0.2.{number}")
        await identity.sign_in("bs.bao")


async def test_an_address_that_guesses_many_names_waits(identity: Identity, world: World) -> None:
    for number in range(20):
        assert (await refused(identity, f"bs.so{number}")).code == "sign_in.wrong"
    assert (await refused(identity, "bs.bao", password=PASSWORD)).code == "sign_in.throttled"
    session, _ = await identity.accounts.sign_in("bs.bao", PASSWORD, address="198.51.100.1")
    assert session.staff == world.doctor


async def test_an_ipv6_customer_is_one_address() -> None:
    throttle = Throttle(MemoryStorage(), per_account=5, per_address=2)
    for number in range(2):
        await throttle.failed(await throttle.begin(f"a{number}", address=f"2001:db8:1:2::{number}"))
    with pytest.raises(TooMany):
        await throttle.begin("b", address="2001:db8:1:2:ffff::1")
    await throttle.begin("b", address="2001:db8:1:3::1")


async def test_strangers_cannot_lock_a_clinics_own_terminal_out(identity: Identity, world: World) -> None:
    _, credential = await identity.enrolled(world.clinic)
    for number in range(6):
        await refused(identity, "bs.bao", address=f"192.0.2.{number}")
    session, _ = await identity.sign_in("bs.bao", device_credential=credential)
    assert session.terminal is not None


async def test_counters_are_shared_through_redis_and_go_on_without_it(redis_url: str) -> None:
    one, other = (Throttle(counters(redis_url), per_account=3, per_address=20) for _ in range(2))
    lefts = [(await throttle.begin("bs.bao", address=ADDRESS)).left for throttle in (one, other, one)]
    assert lefts == [2, 1, 0]
    with pytest.raises(TooMany):
        await other.begin("bs.bao", address=ADDRESS)
    alone = Throttle(counters("redis://127.0.0.1:1/0"), per_account=1, per_address=20)
    await alone.begin("bs.bao", address=ADDRESS)
    with pytest.raises(TooMany):
        await alone.begin("bs.bao", address=ADDRESS)


async def test_a_redis_that_hangs_holds_no_sign_in_up_for_long() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    throttle = Throttle(counters(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"))
    began = time.monotonic()
    await throttle.failed(Attempt("account", "192.0.2.1", 1))
    assert time.monotonic() - began < 2.5
    server.close()


async def test_a_first_password_has_to_be_changed_and_then_signs_in(identity: Identity, world: World) -> None:
    password = await identity.accounts.reset_password(world.local_admin, world.doctor.id)
    session, secret = await identity.accounts.sign_in("bs.bao", password, address=ADDRESS)
    assert session.staff.must_change_password
    _, other = await identity.accounts.sign_in("bs.bao", password, address=ADDRESS)
    await identity.accounts.change_password(session, password, "mùa mưa ngoài đảo")
    kept = await identity.sessions.find(secret)
    assert kept is not None
    assert not kept.staff.must_change_password
    assert await identity.sessions.find(other) is None
    assert (await refused(identity, "bs.bao", password=password)).code == "sign_in.wrong"
    await identity.accounts.sign_in("bs.bao", "mùa mưa ngoài đảo", address=ADDRESS)


async def test_a_change_of_password_names_the_field_that_is_wrong(identity: Identity, world: World) -> None:
    session, _ = await identity.sign_in("bs.bao")
    for present, new, code, field in (
        (WRONG, "mùa mưa ngoài đảo", "password.present", "current"),
        (PASSWORD, PASSWORD, "password.same", "new"),
        (PASSWORD, "ngắn", "password.short", "new"),
    ):
        with pytest.raises(Invalid) as caught:
            await identity.accounts.change_password(session, present, new)
        assert (caught.value.code, caught.value.field) == (code, field)


async def test_a_reset_ends_sessions_and_only_administrators_reset(identity: Identity, world: World) -> None:
    _, secret = await identity.sign_in("bs.bao")
    with pytest.raises(HoichanError, match=r"policy\.denied"):
        await identity.accounts.reset_password(world.nurse, world.doctor.id)
    assert await identity.sessions.find(secret) is not None
    await identity.accounts.reset_password(world.local_admin, world.doctor.id)
    assert await identity.sessions.find(secret) is None
    assert (await refused(identity, "bs.bao", password=PASSWORD)).code == "sign_in.wrong"


async def test_a_reset_between_the_password_and_the_session_wins(identity: Identity, world: World) -> None:
    """The old password was right a moment ago; it must not leave a session behind."""
    authentication = identity.accounts._authentication
    verified = await authentication.check("bs.bao", PASSWORD, act="session.start", address=ADDRESS)
    await identity.accounts.reset_password(OPERATOR, world.doctor.id)
    with pytest.raises(SignInNeeded, match=r"session\.ended"):
        async with identity.database.transaction() as tx:
            await identity.sessions.start(tx, verified, None, ADDRESS)


async def test_nobody_deactivates_oneself(identity: Identity, world: World) -> None:
    with pytest.raises(Conflict, match=r"staff\.own_rights"):
        await identity.accounts.deactivate(world.local_admin, world.local_admin.id)
