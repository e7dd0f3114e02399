"""Calendars of others as busy times: recurrences, days, zones, and what is no calendar."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consult_rooms.busy_reading import MOST_BYTES, MOST_EVENTS, Times, Unreadable, busy_times, merged

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
STARTS = datetime(2026, 11, 23, tzinfo=UTC)
ENDS = STARTS + timedelta(days=180)


def ics(*events: str, head: str = "") -> bytes:
    """A calendar of these events, each as its lines."""
    told = [
        "BEGIN:VEVENT\r\nUID:{}\r\nDTSTAMP:20260101T000000Z\r\n{}\r\nEND:VEVENT".format(
            number, event.replace(" | ", "\r\n")
        )
        for number, event in enumerate(events)
    ]
    return "\r\n".join(
        ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//y", *([head] if head else []), *told, "END:VCALENDAR", ""]
    ).encode()


def read(*events: str, zone: str = "Asia/Ho_Chi_Minh") -> list[str]:
    """The busy times in short."""
    found = busy_times(ics(*events), ZoneInfo(zone), STARTS, ENDS)
    return [f"{first:%m-%d %H:%M}-{last:%m-%d %H:%M}" for first, last in found]


@pytest.mark.parametrize(
    ("event", "times"),
    [
        ("DTSTART:20261124T020000Z | DTEND:20261124T030000Z", ["11-24 02:00-11-24 03:00"]),
        ("DTSTART:20261124T090000 | DURATION:PT1H", ["11-24 02:00-11-24 03:00"]),  # floating: the facility's time
        ("DTSTART;VALUE=DATE:20261124", ["11-23 17:00-11-24 17:00"]),  # a whole day of the facility's
        ("DTSTART;TZID=Europe/Paris:20261124T090000 | DURATION:PT1H", ["11-24 08:00-11-24 09:00"]),
        ("DTSTART;TZID=SE Asia Standard Time:20261124T090000 | DURATION:PT1H", ["11-24 02:00-11-24 03:00"]),
        ("DTSTART:20261124T020000Z | DTEND:20261124T030000Z | TRANSP:TRANSPARENT", []),
        ("DTSTART:20261124T020000Z | DTEND:20261124T030000Z | STATUS:CANCELLED", []),
        ("DTSTART:20261122T230000Z | DTEND:20261123T010000Z", ["11-23 00:00-11-23 01:00"]),  # cut at now
        ("DTSTART:20200101T020000Z | DTEND:20200101T030000Z", []),
        ("DTSTART:20280101T020000Z | DTEND:20280101T030000Z", []),
        (
            "DTSTART:20261124T020000Z | DURATION:PT30M | RRULE:FREQ=WEEKLY;COUNT=3 | EXDATE:20261201T020000Z",
            ["11-24 02:00-11-24 02:30", "12-08 02:00-12-08 02:30"],
        ),
    ],
)
def test_an_event_is_a_busy_time(event: str, times: list[str]) -> None:
    assert read(event) == times


def test_a_weekly_event_keeps_its_local_time_over_both_changes_of_the_clock() -> None:
    found = busy_times(
        ics("DTSTART;TZID=Europe/Paris:20260105T090000 | DURATION:PT1H | RRULE:FREQ=WEEKLY"),
        ZONE,
        datetime(2026, 3, 20, tzinfo=UTC),
        datetime(2026, 11, 5, tzinfo=UTC),
    )
    assert {first.astimezone(ZoneInfo("Europe/Paris")).hour for first, _ in found} == {9}
    assert {first.hour for first, _ in found} == {7, 8}


def test_overlapping_events_are_one_busy_time() -> None:
    times = read(
        "DTSTART:20261124T020000Z | DTEND:20261124T030000Z",
        "DTSTART:20261124T024500Z | DTEND:20261124T040000Z",
        "DTSTART:20261124T040000Z | DTEND:20261124T050000Z",
    )
    assert times == ["11-24 02:00-11-24 05:00"]


def test_published_free_and_busy_times_count_too() -> None:
    head = "\r\n".join(
        [
            "BEGIN:VFREEBUSY",
            "UID:f",
            "DTSTAMP:20260101T000000Z",
            "FREEBUSY;FBTYPE=BUSY:20261124T020000Z/20261124T030000Z,20261125T020000Z/PT1H",
            "FREEBUSY;FBTYPE=FREE:20261126T020000Z/20261126T030000Z",
            "END:VFREEBUSY",
        ]
    )
    found = busy_times(ics(head=head), ZONE, STARTS, ENDS)
    assert [first.day for first, _ in found] == [24, 25]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<!doctype html><html><body>Sign in</body></html>", "not_calendar"),
        (b"", "not_calendar"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:yesterday", "not_calendar"),
        (ics("DTSTART:20261124T020000Z | RRULE:FREQ=SECONDLY"), "too_often"),
        (ics("DTSTART:20261124T020000Z | RRULE:FREQ=MINUTELY;COUNT=2"), "too_often"),
        (ics(*["DTSTART:20261124T020000Z"] * (MOST_EVENTS + 1)), "too_many"),
        (b"BEGIN:VCALENDAR" + b" " * MOST_BYTES, "too_large"),
        (
            ics(*["DTSTART:20261124T020000Z | DURATION:PT1H | RRULE:FREQ=DAILY"] * (MOST_EVENTS // 100)),
            "too_many",
        ),
    ],
)
def test_what_is_no_calendar_or_too_much_of_one_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        busy_times(content, ZONE, STARTS, ENDS)
    assert refused.value.code == code


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 60)), max_size=20))
def test_merged_times_cover_the_same_minutes(spans: list[tuple[int, int]]) -> None:
    times: Times = [
        (STARTS + timedelta(minutes=first), STARTS + timedelta(minutes=first + length)) for first, length in spans
    ]
    whole = merged(times)

    def minutes(of: Times) -> set[int]:
        return {
            minute
            for first, last in of
            for minute in range(int((first - STARTS).total_seconds() // 60), int((last - STARTS).total_seconds() // 60))
        }

    assert minutes(whole) == minutes(times)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(whole))
