"""Which characters the documents' font can show, and what stands in the place of all others.

The font is Libertinus Serif, which the typesetter brings along. RANGES is what a test sets whole in PDF/A, where a
missing glyph is an error; nothing outside is handed to the typesetter. So no document ever shows an empty box: another
character, such as an emoji or a letter of another script, stands as `[U+1F600]`, and the document ends with its name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

FONT = "Libertinus Serif"
RANGES: tuple[tuple[int, int], ...] = (
    (0x20, 0x7E),
    (0xA0, 0xFF),
    (0x100, 0x17F),
    (0x192, 0x192),
    (0x1A0, 0x1A1),
    (0x1AF, 0x1B0),
    (0x2C6, 0x2C7),
    (0x2D8, 0x2DD),
    (0x384, 0x38A),
    (0x38C, 0x38C),
    (0x38E, 0x3A1),
    (0x3A3, 0x3CE),
    (0x401, 0x40C),
    (0x40E, 0x44F),
    (0x451, 0x45C),
    (0x45E, 0x45F),
    (0x1EA0, 0x1EF9),
    (0x2010, 0x2015),
    (0x2018, 0x201E),
    (0x2020, 0x2022),
    (0x2026, 0x2026),
    (0x2030, 0x2030),
    (0x2032, 0x2033),
    (0x2039, 0x203A),
    (0x2044, 0x2044),
    (0x2070, 0x2070),
    (0x2074, 0x2079),
    (0x2080, 0x2089),
    (0x20AB, 0x20AC),
    (0x2103, 0x2103),
    (0x2109, 0x2109),
    (0x2122, 0x2122),
    (0x2126, 0x2126),
    (0x2190, 0x2193),
    (0x2206, 0x2206),
    (0x2212, 0x2212),
    (0x221A, 0x221A),
    (0x221E, 0x221E),
    (0x2248, 0x2248),
    (0x2260, 0x2260),
    (0x2264, 0x2265),
)
NOTED = 30
"""Characters whose names a document gives at most."""


def shown() -> Iterator[str]:
    """Every character that is set as it is, but for line ends."""
    return (chr(code) for first, last in RANGES for code in range(first, last + 1))


_SHOWN = frozenset(shown()) | {"\n"}


class Setting:
    """Makes the texts of one document fit to be set, and keeps which characters had to be replaced."""

    def __init__(self) -> None:
        self.replaced: dict[str, None] = {}

    def text(self, given: str) -> str:
        """The text in NFC with every character that the font lacks as its code point in brackets."""
        text = unicodedata.normalize("NFC", given).replace("\t", " ")
        if _SHOWN.issuperset(text):
            return text
        return "".join(one if one in _SHOWN else self._instead(one) for one in text)

    def _instead(self, one: str) -> str:
        if unicodedata.category(one) in ("Cc", "Cf", "Mn") and one in _SILENT:
            return ""
        self.replaced.setdefault(one)
        return f"[U+{ord(one):04X}]"

    def notes(self) -> list[tuple[str, str]]:
        """What was replaced, with its name in the Unicode standard, in the order of appearance."""
        return [(f"U+{ord(one):04X}", unicodedata.name(one, "")) for one in list(self.replaced)[:NOTED]]


_SILENT = frozenset("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\ufe0e\ufe0f\u00ad")
"""Characters without a look of their own: joiners, direction marks, variation selectors."""
