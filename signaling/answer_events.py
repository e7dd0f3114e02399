"""What a client sends after a ring: answers, signs of life of a claim, handovers. Printed in `docs/protocol.md`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from consult_rooms.model import DeclineReason
from signaling.acks import Accepted, Ack, Asked, Done, Held, Promised
from signaling.shapes import CONSULT, STAFF, STRICT, ClientKey, ConsultRef, InquiryRef, StaffRef

Words = Annotated[str, Field(min_length=1, max_length=500)]


@dataclass(frozen=True, slots=True, config=STRICT)
class AcceptOffer:
    """Take the case that rings. The first wins; the others get `consult.already_claimed`, which names the winner.

    The claim holds for a time without a sign of life (`hold_claim`) until you enter the room; then it is lost no more.
    Who is in a running consult gets `consult.running`, and hands that over first or says `pause`.
    """

    consult_id: ConsultRef
    """The consult that rings."""
    pause: bool = False
    """Whether the consult that you are in may wait meanwhile. Its clinic sees who paused it and since when."""
    name: ClassVar[str] = "accept_offer"
    ack: ClassVar[type[Ack]] = Accepted
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class DeclineOffer:
    """Say that you cannot take it. It stops ringing for you on every page, and rings on for others."""

    consult_id: ConsultRef
    """The consult that rings."""
    reason: DeclineReason
    """Why."""
    name: ClassVar[str] = "decline_offer"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "reason": "in_procedure"}


@dataclass(frozen=True, slots=True, config=STRICT)
class BusyOffer:
    """Say that you are busy, and nothing more. Otherwise as `decline_offer`."""

    consult_id: ConsultRef
    """The consult that rings."""
    name: ClassVar[str] = "busy_offer"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class LaterOffer:
    """Promise to answer in some minutes. It is silent for you until then and rings again; others are rung meanwhile."""

    consult_id: ConsultRef
    """The consult that rings."""
    name: ClassVar[str] = "later_offer"
    ack: ClassVar[type[Ack]] = Promised
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class ForwardOffer:
    """Name a colleague instead, for whom it rings at once. Your own ring is answered by it."""

    consult_id: ConsultRef
    """The consult that rings."""
    staff_id: StaffRef
    """An active specialist of the field at a linked hospital, with a valid licence, who was not rung yet."""
    name: ClassVar[str] = "forward_offer"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "staff_id": STAFF}


@dataclass(frozen=True, slots=True, config=STRICT)
class AskRequester:
    """Ask for more before taking the case. It rings on; everybody rung reads question and answer on the ring."""

    consult_id: ConsultRef
    """The consult that rings."""
    text: Words
    """What you want to know."""
    client_id: ClientKey
    """Repeat it when trying again: the same key is one question."""
    name: ClassVar[str] = "ask_requester"
    ack: ClassVar[type[Ack]] = Asked
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "text": "Huyết áp và đường huyết bây giờ?",
        "client_id": "ask-7d20f1",
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class AnswerInquiry:
    """Answer such a question, as the requester."""

    consult_id: ConsultRef
    """The consult."""
    inquiry_id: InquiryRef
    """The question."""
    text: Words
    """The answer."""
    name: ClassVar[str] = "answer_inquiry"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "inquiry_id": "inq_0198f3a1e6f7708192a3b4c5d6e7f809",
        "text": "178/96, 7,2 mmol/L",
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class TakeCharge:
    """Take charge of a request as its coordinator: you are accountable for it until somebody claims it. It rings on."""

    consult_id: ConsultRef
    """The consult."""
    name: ClassVar[str] = "take_charge"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class HoldClaim:
    """A sign of life of the browser that claimed a case and has not entered its room. The next is due after `again_s`.

    Refused with `claim.lost` once the case rings for others again.
    """

    consult_id: ConsultRef
    """The consult that you claimed."""
    name: ClassVar[str] = "hold_claim"
    ack: ClassVar[type[Ack]] = Held
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class OfferHandover:
    """Ring another specialist to take over the consult that you have. You own it until that person accepts."""

    consult_id: ConsultRef
    """The consult."""
    staff_id: StaffRef
    """An active specialist of the field at a linked hospital, with a valid licence."""
    name: ClassVar[str] = "offer_handover"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "staff_id": STAFF}


@dataclass(frozen=True, slots=True, config=STRICT)
class AcceptHandover:
    """Take the consult over. From then on it is yours, with the book."""

    consult_id: ConsultRef
    """The consult that is offered."""
    pause: bool = False
    """Whether the consult that you are in may wait meanwhile."""
    name: ClassVar[str] = "accept_handover"
    ack: ClassVar[type[Ack]] = Accepted
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class DeclineHandover:
    """Say that you do not take it over."""

    consult_id: ConsultRef
    """The consult that is offered."""
    reason: DeclineReason
    """Why."""
    name: ClassVar[str] = "decline_handover"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "reason": "in_consult"}


@dataclass(frozen=True, slots=True, config=STRICT)
class WithdrawHandover:
    """Take back what you offered, while nobody has accepted it."""

    consult_id: ConsultRef
    """The consult."""
    name: ClassVar[str] = "withdraw_handover"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class PauseConsult:
    """Step out of the running consult that you have; its clinic sees it. Joining its room again ends the pause."""

    consult_id: ConsultRef
    """The consult."""
    name: ClassVar[str] = "pause_consult"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


AnswerEvent = (
    AcceptOffer
    | DeclineOffer
    | BusyOffer
    | LaterOffer
    | ForwardOffer
    | AskRequester
    | AnswerInquiry
    | TakeCharge
    | HoldClaim
    | OfferHandover
    | AcceptHandover
    | DeclineHandover
    | WithdrawHandover
    | PauseConsult
)
