"""A notice: what a person is told of an appointment, in words that never name a patient or say why. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from foundation.ids import NoticeId, StaffId

MOST_VALUE = 200
"""Characters of one value of a notice."""
PLACES = frozenset({"starts_at", "ends_at", "until", "clinic", "hospital", "code", "path", "minutes"})
"""All that a notice may hold: times (ISO 8601), two facilities' names, a case's code, a page of this site, a number of
minutes. Nothing else is taken, so nothing clinical and no patient gets into a message by mistake."""


class Channel(StrEnum):
    """A way to a person."""

    MAIL = "mail"
    SMS = "sms"
    PUSH = "push"
    PAGE = "page"
    """The list of one's own notices in Hoichan."""


class Topic(StrEnum):
    """What a person chooses channels for."""

    APPOINTMENTS = "appointments"
    REMINDERS = "reminders"
    AFTERCARE = "aftercare"
    """Advice to read, follow-ups, outcomes."""


class NoticeKind(StrEnum):
    """What happened. Each has a template of that name."""

    BOOKED = "booked"
    MOVED = "moved"
    CANCELLED = "cancelled"
    DISPLACED = "displaced"
    """An emergency took the specialist's time; the appointment waits for another."""
    OFFERED = "offered"
    """A time has become free for somebody on the waiting list."""
    REMINDER = "reminder"
    SWAP_ASKED = "swap_asked"
    """A colleague asks one to take a turn on call."""
    SWAP_ANSWERED = "swap_answered"
    LEAVE = "leave"
    """One's leave was noted."""
    ADVICE = "advice"
    """A specialist has left advice."""
    FOLLOW_UP = "follow_up"
    """What became of the patient is asked."""
    OUTCOME = "outcome"
    """The clinic has told what became of the patient."""

    @property
    def topic(self) -> Topic:
        """What it belongs to."""
        if self in (NoticeKind.ADVICE, NoticeKind.FOLLOW_UP, NoticeKind.OUTCOME):
            return Topic.AFTERCARE
        return Topic.REMINDERS if self is NoticeKind.REMINDER else Topic.APPOINTMENTS


class NoticeState(StrEnum):
    """Where a notice stands on its way."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"
    """Refused for good, or tried too often: an administrator sees it."""
    DROPPED = "dropped"
    """Not sent, since it had become untrue, too late, or had no way to go."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told, in which language, and in which time zone (IANA)."""

    staff_id: StaffId
    language: str
    zone: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell. `about` is the id of what it concerns, `version` that thing's own, which grows."""

    kind: NoticeKind
    about: str
    version: int
    values: Mapping[str, str] = field(default_factory=dict)
    urgent: bool = False
    """Quiet hours do not hold it back."""
    due_at: datetime | None = None
    """When to tell; None: now."""
    expires_at: datetime | None = None
    """From then on it is of no use to anybody."""
    part: str = ""
    """Tells several of one kind and version apart."""

    @property
    def event(self) -> str:
        """The key under which a recipient is told once a channel."""
        return ":".join(filter(None, (self.kind, self.about, str(self.version), self.part)))


@dataclass(frozen=True, slots=True)
class Message:
    """A notice in a person's words, ready to be carried. The same on every try."""

    id: NoticeId
    staff_id: StaffId
    kind: NoticeKind
    about: str
    version: int
    values: Mapping[str, str]
    language: str
    title: str
    body: str
    path: str
    """The page of this site that it leads to."""
    created_at: datetime
    expires_at: datetime | None
    urgent: bool
