"""What one availability template says: on which days, from when to when, in slots of what length. Pure.

Times are the facility's local time. Over a change to or from summer time a window is as long as it really is, and a
start that does not exist is meant by the offset before the change (RFC 5545, section 3.3.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from consult_rooms import calendar, recurrence
from consult_rooms.appointment import VisitType
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import SpecialtyId

LENGTHS: Mapping[VisitType, int] = MappingProxyType(
    {VisitType.FIRST: 30, VisitType.RETURN: 15, VisitType.RESULTS: 20, VisitType.CONFERENCE: 15}
)
"""Minutes that a slot for such a visit is proposed with; each template has its own."""
BUFFER = 60
"""Minutes kept free beside a slot at most."""

QUARTERS = N_("Start on a quarter of an hour.")
MINUTES = N_("A slot lasts 5 minutes to 8 hours.")
BUFFERS = N_("0 to 60 minutes are kept free beside a slot.")
CASES = N_("One session has 1 to %(limit)s slots.")
INVERTED = N_("The last day is before the first.")
OF_CONFERENCE = N_("Cases of a conference are planned with the conference.")


@dataclass(frozen=True, slots=True)
class Pattern:
    """`rule` is of RFC 5545 and counts from `starts_on`; `ends_on` is the last day, None: until further notice."""

    specialty_id: SpecialtyId
    visit_type: VisitType
    rule: str
    starts_on: date
    ends_on: date | None
    starts: time
    ends: time
    minutes: int
    """Length of one slot."""
    before: int = 0
    """Minutes of the specialist's time kept free before each slot, and `after` after it."""
    after: int = 0
    capacity: int | None = None
    """Slots of one session at most; None: as many as fit."""
    on_holidays: bool = False
    """Whether it holds on public holidays too."""

    @property
    def once(self) -> bool:
        """Whether it is a session of a single day."""
        return self.rule == recurrence.ONCE

    def json(self) -> dict[str, Any]:
        """As it is stored."""
        kept = asdict(self)
        for name in ("starts_on", "ends_on", "starts", "ends"):
            kept[name] = None if kept[name] is None else kept[name].isoformat()
        return kept

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Pattern:
        """What `json` gave."""
        return cls(
            **{
                **kept,
                "visit_type": VisitType(kept["visit_type"]),
                "starts_on": date.fromisoformat(kept["starts_on"]),
                "ends_on": None if kept["ends_on"] is None else date.fromisoformat(kept["ends_on"]),
                "starts": time.fromisoformat(kept["starts"]),
                "ends": time.fromisoformat(kept["ends"]),
            }
        )


def changes(before: Pattern, after: Pattern) -> list[str]:
    """Names of the fields in which two versions differ."""
    return [one.name for one in fields(Pattern) if getattr(before, one.name) != getattr(after, one.name)]


def checked(pattern: Pattern, today: date) -> tuple[Pattern, list[Invalid]]:
    """The pattern with its rule in plain form, and everything that is wrong with it, each by its field."""
    wrong: list[Invalid] = []
    for name in ("starts", "ends"):
        at: time = getattr(pattern, name)
        if at.tzinfo is not None or at.minute % 15 or at.second or at.microsecond:
            wrong.append(Invalid("availability.quarter", QUARTERS, field=name))
    if pattern.visit_type is VisitType.CONFERENCE:
        wrong.append(Invalid("availability.conference", OF_CONFERENCE, field="visit_type"))
    if not 5 <= pattern.minutes <= calendar.LONGEST.total_seconds() / 60:
        wrong.append(Invalid("availability.minutes", MINUTES, field="minutes"))
    wrong.extend(
        Invalid("availability.buffer", BUFFERS, field=name)
        for name in ("before", "after")
        if not 0 <= getattr(pattern, name) <= BUFFER
    )
    if pattern.capacity is not None and not 1 <= pattern.capacity <= calendar.SLOTS:
        wrong.append(Invalid("availability.capacity", CASES, field="capacity", limit=calendar.SLOTS))
    if pattern.ends_on is not None and pattern.ends_on < pattern.starts_on:
        wrong.append(Invalid("availability.inverted", INVERTED, field="ends_on"))
    elif (pattern.ends_on or today) < today:
        wrong.append(Invalid("slot.past", calendar.PAST, field="ends_on"))
    if pattern.once and pattern.starts_on < today:
        wrong.append(Invalid("slot.past", calendar.PAST, field="starts_on"))
    if pattern.starts_on.year < 2020 or pattern.starts_on > today + calendar.FARTHEST:
        wrong.append(Invalid("slot.far", calendar.FAR, field="starts_on"))
    if not wrong:
        count = len(times(replace(pattern, capacity=None), pattern.starts_on, ZoneInfo("UTC")))
        if pattern.ends <= pattern.starts or not count:
            wrong.append(Invalid("slot.window", calendar.WINDOW, field="ends"))
        elif count > calendar.SLOTS:
            wrong.append(Invalid("slot.many", calendar.MANY, field="ends", limit=calendar.SLOTS))
    try:
        pattern = replace(pattern, rule=recurrence.checked(pattern.rule, pattern.starts_on))
    except Invalid as error:
        wrong.append(error)
    return pattern, wrong


def days(pattern: Pattern, first: date, last: date) -> list[date]:
    """The days of its sessions between these two, both counted."""
    until = last if pattern.ends_on is None else min(last, pattern.ends_on)
    return recurrence.days(pattern.rule, pattern.starts_on, max(first, pattern.starts_on), until)


def times(pattern: Pattern, day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Start and end of each slot of that day's session, in UTC. Each starts on a quarter, its buffers lie inside."""
    opens, closes = (datetime.combine(day, at, zone).astimezone(UTC) for at in (pattern.starts, pattern.ends))
    length = timedelta(minutes=pattern.minutes)
    lead = -(-timedelta(minutes=pattern.before) // calendar.QUARTER) * calendar.QUARTER
    tail = length + timedelta(minutes=pattern.after)
    stride = lead + -(-tail // calendar.QUARTER) * calendar.QUARTER
    found: list[tuple[datetime, datetime]] = []
    starts_at = opens + lead
    while starts_at + tail <= closes and len(found) < (pattern.capacity or calendar.SLOTS + 1):
        found.append((starts_at, starts_at + length))
        starts_at += stride
    return found
