"""Bundles that nobody here wrote: every one of them reads, and the telling ones read right."""

from __future__ import annotations

import json
from pathlib import Path

from records_panel.fhir_mapping import book_view
from records_panel.model import AbsenceKind, BookView, RedLineKind
from tests.records_panel.conftest import ZONE
from tests.records_panel.npm_samples import FOLDER, sample_files
from tests.records_panel.samples import NOW

NAMED = {
    "Bundle-bundle-ips-all-sections",
    "Bundle-bundle-no-info-required-sections",
    "Bundle-NZPSNoClinicalInfoBundle",
    "US_Epic_Jan_emptyReason",
    "AR_Repository_Example_01",
    "AT_ELGA_GmbH_01",
}
SAMPLES = sample_files()


def read(path: Path) -> BookView:
    return book_view(json.loads(path.read_text("utf-8")), NOW, source="A book", zone=ZONE)


def named(name: str) -> list[BookView]:
    """The sample of that name; none of those that npm does not have in a clone without the folder."""
    return [read(path) for path in SAMPLES if path.stem == name]


def test_the_folder_is_whole_where_it_is() -> None:
    assert len(SAMPLES) >= (18 if FOLDER.is_dir() else 13)
    names = {path.stem for path in SAMPLES}
    assert not FOLDER.is_dir() or names >= NAMED


def test_every_sample_reads() -> None:
    for path in SAMPLES:
        read(path)


def test_all_sections() -> None:
    for book in named("Bundle-bundle-ips-all-sections"):
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


def test_no_information() -> None:
    for book in named("Bundle-bundle-no-info-required-sections"):
        for section in (book.red_line, book.problems, book.drugs):
            assert [absence.kind for absence in section.absences] == [AbsenceKind.NO_INFORMATION]


def test_known_none_in_words() -> None:
    for book in named("Bundle-NZPSNoClinicalInfoBundle"):
        for section in (book.red_line, book.problems, book.drugs, book.vitals, book.results):
            assert {absence.kind for absence in section.absences} == {AbsenceKind.KNOWN_NONE}


def test_reasons_differ_within_one_record() -> None:
    for book in named("US_Epic_Jan_emptyReason"):
        assert [absence.kind for absence in book.red_line.absences] == [AbsenceKind.KNOWN_NONE]
        assert [absence.kind for absence in book.drugs.absences] == [AbsenceKind.NO_INFORMATION]


def test_what_breaks_strict_validation_is_shown() -> None:
    for book in named("AR_Repository_Example_01"):
        assert book.red_line.items[0].severe
        assert book.drugs.items
        assert book.banner.name == "Villareal Maria Victoria"


def test_a_record_of_77_observations() -> None:
    for book in named("AT_ELGA_GmbH_01"):
        assert len(book.results.items) > 40
        assert book.abnormal.items
        assert all(result.mark for result in book.abnormal.items)
