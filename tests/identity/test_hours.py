"""Opening hours on their own: read and written in both languages, over midnight, in the zone of the facility."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from foundation.errors import Invalid
from identity.hours import checked, open_at, shown

OFFICE = "1-5 07:00-17:00; 6 07:00-11:30"


def at(day: str, clock: str) -> datetime:
    """A local time in the week of Monday 23 November 2026."""
    days = ("T2", "T3", "T4", "T5", "T6", "T7", "CN")
    return datetime.fromisoformat(f"2026-11-{23 + days.index(day):02d} {clock}")


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("", ""),
        (" ; ", ""),
        ("T2-T6 07:00-17:00; T7 07:00-11:30", OFFICE),
        ("mon – fri 7:00 – 17:00;sat 7h00-11h30", OFFICE),
        ("1-5 07:00-17:00; 6 07:00-11:30", OFFICE),
        ("CN 00:00-24:00", "7 00:00-24:00"),
        ("T6 19:00-07:00", "5 19:00-07:00"),
        ("1-7 07:00-07:00", "1-7 07:00-07:00"),
    ],
)
def test_what_people_write_has_one_stored_form(written: str, stored: str) -> None:
    assert checked(written, "hours") == stored
    assert checked(stored, "hours") == stored
    for language in ("vi", "en"):
        assert checked(shown(stored, language), "hours") == stored


def test_it_is_shown_in_the_readers_days() -> None:
    assert shown(OFFICE, "vi") == "T2-T6 07:00-17:00; T7 07:00-11:30"
    assert shown(OFFICE, "en") == "Mon-Fri 07:00-17:00; Sat 07:00-11:30"


@pytest.mark.parametrize(
    "written",
    [
        "always",
        "T2",
        "07:00-17:00",
        "T8 07:00-17:00",
        "T6-T2 07:00-17:00",
        "T2 7-17",
        "T2 07:00-24:01",
        "T2 07:60-17:00",
        "T2 07:00-17:00, T3 07:00-17:00",
        "; ".join(["T2 07:00-17:00"] * 20),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_field(written: str) -> None:
    with pytest.raises(Invalid) as error:
        checked(written, "hours")
    assert (error.value.code, error.value.field) == ("hours.form", "hours")


@pytest.mark.parametrize(
    ("hours", "day", "clock", "opens"),
    [
        ("", "CN", "03:00", True),
        (OFFICE, "T2", "06:59", False),
        (OFFICE, "T2", "07:00", True),
        (OFFICE, "T6", "16:59", True),
        (OFFICE, "T6", "17:00", False),
        (OFFICE, "T7", "11:29", True),
        (OFFICE, "T7", "11:30", False),
        (OFFICE, "CN", "09:00", False),
        ("7 00:00-24:00", "CN", "23:59", True),
        ("7 00:00-24:00", "T2", "00:00", False),
        # Friday's night ends on Saturday morning, Sunday's on Monday.
        ("5 19:00-07:00", "T6", "18:59", False),
        ("5 19:00-07:00", "T6", "23:59", True),
        ("5 19:00-07:00", "T7", "00:00", True),
        ("5 19:00-07:00", "T7", "06:59", True),
        ("5 19:00-07:00", "T7", "07:00", False),
        ("5 19:00-07:00", "T6", "03:00", False),
        ("7 22:00-06:00", "T2", "05:59", True),
        ("7 22:00-06:00", "CN", "05:59", False),
        # Equal times: a day from then on.
        ("1 07:00-07:00", "T2", "07:00", True),
        ("1 07:00-07:00", "T3", "06:59", True),
        ("1 07:00-07:00", "T3", "07:00", False),
        ("1-7 07:00-07:00", "T5", "02:00", True),
    ],
)
def test_when_it_is_open(hours: str, day: str, clock: str, opens: bool) -> None:
    assert open_at(hours, at(day, clock)) is opens


def opening(zone: str, hours: str, day: datetime) -> list[str]:
    """From when to when it is open on the day that begins at this instant, in UTC; minutes are tried one by one."""
    local = ZoneInfo(zone)
    tried = [day + timedelta(minutes=minute) for minute in range(24 * 60)]
    told, before = list[str](), False
    for instant in [*tried, None]:
        now = instant is not None and open_at(hours, instant.astimezone(local))
        if now is not before:
            told.append((instant or day + timedelta(days=1)).strftime("%H:%M"))
        before = now
    return told


def test_hours_are_those_of_the_facilitys_zone() -> None:
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    assert opening("Asia/Ho_Chi_Minh", "1 07:00-17:00", monday) == ["00:00", "10:00"]
    assert opening("Australia/Sydney", "1 07:00-17:00", monday - timedelta(hours=12)) == ["20:00", "06:00"]


def test_a_clock_that_is_put_forward_or_back_keeps_the_written_hours() -> None:
    """Paris: on 29 March 2026 at 02:00 it is 03:00, on 25 October at 03:00 it is 02:00 once more. Both are Sundays."""
    spring, autumn = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)
    # From Saturday 20:00 to Sunday 06:00 is nine hours in the one night and eleven in the other.
    assert opening("Europe/Paris", "6 20:00-06:00", spring) == ["19:00", "04:00"]
    assert opening("Europe/Paris", "6 20:00-06:00", autumn) == ["18:00", "05:00"]
    # The hour that does not exist opens nothing; the hour that comes twice is open twice.
    assert opening("Europe/Paris", "7 02:00-03:00", spring) == []
    assert opening("Europe/Paris", "7 02:00-03:00", autumn) == ["00:00", "02:00"]
    # The days before and after are an hour apart by the world's clock.
    assert opening("Europe/Paris", "5 07:00-17:00", datetime(2026, 3, 27, tzinfo=UTC)) == ["06:00", "16:00"]
    assert opening("Europe/Paris", "1 07:00-17:00", datetime(2026, 3, 30, tzinfo=UTC)) == ["05:00", "15:00"]
