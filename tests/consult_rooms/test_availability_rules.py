"""Recurrence, holidays, changes of the clock and the plan of slots, as tables of cases; no store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consult_rooms import calendar, recurrence
from consult_rooms.appointment import Slot, VisitType
from consult_rooms.closures import AvailabilityException, Closures, ExceptionKind, public_holidays
from consult_rooms.offering import Standing, Template, plan
from consult_rooms.pattern import Pattern, changes, checked, days, times
from foundation.errors import Invalid
from foundation.ids import AppointmentId, ExceptionId, FacilityId, SlotId, SpecialtyId, StaffId, TemplateId

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
PARIS = ZoneInfo("Europe/Paris")
TODAY = date(2026, 11, 23)
"""A Monday."""
NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
STROKE = SpecialtyId("spe_" + "1" * 32)
HA = StaffId("stf_" + "1" * 32)
HOSPITAL = FacilityId("fac_" + "1" * 32)
OWN, DEPARTMENT = TemplateId("avt_" + "1" * 32), TemplateId("avt_" + "2" * 32)
MORNINGS = Pattern(STROKE, VisitType.FIRST, "FREQ=WEEKLY;BYDAY=MO,TH", TODAY, None, time(8), time(10), 30)


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("FREQ=WEEKLY;BYDAY=MO,TH", ["2026-11-23", "2026-11-26", "2026-11-30"]),
        ("RRULE:FREQ=DAILY;INTERVAL=2;COUNT=3", ["2026-11-23", "2026-11-25", "2026-11-27"]),
        ("FREQ=MONTHLY;BYDAY=1MO,3MO", ["2026-12-07", "2026-12-21", "2027-01-04"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", ["2026-11-30", "2026-12-31", "2027-01-31"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;UNTIL=20261209", ["2026-11-24", "2026-12-08"]),
        ("FREQ=DAILY;COUNT=1", ["2026-11-23"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", ["2028-02-29", "2032-02-29", "2036-02-29"]),
    ],
)
def test_rules_give_their_days(rule: str, found: list[str]) -> None:
    plain = recurrence.checked(rule, TODAY)
    assert [day.isoformat() for day in recurrence.days(plain, TODAY, TODAY, date(2036, 12, 31))[:3]] == found
    assert recurrence.checked(plain.partition("T235959")[0], TODAY) == plain, "what is stored is read again"


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("", "unreadable"),
        ("every monday", "unreadable"),
        ("FREQ=WEEKLY\nDTSTART:20000101", "unreadable"),
        ("FREQ=WEEKLY;FREQ=DAILY", "unreadable"),
        ("BYDAY=MO", "unreadable"),
        ("FREQ=SECONDLY", "too_often"),
        ("FREQ=MINUTELY;INTERVAL=5", "too_often"),
        ("FREQ=HOURLY", "too_often"),
        ("FREQ=DAILY;BYHOUR=8,9,10", "too_often"),
        ("FREQ=DAILY;COUNT=1000000", "part"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101", "part"),
        ("FREQ=DAILY;INTERVAL=0", "part"),
        ("FREQ=YEARLY;INTERVAL=400", "part"),
        ("FREQ=WEEKLY;BYDAY=2MO", "part"),
        ("FREQ=WEEKLY;UNTIL=20261332", "part"),
        ("FREQ=WEEKLY;DTSTART=20260101", "part"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "part"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "never"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=20", "never"),
        ("FREQ=WEEKLY;UNTIL=20200101", "never"),
    ],
)
def test_rules_without_end_or_sense_are_refused_before_they_are_expanded(rule: str, code: str) -> None:
    with pytest.raises(Invalid) as error:
        recurrence.checked(rule, TODAY)
    assert (error.value.code, error.value.field) == (f"recurrence.{code}", "rule")


def test_a_rule_without_end_stops_at_the_horizon() -> None:
    assert len(recurrence.days("FREQ=DAILY", date(2020, 1, 1), TODAY, TODAY + timedelta(days=59))) == 60


@pytest.mark.parametrize(
    ("day", "starts", "ends", "utc"),
    [
        # A window over no change: the same wall clock, another hour of UTC in summer and in winter.
        (date(2027, 3, 26), time(8), time(9), ["07:00", "07:30"]),
        (date(2027, 3, 29), time(8), time(9), ["06:00", "06:30"]),
        # Spring, 28 March 2027: 02:00 to 03:00 does not exist, so two hours of the wall clock are one.
        (date(2027, 3, 28), time(1, 30), time(3, 30), ["00:30", "01:00"]),
        (date(2027, 3, 28), time(2, 30), time(4), ["01:30"]),
        # Autumn, 31 October 2027: 02:00 to 03:00 comes twice, and the window is an hour longer.
        (date(2027, 10, 31), time(2), time(3, 30), ["00:00", "00:30", "01:00", "01:30", "02:00"]),
        (date(2027, 11, 1), time(8), time(9), ["07:00", "07:30"]),
    ],
)
def test_local_times_hold_over_both_changes_of_the_clock(day: date, starts: time, ends: time, utc: list[str]) -> None:
    pattern = replace(MORNINGS, starts=starts, ends=ends)
    found = times(pattern, day, PARIS)
    assert [f"{at:%H:%M}" for at, _ in found] == utc
    assert all(ends_at - starts_at == timedelta(minutes=30) for starts_at, ends_at in found)
    assert all(later >= sooner for (_, sooner), (later, _) in pairwise(found))


@pytest.mark.parametrize(
    ("minutes", "before", "after", "capacity", "starts"),
    [
        (30, 0, 0, None, ["08:00", "08:30", "09:00", "09:30"]),
        (20, 0, 10, None, ["08:00", "08:30", "09:00", "09:30"]),
        (30, 15, 0, None, ["08:15", "09:00"]),
        (30, 0, 15, None, ["08:00", "08:45"]),
        (30, 0, 0, 2, ["08:00", "08:30"]),
    ],
)
def test_buffers_and_capacity_lie_inside_the_window(
    minutes: int, before: int, after: int, capacity: int | None, starts: list[str]
) -> None:
    pattern = replace(MORNINGS, minutes=minutes, before=before, after=after, capacity=capacity)
    assert [f"{at.astimezone(VIETNAM):%H:%M}" for at, _ in times(pattern, TODAY, VIETNAM)] == starts


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({}, []),
        ({"ends": time(8)}, ["slot.window ends"]),
        ({"ends": time(7)}, ["slot.window ends"]),
        ({"ends": time(8, 15)}, ["slot.window ends"]),
        ({"starts": time(8, 5)}, ["availability.quarter starts"]),
        ({"minutes": 0}, ["availability.minutes minutes"]),
        ({"minutes": 481, "after": 61}, ["availability.minutes minutes", "availability.buffer after"]),
        ({"starts": time(0), "ends": time(23, 45), "minutes": 15}, ["slot.many ends"]),
        ({"capacity": 0}, ["availability.capacity capacity"]),
        ({"ends_on": date(2026, 11, 1)}, ["availability.inverted ends_on"]),
        ({"starts_on": date(2026, 1, 1), "ends_on": date(2026, 11, 22)}, ["slot.past ends_on"]),
        ({"rule": recurrence.ONCE, "starts_on": date(2026, 11, 22)}, ["slot.past starts_on"]),
        ({"starts_on": date(2030, 1, 1)}, ["slot.far starts_on"]),
        ({"visit_type": VisitType.CONFERENCE}, ["availability.conference visit_type"]),
        ({"rule": "FREQ=SECONDLY", "ends": time(8)}, ["slot.window ends", "recurrence.too_often rule"]),
    ],
)
def test_a_template_is_told_everything_that_is_wrong_by_its_field(changed: dict[str, object], codes: list[str]) -> None:
    _, wrong = checked(replace(MORNINGS, **changed), TODAY)  # type: ignore[arg-type] # wrong on purpose
    assert [f"{one.code} {one.field}" for one in wrong] == codes


def test_a_template_is_stored_and_compared() -> None:
    other = replace(MORNINGS, ends_on=date(2027, 1, 1), capacity=3, starts=time(9))
    assert Pattern.of_json(other.json()) == other
    assert changes(MORNINGS, other) == ["ends_on", "starts", "capacity"]
    assert days(other, TODAY, date(2027, 6, 1))[-1] == date(2026, 12, 31)


def test_vietnams_holidays_with_tet_and_days_in_exchange() -> None:
    known = public_holidays("VN", 2027)
    assert date(2027, 2, 6) in known, "Tết by the moon"
    assert {date(2027, 4, 16), date(2027, 5, 3)} <= known.keys(), "Hùng Vương; the Monday after a Saturday holiday"
    assert "Tết Nguyên Đán" in known[date(2027, 2, 6)]
    assert "Lunar New Year" in public_holidays("VN", 2027, "en")[date(2027, 2, 6)]
    assert not public_holidays("", 2027)


def exception(kind: ExceptionKind, first: datetime, last: datetime) -> AvailabilityException:
    return AvailabilityException(ExceptionId("avx_1"), HOSPITAL, None, kind, first, last)


def test_a_hospital_may_open_on_a_holiday() -> None:
    day = datetime(2027, 2, 6, tzinfo=VIETNAM)
    assert Closures("VN", VIETNAM).holiday(day.date())
    opened = exception(ExceptionKind.OPEN, day, day + timedelta(days=1))
    assert not Closures("VN", VIETNAM, [opened]).holiday(day.date())
    assert Closures("VN", VIETNAM, [opened]).holiday(date(2027, 2, 7))


def slot(starts: str, *, template: TemplateId | None = OWN, booked: bool = False, number: int = 1) -> Standing:
    at = datetime.fromisoformat(starts).replace(tzinfo=VIETNAM).astimezone(UTC)
    appointment = AppointmentId(f"apt_{number}") if booked else None
    made = Slot(
        SlotId(f"slo_{number}"),
        HA,
        STROKE,
        HOSPITAL,
        at,
        at + timedelta(minutes=30),
        appointment,
        template_id=template,
    )
    return Standing(made)


def planned(
    patterns: list[tuple[TemplateId, Pattern]],
    standing: list[Standing] | None = None,
    exceptions: list[AvailabilityException] | None = None,
    *,
    weeks: int = 1,
    works_here: bool = True,
    taken: dict[int, str] | None = None,
) -> tuple[list[str], list[str], list[tuple[str, str]], list[tuple[str, str]]]:
    """What is made, withdrawn, contradicted and skipped, for short."""
    stood = standing or []
    held = {quarter: one.slot.id for one in stood for quarter in one.time.quarters}
    found = plan(
        [Template(name, 1, name == OWN, pattern) for name, pattern in patterns],
        stood,
        held | (taken or {}),
        Closures("VN", VIETNAM, exceptions or []),
        VIETNAM,
        NOW,
        NOW + timedelta(weeks=weeks),
        works_here=works_here,
    )
    return (
        [f"{one.starts_at.astimezone(VIETNAM):%d %H:%M}" for one in found.make],
        list(found.withdraw),
        [(one.slot.id, one.cause.value) for one in found.contradictions],
        [(f"{one.day:%d}", one.cause.value) for one in found.skipped],
    )


def test_slots_are_made_from_now_on_and_none_twice() -> None:
    made, withdrawn, told, skipped = planned([(OWN, MORNINGS)])
    assert made == ["23 08:30", "23 09:00", "23 09:30", "26 08:00", "26 08:30", "26 09:00", "26 09:30"]
    assert (withdrawn, told, skipped) == ([], [], [])
    standing = [slot(f"2026-11-{text.replace(' ', 'T')}", number=n) for n, text in enumerate(made)]
    assert planned([(OWN, MORNINGS)], standing) == ([], [], [], [])


def test_the_own_template_goes_before_the_departments() -> None:
    department = replace(MORNINGS, starts=time(9), ends=time(11), rule="FREQ=WEEKLY;BYDAY=TH")
    made, _, _, skipped = planned([(DEPARTMENT, department), (OWN, replace(MORNINGS, rule="FREQ=WEEKLY;BYDAY=TH"))])
    assert made == ["26 08:00", "26 08:30", "26 09:00", "26 09:30", "26 10:00", "26 10:30"]
    assert skipped == [("26", "occupied")]


def test_a_holiday_is_left_out_unless_the_template_or_the_day_says_otherwise() -> None:
    tuesdays = replace(MORNINGS, rule="FREQ=WEEKLY;BYDAY=TU", ends=time(9))
    assert planned([(OWN, tuesdays)])[0::3] == ([], [("24", "holiday")])
    assert planned([(OWN, replace(tuesdays, on_holidays=True))])[0] == ["24 08:00", "24 08:30"]
    assert planned([(OWN, replace(tuesdays, rule=recurrence.ONCE, starts_on=date(2026, 11, 24)))])[0] != []
    day = datetime(2026, 11, 24, tzinfo=VIETNAM)
    opened = exception(ExceptionKind.OPEN, day, day + timedelta(days=1))
    assert planned([(OWN, tuesdays)], exceptions=[opened])[0] == ["24 08:00", "24 08:30"]


def test_leave_takes_free_slots_and_tells_of_booked_ones() -> None:
    standing = [
        slot("2026-11-26T08:00", number=1),
        slot("2026-11-26T08:30", booked=True, number=2),
        slot("2026-11-26T13:00", template=None, number=3),
        slot("2026-11-26T14:00", template=None, booked=True, number=4),
        slot("2026-11-26T16:00", template=None, number=5),
    ]
    starts = datetime(2026, 11, 26, tzinfo=VIETNAM)
    leave = exception(ExceptionKind.LEAVE, starts, starts + timedelta(hours=15))
    made, withdrawn, told, skipped = planned([(OWN, MORNINGS)], standing, [leave])
    assert (made, withdrawn) == (["23 08:30", "23 09:00", "23 09:30"], ["slo_1", "slo_3"])
    assert told == [("slo_2", "leave"), ("slo_4", "leave")]
    assert skipped == [("26", "leave")]


def test_a_changed_template_never_moves_a_booked_slot() -> None:
    standing = [
        slot("2026-11-26T08:00", booked=True, number=1),
        slot("2026-11-26T08:30", number=2),
        slot("2026-11-26T09:00", booked=True, number=3),
    ]
    later = replace(MORNINGS, rule="FREQ=WEEKLY;BYDAY=TH", starts=time(9), ends=time(10))
    made, withdrawn, told, _ = planned([(OWN, later)], standing)
    assert (made, withdrawn, told) == (["26 09:30"], ["slo_2"], [("slo_1", "template")])
    crossing = replace(later, starts=time(8, 15), ends=time(8, 45))
    made, _, told, skipped = planned([(OWN, crossing)], standing)
    assert (made, skipped) == ([], [("26", "occupied")]), "what is booked keeps its quarters"
    assert [slot_id for slot_id, _ in told] == ["slo_1", "slo_3"]


def test_who_left_offers_nothing_and_each_booking_is_told() -> None:
    standing = [slot("2026-11-26T08:00", booked=True), slot("2026-11-26T08:30", template=None, number=2)]
    assert planned([], standing, works_here=False) == ([], ["slo_2"], [("slo_1", "left")], [])


def test_a_time_held_otherwise_is_left_free_of_slots() -> None:
    [quarter] = calendar.quarters(datetime(2026, 11, 26, 1, tzinfo=UTC), datetime(2026, 11, 26, 1, 15, tzinfo=UTC))
    made, _, _, skipped = planned([(OWN, replace(MORNINGS, rule="FREQ=WEEKLY;BYDAY=TH"))], taken={quarter: "bsy_1"})
    assert (made, skipped) == (["26 08:30", "26 09:00", "26 09:30"], [("26", "occupied")])


@settings(max_examples=60, deadline=None)
@given(
    starts=st.integers(0, 88),
    length=st.integers(1, 30),
    minutes=st.integers(5, 90),
    before=st.integers(0, 20),
    after=st.integers(0, 20),
    day=st.dates(date(2026, 11, 23), date(2027, 12, 31)),
    zone=st.sampled_from([VIETNAM, PARIS, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/New_York")]),
)
def test_no_two_slots_of_a_session_share_a_quarter(
    starts: int, length: int, minutes: int, before: int, after: int, day: date, zone: ZoneInfo
) -> None:
    opens, closes = time(starts // 4, starts % 4 * 15), time(min(95, starts + length) // 4, (starts + length) % 4 * 15)
    pattern = replace(MORNINGS, starts=opens, ends=closes, minutes=minutes, before=before, after=after)
    held: set[int] = set()
    window = [datetime.combine(day, at, zone).astimezone(UTC) for at in (opens, closes)]
    for starts_at, ends_at in times(pattern, day, zone):
        taken = calendar.quarters(starts_at - timedelta(minutes=before), ends_at + timedelta(minutes=after))
        assert held.isdisjoint(taken)
        assert not starts_at.timestamp() % 900
        assert window[0] <= starts_at - timedelta(minutes=before)
        assert ends_at + timedelta(minutes=after) <= window[1]
        held.update(taken)
