"""Wrong and hostile FHIR: shown as far as it has meaning, never executed, and never an error instead of a book."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.i18n import Languages
from records_panel.fhir_mapping import book_view
from records_panel.model import BookView, RedLineKind
from tests.records_panel.conftest import ZONE
from tests.records_panel.npm_samples import sample_files
from tests.records_panel.samples import NOW, allergy, bundle, drug, value, view
from tests.records_panel.test_fragments import TABS, Clinic, clinic, demo_book, people, services
from tests.records_panel.test_golden import SampleBook
from web.views.book_words import BookWords

__all__ = ["clinic", "people", "services"]

Json = dict[str, Any]
SAMPLES = [json.loads(path.read_text("utf-8")) for path in sample_files()]
JUNK: list[Any] = [
    None, True, 0, -1, 10**400, 1e308, float("nan"), float("inf"), "", " ", "x" * 20_000, "\x00\u202e", "0001-01-01",
    "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00-14:00", "2026-13-45", "urn:uuid:", "#", "Patient/1", [], {},
    [[]], [None], {"reference": 7}, {"coding": {"code": ["a"]}}, {"coding": [{"code": {"a": 1}}]}, {"text": ["a"]},
    {"value": "5,4", "unit": 7}, {"value": 10**400}, {"concept": {"concept": {"concept": {"concept": {}}}}}, "high",
    {"start": "9999-12-31", "end": "0001-01-01"}, {"div": "<p" * 3000}, {"resourceType": "Bundle", "entry": [{}]},
]  # fmt: skip


def places(node: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every place of a JSON tree, as a container and a key."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        found.append((node, key))
        places(node[key], found)
    return found


def written_out(book: BookView) -> None:
    """Write every date and value of the view as the pages do."""
    say = BookWords(Languages().get("vi"), ZONE, NOW)
    say.age(book.banner.birth_date)
    for section in (book.red_line, book.problems, book.drugs, book.vaccines, book.visits, book.others, book.measures):
        for item in section.items:
            say.source(item.origin)
            say.ago(item.origin.when)
            say.brief(item.origin.when)
    for result in book.results.items:
        say.result(result)
        say.range(result.reference)
        say.change(result)
    say.latest(book.vitals.items)


GONE_BAD = given(which=st.integers(0, len(SAMPLES) - 1), seed=st.integers(0, 2**32), changes=st.integers(1, 40))


@settings(max_examples=15, deadline=None)
@GONE_BAD
def test_a_good_bundle_gone_bad_still_reads(which: int, seed: int, changes: int) -> None:
    _reads_gone_bad(which, seed, changes)


@pytest.mark.chaos
@settings(max_examples=500, deadline=None)
@GONE_BAD
def test_many_good_bundles_gone_bad_still_read(which: int, seed: int, changes: int) -> None:
    _reads_gone_bad(which, seed, changes)


def _reads_gone_bad(which: int, seed: int, changes: int) -> None:
    dice = random.Random(seed)
    broken = copy.deepcopy(SAMPLES[which])
    found = places(broken, [])
    for container, key in dice.sample(found, min(changes, len(found))):
        container[key] = copy.deepcopy(dice.choice(JUNK))
    written_out(book_view(broken, NOW, source="A book", zone=ZONE))


@pytest.mark.parametrize("junk", [None, [], 7, "x", {"entry": 7}, {"entry": [7, None, {"resource": []}]}])
def test_no_bundle_at_all(junk: Any) -> None:
    assert book_view(junk, NOW, source="A book", zone=ZONE).problems.items == ()


def test_ten_thousand_nested_extensions() -> None:
    deep: Json = {"url": "x"}
    for _ in range(10_000):
        deep = {"url": "x", "extension": [deep]}
    book = view(allergy("Penicillin", "high", extension=[deep]), drug("Amlodipin", _status={"extension": [deep]}))
    assert [line.text for line in book.red_line.items] == ["Penicillin"]


def test_sections_within_sections_without_end() -> None:
    section: Json = {"title": "x"}
    for _ in range(5_000):
        section = {"title": "x", "section": [section]}
    assert view({"resourceType": "Composition", "section": [section]}).others.items == ()


def test_references_in_a_loop() -> None:
    one = {"resourceType": "Organization", "id": "1", "partOf": {"reference": "Organization/2"}}
    ring = [
        {"resourceType": "PractitionerRole", "id": str(n), "organization": {"reference": f"PractitionerRole/{n % 3}"}}
        for n in range(3)
    ]
    lists = {"resourceType": "List", "id": "a", "entry": [{"item": {"reference": "List/a"}}]}
    composition = {
        "resourceType": "Composition",
        "section": [{"code": {"coding": [{"code": "81338-6"}]}, "entry": [{"reference": "List/a"}]}],
    }
    entry = drug("Thuốc", informationSource={"reference": "PractitionerRole/1"})
    book = view(one, *ring, lists, composition, entry)
    assert [found.text for found in book.drugs.items] == ["Thuốc"]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
def test_the_ends_of_the_calendar(day: str) -> None:
    pregnant = value("Thai", "82810-3", None, day=day, valueCodeableConcept={"coding": [{"code": "77386006"}]})
    due = value("Dự sinh", "11778-8", None, day=day, valueDateTime=day)
    patient = {"resourceType": "Patient", "birthDate": day[:10]}
    ended = drug("Thuốc", effectivePeriod={"start": day, "end": day})
    book = view(patient, pregnant, due, ended, value("Kali", "2823-3", 4, day=day), allergy("Tôm", recordedDate=day))
    assert RedLineKind.ALLERGY in {line.kind for line in book.red_line.items}
    written_out(book)


def test_other_releases_of_fhir_are_read_by_their_own_names() -> None:
    book = view(
        # DSTU2 and STU3
        {
            "resourceType": "AllergyIntolerance",
            "substance": {"text": "Iod"},
            "criticality": "CRITH",
            "status": "active",
        },
        {
            "resourceType": "Condition",
            "code": {"text": "Hen"},
            "clinicalStatus": "active",
            "assertedDate": "2016-01-02",
        },
        {
            "resourceType": "MedicationStatement",
            "status": "active",
            "taken": "n",
            "medicationCodeableConcept": {"text": "Cũ"},
        },
        {"resourceType": "Immunization", "date": "2017-05-01", "notGiven": True, "vaccineCode": {"text": "MMR"}},
        # R5
        {
            "resourceType": "MedicationStatement",
            "status": "recorded",
            "medication": {"concept": {"text": "Metformin"}},
            "adherence": {"code": {"coding": [{"code": "taking"}]}},
            "dosage": [{"doseAndRate": [{"doseQuantity": {"value": 500, "unit": "mg"}}], "asNeeded": True}],
        },
        {
            "resourceType": "Procedure",
            "code": {"text": "Nội soi"},
            "occurrenceDateTime": "2024-02-03",
            "status": "completed",
        },
        {"resourceType": "DeviceUsage", "status": "active", "device": {"concept": {"text": "Máy tạo nhịp"}}},
        {
            "resourceType": "Encounter",
            "class": [{"coding": [{"code": "EMER"}]}],
            "actualPeriod": {"start": "2025-01-01"},
        },
    )
    assert (book.red_line.items[0].text, book.red_line.items[0].severe) == ("Iod", True)
    assert [problem.text for problem in book.problems.items] == ["Hen"]
    assert [one.text for one in book.stopped_drugs.items] == ["Cũ"]
    assert [(one.text, one.dose) for one in book.drugs.items] == [("Metformin", "500 mg")]
    assert [(dose.text, dose.not_done) for dose in book.vaccines.items] == [("MMR", True)]
    assert book.procedures.items[0].origin.when is not None
    assert [device.text for device in book.devices.items] == ["Máy tạo nhịp"]
    assert [visit.kind for visit in book.visits.items] == ["emergency"]


def test_a_newborns_record_does_not_show_the_mother() -> None:
    child = {"resourceType": "Patient", "id": "c", "birthDate": "2026-11-01", "name": [{"text": "Bé"}]}
    mother = {"resourceType": "Patient", "id": "m", "birthDate": "1999-01-01", "name": [{"text": "Mẹ"}]}
    hers = {"resourceType": "Condition", "code": {"text": "Của mẹ"}, "subject": {"reference": "Patient/m"}}
    its = {"resourceType": "Condition", "code": {"text": "Của bé"}, "subject": {"reference": "Patient/c"}}
    composition = {"resourceType": "Composition", "subject": {"reference": "Patient/c"}}
    book = view(mother, child, hers, its, composition)
    assert book.banner.name == "Bé"
    assert [problem.text for problem in book.problems.items] == ["Của bé"]


async def test_scripts_are_words_and_old_dates_are_dates_in_every_page(clinic: Clinic) -> None:
    script = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    story = {
        "resourceType": "Composition",
        "section": [
            {"code": {"coding": [{"code": "81338-6"}]}, "text": {"div": f"<div>Con tôi{script}<p>lo</p></div>"}},
            {"title": script, "text": {"div": "<div>Khác</div>"}},
        ],
    }
    ends = [value(script, "2823-3", 1e300, day="9999-12-31T23:59:59+14:00"), drug(script, dose=script)]
    ends += [allergy(script, recordedDate="0001-01-01T00:00:00Z"), value("Kali", "x", 10, day="0001-01-01", low=1)]
    consult = await clinic.ask_for(*demo_book("stroke"))
    clinic.site.services.panel._book = SampleBook(bundle(story, *ends))
    pages = []
    for tab in TABS:
        response = await clinic.specialist.get(f"/consults/{consult.id}/book?tab={tab}", headers={"X-Fragment": "1"})
        raw = await response.text()
        assert response.status == 200
        assert "<script" not in raw
        assert "<img" not in raw
        pages.append(raw)
    everything = " ".join(pages)
    assert "Con tôi lo" in everything
    assert "alert(1)" in everything  # as words of a name
