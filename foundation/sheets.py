"""Tables that people keep in spreadsheet programs, read as rows of named cells: CSV and XLSX, bounded and tolerant.

A file that cannot be used is refused as a whole; a row that cannot is told by its number, and the others are kept.
Headings are known in English or Vietnamese, in any case, with or without diacritics.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from foundation import sheet_text, workbooks
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.text import fold

LARGEST_BYTES = 5 * 1024 * 1024
MOST_ROWS = 20_000
MOST_CELLS = 64
"""Of one row."""


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


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows that can be read, and by number what is wrong with each of the others."""

    rows: tuple[Row, ...]
    problems: tuple[tuple[int, Invalid], ...] = ()


def heading(text: str) -> str:
    """The form in which headings and choices are compared: `Mã CSKCB`, `ma_cskcb` → `ma cskcb`."""
    return re.sub(r"[^a-z0-9]+", " ", fold(text)).strip()


def read(data: bytes, columns: Sequence[Column], *, most_rows: int = MOST_ROWS) -> Sheet:
    """The rows of a file that are not blank; of a workbook those of its first sheet.

    Raises `Invalid` for a file that cannot be used as a whole: `import.too_large`, `import.not_text`,
    `import.workbook`, `import.bomb`, `import.old_workbook`, `import.empty`, `import.malformed`,
    `import.too_many_rows`, `import.unknown_column`, `import.repeated_column`, `import.missing_column`. A row alone may
    be `import.too_many_cells` or `import.mixed_text`.
    """
    if len(data) > LARGEST_BYTES:
        raise Invalid("import.too_large", TOO_LARGE, field="file", megabytes=LARGEST_BYTES // 1024 // 1024)
    lines = workbooks.lines(data, MOST_CELLS) if workbooks.is_workbook(data) else sheet_text.lines(data)
    return _named(lines, columns, most_rows)


def _named(lines: Iterable[tuple[int, Sequence[str]]], columns: Sequence[Column], most_rows: int) -> Sheet:
    rows: list[Row] = []
    problems: list[tuple[int, Invalid]] = []
    names: list[str] | None = None
    for number, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if names is None:
            names = _header(cells, columns)
            continue
        if len(rows) + len(problems) == most_rows:
            raise Invalid("import.too_many_rows", TOO_MANY_ROWS, field="file", most=most_rows)
        if any(cell.strip() for cell in cells[len(names) :]):
            problems.append((number, Invalid("import.too_many_cells", TOO_MANY_CELLS, most=len(names))))
        elif any(sheet_text.LOST in cell for cell in cells):
            problems.append((number, Invalid("import.mixed_text", MIXED_TEXT)))
        else:
            padded = [*cells, *[""] * (len(names) - len(cells))]
            named = {name: _plain(cell) for name, cell in zip(names, padded, strict=False) if name}
            rows.append(Row(number, named))
    if not rows and not problems:
        raise Invalid("import.empty", EMPTY, field="file")
    return Sheet(tuple(rows), tuple(problems))


def _plain(cell: str) -> str:
    """A cell without the apostrophe that `sheet_writing` puts before what a spreadsheet would take for a formula."""
    cell = cell.strip()
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell


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
EMPTY = N_("The file has no rows below its header.")
TOO_MANY_ROWS = N_("The file has too many rows: at most %(most)s. Split it.")
TOO_MANY_CELLS = N_("This row has more cells than the header, which has %(most)s.")
MIXED_TEXT = N_("Letters of this row cannot be read: it is in another encoding than the rest of the file.")
UNKNOWN_COLUMN = N_("The column “%(column)s” is not known here.")
REPEATED_COLUMN = N_("The column “%(column)s” stands there twice.")
MISSING_COLUMN = N_("The column “%(column)s” (%(other)s) is missing.")
