"""Tables for spreadsheet programs: CSV and XLSX whose cells stay what they are, whatever they begin with.

A text that begins with = + - @, a tab or a carriage return is a formula to a spreadsheet program (OWASP: CSV
injection); an apostrophe before it makes it text again. Numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

Cell = str | int | float | None
CSV_TYPE = "text/csv"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TITLE = 31
"""Characters of a sheet's title at most (Excel)."""


def neutral(cell: Cell) -> Cell:
    """The cell as it may stand in a spreadsheet."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def csv_of(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A CSV file in UTF-8 with a byte order mark, without which Excel reads no Vietnamese."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([neutral(cell) for cell in header])
    for row in rows:
        writer.writerow(["" if cell is None else neutral(cell) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def xlsx_of(sheets: Mapping[str, Iterable[Sequence[Cell]]]) -> bytes:
    """A workbook with these sheets by title; the first row of each is its header."""
    book = Workbook()
    if book.active is not None:
        book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title[:_TITLE])
        for number, row in enumerate(rows, 1):
            for place, cell in enumerate(row, 1):
                value = neutral(ILLEGAL_CHARACTERS_RE.sub("", cell) if isinstance(cell, str) else cell)
                written = sheet.cell(number, place, value)
                if isinstance(value, str):
                    written.data_type = "s"  # openpyxl would take a text with = for a formula
                if number == 1:
                    written.font = Font(bold=True)
        sheet.freeze_panes = "A2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
