"""What is known of the sources behind a view: who answered, what did not come, where they disagree. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # model.py names these types in turn
    from records_panel.model import When

ALL_KINDS = "*"
"""In place of a resource type: nothing at all came."""


class Reason(StrEnum):
    """Why a source, or one kind of entries of it, did not come."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    """Its answer was 401 or 403, or it gave no token."""
    THROTTLED = "throttled"
    FAILING = "failing"
    MALFORMED = "malformed"
    WRONG_PATIENT = "wrong-patient"
    """It gave entries of another patient, which were thrown away."""
    TOO_MUCH = "too-much"
    """There is more than is taken; what came is shown."""
    AMBIGUOUS = "ambiguous"
    """Several of its patients have the number."""
    DISAGREES = "disagrees"
    """Whoever has the number there has another name and another birth date."""
    RESTING = "resting"
    """It failed again and again and is left alone for a moment."""
    LOADING = "loading"
    """It has not answered yet, and is still waited for."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A FHIR resource type, or `ALL_KINDS`, that is missing or incomplete."""

    kind: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """How one source answered. `name` is a message id or the name that an administrator gave."""

    key: str
    name: str
    as_of: datetime
    knows_patient: bool = True
    gaps: tuple[Gap, ...] = ()

    @property
    def failed(self) -> Reason | None:
        """Why nothing at all came, or has come yet; None when something did."""
        return next((gap.reason for gap in self.gaps if gap.kind == ALL_KINDS), None)

    @property
    def is_loading(self) -> bool:
        """Whether it is still waited for."""
        return self.failed is Reason.LOADING


class ConflictKind(StrEnum):
    """What the sources disagree about."""

    ALLERGY = "allergy"
    DRUG = "drug"
    PROBLEM = "problem"
    BLOOD_GROUP = "blood-group"
    RESULT = "result"
    PREGNANCY = "pregnancy"
    IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class Side:
    """What one source says. `words` are message ids to be joined; `text` is the record's own and stays as it is."""

    source: str
    words: tuple[str, ...] = ()
    text: str = ""
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """One thing of which sources say different things. Nobody here decides who is right."""

    kind: ConflictKind
    subject: str
    sides: tuple[Side, ...]
