"""Where the entries of a Bundle lie in its text, so that each can be read alone and kept as it was written. Pure.

A parser gives values, and values no longer tell what was written: a key that stood twice, a number that is none, what
lay deeper than anybody reads. So the text is walked by its strings and brackets alone, which no depth harms and which
needs no memory beside the places found. Whether each piece is JSON is for the parser to say.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

Text = bytes | mmap
MOST_DEEP = 60
"""Levels of nesting that are read. FHIR's own resources have some fifteen; extensions of extensions a few more."""
# A string, a bracket, or a quote that opens a string without end. Possessive, so that no text makes it go back.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]"]', re.DOTALL)
_LISTS = (b'"entry"', b'"parameter"')
_LONGEST_KEY = 64
_QUOTE, _OPEN, _CLOSE = ord('"'), b"{[", b"}]"


@dataclass(frozen=True, slots=True)
class EntryTexts:
    """Entries of a text in their order. `kind` is its `resourceType`; `is_whole` when all its brackets are closed."""

    text: Text
    kind: str
    is_whole: bool
    _places: array[int]

    def __iter__(self) -> Iterator[bytes]:
        for index in range(0, len(self._places), 2):
            yield self.text[self._places[index] : self._places[index + 1]]

    def __len__(self) -> int:
        return len(self._places) // 2


def entry_texts(text: Text) -> EntryTexts:
    """The members of `entry`, or `parameter`, of an object. Of a list that stands twice, both."""
    places = array("Q")
    kind = name = b""
    level = start = 0
    is_list = False
    for token in _TOKEN.finditer(text):
        at = token.start()
        first = text[at]
        if first == _QUOTE:
            if token.end() - at == 1:
                break  # a string without end
            if level == 1:
                said = text[at : min(token.end(), at + _LONGEST_KEY)]
                kind = said if name == b'"resourceType"' and not kind else kind
                name = b"" if name == b'"resourceType"' else said
        elif first in _OPEN:
            level += 1
            if level == 2:
                is_list = first == _OPEN[1] and name in _LISTS
            elif level == 3 and is_list:
                start = at if first == _OPEN[0] else 0
        else:
            level -= 1
            if level == 2 and is_list and start:
                places.extend((start, token.end()))
                start = 0
            elif level == 1:
                name = b""
            if level <= 0:
                return EntryTexts(text, _word(kind), level == 0, places)
    return EntryTexts(text, _word(kind), False, places)


def member_text(text: bytes, key: str) -> bytes:
    """The object that stands under a key of an object; empty when there is none."""
    wanted = f'"{key}"'.encode()
    name = b""
    level = start = 0
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first == _QUOTE:
            if level == 1:
                name = token[0][:_LONGEST_KEY]
        elif first in _OPEN:
            level += 1
            if level == 2 and name == wanted:
                start = token.start()
        else:
            level -= 1
            if level == 1 and start:
                return text[start : token.end()]
    return b""


def shallow(text: bytes) -> tuple[bytes, bool]:
    """The text with what lies deeper than `MOST_DEEP` left out, and whether there was any."""
    pieces: list[bytes] = []
    level = done = 0
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first == _QUOTE:
            continue
        if first in _OPEN:
            level += 1
            if level == MOST_DEEP + 1:
                pieces.append(text[done : token.end()])
                done = -1
        else:
            level -= 1
            if level == MOST_DEEP and done < 0:
                done = token.start()
    if not pieces:
        return text, False
    return b"".join((*pieces, text[done:] if done >= 0 else b"")), True


def _word(quoted: bytes) -> str:
    return quoted.strip(b'"').decode("utf-8", "replace")
