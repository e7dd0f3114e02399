"""A CSV file from a spreadsheet as rows of named cells. Bounded, pure, tolerant of what spreadsheets do to CSV.

UTF-8 with or without a byte order mark; comma, semicolon (Vietnamese Excel) or tab; a header row in English or
Vietnamese, in any case, with or without diacritics.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.text import fold

LARGEST_BYTES = 5 * 1024 * 1024
MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its English name and the other headings it goes by. Without a `required` one a file is refused."""

    name: str
    vietnamese: str
    required: bool = True
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `number` is what the spreadsheet shows: the header is row 1. Absent columns have no cells."""

    number: int
    cells: Mapping[str, str]


def heading(text: str) -> str:
    """The form in which headings and choices are compared: `Mã CSKCB`, `ma_cskcb` → `ma cskcb`."""
    return re.sub(r"[^a-z0-9]+", " ", fold(text)).strip()


def read(data: bytes, columns: Sequence[Column]) -> list[Row]:
    """The rows that are not blank.

    Raises `Invalid` for a file that cannot be used as a whole: `import.too_large`, `import.not_utf8`, `import.empty`,
    `import.malformed`, `import.too_many_rows`, `import.unknown_column`, `import.repeated_column`,
    `import.missing_column`.
    """
    if len(data) > LARGEST_BYTES:
        raise Invalid("import.too_large", TOO_LARGE, field="file", megabytes=LARGEST_BYTES // 1024 // 1024)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("import.not_utf8", NOT_UTF8, field="file") from None
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    rows: list[Row] = []
    names: list[str] | None = None
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 1):
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = _header(cells, columns)
                continue
            if len(rows) == MOST_ROWS:
                raise Invalid("import.too_many_rows", TOO_MANY_ROWS, field="file", most=MOST_ROWS)
            if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
                raise Invalid("import.malformed", MALFORMED, field="file", row=number)
            padded = [*cells, *[""] * (len(names) - len(cells))]
            rows.append(Row(number, {name: cell.strip() for name, cell in zip(names, padded, strict=False) if name}))
    except csv.Error as error:
        raise Invalid("import.malformed", MALFORMED, field="file", row=len(rows) + 2) from error
    if not rows:
        raise Invalid("import.empty", EMPTY, field="file")
    return rows


def _header(cells: Sequence[str], columns: Sequence[Column]) -> list[str]:
    known = {heading(alias): c.name for c in columns for alias in (c.name, c.vietnamese, *c.others)}
    names: list[str] = []
    for cell in cells:
        name = known.get(heading(cell), "")
        if not name and cell.strip():
            raise Invalid("import.unknown_column", UNKNOWN_COLUMN, field="file", column=cell.strip()[:60])
        if name and name in names:
            raise Invalid("import.repeated_column", REPEATED_COLUMN, field="file", column=cell.strip()[:60])
        names.append(name)
    for column in columns:
        if column.required and column.name not in names:
            raise Invalid(
                "import.missing_column", MISSING_COLUMN, field="file", column=column.name, other=column.vietnamese
            )
    return names


TOO_LARGE = N_("The file is too large: at most %(megabytes)s MB.")
NOT_UTF8 = N_("The file is not UTF-8 text. In the spreadsheet program, save it as “CSV UTF-8”.")
EMPTY = N_("The file has no rows below its header.")
MALFORMED = N_("The file cannot be read as CSV from row %(row)s on.")
TOO_MANY_ROWS = N_("The file has too many rows: at most %(most)s. Split it.")
UNKNOWN_COLUMN = N_("The column “%(column)s” is not known here.")
REPEATED_COLUMN = N_("The column “%(column)s” stands there twice.")
MISSING_COLUMN = N_("The column “%(column)s” (%(other)s) is missing.")
