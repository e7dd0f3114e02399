"""An item of advice as both sides see it. Plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from foundation.ids import AdviceId, ConsultId, StaffId


class AdviceKind(StrEnum):
    """What an item asks of the clinic."""

    ACTION = "action"
    DRUG = "drug"
    TEST = "test"
    REFERRAL = "referral"
    WATCH = "watch"
    """A sign to watch for, and what to do when it comes."""


class AdviceState(StrEnum):
    """What the clinic answered to the present wording of an item."""

    OPEN = "open"
    """Nothing yet: it has not been read back."""
    WILL_DO = "will_do"
    CANNOT = "cannot"
    DONE = "done"
    WITHDRAWN = "withdrawn"
    """The specialist took it back; it stays to be seen as such."""


ANSWERS = (AdviceState.WILL_DO, AdviceState.CANNOT, AdviceState.DONE)


@dataclass(frozen=True, slots=True)
class AdviceItem:
    """One item in its newest version.

    `dose` is a drug's: how much, how, how often. `reason` is why the clinic cannot. `changed_by` made the newest
    version: the specialist who worded it, or who answered at the clinic.
    """

    id: AdviceId
    consult_id: ConsultId
    number: int
    person: int
    version: int
    kind: AdviceKind
    text: str
    dose: str
    state: AdviceState
    reason: str
    author_id: StaffId
    author_name: str
    changed_by: StaffId
    changed_by_name: str
    changed_at: datetime

    @property
    def wording(self) -> str:
        """Text and dose in one line, as minutes and letters have it."""
        return f"{self.text}: {self.dose}" if self.dose else self.text


def unanswered(items: tuple[AdviceItem, ...]) -> int:
    """How many items the clinic has not read back."""
    return sum(one.state is AdviceState.OPEN for one in items)
