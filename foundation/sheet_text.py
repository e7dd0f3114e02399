"""CSV as spreadsheet programs write it: which encoding, which delimiter, and its lines of cells. Pure.

UTF-8 with or without a byte order mark, UTF-16, or Windows-1258, which older Vietnamese programs write; comma,
semicolon (Vietnamese Excel) or tab. Everything comes out in Unicode NFC.
"""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterator

from foundation.errors import Invalid
from foundation.i18n import N_

LOST = "\ufffd"
"""Stands for bytes that are no letter in the file's encoding (Unicode's replacement character)."""


def lines(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line by its number, 1 first. Raises Invalid `import.not_text` or `import.malformed`."""
    text = decoded(data)
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    number = 0
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 1):
            yield number, cells
    except csv.Error as error:
        raise Invalid("import.malformed", MALFORMED, field="file", row=number + 1) from error


def decoded(data: bytes) -> str:
    """The text of a file in whichever of the encodings it is, letters that cannot be read as `LOST`.

    Lines that are UTF-8 decide: where there is one with a letter beyond ASCII, what is no UTF-8 is lost. Windows-1258
    spells most Vietnamese letters with combining marks. Raises Invalid `import.not_text`.
    """
    try:
        text = _utf_16(data)
    except UnicodeDecodeError:
        raise Invalid("import.not_text", NOT_TEXT, field="file") from None
    if text is None:
        marked = data.startswith(codecs.BOM_UTF8)
        raw = data.removeprefix(codecs.BOM_UTF8)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            is_utf_8 = marked or any(_spells_utf_8(line) for line in raw.split(b"\n"))
            text = raw.decode("utf-8" if is_utf_8 else "cp1258", errors="replace")
    if "\0" in text:
        raise Invalid("import.not_text", NOT_TEXT, field="file")
    return unicodedata.normalize("NFC", text)


def _utf_16(data: bytes) -> str | None:
    """The text when the file is UTF-16, known by its mark, or by the zeros that every comma brings along."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    head = data[:2000]
    if len(data) % 2 == 0 and b"\0" in head:
        low, high = head[0::2].count(0), head[1::2].count(0)
        if min(low, high) == 0 and max(low, high) > len(head) // 8:
            return data.decode("utf-16-le" if high else "utf-16-be")
    return None


def _spells_utf_8(line: bytes) -> bool:
    if line.isascii():
        return False
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


NOT_TEXT = N_("This is neither a CSV file nor an XLSX workbook. In the spreadsheet program, save it as “CSV UTF-8”.")
MALFORMED = N_("The file cannot be read as CSV from row %(row)s on.")
