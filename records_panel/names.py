"""Names as search keys: any spelling of a name gives the same words. Pure."""

from __future__ import annotations

import re

from foundation.text import fold

_WORD = re.compile(r"[^\W_]+")
# Lý and Lí, Mỹ and Mĩ, Quý and Quí are one name in two spellings; Thúy and Thúi are two, and keep their letters.
_FINAL_Y = re.compile(r"(?:(?<=[bcdghklmnprstvx])|(?<=qu)|^)y$")


def words(name: str) -> tuple[str, ...]:
    """The words of a name without case, diacritics or the i/y difference, in order: `Đặng Thị Lý` → dang, thi, li."""
    return tuple(_FINAL_Y.sub("i", word) for word in _WORD.findall(fold(name)))


def same(one: str, other: str) -> bool:
    """Whether two spellings are the same whole name."""
    first = words(one)
    return bool(first) and first == words(other)
