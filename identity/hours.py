"""Weekly opening hours: `1-5 07:00-17:00; 6 07:00-11:30`, in a facility's own zone. Pure.

A day is written as 1 to 7 from Monday on, as T2 to CN, or as Mon to Sun. A stretch whose end is not after its start
goes on until the next day. An empty text means always.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from foundation.errors import Invalid
from foundation.i18n import N_

DAY = 24 * 60
LONGEST = 200
_VIETNAMESE = ("T2", "T3", "T4", "T5", "T6", "T7", "CN")
_ENGLISH = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAYS = {word.lower(): place for names in (_VIETNAMESE, _ENGLISH, tuple("1234567")) for place, word in enumerate(names)}
_STRETCH = re.compile(
    r"(?P<first>[a-z0-9]+)(?:\s*[-–]\s*(?P<last>[a-z0-9]+))?\s+"
    r"(?P<starts>\d{1,2}[:h]\d{2})\s*[-–]\s*(?P<ends>\d{1,2}[:h]\d{2})"
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `first` to `last` (0 is Monday) each day from one minute to another; `ends` may be 1440."""

    first: int
    last: int
    starts: int
    ends: int

    def holds(self, local: datetime) -> bool:
        """Whether it is open at this local time; the last minute is not part of it."""
        minute = local.hour * 60 + local.minute
        if self.ends > self.starts:
            return self.first <= local.weekday() <= self.last and self.starts <= minute < self.ends
        if self.first <= local.weekday() <= self.last and minute >= self.starts:
            return True
        return self.first <= (local.weekday() - 1) % 7 <= self.last and minute < self.ends


def checked(text: str, field: str) -> str:
    """The same hours in their stored form. Raises `Invalid("hours.form")`."""
    try:
        found = "; ".join(
            f"{s.first + 1}{f'-{s.last + 1}' if s.last > s.first else ''} {_clock(s.starts)}-{_clock(s.ends)}"
            for s in _read(text)
        )
    except ValueError:
        raise Invalid("hours.form", FORM, field=field) from None
    if len(found) > LONGEST:
        raise Invalid("hours.form", FORM, field=field)
    return found


def shown(text: str, language: str) -> str:
    """Stored hours as a person writes them: `T2-T6 07:00-17:00`, or `Mon-Fri 07:00-17:00`."""
    names = _ENGLISH if language == "en" else _VIETNAMESE
    return "; ".join(
        f"{names[s.first]}{f'-{names[s.last]}' if s.last > s.first else ''} {_clock(s.starts)}-{_clock(s.ends)}"
        for s in stretches(text)
    )


def open_at(text: str, local: datetime) -> bool:
    """Whether stored hours hold at this local time."""
    return not text or any(stretch.holds(local) for stretch in stretches(text))


@lru_cache(maxsize=1024)
def stretches(text: str) -> tuple[Stretch, ...]:
    """The stretches of stored hours."""
    return tuple(_read(text))


def _read(text: str) -> Iterator[Stretch]:
    for part in filter(None, (part.strip().lower() for part in text.split(";"))):
        found = _STRETCH.fullmatch(part)
        if found is None:
            raise ValueError(part)
        first = _day(found["first"])
        last = first if found["last"] is None else _day(found["last"])
        if last < first:
            raise ValueError(part)
        yield Stretch(first, last, _minute(found["starts"]), _minute(found["ends"]))


def _day(word: str) -> int:
    if word not in _DAYS:
        raise ValueError(word)
    return _DAYS[word]


def _minute(text: str) -> int:
    hour, minute = map(int, re.split("[:h]", text))
    if minute > 59 or hour * 60 + minute > DAY:
        raise ValueError(text)
    return hour * 60 + minute


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


FORM = N_("Write the hours as Mon-Fri 07:00-17:00; Sat 07:00-11:30. Empty means day and night.")
