"""How values are written: precise as known, aged, with the language's own marks."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from foundation.i18n import Languages
from records_panel.fhir_reading import when
from records_panel.model import (
    Absence,
    AbsenceKind,
    Mark,
    Origin,
    Precision,
    Quantity,
    Range,
    Result,
    Vital,
    VitalKind,
    When,
)
from tests.records_panel.conftest import ZONE
from tests.records_panel.samples import NOW
from web.views.book_words import BookWords

VI = BookWords(Languages().get("vi"), ZONE, NOW)
EN = BookWords(Languages().get("en"), ZONE, NOW)


@pytest.mark.parametrize(
    ("fhir", "shown", "brief", "ago"),
    [
        ("2018", "2018", "2018", ""),
        ("2018-03", "03/2018", "03/2018", "9 năm trước"),
        ("2018-03-12", "12/03/2018", "2018", "9 năm trước"),
        ("2026-11-18", "18/11/2026", "18/11", "5 ngày trước"),
        ("2026-02-18", "18/02/2026", "18/02/2026", "9 tháng trước"),
        ("2026-11-23", "23/11/2026", "23/11/2026", "hôm nay"),
        ("2026-11-23T06:56:00Z", "13:56", "13:56", "4 phút trước"),
        ("2026-11-22T18:00:00Z", "01:00", "01:00", "13 giờ trước"),
        ("2026-11-22T16:40:00+07:00", "22/11/2026", "22/11", "21 giờ trước"),
    ],
)
def test_dates_are_as_precise_as_they_were_written(fhir: str, shown: str, brief: str, ago: str) -> None:
    moment = when(fhir)
    assert (VI.when(moment), VI.brief(moment), VI.ago(moment)) == (shown, brief, ago)


@pytest.mark.parametrize("text", [None, "", "hôm qua", "2026-13-01", "2026-02-30", 2026, ["2026"]])
def test_what_is_no_date_is_nothing(text: Any) -> None:
    assert when(text) is None
    assert (VI.when(None), VI.ago(None), VI.age(None)) == ("", "", "")


@pytest.mark.parametrize(
    ("born", "vi", "en"),
    [
        (date(1958, 3, 12), "68 tuổi", "68 years old"),
        (date(1958, 11, 24), "67 tuổi", "67 years old"),
        (date(2024, 11, 23), "24 tháng tuổi", "24 months old"),
        (date(2026, 10, 23), "1 tháng tuổi", "1 month old"),
        (date(2026, 11, 20), "3 ngày tuổi", "3 days old"),
    ],
)
def test_an_age_fits_the_person(born: date, vi: str, en: str) -> None:
    assert VI.age(When(born, Precision.DAY)) == vi
    assert EN.age(When(born, Precision.DAY)) == en


def test_numbers_carry_the_languages_mark_their_unit_and_their_limit() -> None:
    amount = Quantity(3.25, "mmol/L", "mmol/L", "<")
    assert (VI.quantity(amount), EN.quantity(amount)) == ("<3,25 mmol/L", "<3.25 mmol/L")
    assert VI.quantity(Quantity(36.6, "Cel", "Cel")) == "36,6 °C"
    assert VI.vital_label(Vital(VitalKind.BLOOD_PRESSURE, (120, 80), "mm[Hg]")) == "HA, mmHg"
    assert VI.vital_value(Vital(VitalKind.BLOOD_PRESSURE, (120, 80), "mm[Hg]")) == "120/80"
    assert VI.vital_label(Vital(VitalKind.COMA_SCALE, (14,), "{score}")) == "Glasgow"


def test_ranges_changes_and_marks() -> None:
    assert VI.range(Range(3.5, 5.0)) == "3,5–5"
    assert VI.range(Range(None, 5.0)) == "≤ 5"
    assert VI.range(Range(90, None)) == "≥ 90"
    assert VI.range(Range(text="âm tính")) == "âm tính"
    result = Result("Kali", None, "", None, Mark.LOW, -0.4, None)
    assert VI.change(result) == "−0,4"
    assert (VI.mark(Mark.VERY_HIGH), VI.mark(Mark.LOW), VI.mark(Mark.ABNORMAL)) == ("cao", "thấp", "bất thường")


def test_the_five_silences_have_five_sentences() -> None:
    said = {kind: VI.absence(Absence(kind, count=2)) for kind in AbsenceKind}
    assert len(set(said.values())) == 5
    assert said[AbsenceKind.WITHHELD] == "2 mục được giữ kín (R)"
    assert EN.absence(Absence(AbsenceKind.WITHHELD, count=1)) == "1 entry is withheld (R)"
    assert VI.absence(Absence(AbsenceKind.KNOWN_NONE, text="Đã hỏi, không có dị ứng")) == "Đã hỏi, không có dị ứng"
    assert VI.absence(Absence(AbsenceKind.NO_INFORMATION, text="Khác")) == "Chưa có thông tin: Khác"


def test_a_source_without_a_name_is_told_by_its_code() -> None:
    seen = When((NOW - timedelta(days=5)).date(), Precision.DAY)
    assert VI.source(Origin("BV Sông Trà", "51001", seen)) == "BV Sông Trà, 18/11/2026"
    assert VI.source(Origin(None, "51001", seen), brief=True) == "cơ sở 51001, 18/11"
    assert VI.source(Origin()) == ""
