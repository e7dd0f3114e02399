"""What comes after the advice: read by the clinic, asked about on some days, answered. Plain values and their rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

DAYS = (1, 7, 21)
"""Days after the advice on which the clinic is asked, unless settings say otherwise."""


class Outcome(StrEnum):
    """What became of the patient, as the clinic says it in one tap."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    DIED = "died"
    REFERRED = "referred"
    LOST = "lost"
    """Nobody at the clinic could reach the patient."""


class Usefulness(StrEnum):
    """Whether the consult was of use."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"


class LineFelt(StrEnum):
    """How sound and picture were, as a person felt it."""

    GOOD = "good"
    WEAK = "weak"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `number` counts from 1, and the highest holds."""

    number: int
    outcome: Outcome
    note: str
    by_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A day on which the clinic is asked, and what it answered, oldest first."""

    day: int
    due_at: datetime
    answers: tuple[Answer, ...] = ()

    @property
    def outcome(self) -> Outcome | None:
        """The answer that holds."""
        return self.answers[-1].outcome if self.answers else None


@dataclass(frozen=True, slots=True)
class Advice:
    """The advice about one patient of a consult, and what came after."""

    person: int
    given_at: datetime
    read_at: datetime | None
    read_by: str | None
    follow_ups: tuple[FollowUp, ...]

    @property
    def settled(self) -> bool:
        """Whether the clinic has read the advice and the outcome is known: until then the case stays open."""
        return self.read_at is not None and known(self.follow_ups)

    def asked(self, now: datetime) -> FollowUp | None:
        """The follow-up that waits for an answer: the latest due one, unless it or a later one was answered."""
        if _died(self.follow_ups):
            return None
        due = [one for one in self.follow_ups if one.due_at <= now]
        if not due or any(one.outcome for one in self.follow_ups if one.day >= due[-1].day):
            return None
        return due[-1]


def known(plan: Sequence[FollowUp]) -> bool:
    """Whether the outcome is known: the last day was answered, or the patient died."""
    return not plan or plan[-1].outcome is not None or _died(plan)


def _died(plan: Sequence[FollowUp]) -> bool:
    return any(one.outcome is Outcome.DIED for one in plan)
