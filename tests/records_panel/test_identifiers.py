"""Numbers as people write them."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import Invalid
from records_panel.identifiers import Mismatch, masked, read_bhyt, read_birth_date, read_cccd
from records_panel.names import same, words


@pytest.mark.parametrize(
    "text",
    [
        "051058004471",
        " 051 058 004 471 ",
        "051-058-004-471",
        "051.058.004.471",
        "０５１０５８００４４７１",
        "051–058–004471",
    ],
)
def test_a_citizen_number_is_read_however_it_is_written(text: str) -> None:
    assert read_cccd(text).number == "051058004471"


def test_the_structure_of_a_citizen_number() -> None:
    number = read_cccd("051203004471")
    assert (number.birth_code, number.sex, number.birth_year) == ("051", "male", 2003)
    assert read_cccd("051303004471").sex == "female"
    assert read_cccd("051158004471").birth_year == 1958


def test_a_mismatch_is_a_warning_and_unknown_agrees() -> None:
    number = read_cccd("051058004471")
    assert number.warnings(date(1958, 3, 12), "male") == ()
    assert number.warnings(date(1959, 3, 12), "female") == (Mismatch.BIRTH_YEAR, Mismatch.SEX)
    assert number.warnings(None, None) == ()


@pytest.mark.parametrize("text", ["", "05105800447", "0510580044711", "05105800447x", "abc"])
def test_what_is_no_citizen_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_cccd(text)
    assert refused.value.code == "patient.cccd_form"


def test_the_three_forms_of_insurance_meet_where_they_are_one() -> None:
    card, short = read_bhyt("ht 3 51 5158004477"), read_bhyt("5158 004 477")
    assert card.number == "HT3515158004477"
    assert card.key == short.key == "5158004477"
    assert not card.is_cccd
    assert read_bhyt("051058004471").is_cccd
    with pytest.raises(Invalid):
        read_bhyt("HT35151580044")


def test_masking_shows_the_last_four_and_no_short_number() -> None:
    assert masked("051058004471") == "••••4471"
    assert masked("4471") == "••••"
    assert masked(None) is None
    assert masked("") is None


@pytest.mark.parametrize("text", ["12/03/1958", "12-3-1958", "12.03.1958", "1958-03-12", "12 3 1958"])
def test_a_birth_date_is_read_in_the_usual_forms(text: str) -> None:
    assert read_birth_date(text) == date(1958, 3, 12)


@pytest.mark.parametrize("text", ["", "1958", "31/02/1958", "12/03/58", "hôm qua", "1/1/1/1"])
def test_what_is_no_birth_date_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_birth_date(text)


def test_any_spelling_of_a_name_gives_the_same_words() -> None:
    assert words("Đặng Thị Lý") == words("dang thi ly") == words("ĐẶNG THỊ LÍ") == ("dang", "thi", "li")
    assert words(unicodedata.normalize("NFD", "Nguyễn Hòa")) == words("nguyen hoà")
    assert words("Y-Blim Niê") == ("i", "blim", "nie")
    assert words("Thúy") != words("Thúi")
    assert same("nguyen van  LANH", "Nguyễn Văn Lành")
    assert not same("Nguyễn Lành", "Nguyễn Văn Lành")
    assert not same("", "")


@given(st.text(max_size=40))
def test_no_text_breaks_the_readers(text: str) -> None:
    words(text)
    for read in (read_cccd, read_bhyt, read_birth_date):
        try:
            read(text)
        except Invalid:
            continue
