"""When a booked consult will really begin: a pure function of what runs, of who is late, and of the time.

A specialist's consults follow one another. One that runs over its end pushes the next; a gap takes the delay up again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from consult_rooms.model import ConsultState
from foundation.ids import ConsultId

TOLD_FROM = timedelta(minutes=5)
"""A smaller delay is not worth telling."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One consult of a specialist's day. One that rang has no booked time: it began when it was claimed."""

    consult_id: ConsultId
    state: ConsultState
    starts_at: datetime
    ends_at: datetime
    claimed_at: datetime | None = None
    late_until: datetime | None = None


def expected_starts(turns: Iterable[Turn], now: datetime) -> dict[ConsultId, datetime]:
    """When each of one specialist's consults that have not begun can be expected to begin.

    A running one lasts as long as it was booked for, counted from when it began; over that, it may end any moment.
    """
    day = sorted(turns, key=lambda turn: (turn.starts_at, turn.consult_id))
    free = now
    for turn in day:
        if turn.state is ConsultState.CLAIMED and turn.claimed_at is not None:
            free = max(free, turn.claimed_at + (turn.ends_at - turn.starts_at))
    found = {}
    for turn in day:
        if turn.state is not ConsultState.SCHEDULED:
            continue
        begins = max(turn.starts_at, free, turn.late_until or turn.starts_at)
        found[turn.consult_id] = begins
        # Whoever comes late does not hold up the next, who may be there before.
        free = max(turn.starts_at, free) + (turn.ends_at - turn.starts_at) if turn.late_until is None else free
    return found


def delay(booked: datetime, expected: datetime) -> timedelta | None:
    """By how much it is late, when that is worth telling."""
    late = expected - booked
    return late if late >= TOLD_FROM else None
