"""Minutes of a consult (biên bản hội chẩn): who sat in it, what each said, what was decided. Plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consult_rooms.advice_model import AdviceKind, AdviceState
from foundation.ids import ConsultId, StaffId


class Seat(StrEnum):
    """What a person was in the consult. Chair, secretary and members sign; who was only present does not."""

    CHAIR = "chair"
    SECRETARY = "secretary"
    MEMBER = "member"
    PRESENT = "present"
    """An observer, a nurse beside the patient, a relative, an interpreter."""

    @property
    def signs(self) -> bool:
        """Whether minutes wait for this person's signature."""
        return self is not Seat.PRESENT


@dataclass(frozen=True, slots=True)
class Attendee:
    """One person of the consult. `staff_id` is None for somebody who has no sign-in.

    `came_at` and `left_at` are the first entry into the room and the last leaving, None for who was never in it.
    `absent` says why a member does not sign; empty: a signature is expected.
    """

    seat: Seat
    name: str
    unit: str
    staff_id: StaffId | None = None
    came_at: datetime | None = None
    left_at: datetime | None = None
    absent: str = ""

    @property
    def signs(self) -> bool:
        """Whether the minutes are not locked before this person has signed."""
        return self.seat.signs and self.staff_id is not None and not self.absent


@dataclass(frozen=True, slots=True)
class Voice:
    """What one person said. `dissent`: an opinion that the conclusion does not follow."""

    name: str
    text: str
    dissent: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One thing of the plan, and who is responsible for it."""

    what: str
    who: str


@dataclass(frozen=True, slots=True)
class Advised:
    """One item of advice as it stood when the minutes were saved: nobody types it.

    `given_by` worded it. `answered_by` and `answered_at` say who read it back for the clinic and when; "" and None
    while nobody has, or where it was withdrawn. `reason` is why the clinic cannot.
    """

    number: int
    kind: AdviceKind
    text: str
    dose: str
    state: AdviceState
    reason: str
    given_by: str
    answered_by: str = ""
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What people write into the minutes, and the people in it."""

    people: tuple[Attendee, ...]
    summary: str = ""
    opinions: tuple[Voice, ...] = ()
    conclusion: str = ""
    plan: tuple[Task, ...] = ()

    @property
    def signers(self) -> tuple[Attendee, ...]:
        """Whose signatures lock the minutes."""
        return tuple(one for one in self.people if one.signs)

    def signer(self, staff_id: StaffId) -> Attendee | None:
        """That person, if they are to sign."""
        return next((one for one in self.signers if one.staff_id == staff_id), None)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature under one version (docs/signatures.md). `at` has whole seconds; `value` is base64url."""

    staff_id: StaffId
    seat: Seat
    of: int
    at: datetime
    key_id: str
    value: str


@dataclass(frozen=True, slots=True)
class Addendum:
    """What was added after the lock: a document of its own, signed by its author. `number` counts from 1."""

    number: int
    author_name: str
    author_unit: str
    text: str
    digest: str
    signature: Signature
    document: str


@dataclass(frozen=True, slots=True)
class Saved:
    """One version as it was saved. `document` is the canonical text that is signed, `digest` its SHA-256 in hex."""

    consult_id: ConsultId
    person: int
    version: int
    author_id: StaffId
    saved_at: datetime
    document: str
    digest: str
    content: Content


FIELDS = ("people", "summary", "opinions", "conclusion", "plan")
"""The parts of a content, as `changed` names them."""


def changed(before: Content, after: Content) -> tuple[str, ...]:
    """Which parts differ, in the order of the page."""
    return tuple(name for name in FIELDS if getattr(before, name) != getattr(after, name))
