"""What became of a consult's opinion and minutes, from its log alone: versions and when they were locked. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consult_rooms.log_entry import LogEntry, LogKind


class Note(StrEnum):
    """What is written in a consult."""

    OPINION = "opinion"
    MINUTES = "minutes"


@dataclass(frozen=True, slots=True)
class NoteState:
    """One kind of note, about all the consult's patients together."""

    note: Note
    saves: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    locked_at: datetime | None = None
    """When the last one was: the opinion closed, the minutes signed by all."""
    added: int = 0
    """What was added after the lock."""


_SAVES = {LogKind.OPINION_SAVED: Note.OPINION, LogKind.MINUTES_SAVED: Note.MINUTES}
_LOCKS = {
    LogKind.OPINION_LOCKED: Note.OPINION,
    LogKind.CLOSED: Note.OPINION,
    LogKind.MINUTES_LOCKED: Note.MINUTES,
}


def note_states(entries: Iterable[LogEntry]) -> tuple[NoteState, ...]:
    """Opinion and minutes, those that were begun."""
    saved: dict[Note, list[datetime]] = {note: [] for note in Note}
    locked: dict[Note, datetime] = {}
    added = 0
    for entry in entries:
        if entry.kind in _SAVES:
            saved[_SAVES[entry.kind]].append(entry.at)
        elif entry.kind in _LOCKS:
            locked[_LOCKS[entry.kind]] = entry.at
        added += entry.kind is LogKind.MINUTES_ADDED
    return tuple(
        NoteState(note, len(at), at[0], at[-1], locked.get(note), added if note is Note.MINUTES else 0)
        for note, at in saved.items()
        if at
    )
