"""From FHIR to what a doctor reads: the red line, silences that stay apart, marks, changes, units."""

from __future__ import annotations

import copy
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoichan.demo import citizens
from records_panel import summary
from records_panel.fhir_mapping import book_view
from records_panel.model import AbsenceKind, BookView, DrugState, Mark, Precision, RedLineKind, Section, VitalKind
from tests.records_panel.conftest import ZONE
from tests.records_panel.samples import NOW, allergy, bundle, composition, drug, restricted, value, view

KINDS = AbsenceKind


def sections(book: BookView) -> list[Section[Any]]:
    return [part for name in fields(book) if isinstance(part := getattr(book, name.name), Section)]


def test_a_section_cannot_be_empty_by_accident() -> None:
    with pytest.raises(ValueError, match="say why"):
        Section(())


def test_nothing_written_is_no_information_everywhere() -> None:
    book = view()
    for section in sections(book):
        assert [absence.kind for absence in section.absences] == [KINDS.NO_INFORMATION]
    assert book.banner.name is None
    assert book.banner.insured is None


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        (allergy("x", code={"coding": [{"code": "no-known-allergies"}]}), KINDS.KNOWN_NONE),
        (allergy("x", code={"coding": [{"code": "716186003"}]}), KINDS.KNOWN_NONE),
        (allergy("No known allergies"), KINDS.KNOWN_NONE),
        (allergy("x", code={"coding": [{"code": "no-allergy-info"}]}), KINDS.NO_INFORMATION),
        (composition("48765-2", "nilknown"), KINDS.KNOWN_NONE),
        (composition("48765-2", "notasked"), KINDS.NO_INFORMATION),
        (composition("48765-2", "unavailable"), KINDS.NO_INFORMATION),
        (composition("48765-2", "withheld"), KINDS.WITHHELD),
        (restricted(allergy("Penicillin")), KINDS.WITHHELD),
    ],
)
def test_the_silences_of_allergies_stay_apart(resource: Any, kind: AbsenceKind) -> None:
    line = view(resource).red_line
    assert line.items == ()
    assert [absence.kind for absence in line.absences] == [kind]


def test_none_of_one_kind_leaves_the_others_open() -> None:
    food = allergy("Không dị ứng thức ăn", code={"coding": [{"code": "no-known-food-allergies"}]})
    assert [absence.kind for absence in view(food).red_line.absences] == [KINDS.KNOWN_NONE, KINDS.NO_INFORMATION]
    both = view(food, allergy("Penicillin", "high")).red_line
    assert [line.text for line in both.items] == ["Penicillin"]
    assert [absence.kind for absence in both.absences] == [KINDS.KNOWN_NONE]


def test_a_real_allergy_outweighs_a_claim_of_none() -> None:
    none = allergy("x", code={"coding": [{"code": "no-known-allergies"}]})
    line = view(none, allergy("Penicillin", "high")).red_line
    assert [item.text for item in line.items] == ["Penicillin"]
    assert line.absences == ()


def test_withheld_entries_are_counted_and_nowhere_shown() -> None:
    secret = restricted({"resourceType": "Condition", "code": {"text": "BÍ MẬT"}, "clinicalStatus": {}})
    hidden = restricted(drug("BÍ MẬT"))
    told = composition("11450-4", text="BÍ MẬT")
    book = view(secret, hidden, told, {"resourceType": "Condition", "code": {"text": "Gút"}})
    assert [problem.text for problem in book.problems.items] == ["Gút"]
    assert [(absence.kind, absence.count) for absence in book.problems.absences] == [(KINDS.WITHHELD, 1)]
    assert [(absence.kind, absence.count) for absence in book.drugs.absences] == [(KINDS.WITHHELD, 1)]
    assert book.withheld == 2
    assert "BÍ MẬT" not in repr(book)


def test_the_red_line_puts_severe_allergies_first() -> None:
    device = {"resourceType": "DeviceUseStatement", "status": "active", "device": {"display": "Máy tạo nhịp"}}
    flag = {"resourceType": "Flag", "status": "active", "code": {"text": "Té ngã"}}
    over = {"resourceType": "Flag", "status": "active", "code": {"text": "Cũ"}, "period": {"end": "2020-01-01"}}
    consent = {
        "resourceType": "Consent",
        "status": "active",
        "category": [{"coding": [{"code": "dnr"}], "text": "DNR"}],
    }
    sign = [{"manifestation": [{"text": "phản vệ"}], "severity": "severe"}]
    line = view(
        consent,
        device,
        drug("Acenocoumarol 2 mg", dose="1 viên tối"),
        drug("Warfarin", "stopped"),
        flag,
        over,
        allergy("Tôm", "low"),
        allergy("Aspirin"),
        allergy("Penicillin", reaction=sign),
        allergy("Bụi", clinicalStatus={"coding": [{"code": "resolved"}]}),
    ).red_line
    assert [(item.kind, item.text, item.severe) for item in line.items] == [
        (RedLineKind.ALLERGY, "Penicillin", True),
        (RedLineKind.ALLERGY, "Aspirin", False),
        (RedLineKind.ALLERGY, "Tôm", False),
        (RedLineKind.ALERT, "Té ngã", False),
        (RedLineKind.ANTICOAGULANT, "Acenocoumarol 2 mg", False),
        (RedLineKind.IMPLANT, "Máy tạo nhịp", False),
        (RedLineKind.DIRECTIVE, "DNR", False),
    ]
    assert line.items[0].detail == "phản vệ"
    assert line.items[4].detail == "1 viên tối"


def _pregnancy(day: str, due: str | None, code: str = "LA15173-0") -> list[Any]:
    told: dict[str, Any] = {"valueCodeableConcept": {"coding": [{"code": code}], "text": "Đang mang thai"}}
    status = value("Thai", "82810-3", None, day=day, category="social-history", **told)
    expected = value("Dự sinh", "11778-8", None, day=day, category="social-history", valueDateTime=due)
    return [status, expected] if due else [status]


@pytest.mark.parametrize(
    ("resources", "weeks"),
    [
        (_pregnancy("2026-11-20", "2027-01-04"), [34]),
        (_pregnancy("2026-11-20", None), [None]),
        (_pregnancy("2025-11-20", None), []),
        (_pregnancy("2026-01-20", "2026-08-01"), []),
        (_pregnancy("2026-11-20", "2027-01-04", code="LA26683-5"), []),
    ],
)
def test_a_pregnancy_is_told_while_it_lasts(resources: list[Any], weeks: list[int | None]) -> None:
    found = [line for line in view(*resources).red_line.items if line.kind is RedLineKind.PREGNANCY]
    assert [line.weeks for line in found] == weeks


def test_drugs_are_told_apart_by_state_and_end() -> None:
    book = view(
        drug("Đang uống", dose="1 viên"),
        drug("Tạm ngừng", "on-hold"),
        drug("Chưa rõ", "unknown"),
        drug("Hết đợt", effectivePeriod={"start": "2026-01-01", "end": "2026-01-10"}),
        drug("Đã ngừng", "stopped"),
        drug("Nhầm", "entered-in-error"),
    )
    assert {one.text: one.state for one in book.drugs.items} == {
        "Đang uống": DrugState.ACTIVE,
        "Tạm ngừng": DrugState.ON_HOLD,
        "Chưa rõ": DrugState.UNSURE,
    }
    assert book.drugs.items[-1].text == "Chưa rõ"
    assert {one.text for one in book.stopped_drugs.items} == {"Hết đợt", "Đã ngừng"}


def test_a_problem_that_is_over_is_past() -> None:
    book = view(
        {"resourceType": "Condition", "code": {"text": "Gút"}, "onsetDateTime": "2018"},
        {"resourceType": "Condition", "code": {"text": "Lao"}, "clinicalStatus": {"coding": [{"code": "resolved"}]}},
        {"resourceType": "Condition", "code": {"text": "Sốt"}, "abatementDateTime": "2020-01-05"},
        {
            "resourceType": "Condition",
            "code": {"text": "Loại trừ"},
            "verificationStatus": {"coding": [{"code": "refuted"}]},
        },
    )
    assert [problem.text for problem in book.problems.items] == ["Gút"]
    onset = book.problems.items[0].origin.when
    assert onset is not None
    assert onset.precision is Precision.YEAR
    assert {problem.text for problem in book.past_problems.items} == {"Lao", "Sốt"}


def test_a_result_carries_mark_change_range_and_line() -> None:
    book = view(
        value("Kali", "2823-3", 3.7, low=3.5, high=5.0, day="2026-10-01"),
        value("Kali", "2823-3", 3.3, low=3.5, high=5.0),
        value("Natri", "2951-2", 140, low=135, high=145),
    )
    assert [result.name for result in book.abnormal.items] == ["Kali"]
    potassium = book.abnormal.items[0]
    assert potassium.mark is Mark.LOW
    assert potassium.change == pytest.approx(-0.4)
    assert potassium.spark is not None
    assert potassium.spark.off
    assert potassium.reference is not None
    assert (potassium.reference.low, potassium.reference.high) == (3.5, 5.0)
    assert potassium.origin.facility == "BV Sông Trà"
    assert len(book.results.items) == 2


def test_two_units_never_meet_on_one_line_nor_in_one_change() -> None:
    book = view(
        value("Glucose", "2345-7", 180, "mg/dL", "2026-09-01"),
        value("Glucose", "2345-7", 9.0, "mmol/L", "2026-10-01"),
        value("Glucose", "2345-7", 160, "mg/dL", "2026-11-01"),
    )
    (glucose,) = book.results.items
    assert glucose.change == -20
    assert glucose.spark is not None
    assert len(glucose.spark.points.split(" ")) == 2
    (other,) = view(
        value("Glucose", "2345-7", 180, "mg/dL", "2026-09-01"), value("Glucose", "2345-7", 9.0, "mmol/L", "2026-10-01")
    ).results.items
    assert (other.change, other.spark) == (None, None)


def test_a_range_in_a_foreign_unit_marks_nothing() -> None:
    odd = value("Glucose", "2345-7", 9.0, "mmol/L")
    odd["referenceRange"] = [{"low": {"value": 70, "unit": "mg/dL"}, "high": {"value": 110, "unit": "mg/dL"}}]
    (glucose,) = view(odd).results.items
    assert glucose.mark is None
    assert glucose.reference is not None
    assert glucose.reference.text == "70 mg/dL–110 mg/dL"


def test_the_laboratorys_own_mark_counts_before_the_range() -> None:
    said = [{"coding": [{"code": "N"}]}]
    high = [{"coding": [{"code": "HH"}]}]
    assert view(value("Kali", "2823-3", 9, low=3.5, high=5.0, interpretation=said)).abnormal.items == ()
    book = view(value("CRP", "1988-5", 9, high=5.0, day="2026-11-22"), value("Kali", "2823-3", 9, interpretation=high))
    assert [(result.name, result.mark) for result in book.abnormal.items] == [
        ("Kali", Mark.VERY_HIGH),
        ("CRP", Mark.HIGH),
    ]


def test_results_in_words_and_measurement_limits() -> None:
    words = value("NS1", "75377-2", None, valueCodeableConcept={"text": "Dương tính"})
    limit = value("Troponin", "67151-1", 3, "ng/L", high=14)
    limit["valueQuantity"]["comparator"] = "<"
    book = view(words, limit)
    assert {result.name: result.text or "number" for result in book.results.items} == {
        "NS1": "Dương tính",
        "Troponin": "number",
    }


def test_vital_signs_are_the_latest_and_those_never_taken_say_so() -> None:
    def part(loinc: str, number: float) -> dict[str, Any]:
        return {"code": {"coding": [{"code": loinc}]}, "valueQuantity": {"value": number, "unit": "mmHg"}}

    def pressure(day: str, upper: float, lower: float) -> dict[str, Any]:
        parts = [part("8480-6", upper), part("8462-4", lower)]
        return value("HA", "85354-9", None, day=day, category="vital-signs", component=parts)

    book = view(
        pressure("2026-11-20", 150, 95),
        pressure("2026-11-01", 120, 80),
        value("Mạch", "8867-4", 92, "/min", category="vital-signs"),
        value("Cân nặng", "29463-7", 62, "kg", category="vital-signs"),
    )
    by_kind = {vital.kind: vital for vital in book.vitals.items}
    assert by_kind[VitalKind.BLOOD_PRESSURE].values == (150, 95)
    assert by_kind[VitalKind.BLOOD_PRESSURE].spark is not None
    assert by_kind[VitalKind.PULSE].values == (92,)
    assert by_kind[VitalKind.PAIN].values == ()
    assert len(book.vitals.items) == len(VitalKind)
    assert book.results.items == ()
    assert book.banner.weight is not None
    assert book.banner.weight.value == 62


def test_the_banner_masks_the_number_and_knows_insurance() -> None:
    patient = {
        "resourceType": "Patient",
        "name": [{"text": "Nguyễn Văn Lành"}],
        "birthDate": "1958-03-12",
        "gender": "male",
        "identifier": [{"system": "http://fhir.ehealth.gov.vn/core/sid/national_id", "value": "051058004471"}],
    }
    ended = {"resourceType": "Coverage", "status": "active", "period": {"end": "2025-12-31"}}
    banner = view(patient, ended).banner
    assert (banner.name, banner.sex, banner.masked_number) == ("Nguyễn Văn Lành", "male", "••••4471")
    assert banner.insured is False
    running = {"resourceType": "Coverage", "status": "active", "period": {"end": "2026-12-31"}}
    assert view(patient, ended, running).banner.insured is True
    assert "051058004471" not in repr(view(patient))


def test_the_demo_stories_read_as_they_are_told() -> None:
    by_story = {citizen.story: citizen for citizen in citizens(NOW.date()) if citizen.story}
    stroke = by_story["stroke"]
    made = summary.document(stroke.patient(), stroke.resources, NOW)
    book = book_view(made, NOW, source="A book", zone=ZONE)
    assert {line.kind for line in book.red_line.items} == {
        RedLineKind.ALLERGY,
        RedLineKind.ANTICOAGULANT,
        RedLineKind.IMPLANT,
    }
    assert book.banner.is_test
    assert book.problems.absences[0].kind is KINDS.WITHHELD
    assert {"INR", "Creatinin", "Kali"} <= {result.name for result in book.abnormal.items}
    mother = by_story["pre-eclampsia"]
    book = book_view(bundle(*mother.resources), NOW, source="A book", zone=ZONE)
    assert [line.kind for line in book.red_line.items] == [RedLineKind.PREGNANCY]
    assert book.red_line.items[0].weeks == 34
    assert book.reports.items
    assert book.visits.items


_leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.just([]), st.just({}))
_story = next(citizen for citizen in citizens(NOW.date()) if citizen.story)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_broken_element_breaks_the_view(data: st.DataObject) -> None:
    kinds = {resource["resourceType"]: resource for resource in _story.resources}
    resource = copy.deepcopy(data.draw(st.sampled_from(list(kinds.values()))))
    place: Any = resource
    while True:
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
        deeper = place[key]
        if isinstance(deeper, (dict, list)) and deeper and data.draw(st.booleans()):
            place = deeper
            continue
        place[key] = data.draw(_leaf)
        break
    book = view(resource)
    assert all(section.items or section.absences for section in sections(book))


@given(
    st.recursive(
        _leaf, lambda inner: st.dictionaries(st.sampled_from(["entry", "resource", "code"]), inner) | st.lists(inner)
    )
)
def test_no_json_breaks_the_view(anything: Any) -> None:
    book_view({"entry": anything}, NOW, source="A book", zone=ZONE)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ({"coding": [{"code": "716186003"}]}, ""),
        ({"coding": [{"code": "no-known-allergies"}]}, ""),
        ({"coding": [{"code": "716186003", "display": "Keine Allergie bekannt"}]}, "Keine Allergie bekannt"),
        # Our words for “none” would hold for every kind.
        ({"coding": [{"code": "429625007"}]}, "429625007"),
    ],
)
def test_a_silence_in_a_bare_code_is_told_in_our_words(code: Any, text: str) -> None:
    assert view(allergy("", code=code)).red_line.absences[0].text == text


def test_a_vital_sign_that_a_summary_keeps_among_its_results_is_no_result() -> None:
    pressure = value("HA", "8480-6", 178, "mm[Hg]", category="vital-signs", high=139, id="a")
    glucose = value("Glucose", "2339-0", 9.8, id="b")
    summary_of = composition("30954-2", None)
    summary_of["section"][0]["entry"] = [{"reference": "Observation/a"}, {"reference": "Observation/b"}]
    book = view(summary_of, pressure, glucose)
    assert [result.name for result in book.results.items] == ["Glucose"]
