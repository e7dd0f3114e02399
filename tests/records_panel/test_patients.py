"""Finding, confirming and creating patients, on both stores."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from typing import Any, cast

import pytest
from sqlalchemy import select

from consult_rooms import bounds
from consult_rooms.model import IdentityState
from foundation.audit import AuditEntry
from foundation.database import Database
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, NotFound, TooMany, Unavailable
from foundation.ids import PatientId, StaffId, TokenId
from identity.model import Role
from records_panel.citizens import Evidence
from records_panel.patients import Patients
from records_panel.searches import Searches
from records_panel.tables import patient_words, patients
from tests.records_panel.conftest import DOCTOR, LANH, Records, neighbour


async def _rows(database: Database, table: Any) -> list[Any]:
    async with database.reading() as tx:
        return list((await tx.execute(select(table))).all())


async def test_identities_are_sealed_at_rest(records: Records) -> None:
    await records.add(LANH)
    rows = [*await _rows(records.database, patients), *await _rows(records.database, patient_words)]
    cells = [cell for row in rows for cell in row]
    stored = b"".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)
    for secret in ("051058004471", "5158004477", "Lành", "lanh", "1958", "Thôn", "0255"):
        assert secret.encode() not in stored


@pytest.mark.parametrize(
    ("kind", "number"),
    [("cccd", "051 058 004 471"), ("bhyt", "HT3515158004477"), ("bhyt", "5158004477"), ("bhyt", "051058004471")],
)
async def test_an_exact_number_gives_one_masked_hit(records: Records, kind: str, number: str) -> None:
    (patient_id,) = await records.add(LANH)
    found = await records.patients.by_number(DOCTOR, kind, number)
    assert found is not None
    assert (found.patient_id, found.name, found.birth_year) == (patient_id, LANH.name, 1958)
    shown = repr(found)
    assert "••••4471" in shown
    for whole in ("051058004471", "5158004477", "1958, 3", "12/03"):
        assert whole not in shown


async def test_an_unknown_number_gives_nothing_and_is_audited(records: Records) -> None:
    await records.add(LANH)
    assert await records.patients.by_number(DOCTOR, "cccd", "051058004472") is None
    (entry,) = await records.trail()
    assert (entry.action, entry.outcome, entry.details["rows"]) == ("patient.search", "success", 0)


@pytest.mark.parametrize("spelling", ["Nguyễn Văn Lành", "nguyen van lanh", "LÀNH nguyễn", "lanh", "Nguyễn  Lành"])
async def test_a_name_is_found_in_any_spelling(records: Records, spelling: str) -> None:
    (patient_id, _) = await records.add(LANH, neighbour(1, name="Đặng Thị Mơ"))
    found = await records.patients.by_name(DOCTOR, spelling, 1958)
    assert [row.patient_id for row in found.rows] == [patient_id]
    assert not found.more


async def test_the_barred_d_is_found_without_it(records: Records) -> None:
    (patient_id,) = await records.add(neighbour(1, name="Đặng Thị Đào"))
    found = await records.patients.by_name(DOCTOR, "dang thi dao", 1958)
    assert [row.patient_id for row in found.rows] == [patient_id]


async def test_a_name_needs_the_right_birth_year(records: Records) -> None:
    await records.add(LANH)
    with pytest.raises(Invalid) as refused:
        await records.patients.by_name(DOCTOR, LANH.name, None)
    assert (refused.value.code, refused.value.field) == ("patient.birth_year_needed", "birth_year")
    assert (await records.patients.by_name(DOCTOR, LANH.name, 1959)).rows == ()
    with pytest.raises(Invalid):
        await records.patients.by_name(DOCTOR, " - ", 1958)


async def test_at_most_ten_rows_then_commune_or_sex_narrow_them(records: Records) -> None:
    others = [neighbour(number, commune="xã Trà Khúc", commune_code="21592") for number in range(10)]
    women = [neighbour(number, sex="female") for number in range(20, 22)]
    await records.add(LANH, *others, *women)
    found = await records.patients.by_name(DOCTOR, "nguyen lanh", 1958)
    assert len(found.rows) == 10
    assert found.more
    assert all("0510580" not in repr(row) for row in found.rows)
    by_commune = await records.patients.by_name(DOCTOR, "nguyen lanh", 1958, "hon may")
    assert (len(by_commune.rows), by_commune.more) == (3, False)
    by_code = await records.patients.by_name(DOCTOR, "nguyen lanh", 1958, "21592")
    assert (len(by_code.rows), by_code.more) == (10, False)
    by_sex = await records.patients.by_name(DOCTOR, "nguyen lanh", 1958, sex="female")
    assert len(by_sex.rows) == 2


async def test_searches_leave_ids_and_counts_in_the_trail_and_nothing_else(records: Records) -> None:
    (patient_id,) = await records.add(LANH)
    await records.patients.by_name(DOCTOR, "Nguyễn Văn Lành", 1958, session="ses_1", address="10.0.0.7")
    (entry,) = await records.trail()
    assert (entry.actor, entry.session, entry.address) == (DOCTOR.id, "ses_1", "10.0.0.7")
    assert entry.details["patients"] == patient_id
    assert "lanh" not in json.dumps(entry.details, ensure_ascii=False).lower()
    assert not re.search(r"\b1958\b", json.dumps(entry.details))


async def test_no_result_without_its_audit_entry(records: Records) -> None:
    class Broken:
        async def commit(self, entry: AuditEntry) -> None:
            raise Unavailable("database.unavailable", "-")

    await records.add(LANH)
    blind = Patients(
        records.database,
        cast("Any", Broken()),
        records.sealer,
        Searches(records.storage),
        records.clock,
    )
    with pytest.raises(Unavailable):
        await blind.by_number(DOCTOR, "cccd", "051058004471")
    with pytest.raises(Unavailable):
        await blind.by_name(DOCTOR, "lanh", 1958)


async def test_a_search_without_the_right_is_refused_and_audited(records: Records) -> None:
    await records.add(LANH)
    specialist = replace(DOCTOR, roles=frozenset({Role.ADMINISTRATOR}))
    for attempt in (
        records.patients.by_number(specialist, "cccd", "051058004471"),
        records.patients.by_name(specialist, "lanh", 1958),
        records.patients.confirm(specialist, PatientId("pat_" + "0" * 32), {}),
    ):
        with pytest.raises(Forbidden):
            await attempt
    trail = await records.trail()
    assert [entry.outcome for entry in trail] == ["denied"] * 3
    assert {entry.details["reason"] for entry in trail} == {"policy.denied"}


async def test_searching_is_limited_by_person_and_the_refusal_is_audited(records: Records) -> None:
    few = Patients(
        records.database, records.audit, records.sealer, Searches(records.storage, per_minute=2), records.clock
    )
    for _ in range(2):
        await few.by_number(DOCTOR, "cccd", "051058004471")
    with pytest.raises(TooMany) as refused:
        await few.by_number(DOCTOR, "cccd", "051058004471")
    assert refused.value.retry_after_s >= 1
    assert (await records.trail())[-1].outcome == "denied"
    colleague = replace(DOCTOR, id=StaffId("stf_" + "2" * 32))
    await few.by_number(colleague, "cccd", "051058004471")


@pytest.mark.parametrize(
    "evidence",
    [
        {Evidence.CCCD: "051 058 004 471", Evidence.BIRTH_DATE: "12/3/1958"},
        {Evidence.BHYT: "5158004477", Evidence.NAME: "nguyen van lanh"},
        {Evidence.BIRTH_DATE: "1958-03-12", Evidence.NAME: "Nguyễn Văn Lành"},
        {Evidence.CCCD: "051058004471", Evidence.BHYT: "HT3515158004477"},
    ],
)
async def test_two_identifiers_establish_an_identity(records: Records, evidence: dict[Evidence, str]) -> None:
    (patient_id,) = await records.add(LANH)
    patient = await records.patients.confirm(DOCTOR, patient_id, evidence)
    assert patient.identity is IdentityState.ESTABLISHED
    assert (patient.patient_id, patient.name, patient.birth_date) == (patient_id, LANH.name, LANH.birth_date)
    assert patient.masked_number == "••••4471"
    (entry,) = await records.trail()
    assert (entry.action, entry.patient_id, entry.outcome) == ("patient.confirm", patient_id, "success")


async def test_an_unknown_sex_is_none_in_a_consult(records: Records) -> None:
    """A consult knows male, female and other: with anything else it could not be asked for."""
    (patient_id,) = await records.add(replace(LANH, sex="unknown"))
    evidence = {Evidence.BIRTH_DATE: "12/3/1958", Evidence.NAME: LANH.name}
    assert bounds.patient(await records.patients.confirm(DOCTOR, patient_id, evidence)).sex is None


@pytest.mark.parametrize(
    ("evidence", "error"),
    [
        ({Evidence.CCCD: "051058004471"}, Invalid),
        ({}, Invalid),
        ({Evidence.BIRTH_DATE: "12/03/1958", Evidence.NAME: " "}, Invalid),
        ({Evidence.CCCD: "051058004471", Evidence.BIRTH_DATE: "13/03/1958"}, Forbidden),
        ({Evidence.BIRTH_DATE: "12/03/1958", Evidence.NAME: "Nguyễn Lành"}, Forbidden),
        # Two that agree do not outweigh one that does not.
        ({Evidence.CCCD: "051058004471", Evidence.BIRTH_DATE: "12/03/1958", Evidence.NAME: "Ai khác"}, Forbidden),
    ],
)
async def test_less_than_two_or_one_that_disagrees_does_not(
    records: Records, evidence: dict[Evidence, str], error: type[HoichanError]
) -> None:
    (patient_id,) = await records.add(LANH)
    with pytest.raises(error):
        await records.patients.confirm(DOCTOR, patient_id, evidence)
    if error is Forbidden:
        assert (await records.trail())[-1].outcome == "denied"


async def test_insurance_that_is_the_citizen_number_is_no_second_identifier(records: Records) -> None:
    (patient_id,) = await records.add(replace(LANH, bhyt="051058004471"))
    with pytest.raises(Invalid) as refused:
        given = {Evidence.CCCD: "051058004471", Evidence.BHYT: "051058004471"}
        await records.patients.confirm(DOCTOR, patient_id, given)
    assert refused.value.code == "patient.two_identifiers"


async def test_a_birth_date_cannot_be_found_by_trying(records: Records) -> None:
    (patient_id,) = await records.add(LANH)
    for day in range(1, 6):
        with pytest.raises(Forbidden):
            wrong = {Evidence.CCCD: "051058004471", Evidence.BIRTH_DATE: f"{day}/01/1958"}
            await records.patients.confirm(DOCTOR, patient_id, wrong)
    with pytest.raises(TooMany):
        right = {Evidence.CCCD: "051058004471", Evidence.BIRTH_DATE: "12/03/1958"}
        await records.patients.confirm(DOCTOR, patient_id, right)


async def test_a_proof_is_one_persons_for_twelve_hours(records: Records) -> None:
    (patient_id,) = await records.add(LANH)
    proof = records.patients.proof(DOCTOR, patient_id)
    assert patient_id not in proof
    assert (await records.patients.confirmed(DOCTOR, proof)).name == LANH.name
    colleague = replace(DOCTOR, id=StaffId("stf_" + "2" * 32))
    for staff, text in ((colleague, proof), (DOCTOR, ""), (DOCTOR, proof[:-6] + "AAAA=="), (DOCTOR, patient_id)):
        with pytest.raises(Invalid):
            await records.patients.confirmed(staff, text)
    records.clock.advance(12 * 3600 + 1)
    with pytest.raises(Invalid) as refused:
        await records.patients.confirmed(DOCTOR, proof)
    assert refused.value.code == "patient.proof_void"


async def test_a_new_book_is_opened_once(records: Records) -> None:
    patient_id = await records.patients.create(DOCTOR, LANH)
    found = await records.patients.by_number(DOCTOR, "bhyt", "5158004477")
    assert found is not None
    assert found.patient_id == patient_id
    with pytest.raises(Conflict) as taken:
        await records.patients.create(DOCTOR, replace(LANH, name="Người Khác", birth_date=date(1990, 1, 1)))
    assert taken.value.code == "patient.number_taken"
    twin = replace(LANH, cccd=None, bhyt=None)
    with pytest.raises(Conflict) as alike:
        await records.patients.create(DOCTOR, replace(twin, name="nguyen van lanh"))
    assert alike.value.code == "patient.may_exist"
    assert await records.patients.create(DOCTOR, twin, although_similar=True) != patient_id
    created = [entry for entry in await records.trail() if entry.action == "patient.create"]
    assert created[0].patient_id == patient_id


async def test_a_new_book_is_empty_and_not_unknown(records: Records) -> None:
    patient_id = await records.patients.create(DOCTOR, LANH)
    bundle = await records.book.fetch(patient_id)
    assert [entry["resource"]["resourceType"] for entry in bundle["entry"]] == ["Composition", "Patient", "Coverage"]
    with pytest.raises(NotFound):
        await records.book.fetch(PatientId("pat_" + "0" * 32))


async def test_another_system_looks_up_by_number_under_its_token(records: Records) -> None:
    (patient_id,) = await records.add(LANH)
    found = await records.patients.look_up(TokenId("tok_1"), "cccd", "051058004471", address="10.0.0.9")
    assert found is not None
    (entry,) = await records.trail()
    assert (entry.actor, entry.patient_id) == ("token:tok_1", patient_id)
