"""Tables of spreadsheet programs, in and out: encodings, workbooks, bombs, and cells that would be formulas."""

from __future__ import annotations

import io
import tracemalloc
import unicodedata
import zipfile
from datetime import date, time
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from foundation.errors import Invalid
from foundation.sheet_text import decoded
from foundation.sheet_writing import Cell, csv_of, xlsx_of
from foundation.sheets import LARGEST_BYTES, Column, read

COLUMNS = (
    Column("person", "Người trực"),
    Column("day", "Ngày"),
    Column("starts", "Bắt đầu", required=False),
)
TEXT = "Người trực;Ngày;Bắt đầu\r\nBS. Nguyễn Thị Đạt;Thứ Hai;07:00\r\nBS. Trần Hữu Ấn;Chủ Nhật;19:00\r\n"


def named(data: bytes) -> list[str]:
    return [row.cells["person"] for row in read(data, COLUMNS).rows]


def windows_1258(text: str) -> bytes:
    """As Vietnamese Windows wrote it: letters with a circumflex, breve or horn are whole, tone marks follow."""
    spelt = ""
    for letter in text:
        parts = unicodedata.normalize("NFD", letter)
        tones = "".join(mark for mark in parts[1:] if mark in "\u0300\u0301\u0303\u0309\u0323")
        spelt += unicodedata.normalize("NFC", "".join(mark for mark in parts if mark not in tones)) + tones
    return spelt.encode("cp1258")


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        windows_1258(TEXT),
        unicodedata.normalize("NFD", TEXT).encode(),
        TEXT.replace(";", ",").encode(),
        TEXT.replace(";", "\t").encode("utf-16"),
    ],
)
def test_each_encoding_and_delimiter_gives_the_same_names(data: bytes) -> None:
    assert named(data) == ["BS. Nguyễn Thị Đạt", "BS. Trần Hữu Ấn"]


def test_a_row_in_another_encoding_is_told_and_the_rest_kept() -> None:
    mixed = TEXT.encode("utf-8-sig") + windows_1258("BS. Lê Thị Mận;Thứ Ba;07:00\r\n") + "BS. Võ Ý;3;08:00".encode()
    sheet = read(mixed, COLUMNS)
    assert [row.number for row in sheet.rows] == [2, 3, 5]
    assert [(number, problem.code) for number, problem in sheet.problems] == [(4, "import.mixed_text")]
    assert named(mixed)[2] == "BS. Võ Ý"


def test_a_row_with_too_many_cells_is_told_and_the_rest_kept() -> None:
    sheet = read(b"person,day\nA,1\nB,2,3,4\nC,3,\n", COLUMNS)
    assert [row.cells["person"] for row in sheet.rows] == ["A", "C"]
    assert [(number, problem.code) for number, problem in sheet.problems] == [(3, "import.too_many_cells")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "import.empty"),
        (b"person,day\n", "import.empty"),
        (b"person;hour\nA;1\n", "import.unknown_column"),
        (b"person;person\nA;1\n", "import.repeated_column"),
        (b"person\nA\n", "import.missing_column"),
        (b'person,day\n"A"x,1\n', "import.malformed"),
        (b"\xff\xfe\x00", "import.not_text"),
        (b"\x00" * 100, "import.not_text"),
        (b"person,day\nA\0B,1\n", "import.not_text"),
        (b"x" * (LARGEST_BYTES + 1), "import.too_large"),
        (b"PK\x03\x04 no archive", "import.workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "import.old_workbook"),
    ],
)
def test_what_cannot_be_used_is_refused_whole(data: bytes, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(data, COLUMNS)
    assert caught.value.code == code


def test_the_wrong_column_is_named() -> None:
    with pytest.raises(Invalid) as caught:
        read("person,day,lương\nA,1,2\n".encode(), COLUMNS)
    assert caught.value.parameters == {"column": "lương"}
    with pytest.raises(Invalid) as caught:
        read("Người trực\nA\n".encode(), COLUMNS)
    assert caught.value.parameters == {"column": "day", "other": "Ngày"}


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(Invalid) as caught:
        read(b"person,day\n" + b"A,1\n" * 4, COLUMNS, most_rows=3)
    assert caught.value.code == "import.too_many_rows"


def workbook(*rows: tuple[Any, ...]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    sheet["A3"].number_format = "00000"
    book.save(out)
    return out.getvalue()


def test_a_workbook_gives_days_times_and_codes_as_they_are_shown() -> None:
    data = workbook(
        ("Người trực", "Ngày", "Bắt đầu"),
        ("BS. Hà", date(2026, 11, 24), time(7, 30)),
        (1234, 3.0, None),
        (None, None, None),
        ("=1+1", True, "x"),
    )
    rows = read(data, COLUMNS).rows
    assert [(row.number, *row.cells.values()) for row in rows] == [
        (2, "BS. Hà", "2026-11-24", "07:30"),
        (3, "01234", "3", ""),
        # A formula is not evaluated, and this one was never shown by a spreadsheet program.
        (5, "", "1", "x"),
    ]


def archive(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        archive(sheet=b"0" * 40_000_000),
        archive(**{f"part{number}": b"" for number in range(600)}),
        archive(sheet=b"0" * 3_000_000),
    ],
)
def test_a_bomb_is_refused_before_it_is_unpacked(data: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(Invalid) as caught:
        read(data, COLUMNS)
    assert caught.value.code == "import.bomb"
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_an_archive_whose_list_lies_about_sizes_is_refused() -> None:
    data = bytearray(archive(sheet=b"0" * 3_000_000))
    place = data.index(b"PK\x01\x02") + 24
    data[place : place + 4] = (1000).to_bytes(4, "little")
    with pytest.raises(Invalid) as caught:
        read(bytes(data), COLUMNS)
    assert caught.value.code == "import.workbook"


def test_entities_in_a_workbook_are_refused() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "%s">]><worksheet><sheetData>&b;</sheetData></worksheet>'
    good, out = zipfile.ZipFile(io.BytesIO(workbook(("person", "day"), ("A", 1)))), io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name in good.namelist():
            packed.writestr(name, bomb if name.endswith("sheet1.xml") else good.read(name))
    with pytest.raises(Invalid) as caught:
        read(out.getvalue(), COLUMNS)
    assert caught.value.code == "import.workbook"


@pytest.mark.parametrize("bad", ["=1+1", "+84", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_cells_that_would_be_formulas_are_text(bad: str) -> None:
    assert csv_of(["a"], [[bad]]).decode("utf-8-sig").splitlines()[1].startswith(("'", "\"'"))
    book = load_workbook(io.BytesIO(xlsx_of({"Bảng": [["a"], [bad], [-5]]})))
    cells = [(cell.data_type, cell.value) for (cell,) in book.worksheets[0].iter_rows(min_row=2)]
    assert cells[0][0] == "s"
    assert str(cells[0][1]).startswith("'")
    assert cells[1] == ("n", -5), "numbers stay numbers"


def test_what_was_written_is_read_again() -> None:
    rows: list[list[Cell]] = [["BS. Đỗ Thị Ở", "=2", 7], ["-", None, ""]]
    columns = (Column("a", "một"), Column("b", "hai"), Column("c", "ba"))
    for data in (csv_of(["a", "b", "c"], rows), xlsx_of({"x": [["a", "b", "c"], *rows]})):
        assert [list(row.cells.values()) for row in read(data, columns).rows] == [
            ["BS. Đỗ Thị Ở", "=2", "7"],
            ["-", "", ""],
        ]


def test_vietnamese_of_windows_1258_is_nfc() -> None:
    assert decoded(windows_1258("Bệnh viện Đa khoa tỉnh Sông Trà")) == "Bệnh viện Đa khoa tỉnh Sông Trà"
