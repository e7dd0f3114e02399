"""What a client sends about a case in writing: take it, call out of it, go on in it, answer it. Printed in
`docs/protocol.md`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from consult_rooms.bounds import OPINION
from signaling.acks import Ack, Done, InWriting, Raised
from signaling.shapes import CONSULT, STRICT, ConsultRef

OpinionText = Annotated[str, Field(min_length=1, max_length=OPINION)]


@dataclass(frozen=True, slots=True, config=STRICT)
class TakeWritten:
    """Take a written case that nobody has. The first wins, as with `accept_offer`; from then on it is yours to answer,
    with the book.
    """

    consult_id: ConsultRef
    """The written case."""
    name: ClassVar[str] = "take_written"
    ack: ClassVar[type[Ack]] = InWriting
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class GoOnInWriting:
    """Go on in writing, on either side, since the line does not carry the call: everybody is out of the room.

    While a routine question rings, its owner may: nobody is rung any longer.
    """

    consult_id: ConsultRef
    """The consult."""
    name: ClassVar[str] = "go_on_in_writing"
    ack: ClassVar[type[Ack]] = InWriting
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class CallOut:
    """Make a call of a written case. When somebody took it, the other side gets `invited`; otherwise it rings from the
    first step.
    """

    consult_id: ConsultRef
    """The written case."""
    name: ClassVar[str] = "call_out"
    ack: ClassVar[type[Ack]] = Raised
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class AnswerInWriting:
    """Answer as the specialist of the case: the opinion is written and locked, and the consult is closed.

    Also after a call has ended. A consult that turned from one patient to another closes with the last opinion.
    """

    consult_id: ConsultRef
    """The consult."""
    text: OpinionText
    """The opinion."""
    version: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """The draft on the consult's page that you have read; 0 when there is none. Another one is refused."""
    name: ClassVar[str] = "answer_in_writing"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "text": "Giữ thuốc cũ, tái khám sau 2 tuần."}


WrittenEvent = TakeWritten | GoOnInWriting | CallOut | AnswerInWriting
