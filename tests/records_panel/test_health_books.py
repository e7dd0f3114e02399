"""What every source of books keeps (`records_panel.sources.HealthBook`): the embedded one, a FHIR server that nobody
here wrote, and both merged.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from foundation.errors import NotFound, Unavailable
from foundation.ids import PatientId
from foundation.sealing import Sealer
from records_panel.citizens import Identity
from records_panel.embedded_book import EmbeddedBook
from records_panel.fhir_mapping import book_view
from records_panel.links import Links
from records_panel.model import BookView, DrugState
from records_panel.sources import HealthBook
from records_panel.summary import patient_resource
from tests.medplum.process import Medplum
from tests.records_panel.conftest import LANH, ZONE, Records
from tests.records_panel.hospital import connected
from tests.records_panel.samples import NOW, allergy, drug, value

CONTENT = [
    allergy("Penicillin", "high", reaction=[{"manifestation": [{"text": "Phản vệ"}]}]),
    {
        "resourceType": "Condition",
        "code": {"text": "Tăng huyết áp"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
    },
    drug("Metformin", dose="500 mg, ngày 2 lần"),
    drug("Warfarin", status="stopped"),
    value("Kali", "2823-3", 5.9, low=3.5, high=5.0),
    value("Mạch", "8867-4", 96, "/min", category="vital-signs"),
    {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": {"text": "Uốn ván"},
        "occurrenceDateTime": "2025-03-01",
    },
]


@dataclass
class Source:
    """One source with a way to put a book into it."""

    book: HealthBook
    records: Records
    medplum: Medplum | None

    async def add(self, identity: Identity, resources: list[dict[str, Any]]) -> PatientId:
        if self.medplum is None:
            return (await self.records.add(identity, resources=resources))[0]
        [patient_id] = await self.records.add(identity)
        person = patient_resource("", identity, demo=False)
        del person["id"]  # the server gives its own
        stored = await self.medplum.create(person)
        reference = {"reference": f"Patient/{stored['id']}"}
        for resource in resources:
            field = "patient" if resource["resourceType"] in ("AllergyIntolerance", "Immunization") else "subject"
            await self.medplum.create(resource | {field: reference})
        return patient_id

    async def view(self, patient_id: PatientId, *, whole: bool = False) -> BookView:
        return book_view(await self.book.fetch(patient_id, whole=whole), NOW, source=self.book.name, zone=ZONE)


@pytest.fixture(params=["embedded", "fhir"])
async def source(request: pytest.FixtureRequest, records: Records, medplum: Medplum) -> AsyncIterator[Source]:
    if request.param == "embedded":
        yield Source(records.book, records, None)
        return
    links = Links(records.database, records.sealer)
    async with connected(medplum.base, links, records.clock, deadline_s=30) as book:
        yield Source(book, records, medplum)


def of_own_number(identity: Identity, number: int) -> Identity:
    """Another number for each test: the FHIR server is shared, and keeps whom it knows."""
    return replace(identity, cccd=f"0510580{number:05d}", bhyt=None, bhyt_valid_until=None)


_numbers = iter(range(70_000, 99_999))


@pytest.fixture
def lanh() -> Identity:
    return of_own_number(LANH, next(_numbers))


async def test_a_book_is_read_as_it_was_written(source: Source, lanh: Identity) -> None:
    view = await source.view(await source.add(lanh, CONTENT))
    assert view.banner.name == "Nguyễn Văn Lành"
    assert [(line.text, line.detail, line.severe) for line in view.red_line.items] == [("Penicillin", "Phản vệ", True)]
    assert [problem.text for problem in view.problems.items] == ["Tăng huyết áp"]
    assert [(one.text, one.dose, one.state) for one in view.drugs.items] == [
        ("Metformin", "500 mg, ngày 2 lần", DrugState.ACTIVE)
    ]
    assert [(result.name, result.mark) for result in view.abnormal.items] == [("Kali", "H")]
    assert [vital.values for vital in view.vitals.items if vital.values] == [(96.0,)]
    assert view.banner.source == source.book.name


async def test_the_whole_book_has_more_than_the_summary(source: Source, lanh: Identity) -> None:
    patient_id = await source.add(lanh, CONTENT)
    assert not (await source.view(patient_id)).vaccines.items
    whole = await source.view(patient_id, whole=True)
    assert [vaccine.text for vaccine in whole.vaccines.items] == ["Uốn ván"]
    assert [one.text for one in whole.stopped_drugs.items] == ["Warfarin"]


@pytest.mark.parametrize("whole", [False, True])
async def test_a_book_without_entries_is_the_patient_alone(source: Source, lanh: Identity, whole: bool) -> None:
    patient_id = await source.add(lanh, [])
    bundle = await source.book.fetch(patient_id, whole=whole)
    assert bundle["resourceType"] == "Bundle"
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert set(kinds) - {"Composition", "OperationOutcome"} == {"Patient"}
    view = await source.view(patient_id, whole=whole)
    assert [absence.kind for absence in view.problems.absences] == ["no-information"]


async def test_nobody_of_that_id_is_not_found(source: Source) -> None:
    with pytest.raises(NotFound) as refused:
        await source.book.fetch(PatientId("pat_" + "0" * 32))
    assert refused.value.code == "patient.unknown"


async def test_one_patient_never_sees_the_book_of_another(source: Source, lanh: Identity) -> None:
    await source.add(lanh, CONTENT)
    other = await source.add(of_own_number(lanh, next(_numbers)), [allergy("Latex")])
    assert [line.text for line in (await source.view(other)).red_line.items] == ["Latex"]


async def test_a_source_that_does_not_answer_is_unavailable(records: Records) -> None:
    [patient_id] = await records.add(LANH)
    lost = EmbeddedBook(records.database, Sealer({0: bytes(32), 1: bytes(reversed(range(32)))}))
    with pytest.raises(Unavailable):
        await lost.fetch(patient_id)
    links = Links(records.database, records.sealer)
    async with connected("http://127.0.0.1:1/fhir", links, records.clock) as book:
        with pytest.raises(Unavailable) as failed:
            await book.fetch(patient_id)
    assert failed.value.code == "book.unavailable"
