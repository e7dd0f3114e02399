"""What the values of a consult's timeline are called on pages, merged into `web.labels`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from consult_rooms.milestones import Goal, Pace
from consult_rooms.minutes_model import Seat
from consult_rooms.note_states import Note
from consult_rooms.sittings import Level
from foundation.i18n import N_

TIMELINE_LABELS: Mapping[type[StrEnum], Mapping[str, str]] = MappingProxyType(
    {
        Goal: {
            Goal.ANSWER: N_("Time to answer"),
            Goal.VIDEO: N_("Time to video"),
            Goal.OPINION: N_("Time to opinion"),
        },
        Pace: {
            Pace.IN_TIME: N_("In time"),
            Pace.LATE: N_("Not in time"),
            Pace.WAITING: N_("Not yet"),
            Pace.OVERDUE: N_("Overdue"),
            Pace.NEVER: N_("Did not happen"),
        },
        Level: {
            Level.FULL: N_("Full picture"),
            Level.WEAK: N_("Weak line or less sharp picture"),
            Level.LOW: N_("Small picture"),
            Level.STILLS: N_("Stills"),
            Level.SOUND: N_("Sound alone"),
            Level.CHOSEN: N_("Sound only, by choice"),
            Level.LOST: N_("Connection lost"),
        },
        Seat: {
            Seat.CHAIR: N_("Chair"),
            Seat.SECRETARY: N_("Secretary"),
            Seat.MEMBER: N_("Member"),
            Seat.PRESENT: N_("Present"),
        },
        Note: {Note.OPINION: N_("Opinion"), Note.MINUTES: N_("Minutes")},
    }
)
