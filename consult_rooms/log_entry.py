"""A line of the consult's own log: its kinds and its shape."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from foundation.ids import ConsultId, StaffId


class LogKind(StrEnum):
    """Entries of a consult's own log; the wire name is the value."""

    REQUESTED = "requested"
    SCHEDULED = "scheduled"
    STEP_STARTED = "step_started"
    RUNG = "rung"
    DECLINED = "declined"
    BUSY = "busy"
    LATER = "later"
    """Somebody who is rung promised to answer in some minutes."""
    FORWARDED = "forwarded"
    ASKED = "asked"
    """Somebody who is rung asked the requester something; what, only the people of the ring read."""
    ANSWERED = "answered"
    OWNER_CHANGED = "owner_changed"
    """Somebody else is accountable from here on; other kinds that change it name the owner too (see `owners`)."""
    REASSIGNED = "reassigned"
    """A coordinator rang somebody of their choice; `reason` says why."""
    ESCALATED = "escalated"
    """A coordinator made it more urgent (`what` is `urgency`) or rang wider (`step`)."""
    COMMENTED = "commented"
    """A coordinator noted something; what, only coordinators read."""
    CLAIMED = "claimed"
    CLAIM_LOST = "claim_lost"
    """Whoever took it did not enter and gave no sign of life: it rings again."""
    HANDOVER_OFFERED = "handover_offered"
    HANDOVER_DECLINED = "handover_declined"
    HANDOVER_WITHDRAWN = "handover_withdrawn"
    HANDED_OVER = "handed_over"
    PAUSED = "paused"
    RESUMED = "resumed"
    CANCELLED = "cancelled"
    QUESTION_CHANGED = "question_changed"
    IDENTITY_CHANGED = "identity_changed"
    CONSENT_RECORDED = "consent_recorded"
    INVITED = "invited"
    JOINED = "joined"
    FIRST_FRAME = "first_frame"
    LINE_CHANGED = "line_changed"
    QUALITY_CHANGED = "quality_changed"
    LEFT = "left"
    CHAT = "chat"
    ATTACHED = "attached"
    """A picture, voice clip or document came into the thread."""
    WRITTEN = "written"
    """It is answered in writing from here on."""
    TAKEN = "taken"
    """A specialist took a written case, and owns it."""
    OVERDUE = "overdue"
    """The time by which a written case was to be answered has passed."""
    RAISED = "raised"
    """A written case became a call again."""
    ADDED = "added"
    """Something was written into the patient's book during the consult; what, only the book tells."""
    ADDITION_WITHDRAWN = "addition_withdrawn"
    OPINION_SAVED = "opinion_saved"
    ADVISED = "advised"
    """An item of advice was given, changed or read back (`change`); what it says, its people alone read."""
    DRAWN = "drawn"
    """Somebody drew on a picture of the thread, or took a stroke back (`change`)."""
    OPINION_LOCKED = "opinion_locked"
    """That about one of several patients; the last one closes the consult."""
    ENDED = "ended"
    CLOSED = "closed"
    MINUTES_SAVED = "minutes_saved"
    MINUTES_SIGNED = "minutes_signed"
    MINUTES_LOCKED = "minutes_locked"
    """Everybody who had to has signed the same version."""
    MINUTES_ADDED = "minutes_added"
    ADVICE_READ = "advice_read"
    """The clinic has read what was advised."""
    FOLLOW_UP_DUE = "follow_up_due"
    """The clinic is asked what became of the patient."""
    FOLLOWED_UP = "followed_up"
    """It answered; what, only those of the case read."""
    MOVED = "moved"
    DISPLACED = "displaced"
    """The booked specialist is in an emergency, or did not come: another time is to be chosen."""
    KEPT = "kept"
    """The displaced consult waits for its specialist all the same."""
    DELAYED = "delayed"
    """A side said until when it will be late."""
    NO_SHOW = "no_show"
    ARRIVED = "arrived"
    """Somebody came to the waiting room."""
    CHECKED = "checked"
    """The clinic compared two identifiers in the waiting room."""
    SHEET_ANSWERED = "sheet_answered"
    """The questions of a template were answered; what, only the sheet tells."""
    FURTHER_CONSENT = "further_consent"
    """The patient consented to a recording or to teaching, or refused."""
    ROLL_CALLED = "roll_called"
    """Somebody recorded who is in one of the rooms; whom, only the people of the consult read."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of a consult's log. `data` holds ids, codes and numbers, never clinical text or names of patients."""

    consult_id: ConsultId
    number: int
    at: datetime
    kind: LogKind
    actor: StaffId | None
    data: dict[str, str | int | float | bool | None]
