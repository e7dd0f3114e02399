"""Clinic terminals: a code works once and for an hour; the credential is revocable."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from foundation.errors import Conflict, Forbidden, Invalid, TooMany
from foundation.ids import TerminalId
from identity.credentials import normal_code
from identity.entries import TerminalEntry
from identity.model import Terminal
from identity.tables import terminals
from tests.identity.conftest import ADDRESS, OPERATOR, Identity, World


async def made(identity: Identity, world: World, code: str = "M1") -> tuple[TerminalId, str]:
    terminal = await identity.terminals.create(
        world.local_admin, TerminalEntry(world.clinic.id, code, "Máy phòng khám")
    )
    one_time, _ = await identity.terminals.issue_code(world.local_admin, terminal.id)
    return terminal.id, one_time


async def test_a_code_enrols_once(identity: Identity, world: World) -> None:
    terminal_id, code = await made(identity, world)
    terminal, credential = await identity.terminals.enrol(code.lower().replace("-", " "), address=ADDRESS)
    assert terminal.id == terminal_id
    assert terminal.enrolled_at == identity.clock.now()
    assert await identity.terminals.find(credential) == terminal
    with pytest.raises(Invalid, match=r"terminal\.code"):
        await identity.terminals.enrol(code, address=ADDRESS)
    async with identity.database.reading() as read:
        stored = str((await read.execute(select(terminals))).all())
    assert credential not in stored
    assert normal_code(code) not in stored


async def test_of_many_enrolments_with_one_code_one_wins(identity: Identity, world: World) -> None:
    _, code = await made(identity, world)
    results = await asyncio.gather(
        *(identity.terminals.enrol(code, address=f"192.0.2.{number}") for number in range(10)), return_exceptions=True
    )
    winners = [result for result in results if isinstance(result, tuple)]
    assert len(winners) == 1
    assert all(isinstance(result, Invalid) for result in results if result not in winners)
    assert await identity.terminals.find(winners[0][1]) is not None


async def test_a_code_expires(identity: Identity, world: World) -> None:
    _, code = await made(identity, world)
    identity.clock.advance(3600)
    with pytest.raises(Invalid, match=r"terminal\.code"):
        await identity.terminals.enrol(code, address=ADDRESS)


async def test_a_new_code_voids_the_one_before(identity: Identity, world: World) -> None:
    terminal_id, code = await made(identity, world)
    newer, _ = await identity.terminals.issue_code(world.local_admin, terminal_id)
    with pytest.raises(Invalid):
        await identity.terminals.enrol(code, address=ADDRESS)
    await identity.terminals.enrol(newer, address=ADDRESS)


async def test_guessing_codes_is_throttled(identity: Identity, world: World) -> None:
    _, code = await made(identity, world)
    for _ in range(5):
        with pytest.raises(Invalid):
            await identity.terminals.enrol("00000-00000", address=ADDRESS)
    with pytest.raises(TooMany):
        await identity.terminals.enrol(code, address=ADDRESS)
    await identity.terminals.enrol(code, address="198.51.100.1")


async def test_revoking_ends_the_sessions_there_and_no_others(identity: Identity, world: World) -> None:
    terminal, credential = await identity.enrolled(world.clinic)
    _, there = await identity.sign_in("bs.bao", device_credential=credential)
    _, elsewhere = await identity.sign_in("bs.bao")
    revoked = await identity.terminals.revoke(world.local_admin, terminal.id)
    assert revoked.enrolled_at is None
    assert revoked.active
    assert await identity.sessions.find(there) is None
    assert await identity.sessions.find(elsewhere) is not None
    assert await identity.terminals.find(credential) is None
    session, _ = await identity.sign_in("bs.bao", device_credential=credential)
    assert session.terminal is None


async def test_enrolling_again_voids_the_old_computer(identity: Identity, world: World) -> None:
    terminal, credential = await identity.enrolled(world.clinic)
    _, there = await identity.sign_in("bs.bao", device_credential=credential)
    code, _ = await identity.terminals.issue_code(world.local_admin, terminal.id)
    assert await identity.sessions.find(there) is not None  # a code that nobody uses changes nothing
    _, newer = await identity.terminals.enrol(code, address=ADDRESS)
    assert await identity.sessions.find(there) is None
    assert await identity.terminals.find(credential) is None
    assert await identity.terminals.find(newer) is not None


async def test_a_terminal_out_of_use_gets_no_code(identity: Identity, world: World) -> None:
    terminal_id, code = await made(identity, world)
    await identity.terminals.deactivate(world.local_admin, terminal_id)
    with pytest.raises(Invalid):
        await identity.terminals.enrol(code, address=ADDRESS)
    with pytest.raises(Conflict, match=r"terminal\.inactive"):
        await identity.terminals.issue_code(world.local_admin, terminal_id)
    back = await identity.terminals.activate(world.local_admin, terminal_id)
    assert back.active
    assert back.enrolled_at is None


async def test_somebody_of_another_facility_signs_in_without_the_terminal(identity: Identity, world: World) -> None:
    _, credential = await identity.enrolled(world.clinic)
    session, _ = await identity.sign_in("bs.thuha", device_credential=credential)
    assert session.terminal is None


async def test_only_the_facilitys_administrators(identity: Identity, world: World) -> None:
    entry = TerminalEntry(world.hub.id, "M1", "Máy trực")
    for actor in (world.doctor, world.local_admin):
        with pytest.raises(Forbidden, match=r"policy\.denied"):
            await identity.terminals.create(actor, entry)
    assert [entry.outcome for entry in await identity.audited("terminal.create")] == ["denied"] * 2
    made = await identity.terminals.create(world.chief, entry)
    assert isinstance(made, Terminal)


async def test_codes_of_a_facility_differ(identity: Identity, world: World) -> None:
    await identity.terminals.create(OPERATOR, TerminalEntry(world.clinic.id, "m1", "Máy 1"))
    with pytest.raises(Invalid) as caught:
        await identity.terminals.create(OPERATOR, TerminalEntry(world.clinic.id, "M1", "Máy 2"))
    assert (caught.value.code, caught.value.field) == ("terminal.code_taken", "code")
    await identity.terminals.create(OPERATOR, TerminalEntry(world.hub.id, "M1", "Máy 1"))
