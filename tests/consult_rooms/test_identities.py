"""The patient after the request, consent, and that nothing of it lies in the clear in the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from consult_rooms.model import Consent, ConsentBy, Consult, IdentityChange, IdentityState, Patient, Question
from foundation.audit import audit_entries
from foundation.bus import MemoryBus
from foundation.clock import FakeClock
from foundation.database import Database, Transaction, metadata
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid
from foundation.ids import PatientId, StaffId
from foundation.sealing import Sealer
from tests.consult_rooms.conftest import NAME, PATIENT, UNKNOWN_WOMAN, World, build, seed

MERGED = replace(PATIENT, patient_id=PatientId("pat_" + "b" * 32), name="Nguyễn Thị Khác", masked_number="•••• 1111")


async def test_a_temporary_identity_is_confirmed_merged_and_taken_back(world: World) -> None:
    consult = await world.ask(patient=UNKNOWN_WOMAN)
    await world.answers.accept(world["ha"], consult.id)
    assert not await world.opens_book("ha", consult.id)
    lan = world["lan"]
    confirmed = await world.requests.change_identity(lan, consult.id, PATIENT, "confirmed")
    assert confirmed.patient == PATIENT
    assert await world.opens_book("ha", consult.id)
    merged = await world.requests.change_identity(lan, consult.id, MERGED, IdentityChange.MERGED)
    assert merged.patient == MERGED
    assert (await world.requests.change_identity(lan, consult.id, None, "reverted")).patient == PATIENT
    back = await world.requests.change_identity(lan, consult.id, None, "reverted")
    assert back.patient == UNKNOWN_WOMAN
    assert not await world.opens_book("ha", consult.id)
    with pytest.raises(Conflict) as error:
        await world.requests.change_identity(lan, consult.id, None, "reverted")
    assert error.value.code == "identity.nothing_to_revert"
    assert (await world.requests.change_identity(lan, consult.id, PATIENT, "confirmed")).patient == PATIENT
    assert (await world.requests.change_identity(lan, consult.id, None, "reverted")).patient == UNKNOWN_WOMAN
    async with world.database.reading() as tx:
        rows = (await tx.execute(audit_entries.select().order_by(audit_entries.c.number))).all()
    assert [row.action.removeprefix("consult.identity_") for row in rows] == [
        "confirmed",
        "merged",
        "reverted",
        "reverted",
        "confirmed",
        "reverted",
    ]
    assert [row.patient_id for row in rows][:2] == [PATIENT.patient_id, MERGED.patient_id]
    assert (await world.queries.consult(lan, consult.id)).identity_changes == 6


async def test_turning_to_another_patient_leaves_question_and_consent_with_the_first(world: World) -> None:
    asked = Question(situation="Yếu nửa người phải")
    given = Consent(consult=True, record_view=True, by=ConsentBy.SELF)
    consult = await world.ask(question=asked, consent=given)
    before = await world.answers.accept(world["ha"], consult.id)
    lan = world["lan"]
    turned = await world.requests.change_identity(lan, consult.id, MERGED, "turned")
    assert (turned.patient, turned.question, turned.consent) == (MERGED, Question(), None)
    assert (turned.state, turned.specialist_id) == (before.state, before.specialist_id), "the call goes on"
    back = await world.requests.change_identity(lan, consult.id, None, "reverted")
    assert (back.patient, back.question, back.consent) == (PATIENT, asked, given)
    entries = [one for one in await world.log.since(consult.id, 0) if one.kind == "identity_changed"]
    assert [entry.data["kind"] for entry in entries] == ["turned", "reverted"]


async def test_additions_do_not_follow_to_another_patient(world: World) -> None:
    followed: list[Patient] = []

    async def follow(tx: Transaction, actor: StaffId, consult: Consult, patient: Patient) -> None:
        followed.append(patient)

    world.requests._follow = follow
    consult = await world.ask(patient=UNKNOWN_WOMAN)
    await world.answers.accept(world["ha"], consult.id)
    await world.requests.change_identity(world["lan"], consult.id, PATIENT, "confirmed")
    await world.requests.change_identity(world["lan"], consult.id, MERGED, "turned")
    assert followed == [PATIENT]


async def test_the_same_identity_twice_changes_nothing(world: World) -> None:
    consult = await world.ask()
    before = await world.kinds(consult)
    await world.requests.change_identity(world["lan"], consult.id, PATIENT, "confirmed")
    assert await world.kinds(consult) == before


async def test_who_and_what_may_change_an_identity(world: World) -> None:
    consult = await world.ask()
    await world.answers.accept(world["ha"], consult.id)
    with pytest.raises(Forbidden):
        await world.requests.change_identity(world["ha"], consult.id, MERGED, "merged")
    for bad in (
        UNKNOWN_WOMAN,
        replace(MERGED, name=None),
        replace(MERGED, patient_id=None),
        replace(MERGED, patient_id=PatientId("079158004821")),
        replace(MERGED, masked_number="079158004821"),
        replace(MERGED, sex="f"),
        replace(MERGED, age_years=200),
        replace(MERGED, name="x" * 201),
    ):
        with pytest.raises(Invalid):
            await world.requests.change_identity(world["lan"], consult.id, bad, "merged")
    with pytest.raises(Invalid):
        await world.requests.change_identity(world["lan"], consult.id, MERGED, "stolen")


async def test_a_later_refusal_closes_the_book(world: World) -> None:
    consult = await world.ask(consent=None)
    await world.answers.accept(world["ha"], consult.id)
    assert await world.opens_book("ha", consult.id)
    refusal = Consent(consult=True, record_view=False, by=ConsentBy.SELF, note="Không muốn")
    changed = await world.requests.record_consent(world["lan"], consult.id, refusal)
    assert changed.consent == refusal
    assert not await world.opens_book("ha", consult.id)


def test_age_is_exact_or_estimated() -> None:
    assert PATIENT.age(date(2026, 3, 1)) == 67
    assert PATIENT.age(date(2026, 3, 2)) == 68
    assert UNKNOWN_WOMAN.age(date(2026, 3, 2)) == 70
    assert Patient(None, IdentityState.TEMPORARY).age(date(2026, 3, 2)) is None


SECRETS = (NAME, "Diễm", "•••• 4821", "alteplase", "tiêu sợi huyết", "Con gái", "Huyết áp", "1958-03-02")
"""Whole as they are written: four digits alone also stand in random ids and in what is sealed."""


async def live_through(world: World) -> None:
    """A consult with everything that people write."""
    consult = await world.ask(question=Question(situation="Huyết áp 180", recommendation="tiêu sợi huyết?"))
    await world.answers.accept(world["ha"], consult.id)
    await world.rooms.join(world["ha"], consult.id)
    await world.rooms.chat(world["lan"], consult.id, f"{NAME}: Huyết áp 190", "1")
    await world.opinions.save(world["ha"], consult.id, "Dùng alteplase", 0)
    await world.requests.change_identity(world["lan"], consult.id, MERGED, "merged")
    await world.requests.change_identity(world["lan"], consult.id, None, "reverted")
    await world.book((await world.publish())[0])


def _bytes(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.iterdir() if file.name.startswith("sealed.db")]


async def test_what_names_a_patient_or_was_written_is_sealed_at_rest(
    tmp_path: Path, clock: FakeClock, sealer: Sealer
) -> None:
    path = tmp_path / "sealed.db"
    database = Database(f"sqlite+aiosqlite:///{path}", clock, server_time=False)
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    people = await seed(database)
    await live_through(await build(database, clock, MemoryBus(clock), sealer, people))
    await database.close()
    raw = b"".join(_bytes(tmp_path))
    assert b"BS. Lan" in raw  # the check can find text
    for secret in SECRETS:
        assert secret.encode() not in raw, secret


async def test_no_column_of_either_store_holds_it_in_the_clear(world: World) -> None:
    await live_through(world)
    found = 0
    async with world.database.reading() as tx:
        for table in metadata.sorted_tables:
            for row in await tx.execute(text(f'SELECT * FROM "{table.name}"')):
                found += 1
                whole = " ".join(
                    bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value)
                    for value in row
                )
                for secret in (NAME, "alteplase", "tiêu sợi huyết", "Con gái", "Huyết áp"):
                    assert secret not in whole, (table.name, secret)
    assert found > 30


async def test_a_sealed_identity_cannot_be_moved_to_another_consult(world: World) -> None:
    first, second = await world.ask("1"), await world.ask("2", patient=UNKNOWN_WOMAN)
    async with world.database.transaction() as tx:
        await tx.execute(
            text(
                "UPDATE consults SET patient_sealed = (SELECT patient_sealed FROM consults WHERE id = :one) "
                "WHERE id = :two"
            ),
            {"one": first.id, "two": second.id},
        )
    with pytest.raises(HoichanError) as error:
        await world.queries.consult(world["lan"], second.id)
    assert error.value.code == "sealing.unreadable"
