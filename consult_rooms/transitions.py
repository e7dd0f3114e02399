"""The state tables of a consult and of an offer: what may be done when, and what it leads to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from consult_rooms.model import ConsultState, OfferState
from foundation.errors import Conflict
from foundation.i18n import N_


class Act(StrEnum):
    """What can be done to a consult."""

    RING = "ring"
    """Start a further step of the ladder."""
    CLAIM = "claim"
    CHARGE = "charge"
    """A coordinator takes charge of it; it rings on."""
    LAPSE = "lapse"
    """A claim whose specialist never came is lost to the ladder."""
    HAND_OVER = "hand_over"
    """Offer it to another specialist, or take the offer."""
    CANCEL = "cancel"
    ASK = "ask"
    """Change question or urgency."""
    IDENTIFY = "identify"
    """Confirm, merge or revert the identity."""
    CONSENT = "consent"
    MOVE = "move"
    """Give a booked consult another time."""
    MISS = "miss"
    """Record that nobody came to a booked time."""
    OPEN = "open"
    """The booked specialist enters the room."""
    MEET = "meet"
    """Be in the room: join, chat, invite."""
    ADVISE = "advise"
    """Write the opinion."""
    READ_BACK = "read_back"
    """Answer an item of advice as the clinic: will do, cannot, done."""
    END = "end"
    CLOSE = "close"
    WRITE = "write"
    """Go on in writing: the case waits for its answer in a list and no longer at a telephone."""
    TAKE = "take"
    """Take a written case."""
    RAISE = "raise"
    """Make a call of a written case that somebody has taken."""
    RING_AGAIN = "ring_again"
    """Make a call of one that nobody has: the ladder starts again."""
    NOTE = "note"
    """Add to the thread: text, pictures, voice clips."""
    RECORD = "record"
    """State something beside the question: answers to a template, a score, a further consent, who is in the rooms."""


CONSULT: Mapping[ConsultState, Mapping[Act, ConsultState]] = {
    ConsultState.SCHEDULED: {
        Act.CANCEL: ConsultState.CANCELLED,
        Act.ASK: ConsultState.SCHEDULED,
        Act.IDENTIFY: ConsultState.SCHEDULED,
        Act.CONSENT: ConsultState.SCHEDULED,
        Act.RECORD: ConsultState.SCHEDULED,
        Act.MOVE: ConsultState.SCHEDULED,
        Act.MISS: ConsultState.CANCELLED,
        Act.OPEN: ConsultState.CLAIMED,
        # The clinic may wait in an open room for the specialist; the hour is checked by `access`.
        Act.MEET: ConsultState.SCHEDULED,
        Act.NOTE: ConsultState.SCHEDULED,
    },
    ConsultState.RINGING: {
        Act.RING: ConsultState.RINGING,
        Act.CLAIM: ConsultState.CLAIMED,
        Act.CHARGE: ConsultState.RINGING,
        Act.CANCEL: ConsultState.CANCELLED,
        Act.ASK: ConsultState.RINGING,
        Act.IDENTIFY: ConsultState.RINGING,
        Act.CONSENT: ConsultState.RINGING,
        Act.RECORD: ConsultState.RINGING,
        Act.WRITE: ConsultState.WRITTEN,
        Act.NOTE: ConsultState.RINGING,
    },
    ConsultState.CLAIMED: {
        Act.LAPSE: ConsultState.RINGING,
        Act.HAND_OVER: ConsultState.CLAIMED,
        Act.IDENTIFY: ConsultState.CLAIMED,
        Act.CONSENT: ConsultState.CLAIMED,
        Act.RECORD: ConsultState.CLAIMED,
        Act.MEET: ConsultState.CLAIMED,
        Act.ADVISE: ConsultState.CLAIMED,
        Act.READ_BACK: ConsultState.CLAIMED,
        Act.END: ConsultState.ENDED,
        Act.MISS: ConsultState.CANCELLED,
        Act.WRITE: ConsultState.WRITTEN,
        Act.NOTE: ConsultState.CLAIMED,
    },
    ConsultState.WRITTEN: {
        Act.TAKE: ConsultState.WRITTEN,
        Act.RAISE: ConsultState.CLAIMED,
        Act.RING_AGAIN: ConsultState.RINGING,
        Act.CHARGE: ConsultState.WRITTEN,
        Act.CANCEL: ConsultState.CANCELLED,
        Act.ASK: ConsultState.WRITTEN,
        Act.IDENTIFY: ConsultState.WRITTEN,
        Act.CONSENT: ConsultState.WRITTEN,
        Act.RECORD: ConsultState.WRITTEN,
        Act.NOTE: ConsultState.WRITTEN,
        Act.ADVISE: ConsultState.WRITTEN,
        Act.READ_BACK: ConsultState.WRITTEN,
        # The answer closes it; there is no call to end.
        Act.CLOSE: ConsultState.CLOSED,
    },
    ConsultState.ENDED: {
        Act.IDENTIFY: ConsultState.ENDED,
        Act.CONSENT: ConsultState.ENDED,
        Act.RECORD: ConsultState.ENDED,
        Act.ADVISE: ConsultState.ENDED,
        Act.READ_BACK: ConsultState.ENDED,
        Act.CLOSE: ConsultState.CLOSED,
    },
    # A merge found to be wrong is taken back even after the close, and advice is carried out after it.
    ConsultState.CLOSED: {Act.IDENTIFY: ConsultState.CLOSED, Act.READ_BACK: ConsultState.CLOSED},
    ConsultState.CANCELLED: {},
}

_ANSWERS = frozenset(
    {OfferState.ACCEPTED, OfferState.DECLINED, OfferState.BUSY, OfferState.FORWARDED, OfferState.IN_CHARGE}
)

OFFER: Mapping[OfferState, frozenset[OfferState]] = {
    OfferState.RINGING: _ANSWERS | {OfferState.LATER, OfferState.STOPPED},
    OfferState.LATER: _ANSWERS | {OfferState.RINGING, OfferState.STOPPED},
    # Who declined, was busy, named a colleague or took charge may still take it while it rings.
    OfferState.DECLINED: frozenset({OfferState.ACCEPTED}),
    OfferState.BUSY: frozenset({OfferState.ACCEPTED}),
    OfferState.FORWARDED: frozenset({OfferState.ACCEPTED}),
    OfferState.IN_CHARGE: frozenset({OfferState.ACCEPTED}),
    # A claim that is lost rings again for whoever had it, and for those whose ring it had stopped.
    OfferState.ACCEPTED: frozenset({OfferState.RINGING}),
    OfferState.STOPPED: frozenset({OfferState.RINGING}),
}

_REFUSALS: Mapping[ConsultState, tuple[str, str]] = {
    ConsultState.SCHEDULED: ("consult.scheduled", N_("This consult is booked and has not begun.")),
    ConsultState.RINGING: ("consult.not_claimed", N_("Nobody has taken this case yet.")),
    ConsultState.CLAIMED: ("consult.claimed", N_("A specialist has taken this case already.")),
    ConsultState.WRITTEN: ("consult.written", N_("This case is answered in writing. It stands in your written cases.")),
    ConsultState.ENDED: ("consult.ended", N_("This consult has ended.")),
    ConsultState.CLOSED: ("consult.closed", N_("This consult is closed.")),
    ConsultState.CANCELLED: ("consult.cancelled", N_("This request was cancelled.")),
}


def after(state: ConsultState, act: Act) -> ConsultState:
    """The state that `act` leads to. Raises Conflict with a code and sentence that name the present state."""
    led_to = CONSULT[state].get(act)
    if led_to is None:
        raise refusal(state)
    return led_to


def before(led_to: OfferState) -> list[OfferState]:
    """The states of an offer from which it may become `led_to`."""
    return [state for state, leads in OFFER.items() if led_to in leads]


def refusal(state: ConsultState) -> Conflict:
    """Why nothing of the kind can be done now."""
    code, message = _REFUSALS[state]
    return Conflict(code, message)
