"""Bundles that nobody here wrote: every one of them reads, and the telling ones read right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from records_panel.fhir_mapping import book_view
from records_panel.model import AbsenceKind, BookView, RedLineKind
from tests.records_panel.conftest import ZONE
from tests.records_panel.samples import FOLDER, NOW

SAMPLES = sorted(FOLDER.rglob("*.json"))


def read(path: Path) -> BookView:
    return book_view(json.loads(path.read_text("utf-8")), NOW, source="A book", zone=ZONE)


def named(name: str) -> list[Path]:
    """The sample of that name; none in a clone that stands without the folder, and then there is nothing to run."""
    return [path for path in SAMPLES if path.stem == name]


def test_the_folder_is_whole_where_it_is() -> None:
    assert not FOLDER.is_dir() or len(SAMPLES) >= 18


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_reads(path: Path) -> None:
    read(path)


@pytest.mark.parametrize("path", named("Bundle-bundle-ips-all-sections"), ids=lambda path: path.stem)
def test_all_sections(path: Path) -> None:
    book = read(path)
    assert [line.kind for line in book.red_line.items] == [
        RedLineKind.ALLERGY,
        RedLineKind.ALERT,
        RedLineKind.IMPLANT,
        RedLineKind.DIRECTIVE,
    ]
    assert {problem.text for problem in book.problems.items} == {"Essential hypertension", "Gout"}
    assert "Fever" in {problem.text for problem in book.past_problems.items}
    assert book.banner.weight is not None
    assert book.vaccines.items
    assert book.plans.items


@pytest.mark.parametrize("path", named("Bundle-bundle-no-info-required-sections"), ids=lambda path: path.stem)
def test_no_information(path: Path) -> None:
    book = read(path)
    for section in (book.red_line, book.problems, book.drugs):
        assert [absence.kind for absence in section.absences] == [AbsenceKind.NO_INFORMATION]


@pytest.mark.parametrize("path", named("Bundle-NZPSNoClinicalInfoBundle"), ids=lambda path: path.stem)
def test_known_none_in_words(path: Path) -> None:
    book = read(path)
    for section in (book.red_line, book.problems, book.drugs, book.vitals, book.results):
        assert {absence.kind for absence in section.absences} == {AbsenceKind.KNOWN_NONE}


@pytest.mark.parametrize("path", named("US_Epic_Jan_emptyReason"), ids=lambda path: path.stem)
def test_reasons_differ_within_one_record(path: Path) -> None:
    book = read(path)
    assert [absence.kind for absence in book.red_line.absences] == [AbsenceKind.KNOWN_NONE]
    assert [absence.kind for absence in book.drugs.absences] == [AbsenceKind.NO_INFORMATION]


@pytest.mark.parametrize("path", named("AR_Repository_Example_01"), ids=lambda path: path.stem)
def test_what_breaks_strict_validation_is_shown(path: Path) -> None:
    book = read(path)
    assert book.red_line.items[0].severe
    assert book.drugs.items
    assert book.banner.name == "Villareal Maria Victoria"


@pytest.mark.parametrize("path", named("AT_ELGA_GmbH_01"), ids=lambda path: path.stem)
def test_a_record_of_77_observations(path: Path) -> None:
    book = read(path)
    assert len(book.results.items) > 40
    assert book.abnormal.items
    assert all(result.mark for result in book.abnormal.items)
