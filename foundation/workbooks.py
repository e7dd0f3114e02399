"""XLSX workbooks (ECMA-376) read as lines of cells, by openpyxl in its streaming mode with defusedxml.

A workbook is a ZIP archive that anybody may have made: its parts are counted and weighed by the archive's own list
before one is unpacked, and Python's reader hands out no more of a part than the list says. Formulas are not evaluated:
a cell is what the spreadsheet program last showed.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook

from foundation.errors import Invalid
from foundation.i18n import N_

MOST_PARTS = 500
LARGEST_PART = 32 * 1024 * 1024
"""Bytes of one part when unpacked: several times what the most rows need."""
LARGEST_WHOLE = 64 * 1024 * 1024
DENSEST = 200
"""Unpacked bytes for each packed one; sheets of real data have about ten."""
_SMALL = 1024 * 1024
"""Bytes up to which the density of a part does not matter."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, ParseError, OSError, EOFError, NotImplementedError, RuntimeError),
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError),
)
"""What the libraries raise for archives and XML that are broken, encrypted or of another kind."""


def is_workbook(data: bytes) -> bool:
    """Whether this is an archive, or a workbook of before 2007, rather than text."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06", _OLE))


def lines(data: bytes, most_cells: int) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row of the first sheet by its number; one cell beyond `most_cells` shows that there are more.

    Raises Invalid `import.old_workbook`, `import.bomb` or `import.workbook`.
    """
    if data.startswith(_OLE):
        raise Invalid("import.old_workbook", OLD_WORKBOOK, field="file")
    try:
        _weigh(data)
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        for number, row in enumerate(sheet.iter_rows(max_col=most_cells + 1), 1):
            yield number, [_written(cell) for cell in row]
    except _BROKEN as error:
        raise Invalid("import.workbook", WORKBOOK, field="file") from error


def _weigh(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
    heavy = any(
        part.file_size > LARGEST_PART or part.file_size > max(_SMALL, DENSEST * part.compress_size) for part in parts
    )
    if heavy or len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_WHOLE:
        raise Invalid("import.bomb", BOMB, field="file")


def _written(cell: Any) -> str:
    """A cell as text: days as ISO 8601, times as `07:30`, whole numbers without a point, codes with their zeros."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("minutes")
    if isinstance(value, timedelta):
        hours, minutes = divmod(round(value.total_seconds() / 60), 60)
        return f"{hours:02}:{minutes:02}"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        # `01234` is often a number that is shown with five digits.
        shown = str(cell.number_format or "")
        return str(value).zfill(len(shown)) if shown and set(shown) == {"0"} else str(value)
    return str(value)


WORKBOOK = N_("The workbook cannot be opened: it is damaged, protected by a password, or no XLSX workbook.")
OLD_WORKBOOK = N_("This workbook is of the old kind or has a password. Save it as XLSX without one, or as CSV.")
BOMB = N_("The workbook would take far too much room when unpacked. Copy what is needed into a new one.")
