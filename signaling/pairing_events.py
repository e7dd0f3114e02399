"""What a client sends about its own requests. The docstrings here are printed in `docs/protocol.md`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from consult_rooms.model import CancelReason, Urgency
from signaling.acks import Ack, Done, Requested, Watched
from signaling.shapes import (
    CONSULT,
    STRICT,
    ClientKey,
    ConsentPart,
    ConsultRef,
    EntryNumber,
    QuestionPart,
    Sex,
    SpecialtyRef,
)


@dataclass(frozen=True, slots=True, config=STRICT)
class Beat:
    """A sign of life. None is needed: the pings of the connection say whether its person is online."""

    name: ClassVar[str] = "beat"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {}


@dataclass(frozen=True, slots=True, config=STRICT)
class RequestConsult:
    """Ask for a specialist for a patient who is not identified yet: an emergency needs the specialty alone.

    Requests for an identified patient go over HTTP (`POST /api/v1/requests`, or the page), where two identifiers are
    confirmed first.
    """

    specialty_id: SpecialtyRef
    """The specialty to ring."""
    urgency: Urgency
    """`emergency`; the others need an identified patient."""
    idempotency_key: ClientKey
    """Repeat it when trying again: the same key gives the same consult."""
    age_years: Annotated[int, Field(ge=0, le=130)] | None = None
    """Estimated age in years."""
    sex: Sex | None = None
    """As far as it is seen."""
    question: QuestionPart = Field(default_factory=QuestionPart)
    """May follow while it rings."""
    consent: ConsentPart | None = None
    """May follow while it rings."""
    name: ClassVar[str] = "request_consult"
    ack: ClassVar[type[Ack]] = Requested
    example: ClassVar[dict[str, Any]] = {
        "specialty_id": "spe_0198f3a0a0b17c2d9e0f1a2b3c4d5e6f",
        "urgency": "emergency",
        "idempotency_key": "h1x9Qe2LrT",
        "age_years": 60,
        "sex": "male",
        "question": {"situation": "Liệt nửa người phải, nói khó từ 40 phút trước"},
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class CancelRequest:
    """Withdraw one's own request while it rings."""

    consult_id: ConsultRef
    """The consult."""
    reason: CancelReason
    """Why."""
    name: ClassVar[str] = "cancel_request"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "reason": "transferred"}


@dataclass(frozen=True, slots=True, config=STRICT)
class WidenRequest:
    """Ring the next step of the ladder now instead of when it is due."""

    consult_id: ConsultRef
    """The consult."""
    name: ClassVar[str] = "widen_request"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class WatchConsult:
    """Follow a consult's log from outside its room, as the waiting page does. Lasts until the socket closes."""

    consult_id: ConsultRef
    """The consult."""
    after: EntryNumber = 0
    """The last number that you have; 0 for everything."""
    name: ClassVar[str] = "watch_consult"
    ack: ClassVar[type[Ack]] = Watched
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "after": 0}


PairingEvent = Beat | RequestConsult | CancelRequest | WidenRequest | WatchConsult
