"""How the line was, how soon goals were reached and what became of notes: from hand-written logs, without a store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from consult_rooms.log_entry import LogEntry, LogKind
from consult_rooms.milestones import Goal, Milestone, Pace, Times, milestones
from consult_rooms.model import ConsultState, Urgency
from consult_rooms.note_states import Note, note_states
from consult_rooms.sittings import Level, sittings
from foundation.ids import ConsultId, StaffId
from tests.consult_rooms.conftest import GOALS
from web.ribbon import HEIGHT, THIN, WIDTH, bands

BEGIN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
CONSULT = ConsultId("con_1")
HA, LAN = StaffId("sta_ha"), StaffId("sta_lan")
Said = tuple[int, LogKind, StaffId | None, dict[str, str | int | float | bool | None]]


def at(seconds: int) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def log(said: Iterable[Said]) -> list[LogEntry]:
    return [
        LogEntry(CONSULT, number, at(seconds), kind, actor, data)
        for number, (seconds, kind, actor, data) in enumerate(said, 1)
    ]


def quality(seconds: int, place: str, way: str, rung: str, source: str | None = None) -> Said:
    data: dict[str, str | int | float | bool | None] = {"participant": place, "way": way, "rung": rung}
    return seconds, LogKind.QUALITY_CHANGED, None, {**data, **({} if source is None else {"source": source})}


def line(seconds: int, place: str, state: str) -> Said:
    return seconds, LogKind.LINE_CHANGED, None, {"participant": place, "state": state}


def came(seconds: int, who: StaffId, place: str) -> Said:
    return seconds, LogKind.JOINED, who, {"participant": place}


def went(seconds: int, who: StaffId, place: str) -> Said:
    return seconds, LogKind.LEFT, who, {"participant": place}


def levels(said: Iterable[Said], until: int) -> list[list[tuple[StaffId, list[tuple[int, Level]]]]]:
    """Of each sitting its people, each with seconds and level of what followed one another."""
    return [
        [(lane.staff_id, [(round(one.seconds), one.level) for one in lane.stretches]) for lane in sitting.lanes]
        for sitting in sittings(log(said), at(until))
    ]


def test_a_line_is_as_bad_as_the_worst_that_was_said_of_it() -> None:
    said = [
        came(0, LAN, "p1"),
        came(10, HA, "p2"),
        quality(20, "p1", "sends", "reduced"),
        line(25, "p1", "lost"),
        line(35, "p1", "good"),
        quality(40, "p1", "sends", "hd"),
        quality(40, "p2", "sees", "stills", "p1"),
        quality(50, "p2", "sees", "hd", "p1"),
        quality(55, "p2", "wishes", "audio"),
        went(60, HA, "p2"),
        went(70, LAN, "p1"),
    ]
    assert levels(said, 500) == [
        [
            (LAN, [(20, Level.FULL), (5, Level.WEAK), (10, Level.LOST), (5, Level.WEAK), (30, Level.FULL)]),
            (HA, [(30, Level.FULL), (10, Level.STILLS), (5, Level.FULL), (5, Level.CHOSEN)]),
        ]
    ]


def test_what_somebody_gave_who_left_counts_no_longer_and_a_new_entry_begins_good() -> None:
    said = [
        came(0, LAN, "p1"),
        came(0, HA, "p2"),
        quality(10, "p2", "sees", "low", "p1"),
        went(20, LAN, "p1"),
        line(30, "p2", "weak"),
        went(40, HA, "p2"),
        came(50, HA, "p2"),
    ]
    (sitting,) = levels(said, 60)
    expected = [(10, Level.FULL), (10, Level.LOW), (10, Level.FULL), (10, Level.WEAK), (10, Level.FULL)]
    assert sitting == [(LAN, [(20, Level.FULL)]), (HA, expected)]


def test_an_empty_room_divides_sittings_and_an_end_empties_it() -> None:
    said: list[Said] = [came(0, LAN, "p1"), went(60, LAN, "p1"), came(60 + 16 * 60, LAN, "p1")]
    said.append((60 + 17 * 60, LogKind.ENDED, HA, {}))
    assert levels(said, 10_000) == [[(LAN, [(60, Level.FULL)])], [(LAN, [(60, Level.FULL)])]]


def test_bands_fill_the_box_and_the_shortest_is_seen() -> None:
    said = [came(0, LAN, "p1"), line(500, "p1", "lost"), line(501, "p1", "good"), went(1_000, LAN, "p1")]
    (sitting,) = sittings(log(said), at(1_000))
    drawn = bands(sitting, sitting.lanes[0])
    assert [(one.x, one.width) for one in drawn] == [(0.0, 500.0), (500.0, THIN), (501.0, 499.0)]
    assert drawn[0].height == HEIGHT > drawn[1].height
    assert max(one.x + one.width for one in drawn) == WIDTH


EMERGENCY = Times(Urgency.EMERGENCY, ConsultState.CLAIMED, at(0), None, at(60))
CLAIMED: Said = (60, LogKind.CLAIMED, HA, {})
SEEN: Said = (90, LogKind.FIRST_FRAME, HA, {"kind": "video"})


@pytest.mark.parametrize(
    ("times", "said", "now", "expected"),
    [
        (
            EMERGENCY,
            [CLAIMED, (80, LogKind.FIRST_FRAME, HA, {"kind": "audio"}), SEEN, (1_000, LogKind.OPINION_LOCKED, HA, {})],
            2_000,
            [(60, Pace.IN_TIME), (30, Pace.IN_TIME), (1_000, Pace.IN_TIME)],
        ),
        (EMERGENCY, [CLAIMED], 100, [(60, Pace.IN_TIME), (None, Pace.WAITING), (None, Pace.WAITING)]),
        (EMERGENCY, [CLAIMED], 3_700, [(60, Pace.IN_TIME), (None, Pace.OVERDUE), (None, Pace.OVERDUE)]),
        # A claim that was lost: video is waited for from the one that held.
        (
            Times(Urgency.EMERGENCY, ConsultState.CLAIMED, at(0), None, at(200)),
            [CLAIMED, (200, LogKind.CLAIMED, LAN, {}), (230, LogKind.FIRST_FRAME, LAN, {"kind": "video"})],
            240,
            [(200, Pace.LATE), (30, Pace.IN_TIME), (None, Pace.WAITING)],
        ),
        (
            Times(Urgency.URGENT, ConsultState.CANCELLED, at(0), None, None),
            [(9, LogKind.CANCELLED, LAN, {})],
            10_000,
            [(None, Pace.NEVER), (None, Pace.NEVER), (None, Pace.NEVER)],
        ),
    ],
)
def test_goals_against_targets(
    times: Times, said: list[Said], now: int, expected: list[tuple[int | None, Pace]]
) -> None:
    found = milestones(times, log(said), at(now), GOALS)
    assert [one.goal for one in found] == list(Goal)
    assert [(one.took_s, one.pace) for one in found] == expected


def test_a_booked_consult_has_no_answer_to_wait_for_and_a_written_one_no_video() -> None:
    booked = Times(Urgency.ROUTINE, ConsultState.ENDED, at(0), at(3_600), at(3_500))
    said = log([(3_700, LogKind.FIRST_FRAME, HA, {"kind": "video"}), (4_000, LogKind.MINUTES_LOCKED, HA, {})])
    assert milestones(booked, said, at(9_000), GOALS) == (
        Milestone(Goal.VIDEO, 100, 120, Pace.IN_TIME),
        Milestone(Goal.OPINION, 400, 3_600, Pace.IN_TIME),
    )
    written = Times(Urgency.ROUTINE, ConsultState.CLOSED, at(0), None, at(60))
    said = log([(50, LogKind.WRITTEN, None, {}), (70, LogKind.CLOSED, HA, {})])
    assert [one.goal for one in milestones(written, said, at(80), GOALS)] == [Goal.ANSWER, Goal.OPINION]


def test_notes_tell_their_saves_locks_and_what_was_added() -> None:
    said = log(
        [
            (1, LogKind.OPINION_SAVED, HA, {}),
            (5, LogKind.OPINION_SAVED, HA, {}),
            (9, LogKind.OPINION_LOCKED, HA, {}),
            (12, LogKind.MINUTES_SAVED, HA, {}),
            (20, LogKind.MINUTES_LOCKED, HA, {}),
            (30, LogKind.MINUTES_ADDED, HA, {}),
        ]
    )
    opinion, minutes = note_states(said)
    assert (opinion.note, opinion.saves, opinion.first_at, opinion.last_at) == (Note.OPINION, 2, at(1), at(5))
    assert (opinion.locked_at, opinion.added) == (at(9), 0)
    assert (minutes.saves, minutes.locked_at, minutes.added) == (1, at(20), 1)
    assert note_states(log([CLAIMED])) == ()
