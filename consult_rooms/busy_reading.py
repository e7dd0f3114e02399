"""A calendar file of others (RFC 5545) as busy times: nothing is taken from it but when somebody is busy.

Run as a program it reads one file from its standard input, in a process of its own with bounds on memory and time:
what a recurrence costs cannot be told beforehand, and no library can be stopped in the middle of one.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events  # type: ignore[import-untyped]  # it has no type marker
from icalendar import Calendar, Component

MOST_BYTES = 5 * 1024 * 1024
MOST_EVENTS = 5_000
"""Events, and occurrences within the horizon."""
MOST_MEMORY = 1024 * 1024 * 1024
CPU_S = 10
_TOO_OFTEN = frozenset({"SECONDLY", "MINUTELY", "HOURLY"})
_ALL_FREE = frozenset({"FREE"})

Times = list[tuple[datetime, datetime]]


class Unreadable(Exception):
    """The file cannot be used; `code` is the part after `busy.` of the error that people see."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def busy_times(content: bytes, zone: tzinfo, starts: datetime, ends: datetime) -> Times:
    """When its owner is busy between two instants, merged, in UTC.

    Days without a time and times without a zone are meant in `zone`. Free (TRANSP:TRANSPARENT) and cancelled events do
    not count. Raises Unreadable `not_calendar`, `too_large`, `too_many` or `too_often`.
    """
    if len(content) > MOST_BYTES:
        raise Unreadable("too_large")
    text = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text[:15].upper().startswith(b"BEGIN:VCALENDAR"):
        raise Unreadable("not_calendar")
    if text.upper().count(b"BEGIN:VEVENT") > MOST_EVENTS:
        raise Unreadable("too_many")
    try:
        calendars = [one for one in Calendar.from_ical(text, multiple=True) if isinstance(one, Calendar)]
        if not calendars:  # it was cut off
            raise Unreadable("not_calendar")
        found = [times for one in calendars for times in _of(one, zone, starts, ends)]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise Unreadable("not_calendar") from error
    return merged(found)


def merged(times: Iterable[tuple[datetime, datetime]]) -> Times:
    """The same times without overlaps, in order."""
    whole: Times = []
    for starts, ends in sorted(times):
        if whole and starts <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], ends))
        else:
            whole.append((starts, ends))
    return whole


def _of(calendar: Calendar, zone: tzinfo, starts: datetime, ends: datetime) -> Times:
    for event in calendar.walk("VEVENT"):
        for rule in _several(event.get("RRULE")):
            if {str(one).upper() for one in rule.get("FREQ", [])} & _TOO_OFTEN:
                raise Unreadable("too_often")
    found: Times = []
    query = recurring_ical_events.of(calendar, skip_bad_series=True)
    # A day more on both sides: days and floating times are compared there without their zone.
    for event in query.between(starts - timedelta(days=1), ends + timedelta(days=1)):
        if _counts(event):
            found.append((_instant(event.start, zone), _instant(event.end, zone)))
        if len(found) > MOST_EVENTS:
            raise Unreadable("too_many")
    for component in calendar.walk("VFREEBUSY"):
        for entry in _several(component.get("FREEBUSY")):
            if str(entry.params.get("FBTYPE", "BUSY")).upper() not in _ALL_FREE:
                periods = entry.dts if hasattr(entry, "dts") else [entry]
                found += [(_instant(one.start, zone), _instant(one.end, zone)) for one in periods]
    clipped = [(max(first, starts), min(last, ends)) for first, last in found]
    return [(first, last) for first, last in clipped if first < last]


def _counts(event: Component) -> bool:
    transparent = str(event.get("TRANSP", "")).upper() == "TRANSPARENT"
    # Outlook's own word for “free” and “working elsewhere”, beside a TRANSP that it leaves out in some versions.
    free = str(event.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).upper() in ("FREE", "WORKINGELSEWHERE")
    return not transparent and not free and str(event.get("STATUS", "")).upper() != "CANCELLED"


def _instant(at: date | datetime, zone: tzinfo) -> datetime:
    if not isinstance(at, datetime):
        at = datetime.combine(at, time())
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def main() -> None:
    """One JSON line (`zone`, `starts`, `ends`), then the file; answers with JSON: `times`, or `fault`."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    asked, _, content = sys.stdin.buffer.read().partition(b"\n")
    given = json.loads(asked)
    starts, ends = (datetime.fromisoformat(given[name]) for name in ("starts", "ends"))
    answer: dict[str, Any]
    try:
        times = busy_times(content, ZoneInfo(given["zone"]), starts, ends)
        answer = {"times": [[first.isoformat(), last.isoformat()] for first, last in times]}
    except Unreadable as error:
        answer = {"fault": error.code}
    except (MemoryError, RecursionError):
        answer = {"fault": "too_many"}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
