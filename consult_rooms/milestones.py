"""How soon a consult was answered, seen and settled, against targets, from its times and its log. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from consult_rooms.log_entry import LogEntry, LogKind
from consult_rooms.model import ConsultState, Urgency


class Goal(StrEnum):
    """What is to be reached in time."""

    ANSWER = "answer"
    """Somebody takes it: counted from the request, and not for a booked consult."""
    VIDEO = "video"
    """One side sees the other: counted from the answer, of a booked consult from when both its time and its specialist
    had come. Not for a consult that was held in writing alone."""
    OPINION = "opinion"
    """The first opinion is closed, or minutes are signed by all: counted from the request, or the booked time."""


class Pace(StrEnum):
    """How it stands with a goal."""

    IN_TIME = "in_time"
    LATE = "late"
    WAITING = "waiting"
    """Not reached, and there is time yet."""
    OVERDUE = "overdue"
    """Not reached, and the time is over."""
    NEVER = "never"
    """Not reached, and it will not be: the consult is over."""


Targets = Mapping[Goal, Mapping[Urgency, timedelta]]


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a consult's own row. `claimed_at` is that of the claim which held."""

    urgency: Urgency
    state: ConsultState
    asked_at: datetime
    starts_at: datetime | None
    claimed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Milestone:
    """One goal; `took_s` in whole seconds, None: not reached."""

    goal: Goal
    took_s: int | None
    target_s: int
    pace: Pace


OVER = (ConsultState.ENDED, ConsultState.CLOSED, ConsultState.CANCELLED)
_SETTLES = (LogKind.OPINION_LOCKED, LogKind.CLOSED, LogKind.MINUTES_LOCKED)


def milestones(times: Times, entries: Sequence[LogEntry], now: datetime, targets: Targets) -> tuple[Milestone, ...]:
    """The goals that apply to this consult, in order."""

    def one(goal: Goal, since: datetime | None, at: datetime | None, *, over: bool) -> Milestone:
        target_s = round(targets[goal][times.urgency].total_seconds())
        if since is not None and at is not None:
            took = max(round((at - since).total_seconds()), 0)
            return Milestone(goal, took, target_s, Pace.IN_TIME if took <= target_s else Pace.LATE)
        if over:
            return Milestone(goal, None, target_s, Pace.NEVER)
        late = since is not None and (now - since).total_seconds() > target_s
        return Milestone(goal, None, target_s, Pace.OVERDUE if late else Pace.WAITING)

    found, over = [], times.state in OVER
    if times.starts_at is None:
        found.append(one(Goal.ANSWER, times.asked_at, times.claimed_at, over=over))
    seen_at = next((e.at for e in entries if e.kind is LogKind.FIRST_FRAME and e.data.get("kind") == "video"), None)
    written = any(e.kind in (LogKind.WRITTEN, LogKind.TAKEN) for e in entries)
    if not written or any(e.kind is LogKind.JOINED for e in entries):
        found.append(one(Goal.VIDEO, _answered(times, entries, seen_at), seen_at, over=over))
    settled_at = next((e.at for e in entries if e.kind in _SETTLES), None)
    cancelled = times.state is ConsultState.CANCELLED
    found.append(one(Goal.OPINION, times.starts_at or times.asked_at, settled_at, over=cancelled))
    return tuple(found)


def _answered(times: Times, entries: Sequence[LogEntry], seen_at: datetime | None) -> datetime | None:
    """From when video is waited for. A claim that was lost, or a case that became a call again, counts anew."""
    if times.claimed_at is None:
        return None
    again = [
        e.at for e in entries if e.kind in (LogKind.CLAIMED, LogKind.RAISED) and (seen_at is None or e.at <= seen_at)
    ]
    return max([*again, times.claimed_at, *([] if times.starts_at is None else [times.starts_at])])
