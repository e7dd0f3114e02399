"""Vietnamese text: normal form on entry, folding for search."""

from __future__ import annotations

import re
import unicodedata

_SPACE = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def clean_line(text: str) -> str:
    """One line in Unicode NFC, without control or direction-override characters, white space folded."""
    # Most of a book is clean. What Python calls printable has no control, no override and no space but the plain one.
    if (
        text.isprintable()
        and "  " not in text
        and text[:1] != " "
        and text[-1:] != " "
        and (text.isascii() or unicodedata.is_normalized("NFC", text))
    ):
        return text
    return _SPACE.sub(" ", _CONTROL.sub("", unicodedata.normalize("NFC", text))).strip()


def clean_text(text: str) -> str:
    """Several lines in Unicode NFC, without control or direction-override characters; line ends are `\\n`."""
    return _CONTROL.sub("", unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))).strip()


def fold(text: str) -> str:
    """Lower case without diacritics, for search: `Đặng` → `dang`.

    đ has no canonical decomposition, so it is mapped by hand (Unicode Standard, Latin Extended-A).
    """
    plain = unicodedata.normalize("NFD", clean_line(text).casefold()).replace("đ", "d")
    return "".join(character for character in plain if not unicodedata.combining(character))
