"""Requests: asking for a consult in the name of a doctor, following who is rung, giving it up."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from consult_rooms.model import ConsultState
from foundation.errors import Conflict
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Scope
from web.api.bodies import ByRequester, Cancellation, NewRequest
from web.api.consult_answers import OfferAnswer, RequestAnswer, Telephone
from web.api.operation import PREFIX, Call, Nothing, Operation
from web.api.patients import IDENTITY_ERRORS, consent_of, identified, question_of
from web.api.people import specialty_codes, specialty_of, staff_refs, terminal_of
from web.pacing import count_consult


async def create(call: Call[NewRequest, Nothing]) -> RequestAnswer:
    """Ask and ring. The same key gives the same request; for another patient or specialty it is refused."""
    asked, services = call.body, call.services
    staff = await call.acting(asked.requester_user_name, "requester_user_name")
    specialty = await specialty_of(services, asked.specialty)
    terminal_id = await terminal_of(services, staff.facility_id, asked.terminal_code)
    patient = await identified(call, staff, asked.patient)
    count_consult(call.request, staff.facility_id)
    consult = await services.requests.create(
        staff,
        terminal_id=terminal_id,
        specialty_id=specialty.id,
        urgency=asked.urgency,
        patient=patient,
        question=question_of(asked.question),
        consent=consent_of(asked.consent),
        idempotency_key=f"api:{call.key}",
        in_writing=asked.in_writing,
    )
    call.notes.consult_id = consult.id
    if consult.specialty_id != specialty.id or consult.patient.patient_id != patient.patient_id:
        raise Conflict("idempotency.reused", REUSED)
    call.headers["Location"] = f"{PREFIX}/requests/{consult.id}"
    return await _request(call, consult.id)


async def show(call: Call[Nothing, Nothing]) -> RequestAnswer:
    """Who is rung, who took it."""
    return await _request(call, ConsultId(call.path["consult_id"]))


async def cancel(call: Call[Cancellation, Nothing]) -> RequestAnswer:
    """Give up a request that rings. Again is no error, as an answer may have been lost."""
    consult_id = ConsultId(call.path["consult_id"])
    found, _ = await call.services.exchange.request(call.token.facility_id, consult_id)
    staff = await call.acting(call.body.requester_user_name, "requester_user_name")
    if found.consult.state is not ConsultState.CANCELLED:
        await call.services.requests.cancel(staff, consult_id, call.body.reason)
    return await _request(call, consult_id)


async def go_on_in_writing(call: Call[ByRequester, Nothing]) -> RequestAnswer:
    """Go on in writing, since the line does not carry the call or nobody has to be rung for it. Again is no error."""
    consult_id = ConsultId(call.path["consult_id"])
    await call.services.exchange.request(call.token.facility_id, consult_id)
    staff = await call.acting(call.body.requester_user_name, "requester_user_name")
    await call.services.desk.written.go_on(staff, consult_id)
    return await _request(call, consult_id)


async def call_out(call: Call[ByRequester, Nothing]) -> RequestAnswer:
    """Make a call of a written case. Again is no error."""
    consult_id = ConsultId(call.path["consult_id"])
    await call.services.exchange.request(call.token.facility_id, consult_id)
    staff = await call.acting(call.body.requester_user_name, "requester_user_name")
    await call.services.desk.written.raise_to_call(staff, consult_id)
    return await _request(call, consult_id)


async def _request(call: Call[Any, Any], consult_id: ConsultId) -> RequestAnswer:
    services = call.services
    found, offers = await services.exchange.request(call.token.facility_id, consult_id)
    consult = found.consult
    call.notes.patient_id = consult.patient.patient_id
    people = await staff_refs(
        services, [consult.requester_id, consult.specialist_id, *(offer.staff_id for offer in offers)]
    )
    hubs = await services.directory.hubs_of(consult.requester_facility_id)
    return RequestAnswer(
        id=consult.id,
        code=consult.code,
        state=consult.state,
        urgency=consult.urgency,
        specialty=(await specialty_codes(services))[consult.specialty_id],
        requester=people[consult.requester_id],
        specialist=people[consult.specialist_id] if consult.specialist_id else None,
        step=consult.step,
        step_due_at=consult.step_due_at,
        offers=[
            OfferAnswer(
                staff=people[offer.staff_id],
                step=offer.step,
                state=offer.state,
                reason=offer.reason,
                rung_at=offer.rung_at,
                answered_at=offer.answered_at,
            )
            for offer in offers
        ],
        emergency_telephones=[Telephone(facility=hub.name, number=hub.emergency_telephone) for hub in hubs],
        created_at=consult.created_at,
        claimed_at=consult.claimed_at,
        cancelled_at=consult.cancelled_at,
        cancel_reason=consult.cancel_reason,
        due_at=consult.due_at,
        updated_at=found.updated_at,
    )


REUSED = N_("This idempotency key stands for another request. Use a new key for each new act.")

_TURNING: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        403: ("policy.denied", "consult.not_your_part"),
        404: ("consult.unknown",),
        409: ("consult.not_claimed", "consult.scheduled", "consult.ended", "consult.closed", "consult.cancelled"),
        422: ("staff.unknown", "request.rings"),
    }
)
"""What turning a request to writing or to a call may refuse."""

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        "create_request",
        "POST",
        "/requests",
        "Ask for a consult; the on-call specialists are rung at once",
        NewRequest,
        Nothing,
        RequestAnswer,
        create,
        "requests",
        Scope.REQUESTS_WRITE,
        status=201,
        idempotent=True,
        errors={
            403: ("policy.denied", "patient.not_confirmed"),
            404: ("patient.unknown",),
            409: ("idempotency.reused",),
            422: ("specialty.unknown", "request.rings", *IDENTITY_ERRORS),
            429: ("patient.searches",),
        },
    ),
    Operation(
        "show_request",
        "GET",
        "/requests/{consult_id}",
        "Follow a request of the own facility",
        Nothing,
        Nothing,
        RequestAnswer,
        show,
        "requests",
        Scope.REQUESTS_READ,
        errors={404: ("consult.unknown",)},
    ),
    Operation(
        "cancel_request",
        "POST",
        "/requests/{consult_id}/cancel",
        "Give up a request that rings",
        Cancellation,
        Nothing,
        RequestAnswer,
        cancel,
        "requests",
        Scope.REQUESTS_WRITE,
        errors={
            403: ("policy.denied", "consult.not_your_part"),
            404: ("consult.unknown",),
            409: ("consult.already_claimed", "consult.ended", "consult.closed", "consult.scheduled"),
            422: ("staff.unknown",),
        },
    ),
    Operation(
        "write_request",
        "POST",
        "/requests/{consult_id}/in-writing",
        "Go on in writing: a call that the line does not carry, or a routine question that rings",
        ByRequester,
        Nothing,
        RequestAnswer,
        go_on_in_writing,
        "requests",
        Scope.REQUESTS_WRITE,
        errors=_TURNING,
    ),
    Operation(
        "call_request",
        "POST",
        "/requests/{consult_id}/call",
        "Make a call of a written case: it rings, or its specialist is called to the room",
        ByRequester,
        Nothing,
        RequestAnswer,
        call_out,
        "requests",
        Scope.REQUESTS_WRITE,
        errors=_TURNING,
    ),
)
