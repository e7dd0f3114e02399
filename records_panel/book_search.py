"""Search inside a book that is already open: words in, entries out, each with the place where it stands. Pure.

Any spelling finds any other: case, diacritics, đ and d, i and y are one (`records_panel.names`). Every word has to
begin some word of the entry, its section's name among them, so that `tiem chung` lists all vaccinations. What is
withheld from the reader is not in the view and so never found.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from records_panel.model import BookView, Origin, Quantity, Section
from records_panel.names import words

MOST_HITS = 50
MOST_CHARACTERS = 100
_TELLING = ("text", "name", "detail", "dose", "conclusion", "reason")


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that was found: the section (a field of `BookView`), the entry's anchor in it, and what it says."""

    part: str
    anchor: str
    text: str
    more: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found, in the order of the parts; `more`: there is more than is listed."""

    hits: tuple[Hit, ...]
    more: bool = False


class Anchors:
    """Names entries by what they say, so that one entry has one name wherever and however often the book is drawn.

    One object serves one drawing: equal entries are told apart by their order.
    """

    def __init__(self) -> None:
        self._met: Counter[str] = Counter()

    def of(self, part: str, item: object) -> str:
        """The HTML id of an entry of a section."""
        when = _origin(item).when
        told = "|".join([part, *_texts(item), when.order if when else ""])
        name = f"{part.replace('_', '-')}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
        self._met[name] += 1
        return name if self._met[name] == 1 else f"{name}-{self._met[name]}"


def search(view: BookView, query: str, parts: Mapping[str, str], label: Callable[[object], str] = lambda _: "") -> Hits:
    """Entries of these parts (field of the view: the section's title) that have every word of the query.

    `label` gives further words for an entry, such as the name of a vital sign in the reader's language.
    """
    wanted = words(query[:MOST_CHARACTERS])
    if not wanted:
        return Hits(())
    anchors, found = Anchors(), []
    for part, title in parts.items():
        section = getattr(view, part)
        for item in section.items if isinstance(section, Section) else ():
            anchor = anchors.of(part, item)
            named, texts = label(item), list(_texts(item))
            if _has(
                wanted, words(" ".join([title, named, *texts, getattr(item, "code", ""), _origin(item).facility or ""]))
            ):
                text, *rest = [text for text in (named, *texts) if text] or [title]
                found.append(Hit(part, anchor, text, " · ".join(rest), _origin(item)))
    return Hits(tuple(found[:MOST_HITS]), more=len(found) > MOST_HITS)


def _texts(item: object) -> Iterable[str]:
    for field in _TELLING:
        value = getattr(item, field, "")
        if isinstance(value, str) and value:
            yield value
    amount = getattr(item, "quantity", None)
    if isinstance(amount, Quantity):
        yield f"{amount.comparator}{amount.value:g} {amount.unit}".strip()


def _origin(item: object) -> Origin:
    origin = getattr(item, "origin", None)
    return origin if isinstance(origin, Origin) else Origin()


def _has(wanted: Iterable[str], there: tuple[str, ...]) -> bool:
    return all(any(word.startswith(one) for word in there) for one in wanted)
