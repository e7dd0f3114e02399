"""Citizens and their E Health Books: identifiers, FHIR R4 elements, marks, dates, stories."""

import dataclasses
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from hoichan.demo import (
    COMMUNES,
    DemoCitizen,
    appointments,
    citizens,
    facilities,
    links,
    past_consults,
    staff,
    stories,
    vital_signs_of,
)

TODAY = date(2026, 11, 23)
DAYS = (TODAY, date(2027, 3, 1), date(2028, 2, 29))
# R4 names the person differently by resource.
SUBJECT = {"AllergyIntolerance": "patient", "Immunization": "patient", "Coverage": "beneficiary"}
REQUIRED = {
    "Condition": ("clinicalStatus", "verificationStatus", "code", "onsetDateTime", "asserter"),
    "AllergyIntolerance": ("clinicalStatus", "verificationStatus", "code", "recordedDate", "asserter"),
    "MedicationStatement": ("status", "medicationCodeableConcept", "effectivePeriod", "dosage"),
    "Observation": ("status", "category", "code", "effectiveDateTime", "performer"),
    "DiagnosticReport": ("status", "category", "code", "effectiveDateTime", "conclusion", "performer"),
    "Encounter": ("status", "class", "period", "reasonCode", "serviceProvider"),
    "Procedure": ("status", "code", "performedDateTime"),
    "Immunization": ("status", "vaccineCode", "occurrenceDateTime"),
    "DeviceUseStatement": ("status", "device", "timingPeriod"),
    "Flag": ("status", "category", "code"),
    "Coverage": ("status", "payor", "period"),
}


@pytest.fixture(scope="module")
def people() -> tuple[DemoCitizen, ...]:
    return citizens(TODAY)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts(part)


def of_kind(citizen: DemoCitizen, kind: str) -> list[dict[str, Any]]:
    return [resource for resource in citizen.resources if resource["resourceType"] == kind]


def test_there_are_eighty_with_numbers_of_their_own(people: tuple[DemoCitizen, ...]) -> None:
    assert len(people) == 80
    assert len({person.key for person in people}) == 80
    assert len({person.cccd for person in people}) == 80
    insured = [person.bhyt for person in people if person.bhyt]
    assert len(set(insured)) == len(insured)
    assert {len(number) for number in insured} == {10, 12, 15}
    assert any(person.bhyt is None for person in people)


@pytest.mark.parametrize("today", DAYS)
def test_citizen_numbers_agree_with_birth_and_sex(today: date) -> None:
    for person in citizens(today):
        assert re.fullmatch(r"\d{12}", person.cccd)
        assert person.cccd[:3] in COMMUNES[person.commune_code].birth_codes
        century = {1900: 0, 2000: 2}[person.birth_date.year // 100 * 100]
        assert int(person.cccd[3]) == century + (person.sex == "female")
        assert person.cccd[4:6] == f"{person.birth_date.year % 100:02d}"
        assert person.birth_date < today
        if person.bhyt is not None and len(person.bhyt) == 15:
            assert re.fullmatch(r"[A-Z]{2}[1-5]\d{12}", person.bhyt)


def test_patient_carries_both_identifiers(people: tuple[DemoCitizen, ...]) -> None:
    for person in people:
        patient = person.patient()
        numbers = {item["system"].rsplit("/", 1)[1]: item["value"] for item in patient["identifier"]}
        assert numbers.get("cccd") == person.cccd
        assert numbers.get("bhyt") == person.bhyt
        assert patient["name"][0]["text"] == person.name
        assert patient["birthDate"] == person.birth_date.isoformat()
        assert patient["gender"] == person.sex


def test_all_text_is_nfc(people: tuple[DemoCitizen, ...]) -> None:
    organisation = [dataclasses.asdict(item) for item in facilities()] + [
        dataclasses.asdict(item) for item in staff(TODAY)
    ]
    asked = [dataclasses.asdict(item) for item in stories()] + [dataclasses.asdict(item) for item in past_consults()]
    booked = [dataclasses.asdict(item) for item in appointments(TODAY)]
    everything = [dataclasses.asdict(person) for person in people] + organisation + asked + booked
    for text in texts(everything):
        assert unicodedata.is_normalized("NFC", text), text
        assert text, "an empty string is no FHIR value"
        assert text == text.strip(), text


def test_resources_have_the_elements_of_r4(people: tuple[DemoCitizen, ...]) -> None:
    sources = {f"urn:vn:cskcb:{facility.code}" for facility in facilities()}
    for person in people:
        for resource in person.resources:
            kind = resource["resourceType"]
            assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", resource["id"])
            assert resource["meta"]["source"] in sources
            assert resource["meta"]["tag"][0]["code"] == "HTEST"
            assert resource[SUBJECT.get(kind, "subject")] == {"reference": f"Patient/{person.key}"}
            assert all(resource.get(element) for element in REQUIRED[kind]), kind
    identifiers = Counter(resource["id"] for person in people for resource in person.resources)
    assert max(identifiers.values()) == 1


def measured(people: tuple[DemoCitizen, ...]) -> Iterator[dict[str, Any]]:
    for person in people:
        for observation in of_kind(person, "Observation"):
            for part in (observation, *observation.get("component", ())):
                if "valueQuantity" in part:
                    yield part


def test_every_mark_follows_from_its_range(people: tuple[DemoCitizen, ...]) -> None:
    marks = Counter[str]()
    for part in measured(people):
        quantity = part["valueQuantity"]
        assert quantity["system"] == "http://unitsofmeasure.org"
        assert quantity["unit"]
        assert quantity["code"]
        assert part["code"]["coding"][0]["system"] == "http://loinc.org"
        if "referenceRange" not in part:
            assert "interpretation" not in part
            continue
        bounds = part["referenceRange"][0]
        assert all(bound["code"] == quantity["code"] for bound in bounds.values())
        low = bounds["low"]["value"] if "low" in bounds else float("-inf")
        high = bounds["high"]["value"] if "high" in bounds else float("inf")
        expected = "L" if quantity["value"] < low else "H" if quantity["value"] > high else "N"
        assert part["interpretation"][0]["coding"][0]["code"] == expected
        marks[expected] += 1
    assert min(marks["L"], marks["H"], marks["N"]) > 20


def check_digit(loinc: str) -> bool:
    """LOINC codes end in a mod-10 (Luhn) check digit."""
    body, check = loinc.split("-")
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return (10 - total % 10) % 10 == int(check)


def test_loinc_codes_have_right_check_digits(people: tuple[DemoCitizen, ...]) -> None:
    codes = {
        coding["code"]
        for person in people
        for resource in person.resources
        for part in (resource, *resource.get("component", ()))
        for coding in part.get("code", {}).get("coding", ())
        if coding["system"] == "http://loinc.org"
    }
    assert len(codes) > 40
    assert [code for code in codes if not check_digit(code)] == []


@pytest.mark.parametrize("today", DAYS)
def test_no_date_lies_ahead_or_before_birth(today: date) -> None:
    for person in citizens(today):
        for resource in person.resources:
            if resource["resourceType"] == "Coverage":
                continue
            for name in ("onsetDateTime", "abatementDateTime", "recordedDate", "performedDateTime", "dateAsserted"):
                check_date(resource.get(name), person, today)
            for name in ("occurrenceDateTime", "effectiveDateTime", "issued", "recordedOn"):
                check_date(resource.get(name), person, today)
            for name in ("period", "effectivePeriod", "timingPeriod"):
                period = resource.get(name, {})
                for end in ("start", "end"):
                    check_date(period.get(end), person, today)
                if "end" in period:
                    assert period["start"] <= period["end"]


def check_date(value: str | None, person: DemoCitizen, today: date) -> None:
    if value is None:
        return
    if "T" in value:
        assert datetime.fromisoformat(value).utcoffset() == timedelta(hours=7)
    assert person.birth_date.isoformat() <= value[:10] < today.isoformat(), (person.key, value)


def test_the_same_day_gives_the_same_data() -> None:
    assert citizens(TODAY) == citizens(TODAY)
    assert citizens(TODAY) != citizens(TODAY + timedelta(days=1))
    assert [person.cccd for person in citizens(TODAY)][:3] == [person.cccd for person in citizens(DAYS[1])][:3]


def test_books_reach_from_rich_to_nearly_empty(people: tuple[DemoCitizen, ...]) -> None:
    sizes = [len([item for item in person.resources if item["resourceType"] != "Coverage"]) for person in people]
    assert max(sizes) > 100
    assert sum(size > 40 for size in sizes) >= 15
    assert sum(size <= 2 for size in sizes) >= 8


def test_allergies_are_known_none_or_absent(people: tuple[DemoCitizen, ...]) -> None:
    states = Counter[str]()
    for person in people:
        allergies = of_kind(person, "AllergyIntolerance")
        none_known = [item for item in allergies if "coding" in item["code"]]
        if not allergies:
            states["no information"] += 1
        elif none_known:
            assert len(allergies) == 1
            assert none_known[0]["code"]["coding"][0]["code"] == "no-known-allergies"
            states["known none"] += 1
        else:
            assert all(item["criticality"] and item["reaction"][0]["manifestation"] for item in allergies)
            states["known"] += 1
    assert min(states.values()) >= 10
    assert len(states) == 3


def test_some_conditions_are_restricted(people: tuple[DemoCitizen, ...]) -> None:
    holders = [
        person.key
        for person in people
        if any(
            label["code"] == "R" for item in of_kind(person, "Condition") for label in item["meta"].get("security", ())
        )
    ]
    assert len(holders) == 2
    assert "bn-001" in holders


def test_each_story_has_a_whole_book(people: tuple[DemoCitizen, ...]) -> None:
    by_key = {person.key: person for person in people}
    staff_by_name = {person.user_name: person for person in staff(TODAY)}
    assert {person.story for person in people if person.story} == {story.code for story in stories()}
    for story in stories():
        person = by_key[story.citizen_key]
        assert person.story == story.code
        assert staff_by_name[story.requester].facility_code == story.clinic_code
        assert story.clinic_code in {link.spoke_code for link in links()}
        assert all((story.situation, story.background, story.assessment, story.recommendation))
        for kind in ("Condition", "MedicationStatement", "AllergyIntolerance", "Encounter"):
            assert of_kind(person, kind), (story.code, kind)
        radiology = [
            item for item in of_kind(person, "DiagnosticReport") if item["category"][0]["coding"][0]["code"] == "RAD"
        ]
        assert radiology
        series: dict[str, set[str]] = {}
        for item in of_kind(person, "Observation"):
            if item["category"][0]["coding"][0]["code"] == "laboratory" and "valueQuantity" in item:
                series.setdefault(item["code"]["text"], set()).add(item["effectiveDateTime"])
        assert max(len(moments) for moments in series.values()) >= 3


def test_the_stroke_story_is_the_one_of_the_design(people: tuple[DemoCitizen, ...]) -> None:
    person = people[0]
    assert (person.name, person.birth_date, person.cccd[-4:]) == ("Nguyễn Văn Lành", date(1958, 3, 12), "4471")
    assert person.bhyt_valid_until == date(2026, 12, 31)
    assert len(of_kind(person, "Encounter")) == 14
    inr = [item for item in of_kind(person, "Observation") if item["code"]["text"] == "INR"]
    newest = max(inr, key=lambda item: str(item["effectiveDateTime"]))
    assert newest["valueQuantity"]["value"] == 2.8
    assert newest["effectiveDateTime"][:10] == "2026-11-18"
    assert newest["interpretation"][0]["coding"][0]["code"] == "H"
    assert [item["criticality"] for item in of_kind(person, "AllergyIntolerance")] == ["high"]
    assert len(of_kind(person, "DeviceUseStatement")) == 1
    assert sum(other.name == person.name for other in people) == 3


def test_vital_signs_of_the_moment_belong_to_the_story(people: tuple[DemoCitizen, ...]) -> None:
    at = datetime(2026, 11, 23, 13, 58, tzinfo=timezone(timedelta(hours=7)))
    by_key = {person.key: person for person in people}
    for story in stories():
        signs = vital_signs_of(story, by_key[story.citizen_key].birth_date, at)
        assert {item["effectiveDateTime"] for item in signs} == {"2026-11-23T13:58:00+07:00"}
        assert {item["subject"]["reference"] for item in signs} == {f"Patient/{story.citizen_key}"}
        assert "Mạch" in {item["code"]["text"] for item in signs}
