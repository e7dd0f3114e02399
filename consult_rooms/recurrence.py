"""Days that repeat: RFC 5545 recurrence rules of whole days, checked before any is expanded, expanded within bounds.

The library is python-dateutil. The time of day is the template's own, so rules speak of days alone. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import takewhile

from dateutil.rrule import rrulestr

from foundation.errors import Invalid
from foundation.i18n import N_

LENGTH = 300
"""Characters of a rule at most."""
REPEATS = 1000
"""The largest COUNT."""
STRIDE = 60
"""The largest INTERVAL."""
ONCE = "FREQ=DAILY;COUNT=1"
"""The rule of a single day."""
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

_SOON = timedelta(days=8 * 366)
"""Within this a rule has to come to its first day: long enough for a leap day."""
_CYCLE = 400
"""The Gregorian calendar repeats after so many years, weekdays and all."""
_LAST = 9600
"""The library looks for a rule's next day until the year 9999, for millions of days where there is none. Looked for in
the same years of the last cycle, it gives up within a fifth of a second."""

_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_NUMBERS = re.compile(r"-?[0-9]{1,3}(,-?[0-9]{1,3}){0,30}")
_DAYS = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)(,([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)){0,20}")
_UNTIL = re.compile(r"([0-9]{8})(T[0-9]{6}Z?)?")
_BOUNDS = {"BYMONTHDAY": 31, "BYMONTH": 12, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366}

UNREADABLE = N_("This is not a recurrence rule, such as FREQ=WEEKLY;BYDAY=MO,WE.")
PART = N_("A rule here cannot have the part %(part)s with this value.")
TOO_OFTEN = N_("A rule repeats by day, week, month or year. The hours of a day are the window's.")
NEVER = N_("This rule never falls on a day.")


def weekly(weekdays: frozenset[int], interval: int = 1) -> str:
    """The rule of these days of the week (0 is Monday), each week or every `interval` weeks."""
    days = ",".join(WEEKDAYS[day] for day in sorted(weekdays))
    return f"FREQ=WEEKLY;BYDAY={days}" if interval == 1 else f"FREQ=WEEKLY;INTERVAL={interval};BYDAY={days}"


def weekdays_of(rule: str) -> tuple[frozenset[int], int] | None:
    """Days and interval of a rule that `weekly` gave; None for any other."""
    found = re.fullmatch(r"FREQ=WEEKLY(?:;INTERVAL=([0-9]+))?;BYDAY=([A-Z,]+)", rule)
    if found is None:
        return None
    return frozenset(WEEKDAYS.index(day) for day in found[2].split(",")), int(found[1] or 1)


def checked(text: str, starts_on: date) -> str:
    """The rule in its plain form (RFC 5545, section 3.3.10), when it can be followed from that day on.

    Raises Invalid `recurrence.unreadable`, `recurrence.too_often`, `recurrence.part` or `recurrence.never`.
    """
    rule = text.strip().upper().removeprefix("RRULE:")
    if not rule or len(rule) > LENGTH or not rule.isascii():
        raise Invalid("recurrence.unreadable", UNREADABLE, field="rule")
    parts: dict[str, str] = {}
    for part in rule.rstrip(";").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value or name in parts:
            raise Invalid("recurrence.unreadable", UNREADABLE, field="rule")
        parts[name] = value
    if parts.get("FREQ") in ("SECONDLY", "MINUTELY", "HOURLY") or {"BYHOUR", "BYMINUTE", "BYSECOND"} & parts.keys():
        raise Invalid("recurrence.too_often", TOO_OFTEN, field="rule")
    if parts.get("FREQ") not in _FREQUENCIES:
        raise Invalid("recurrence.unreadable", UNREADABLE, field="rule")
    for name, value in parts.items():
        if not _allowed(name, value, parts):
            raise Invalid("recurrence.part", PART, field="rule", part=name)
    if "UNTIL" in parts:
        parts["UNTIL"] = parts["UNTIL"][:8] + "T235959"  # a whole day is meant, in local time
    plain = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        first = next(_from(plain, starts_on, shifted=True), None)
    except (ValueError, TypeError, KeyError, IndexError) as error:  # what the library raises for what it cannot follow
        raise Invalid("recurrence.unreadable", UNREADABLE, field="rule") from error
    if first is None or first - starts_on > _SOON:
        raise Invalid("recurrence.never", NEVER, field="rule")
    return plain


def days(rule: str, starts_on: date, first: date, last: date) -> list[date]:
    """The rule's days from `first` to `last`, both counted; `rule` is one that `checked` gave for `starts_on`."""
    return [day for day in takewhile(lambda day: day <= last, _from(rule, starts_on)) if day >= first]


def _from(rule: str, starts_on: date, *, shifted: bool = False) -> Iterator[date]:
    years = (_LAST - starts_on.year) // _CYCLE * _CYCLE + _CYCLE if shifted else 0
    if years and "UNTIL=" in rule:
        before, _, until = rule.partition("UNTIL=")
        rule = f"{before}UNTIL={int(until[:4]) + years:04}{until[4:]}"
    begin = datetime(starts_on.year + years, starts_on.month, starts_on.day)  # noqa: DTZ001 - local, as RFC 5545's floating time
    for at in rrulestr(rule, dtstart=begin):
        yield at.date().replace(year=at.year - years)


def _allowed(name: str, value: str, parts: dict[str, str]) -> bool:
    match name:
        case "FREQ":
            return True
        case "INTERVAL":
            return value.isdigit() and len(value) < 4 and 1 <= int(value) <= STRIDE
        case "COUNT":
            return value.isdigit() and len(value) < 6 and 1 <= int(value) <= REPEATS and "UNTIL" not in parts
        case "UNTIL":
            return _UNTIL.fullmatch(value) is not None and _is_day(value[:8])
        case "WKST":
            return value in WEEKDAYS
        case "BYDAY":
            # A number before a day counts within a month or year.
            counted = any(sign in value for sign in "0123456789")
            return _DAYS.fullmatch(value) is not None and not (counted and parts["FREQ"] in ("DAILY", "WEEKLY"))
        case "BYYEARDAY" | "BYWEEKNO" if parts["FREQ"] != "YEARLY":
            return False
        case "BYMONTHDAY" if parts["FREQ"] == "WEEKLY":
            return False
        case _ if name in _BOUNDS:
            if _NUMBERS.fullmatch(value) is None:
                return False
            least = 1 if name == "BYMONTH" else -_BOUNDS[name]
            return all(number and least <= number <= _BOUNDS[name] for number in map(int, value.split(",")))
    return False


def _is_day(text: str) -> bool:
    try:
        return 2020 <= date(int(text[:4]), int(text[4:6]), int(text[6:])).year <= 2200
    except ValueError:
        return False
