"""Carries out the events of `answer_events` and `written_events`."""

from __future__ import annotations

from consult_rooms.model import Consult, ConsultState
from consult_rooms.opinions import Opinions
from consult_rooms.pairing import Pairing
from consult_rooms.transitions import refusal
from consult_rooms.written import WrittenCases
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import ConsultId, InquiryId, StaffId
from identity.model import Staff
from signaling import answer_events as event
from signaling import written_events as written
from signaling.acks import Accepted, Ack, Asked, Done, Held, InWriting, Promised, Raised


class Answering:
    """From an event of somebody who is rung, asks or holds a case to its acknowledgement."""

    def __init__(self, pairing: Pairing, cases: WrittenCases, opinions: Opinions) -> None:
        self._answers = pairing.answers
        self._inquiries = pairing.inquiries
        self._leases = pairing.leases
        self._handovers = pairing.handovers
        self._cases = cases
        self._opinions = opinions

    async def carry_out(self, staff: Staff, what: event.AnswerEvent | written.WrittenEvent) -> Ack:
        """Do it, or raise why not."""
        consult_id = ConsultId(what.consult_id)
        match what:
            case event.AcceptOffer(pause=pause):
                await self._answers.accept(staff, consult_id, pause=pause)
                return _room(consult_id)
            case event.AcceptHandover(pause=pause):
                await self._handovers.accept(staff, consult_id, pause=pause)
                return _room(consult_id)
            case event.LaterOffer():
                return Promised(await self._answers.later(staff, consult_id))
            case event.AskRequester(text=text, client_id=client_id):
                return Asked(await self._inquiries.ask(staff, consult_id, text, client_id))
            case event.HoldClaim():
                return Held(await self._leases.hold(staff, consult_id), self._leases.renew_s)
            case written.TakeWritten():
                return _in_writing(await self._cases.take(staff, consult_id))
            case written.GoOnInWriting():
                return _in_writing(await self._cases.go_on(staff, consult_id))
            case written.CallOut():
                called = await self._cases.raise_to_call(staff, consult_id)
                room = _room(consult_id).room_url if called.state is ConsultState.CLAIMED else None
                return Raised(called.state.value, room)
            case written.AnswerInWriting(text=text, version=version):
                await self._opinions.answer(staff, consult_id, text, version)
            case event.DeclineOffer(reason=reason):
                await self._answers.decline(staff, consult_id, reason)
            case event.BusyOffer():
                await self._answers.busy(staff, consult_id)
            case event.ForwardOffer(staff_id=colleague):
                await self._answers.forward(staff, consult_id, StaffId(colleague))
            case event.AnswerInquiry(inquiry_id=inquiry, text=text):
                await self._inquiries.answer(staff, consult_id, InquiryId(inquiry), text)
            case event.TakeCharge():
                await self._answers.take_charge(staff, consult_id)
            case event.OfferHandover(staff_id=colleague):
                await self._handovers.offer(staff, consult_id, StaffId(colleague))
            case event.DeclineHandover(reason=reason):
                await self._handovers.decline(staff, consult_id, reason)
            case event.WithdrawHandover():
                await self._handovers.withdraw(staff, consult_id)
            case event.PauseConsult():
                await self._handovers.pause(staff, consult_id)
            case _:
                raise Invalid("event.unknown", UNKNOWN)
        return Done()


def _in_writing(consult: Consult) -> InWriting:
    if consult.due_at is None:  # it went on to something else in the same moment
        raise refusal(consult.state)
    return InWriting(consult.due_at)


def _room(consult_id: ConsultId) -> Accepted:
    return Accepted(consult_id, f"/consults/{consult_id}/room")


UNKNOWN = N_("The server does not know this event.")
