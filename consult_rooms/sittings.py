"""How the line was while people sat in a consult's room, from its log alone. Pure.

What a person's line gave at a moment is the worst of what the log said last: the line itself (`line_changed`), the
rungs of what is sent and of what is seen of each other (`quality_changed`). All begin good with each entry of the room.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from consult_rooms.log_entry import LogEntry, LogKind
from consult_rooms.model import LineState, Rung, Way
from foundation.ids import StaffId

APART = timedelta(minutes=15)
"""A room that stood empty longer than this divides two sittings."""


class Level(StrEnum):
    """What one person's line gave, best first."""

    FULL = "full"
    WEAK = "weak"
    """A weak line, or a less sharp picture in one direction."""
    LOW = "low"
    STILLS = "stills"
    SOUND = "sound"
    CHOSEN = "chosen"
    """Sound only, as the person chose."""
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time of one level."""

    starts_at: datetime
    ends_at: datetime
    level: Level

    @property
    def seconds(self) -> float:
        """How long it was."""
        return (self.ends_at - self.starts_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Lane:
    """One person in the room; where no stretch is, the person was not there."""

    staff_id: StaffId
    stretches: tuple[Stretch, ...]

    @property
    def seconds(self) -> Mapping[Level, float]:
        """How long each level lasted that there was, best first."""
        found = {level: sum(one.seconds for one in self.stretches if one.level is level) for level in Level}
        return {level: lasted for level, lasted in found.items() if lasted}


@dataclass(frozen=True, slots=True)
class Sitting:
    """A time in which somebody was in the room."""

    starts_at: datetime
    ends_at: datetime
    lanes: tuple[Lane, ...]
    """In the order of entering."""


_RUNGS = {
    Rung.HD: Level.FULL,
    Rung.REDUCED: Level.WEAK,
    Rung.LOW: Level.LOW,
    Rung.STILLS: Level.STILLS,
    Rung.AUDIO: Level.SOUND,
}
_LINES = {LineState.GOOD: Level.FULL, LineState.WEAK: Level.WEAK, LineState.LOST: Level.LOST}
_ORDER = list(Level)
_EMPTIES = frozenset({LogKind.ENDED, LogKind.CLOSED, LogKind.CANCELLED, LogKind.WRITTEN})
"""Nobody is in the room after these, whether or not each was seen to leave."""


@dataclass(slots=True)
class _Person:
    """What the log said last of one participant."""

    staff_id: StaffId
    since: datetime | None = None
    line: Level = Level.FULL
    sends: Level = Level.FULL
    chosen: bool = False
    seen: dict[str, Level] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)

    @property
    def level(self) -> Level:
        chosen = Level.CHOSEN if self.chosen else Level.FULL
        return max(self.line, self.sends, chosen, *self.seen.values(), key=_ORDER.index)

    def until(self, at: datetime) -> None:
        """Take the level since the last change down, up to now."""
        if self.since is None:
            return
        level, last = self.level, self.stretches[-1] if self.stretches else None
        if last is not None and last.ends_at == self.since and last.level is level:
            self.stretches[-1] = Stretch(last.starts_at, at, level)
        elif at > self.since:
            self.stretches.append(Stretch(self.since, at, level))
        self.since = at

    def enter(self, at: datetime) -> None:
        self.line = self.sends = Level.FULL
        self.chosen, self.seen, self.since = False, {}, at


def sittings(entries: Iterable[LogEntry], now: datetime) -> tuple[Sitting, ...]:
    """All sittings of a consult by its log in order. Who is there still is so until `now`."""
    people: dict[str, _Person] = {}
    for entry in entries:
        if entry.kind in _EMPTIES:
            for person in people.values():
                _leave(person, entry.at)
            continue
        place = str(entry.data.get("participant", ""))
        if entry.kind is LogKind.JOINED and entry.actor is not None:
            person = people.setdefault(place, _Person(entry.actor))
            person.until(entry.at)  # who had not been seen to leave
            person.enter(entry.at)
        elif (there := people.get(place)) is None or there.since is None:
            continue
        elif entry.kind is LogKind.LEFT:
            _leave(there, entry.at)
            for other in people.values():
                if place in other.seen:  # what somebody gave who is gone is over
                    other.until(entry.at)
                    del other.seen[place]
        elif entry.kind is LogKind.LINE_CHANGED:
            there.until(entry.at)
            there.line = _LINES[LineState(str(entry.data["state"]))]
        elif entry.kind is LogKind.QUALITY_CHANGED:
            there.until(entry.at)
            _quality(people, place, entry)
    for person in people.values():
        person.until(max(now, person.since) if person.since else now)
    return _divided([Lane(one.staff_id, tuple(one.stretches)) for one in people.values()])


def _leave(person: _Person, at: datetime) -> None:
    person.until(at)
    person.since = None


def _quality(people: Mapping[str, _Person], place: str, entry: LogEntry) -> None:
    person, level = people[place], _RUNGS[Rung(str(entry.data["rung"]))]
    match Way(str(entry.data["way"])):
        case Way.SENDS:
            person.sends = level
        case Way.WISHES:
            person.chosen = level is not Level.FULL
        case Way.SEES:
            source = entry.data.get("source")
            # Without a source it was said of several at once: of everybody else who is there.
            others = [other for other, one in people.items() if other != place and one.since is not None]
            for other in others if source is None else [str(source)]:
                person.seen[other] = level


def _divided(lanes: list[Lane]) -> tuple[Sitting, ...]:
    """The sittings between the gaps in which nobody was there."""
    found: list[tuple[datetime, datetime]] = []
    for one in sorted((one for lane in lanes for one in lane.stretches), key=lambda one: one.starts_at):
        if found and one.starts_at - found[-1][1] <= APART:
            found[-1] = (found[-1][0], max(found[-1][1], one.ends_at))
        else:
            found.append((one.starts_at, one.ends_at))
    return tuple(
        Sitting(
            first,
            last,
            tuple(
                Lane(lane.staff_id, within)
                for lane in lanes
                if (within := tuple(one for one in lane.stretches if first <= one.starts_at <= last))
            ),
        )
        for first, last in found
    )
