"""The embedded store: an append-only truth, a summary that follows it, everything sealed; on both stores."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from foundation.errors import Invalid, NotFound, Unavailable
from foundation.ids import PatientId
from hoichan.demo import citizens
from records_panel.citizens import Identity
from records_panel.embedded_book import NewBook
from records_panel.fhir_mapping import book_view
from records_panel.tables import resource_log, summaries
from tests.records_panel.conftest import LANH, ZONE, Records
from tests.records_panel.samples import NOW, allergy, drug, value


async def append(records: Records, patient_id: PatientId, *resources: dict[str, Any]) -> int:
    async with records.database.transaction() as tx:
        return await records.book.append(tx, patient_id, resources, author="stf_1", facility_code="51001")


async def log_rows(records: Records) -> list[Any]:
    async with records.database.reading() as tx:
        return list((await tx.execute(select(resource_log).order_by(resource_log.c.version))).all())


def kinds(bundle: dict[str, Any]) -> list[str]:
    return [entry["resource"]["resourceType"] for entry in bundle["entry"]]


async def test_contents_are_sealed_and_bound_to_their_place(records: Records) -> None:
    (patient_id,) = await records.add(LANH, resources=[allergy("Penicillin", "high")])
    (other,) = await records.add(replace(LANH, cccd=None, bhyt=None), resources=[])
    async with records.database.reading() as tx:
        stored = {row.patient_id: row.content for row in await tx.execute(select(summaries))}
    for content in [*stored.values(), *(row.content for row in await log_rows(records))]:
        assert b"Penicillin" not in content
        assert "Lành".encode() not in content
    async with records.database.transaction() as tx:
        moved = update(summaries).where(summaries.c.patient_id == other).values(content=stored[patient_id])
        await tx.execute(moved)
    with pytest.raises(Unavailable) as refused:
        await records.book.fetch(other)
    assert refused.value.code == "sealing.unreadable"


async def test_a_later_version_supersedes_and_the_log_keeps_both(records: Records) -> None:
    (patient_id,) = await records.add(LANH)
    assert await append(records, patient_id, allergy("Penicilin", "low", id="a1"), drug("Amlodipin", id="d1")) == 2
    assert await append(records, patient_id, allergy("Penicillin", "high", id="a1")) == 3
    for whole in (False, True):
        bundle = await records.book.fetch(patient_id, whole=whole)
        book = book_view(bundle, NOW, source="A book", zone=ZONE)
        assert [line.text for line in book.red_line.items] == ["Penicillin"]
        assert [one.text for one in book.drugs.items] == ["Amlodipin"]
    rows = await log_rows(records)
    assert [(row.version, row.resource_type, row.resource_id) for row in rows] == [
        (1, "AllergyIntolerance", "a1"),
        (2, "MedicationStatement", "d1"),
        (3, "AllergyIntolerance", "a1"),
    ]
    assert {row.facility_code for row in rows} == {"51001"}


async def test_ten_writers_of_one_book_leave_no_gap(records: Records) -> None:
    (patient_id,) = await records.add(LANH)
    await asyncio.gather(*(append(records, patient_id, drug(f"Thuốc {number}")) for number in range(10)))
    assert [row.version for row in await log_rows(records)] == [*range(1, 11)]
    book = book_view(await records.book.fetch(patient_id), NOW, source="A book", zone=ZONE)
    assert len(book.drugs.items) == 10


async def test_an_append_that_is_rolled_back_leaves_nothing(records: Records) -> None:
    (patient_id,) = await records.add(LANH)
    with pytest.raises(RuntimeError):
        async with records.database.transaction() as tx:
            await records.book.append(tx, patient_id, [drug("X")], author="stf_1", facility_code="51001")
            raise RuntimeError("the rest failed")
    assert await log_rows(records) == []
    assert "MedicationStatement" not in kinds(await records.book.fetch(patient_id))


async def test_what_is_written_belongs_to_the_patient_in_normal_form(records: Records) -> None:
    (patient_id,) = await records.add(LANH)
    foreign = drug("Thuo\u0302c", subject={"reference": "Patient/somebody-else"})
    await append(records, patient_id, foreign)
    bundle = await records.book.fetch(patient_id, whole=True)
    (stored,) = [entry["resource"] for entry in bundle["entry"] if "Medication" in entry["resource"]["resourceType"]]
    assert stored["subject"] == {"reference": f"Patient/{patient_id}"}
    assert stored["medicationCodeableConcept"]["text"] == "Thu\u00f4c"
    assert stored["meta"]["source"] == "urn:vn:cskcb:51001"


@pytest.mark.parametrize(
    "resource",
    [{}, {"resourceType": "patient"}, {"resourceType": "Bundle"}, {"resourceType": 7}, {"resourceType": "Patient"}],
)
async def test_what_is_no_entry_of_a_book_is_refused(records: Records, resource: dict[str, Any]) -> None:
    (patient_id,) = await records.add(LANH)
    with pytest.raises(Invalid) as refused:
        await append(records, patient_id, resource)
    assert refused.value.code == "book.resource"
    with pytest.raises(NotFound):
        await append(records, PatientId("pat_" + "0" * 32), drug("X"))


async def test_the_summary_is_bounded_and_the_whole_book_is_not(records: Records) -> None:
    series = [value("Kali", "2823-3", 4 + day / 100, day=f"2026-10-{day:02d}") for day in range(1, 21)]
    (patient_id,) = await records.add(LANH, resources=[*series, {"resourceType": "Encounter", "status": "finished"}])
    short = kinds(await records.book.fetch(patient_id))
    assert short.count("Observation") == 8
    assert "Encounter" not in short
    whole = kinds(await records.book.fetch(patient_id, whole=True))
    assert whole.count("Observation") == 20
    assert "Encounter" in whole
    book = book_view(await records.book.fetch(patient_id), NOW, source="A book", zone=ZONE)
    quantity = book.results.items[0].quantity
    assert quantity is not None
    assert quantity.value == pytest.approx(4.2)


async def test_the_eighty_demo_citizens_come_in_at_once(records: Records) -> None:
    people = citizens(NOW.date())
    books = [
        NewBook(
            Identity(
                name=one.name,
                birth_date=one.birth_date,
                sex=one.sex,
                commune_code=one.commune_code,
                cccd=one.cccd,
                bhyt=one.bhyt,
                bhyt_valid_until=one.bhyt_valid_until,
            ),
            one.resources,
        )
        for one in people
    ]
    async with records.database.transaction() as tx:
        ids = await records.book.import_many(tx, books, author="demo", demo=True)
    assert len(set(ids)) == len(people) == 80
    for patient_id, one in zip(ids, people, strict=True):
        book = book_view(await records.book.fetch(patient_id), NOW, source="A book", zone=ZONE)
        assert book.banner.name == one.name
        assert book.banner.is_test
