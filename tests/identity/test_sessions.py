"""Sessions: expiry, idle lock, unlock, quick switch, and what ends them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from foundation.errors import Conflict, SignInNeeded
from foundation.ids import SessionId
from identity.entries import staff_entry
from identity.model import Role
from identity.sessions import TOPIC
from identity.tables import facilities, sessions, terminals
from tests.identity.conftest import ADDRESS, OPERATOR, PASSWORD, Identity, World

HOUR, MINUTE = 3600, 60


async def test_a_session_expires_however_busy(identity: Identity, world: World) -> None:
    session, secret = await identity.sign_in("bs.bao")
    for _ in range(12 * 6 - 1):
        identity.clock.advance(10 * MINUTE)
        assert await identity.sessions.find(secret) is not None
    identity.clock.advance(10 * MINUTE)
    assert await identity.sessions.find(secret) is None
    assert await identity.sessions.living([session.id]) == set()


async def test_an_idle_session_is_locked_until_its_password(identity: Identity, world: World) -> None:
    session, secret = await identity.sign_in("bs.bao")
    identity.clock.advance(15 * MINUTE + 1)
    idle = await identity.sessions.find(secret)
    assert idle is not None
    assert idle.locked
    identity.clock.advance(5)
    again = await identity.sessions.find(secret)
    assert again is not None
    assert again.locked
    with pytest.raises(SignInNeeded, match=r"sign_in\.wrong"):
        await identity.sessions.unlock(again, "không phải câu này")
    opened = await identity.sessions.unlock(again, PASSWORD)
    assert opened.id == session.id
    assert not opened.locked
    assert [entry.outcome for entry in await identity.audited("session.unlock")] == ["denied", "success"]
    [locked] = await identity.audited("session.lock")
    assert locked.details == {"reason": "idle"}


async def test_a_locked_session_lives_on_so_that_its_person_still_rings(identity: Identity, world: World) -> None:
    session, _ = await identity.sign_in("bs.thuha")
    identity.clock.advance(HOUR)
    assert await identity.sessions.living([session.id]) == {session.id}
    found = await identity.sessions.get(session.id)
    assert found is not None
    assert found.locked


async def test_being_in_a_consult_counts_as_a_sign_of_life(identity: Identity, world: World) -> None:
    session, secret = await identity.sign_in("bs.thuha")
    for _ in range(60):
        identity.clock.advance(MINUTE)
        await identity.sessions.touch([session.id])
    found = await identity.sessions.find(secret)
    assert found is not None
    assert not found.locked


async def test_a_sign_of_life_does_not_open_a_locked_or_idle_session(identity: Identity, world: World) -> None:
    asked, asked_secret = await identity.sign_in("bs.bao")
    await identity.sessions.lock(asked)
    idle, idle_secret = await identity.sign_in("ys.loan")
    identity.clock.advance(16 * MINUTE)
    await identity.sessions.touch([asked.id, idle.id])
    for secret in (asked_secret, idle_secret):
        found = await identity.sessions.find(secret)
        assert found is not None
        assert found.locked


async def test_seen_is_written_at_most_every_half_minute(identity: Identity, world: World) -> None:
    session, secret = await identity.sign_in("bs.bao")

    async def seen() -> float:
        async with identity.database.reading() as read:
            at = (await read.execute(select(sessions.c.seen_at).where(sessions.c.id == session.id))).scalar_one()
        return float((identity.clock.now() - at).total_seconds())

    identity.clock.advance(29)
    await identity.sessions.find(secret)
    assert await seen() == 29
    identity.clock.advance(1)
    await identity.sessions.find(secret)
    assert await seen() == 0


async def test_a_shared_terminal_changes_hands(identity: Identity, world: World) -> None:
    terminal, credential = await identity.enrolled(world.clinic)
    first, first_secret = await identity.sign_in("bs.bao", device_credential=credential)
    assert first.terminal is not None
    assert first.terminal.id == terminal.id
    second, second_secret = await identity.sessions.switch(first, "ys.loan", PASSWORD, address=ADDRESS)
    assert second.staff == world.nurse
    assert second.terminal == first.terminal
    assert second_secret != first_secret
    assert second.csrf_token != first.csrf_token
    assert await identity.sessions.find(first_secret) is None
    assert await identity.sessions.find(second_secret) == second


async def test_a_switch_with_a_wrong_password_changes_nothing(identity: Identity, world: World) -> None:
    _, credential = await identity.enrolled(world.clinic)
    first, secret = await identity.sign_in("bs.bao", device_credential=credential)
    with pytest.raises(SignInNeeded, match=r"sign_in\.wrong"):
        await identity.sessions.switch(first, "ys.loan", "không phải câu này")
    assert await identity.sessions.find(secret) == first


async def test_a_switch_needs_a_terminal_and_the_same_facility(identity: Identity, world: World) -> None:
    session, _ = await identity.sign_in("bs.bao")
    with pytest.raises(Conflict, match=r"session\.no_terminal"):
        await identity.sessions.switch(session, "ys.loan", PASSWORD)
    _, credential = await identity.enrolled(world.clinic)
    at_clinic, secret = await identity.sign_in("bs.bao", device_credential=credential)
    with pytest.raises(Conflict, match=r"session\.other_facility"):
        await identity.sessions.switch(at_clinic, "bs.thuha", PASSWORD)
    assert await identity.sessions.find(secret) is not None


async def test_two_switches_at_once_leave_one_session(identity: Identity, world: World) -> None:
    _, credential = await identity.enrolled(world.clinic)
    first, _ = await identity.sign_in("bs.bao", device_credential=credential)
    results = await asyncio.gather(
        identity.sessions.switch(first, "ys.loan", PASSWORD),
        identity.sessions.switch(first, "qt.clinic", PASSWORD),
        return_exceptions=True,
    )
    lost = [result for result in results if isinstance(result, SignInNeeded)]
    assert [error.code for error in lost] == ["session.ended"]
    async with identity.database.reading() as read:
        open_ones = (await read.execute(select(sessions.c.id).where(sessions.c.ended_at.is_(None)))).all()
    assert len(open_ones) == 1


async def test_ending_sends_a_hint_and_is_audited_once(identity: Identity, world: World) -> None:
    session, secret = await identity.sign_in("bs.bao")
    async with identity.bus.subscribe(TOPIC) as hints:
        assert await identity.sessions.end(session.id, "signed_out")
        assert not await identity.sessions.end(session.id, "signed_out")
        hint = await asyncio.wait_for(anext(hints), 2)
    assert hint == {"session": session.id, "staff": world.doctor.id, "reason": "signed_out"}
    assert await identity.sessions.find(secret) is None
    assert len(await identity.audited("session.end")) == 1


async def test_deactivation_ends_every_session_of_the_person_and_no_other(identity: Identity, world: World) -> None:
    one, other = await identity.sign_in("bs.bao"), await identity.sign_in("bs.bao")
    bystander, _ = await identity.sign_in("ys.loan")
    async with identity.bus.subscribe(TOPIC) as hints:
        await identity.accounts.deactivate(world.local_admin, world.doctor.id)
        told = {(await asyncio.wait_for(anext(hints), 2))["session"] for _ in range(2)}
    assert told == {one[0].id, other[0].id}
    everyone = [one[0].id, other[0].id, bystander.id, SessionId("ses_nothing")]
    assert await identity.sessions.living(everyone) == {bystander.id}
    await identity.accounts.activate(world.local_admin, world.doctor.id)
    assert await identity.sessions.find(one[1]) is None
    await identity.sign_in("bs.bao")


async def test_losing_a_role_ends_sessions_and_gaining_one_does_not(identity: Identity, world: World) -> None:
    _, secret = await identity.sign_in("bs.bao")
    more = replace(staff_entry(world.doctor), roles=frozenset({Role.RURAL_DOCTOR, Role.COORDINATOR}))
    await identity.accounts.change_staff(world.local_admin, world.doctor.id, more)
    found = await identity.sessions.find(secret)
    assert found is not None
    assert found.staff.roles == {Role.RURAL_DOCTOR, Role.COORDINATOR}
    await identity.accounts.change_staff(world.local_admin, world.doctor.id, staff_entry(world.doctor))
    assert await identity.sessions.find(secret) is None


async def test_a_facility_out_of_use_has_no_sessions(identity: Identity, world: World) -> None:
    session, secret = await identity.sign_in("bs.bao")
    await identity.administration.deactivate_facility(OPERATOR, world.clinic.id)
    assert await identity.sessions.find(secret) is None
    assert await identity.sessions.living([session.id]) == set()
    with pytest.raises(SignInNeeded, match=r"sign_in\.wrong"):
        await identity.sign_in("bs.bao")


async def test_a_session_needs_its_facility_and_terminal_even_when_nobody_ended_it(
    identity: Identity, world: World
) -> None:
    """As after a restore of a backup: the rows alone decide."""
    terminal, credential = await identity.enrolled(world.clinic)
    session, secret = await identity.sign_in("bs.bao", device_credential=credential)
    for table, row_id in ((facilities, world.clinic.id), (terminals, terminal.id)):
        for active, living in ((False, set()), (True, {session.id})):
            async with identity.database.transaction() as tx:
                await tx.execute(update(table).where(table.c.id == row_id).values(active=active))
            assert await identity.sessions.living([session.id]) == living
            assert (await identity.sessions.find(secret) is not None) is active
