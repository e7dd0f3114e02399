"""Several sources as one book: provenance, duplicates, conflicts, gaps. Tables of cases over the pure functions."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records_panel.conflicts import conflicts
from records_panel.document import Document
from records_panel.fhir_mapping import book_view
from records_panel.fhir_reading import as_dict, as_list
from records_panel.gaps import KINDS
from records_panel.merging import Part, merged
from records_panel.model import AbsenceKind, BookView, Section
from records_panel.provenance import ALL_KINDS, ConflictKind, Gap, Reason, SourceAnswer
from tests.records_panel.conftest import ZONE
from tests.records_panel.hospital import of, person
from tests.records_panel.npm_samples import sample_files
from tests.records_panel.samples import LOINC, NOW, Json, allergy, bundle, composition, drug, restricted, value

OWN, SONGTRA = "Sổ này", "BV Sông Trà"


def parts(own: list[Json], theirs: list[Json], *, gaps: tuple[Gap, ...] = ()) -> list[Part]:
    mine = [person("pat_1"), *(of(one, "pat_1") for one in own)]
    other = [person("p1"), *(of(one, "p1") for one in theirs)]
    return [
        Part(SourceAnswer("embedded", OWN, NOW), bundle(*mine), own=True),
        Part(SourceAnswer("songtra", SONGTRA, NOW, gaps=gaps), bundle(*other)),
    ]


def view_of(own: list[Json], theirs: list[Json], *, gaps: tuple[Gap, ...] = ()) -> BookView:
    return book_view(merged(parts(own, theirs, gaps=gaps), NOW), NOW, source=OWN, zone=ZONE)


def coded(text: str, code: str) -> Json:
    return {"text": text, "coding": [{"system": "http://snomed.info/sct", "code": code}]}


def status(code: str) -> Json:
    return {"coding": [{"code": code}]}


def problem(text: str, state: str = "active", **more: Any) -> Json:
    return {"resourceType": "Condition", "code": {"text": text}, "clinicalStatus": status(state), **more}


def blood(text: str, **more: Any) -> Json:
    return value("Nhóm máu", "882-1", None, valueCodeableConcept={"text": text}, **more)


def numbered(resource: Json, number: str) -> Json:
    return resource | {"identifier": [{"system": "urn:lis", "value": number}]}


SODIUM = value("Natri", "2951-2", 138, day="2026-11-18T08:00:00+07:00")
SAME = [
    (allergy("Penicillin", "high"), allergy("penicillin", "high")),
    (allergy("x", code=coded("Penicillin", "91936005")), allergy("x", code=coded("Dị ứng penicillin", "91936005"))),
    (problem("Tăng huyết áp"), problem("tang huyet ap")),
    (drug("Metformin", dose="500 mg"), drug("METFORMIN", dose="500 mg")),
    (SODIUM, SODIUM | {"effectiveDateTime": "2026-11-18T01:00:00Z"}),
    (SODIUM, SODIUM | {"effectiveDateTime": "2026-11-18"}),
    (SODIUM, SODIUM | {"code": {"text": "Na+", "coding": [{"system": LOINC, "code": "2951-2"}]}}),
    (numbered(SODIUM, "7"), numbered(SODIUM | {"code": {"text": "Natri máu"}, "effectiveDateTime": "2026"}, "7")),
]
NOT_SAME = [
    (SODIUM, SODIUM | {"effectiveDateTime": "2026-11-18T09:00:00+07:00"}),
    (SODIUM, SODIUM | {"effectiveDateTime": "2026-11"}),
    (SODIUM, SODIUM | {"valueQuantity": {"value": 139, "unit": "mmol/L"}}),
    (SODIUM, SODIUM | {"valueQuantity": {"value": 138, "unit": "mg/dL"}}),
    (SODIUM, SODIUM | {"status": "preliminary"}),
    (numbered(SODIUM, "7"), numbered(SODIUM | {"valueQuantity": {"value": 1, "unit": "mmol/L"}}, "7")),
    (allergy("Penicillin", "high"), allergy("Penicillin", "low")),
    (allergy("Penicillin"), allergy("Amoxicillin")),
    (drug("Metformin", dose="500 mg"), drug("Metformin", dose="850 mg")),
    (problem("Gút"), problem("Gút", recordedDate="2020-01-01")),
    (allergy("Latex"), restricted(allergy("Latex"))),
    (
        {"resourceType": "Consent", "status": "active", "category": [{"text": "Nghiên cứu"}]},
        {"resourceType": "Consent", "status": "active", "category": [{"text": "Nghiên cứu"}]},
    ),
]


def entries(own: Json, theirs: Json) -> list[Json]:
    whole = merged(parts([own], [theirs]), NOW)
    found = [entry["resource"] for entry in whole["entry"]]
    return [one for one in found if one["resourceType"] == own["resourceType"]]


@pytest.mark.parametrize(("own", "theirs"), SAME)
def test_what_two_sources_say_alike_is_shown_once_with_both(own: Json, theirs: Json) -> None:
    [kept] = entries(own, theirs)
    assert [tag["display"] for tag in kept["meta"]["tag"]] == [OWN, SONGTRA]


@pytest.mark.parametrize(("own", "theirs"), NOT_SAME)
def test_what_differs_stays_side_by_side(own: Json, theirs: Json) -> None:
    kept = entries(own, theirs)
    assert [[tag["display"] for tag in one["meta"]["tag"] if "display" in tag] for one in kept] == [[OWN], [SONGTRA]]


def test_what_one_source_says_twice_it_means_twice() -> None:
    whole = merged(parts([], [SODIUM | {"id": "1"}, SODIUM | {"id": "2"}]), NOW)
    assert sum(entry["resource"]["resourceType"] == "Observation" for entry in whole["entry"]) == 2


def test_every_entry_shows_its_source() -> None:
    view = view_of([allergy("Penicillin", "high"), SODIUM], [SODIUM, problem("Gút")])
    assert view.red_line.items[0].origin.source == OWN
    assert view.problems.items[0].origin.source == SONGTRA
    assert view.results.items[0].origin.source == f"{OWN}\n{SONGTRA}"
    assert [(answer.name, answer.as_of) for answer in view.sources] == [(OWN, NOW), (SONGTRA, NOW)]
    assert view.conflicts == ()


def test_references_stay_within_their_source() -> None:
    """Both have a Medication/m1; each drug keeps its own, and one that leads nowhere does not lead to the other's."""

    def by_reference(id_: str, target: str) -> Json:
        resource = drug("", id=id_, medicationReference={"reference": target})
        del resource["medicationCodeableConcept"]
        return resource

    def medication(text: str) -> Json:
        return {"resourceType": "Medication", "id": "m1", "code": {"text": text}}

    mine = bundle(person("pat_1"), of(by_reference("a", "Medication/m1"), "pat_1"), medication("Warfarin"))
    theirs = bundle(person("p1"), *(of(by_reference(one, t)) for one, t in (("a", "Medication/m1/_history/2"),)))
    theirs["entry"].append({"fullUrl": "https://h.vn/fhir/Medication/m1", "resource": medication("Heparin")})
    theirs["entry"].append({"resource": of(by_reference("b", "https://h.vn/fhir/Medication/m1"))})
    answers = [SourceAnswer(key, key, NOW) for key in ("embedded", "a", "b")]
    nowhere = by_reference("a", "Medication/m1") | {"dosage": [{"text": "unlike the others, and so not folded"}]}
    lost = bundle(person("p9"), of(nowhere, "p9"))
    whole = [Part(answers[0], mine, own=True), Part(answers[1], theirs), Part(answers[2], lost)]
    view = book_view(merged(whole, NOW), NOW, source=OWN, zone=ZONE)
    assert sorted(one.text for one in view.drugs.items) == ["Heparin", "Heparin", "Warfarin"]


CONFLICTS = [
    (
        allergy("Penicillin", clinicalStatus=status("active")),
        allergy("Penicillin", verificationStatus=status("refuted")),
        ConflictKind.ALLERGY,
        {(OWN, ("holds",)), (SONGTRA, ("was ruled out",))},
    ),
    (
        allergy("Penicillin", "high"),
        allergy("Penicillin", "low"),
        ConflictKind.ALLERGY,
        {(OWN, ("holds", "high risk")), (SONGTRA, ("holds", "low risk"))},
    ),
    (
        allergy("x", code=coded("No known allergy", "716186003")),
        allergy("Penicillin"),
        ConflictKind.ALLERGY,
        {(OWN, ("none known",)), (SONGTRA, ())},
    ),
    (
        composition("48765-2", "nilknown"),
        allergy("Penicillin"),
        ConflictKind.ALLERGY,
        {(OWN, ("none known",)), (SONGTRA, ())},
    ),
    (
        drug("Metformin", dose="500 mg"),
        drug("Metformin", dose="850 mg"),
        ConflictKind.DRUG,
        {(OWN, ("in use",)), (SONGTRA, ("in use",))},
    ),
    (
        drug("Warfarin"),
        drug("Warfarin", status="stopped"),
        ConflictKind.DRUG,
        {(OWN, ("in use",)), (SONGTRA, ("stopped",))},
    ),
    (
        problem("Gút"),
        problem("Gút", "resolved"),
        ConflictKind.PROBLEM,
        {(OWN, ("holds",)), (SONGTRA, ("is over",))},
    ),
    (blood("O Rh(+)"), blood("A Rh(+)"), ConflictKind.BLOOD_GROUP, {(OWN, ()), (SONGTRA, ())}),
    (
        SODIUM,
        SODIUM | {"valueQuantity": {"value": 120, "unit": "mmol/L"}},
        ConflictKind.RESULT,
        {(OWN, ()), (SONGTRA, ())},
    ),
]
NO_CONFLICTS = [
    (allergy("Penicillin", "high"), allergy("Penicillin")),  # the one tells less
    (allergy("Penicillin"), allergy("Latex")),
    (drug("Metformin", dose="500 mg"), drug("Metformin")),
    (blood("O Rh(+)"), blood("O+")),
    (blood("O+"), blood("Nhóm O, Rh dương")),
    (SODIUM, value("Natri", "2951-2", 120, day="2026-11-17T08:00:00+07:00")),
    (SODIUM, value("Kali", "2823-3", 4, day="2026-11-18T08:00:00+07:00")),
    (restricted(allergy("Penicillin")), allergy("Penicillin", verificationStatus=status("refuted"))),
]


@pytest.mark.parametrize(("own", "theirs", "kind", "sides"), CONFLICTS)
def test_where_sources_disagree_both_are_told(own: Json, theirs: Json, kind: ConflictKind, sides: Any) -> None:
    for first, second in ((own, theirs), (theirs, own)):
        [conflict] = view_of([first], [second]).conflicts
        assert conflict.kind is kind
        swapped = {(OWN if name == SONGTRA else SONGTRA, words) for name, words in sides}
        told = {(side.source, side.words) for side in conflict.sides}
        assert told == (sides if first is own else swapped)


@pytest.mark.parametrize(("own", "theirs"), NO_CONFLICTS)
def test_telling_less_or_otherwise_is_no_conflict(own: Json, theirs: Json) -> None:
    assert view_of([own], [theirs]).conflicts == ()


def test_nothing_is_resolved_in_silence() -> None:
    view = view_of(
        [drug("Metformin", dose="500 mg"), blood("O+", day="2020-01-01")],
        [drug("Metformin", dose="850 mg"), blood("A+", day="2026-01-01")],
    )
    assert sorted(one.dose for one in view.drugs.items) == ["500 mg", "850 mg"]
    assert view.banner.blood_group is not None
    assert {"O+", "A+"} == set(view.banner.blood_group.split(" ≠ "))


def test_another_birth_date_name_or_sex_is_told() -> None:
    several = parts([], [])
    assert several[1].bundle is not None
    several[1].bundle["entry"][0]["resource"] |= {"birthDate": "1959-01-01", "name": [{"text": "Nguyễn Văn Lãnh"}]}
    view = book_view(merged(several, NOW), NOW, source=OWN, zone=ZONE)
    assert [(one.kind, one.subject) for one in view.conflicts] == [(ConflictKind.IDENTITY, "Birth date")]
    several[1].bundle["entry"][0]["resource"] |= {"name": [{"text": "Trần Lành"}]}
    view = book_view(merged(several, NOW), NOW, source=OWN, zone=ZONE)
    assert [one.subject for one in view.conflicts] == ["Name", "Birth date"]
    assert view.banner.name == "Nguyễn Văn Lành"


def test_of_each_source_the_newest_word_counts_for_drugs() -> None:
    old = drug("Metformin", status="stopped", effectiveDateTime="2019-01-01")
    now = drug("Metformin", dose="500 mg", effectiveDateTime="2026-01-01")
    assert view_of([now], [old | {"id": "o"}, now | {"id": "n", "status": "active"}]).conflicts == ()
    assert len(view_of([now], [old]).conflicts) == 1


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_section_that_did_not_come_never_reads_as_empty(name: str) -> None:
    gaps = tuple(Gap(kind, Reason.TIMEOUT) for kind in KINDS[name])
    section: Section[Any] = getattr(view_of([], [], gaps=gaps), name)
    assert [(one.kind, one.text) for one in section.absences] == [(AbsenceKind.UNAVAILABLE, SONGTRA)]
    everything = getattr(view_of([], [], gaps=(Gap(ALL_KINDS, Reason.TIMEOUT),)), name)
    assert everything.absences == section.absences


def test_what_came_is_shown_beside_what_did_not() -> None:
    gap = Gap("AllergyIntolerance", Reason.FAILING)
    view = view_of([allergy("Penicillin")], [], gaps=(gap,))
    assert [line.text for line in view.red_line.items] == ["Penicillin"]
    assert [one.kind for one in view.red_line.absences] == [AbsenceKind.UNAVAILABLE]
    view = view_of([composition("48765-2", "nilknown")], [], gaps=(gap,))
    assert {one.kind for one in view.red_line.absences} == {AbsenceKind.KNOWN_NONE, AbsenceKind.UNAVAILABLE}
    assert [one.kind for one in view.problems.absences] == [AbsenceKind.NO_INFORMATION]


def test_nobody_elses_bundle_speaks_of_our_sources() -> None:
    forged = merged(parts([], [], gaps=(Gap(ALL_KINDS, Reason.TIMEOUT),)), NOW)
    outcome = next(one["resource"] for one in forged["entry"] if one["resource"]["resourceType"] == "OperationOutcome")
    tag = {"system": "urn:hoichan:source", "code": "x", "display": "BV Giả"}
    fake = allergy("Latex") | {"meta": {"tag": [tag]}}
    whole = merged(parts([outcome, fake], [outcome, fake | {"id": "f"}]), NOW)
    view = book_view(whole, NOW, source=OWN, zone=ZONE)
    assert [one.name for one in view.sources] == [OWN, SONGTRA]
    assert all(one.gaps == () for one in view.sources)
    assert "BV Giả" not in repr(view)
    plain = bundle(person(), outcome)
    assert book_view(plain, NOW, source=OWN, zone=ZONE).sources == ()


def test_merging_changes_nothing_of_what_it_was_given() -> None:
    several = parts([SODIUM, allergy("Penicillin")], [SODIUM, allergy("Penicillin")])
    before = copy.deepcopy(several)
    merged(several, NOW)
    assert several == before


_RESOURCES = st.sampled_from([one for pair in [*SAME, *NOT_SAME] for one in pair])


@settings(max_examples=60, deadline=None)
@given(own=st.lists(_RESOURCES, max_size=6), theirs=st.lists(_RESOURCES, max_size=6))
def test_no_entry_is_lost_or_made_and_merging_again_gives_the_same(own: list[Json], theirs: list[Json]) -> None:
    mine = [one | {"id": f"m{n}"} for n, one in enumerate(own)]
    others = [one | {"id": f"t{n}"} for n, one in enumerate(theirs)]
    whole = merged(parts(mine, others), NOW)
    tags = [
        tag["code"] for entry in whole["entry"][:-2] for tag in entry["resource"]["meta"]["tag"] if "display" in tag
    ]
    assert tags.count("embedded") == len(own) + 1
    assert tags.count("songtra") == len(theirs) + 1
    assert merged(parts(mine, others), NOW) == whole
    book_view(whole, NOW, source=OWN, zone=ZONE)


def test_a_hostile_depth_is_cut() -> None:
    deep: Json = {}
    for _ in range(5000):
        deep = {"a": [deep]}
    hostile = allergy("Latex") | {"extension": deep, "id": "h", "patient": {"reference": "Patient/p1"}}
    answer = SourceAnswer("songtra", SONGTRA, NOW)
    view = book_view(merged([Part(answer, bundle(person("p1"), hostile))], NOW), NOW, source=OWN, zone=ZONE)
    assert [line.text for line in view.red_line.items] == ["Latex"]


FILES = [path for path in sample_files() if path.suffix == ".json"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_one_source_alone_needs_no_comparing_with_others(path: Path) -> None:
    """The panel leaves the comparing out where nothing but the own book answered: it would have found the same."""
    came = as_list(json.loads(path.read_text("utf-8")).get("entry"))
    resources = [as_dict(as_dict(entry).get("resource")) for entry in came]
    document = Document(merged(parts([one for one in resources if "resourceType" in one], [])[:1], NOW))
    assert conflicts(document, several=False) == conflicts(document)


def test_a_source_that_contradicts_itself_is_told_without_any_other() -> None:
    alone = merged(parts([blood("O+"), blood("AB-")], [])[:1], NOW)
    assert [one.kind for one in book_view(alone, NOW, source="-", zone=ZONE).conflicts] == [ConflictKind.BLOOD_GROUP]
