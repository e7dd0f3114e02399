"""The calendar's other acts: a walk-in, nobody came, and the rooms and devices that a booking can name."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from consult_rooms.bookings import Order
from consult_rooms.model import Urgency
from foundation.errors import Conflict
from foundation.ids import AppointmentId, ResourceId
from identity.model import Scope
from web.api.answers import Answer, AppointmentAnswer
from web.api.bodies import Booking, SlotHold, SpecialtyCode, UserName
from web.api.operation import PREFIX, Call, Nothing, Operation
from web.api.patients import IDENTITY_ERRORS, consent_of, identified, question_of
from web.api.people import specialty_of, terminal_of
from web.api.requests import REUSED
from web.api.slots import appointment_answer, requester_of


class WalkIn(Booking):
    """A clinic's patient taken in between, from now on. The specialist is of the token's facility."""

    specialist_user_name: UserName
    specialty: SpecialtyCode
    minutes: Annotated[int, Field(ge=5, le=60)]


class ResourceAnswer(Answer):
    """A room or a device that one appointment at a time has."""

    id: str
    facility_id: str
    kind: str
    name: str


class Resources(Answer):
    """By name."""

    items: list[ResourceAnswer]


async def walk_in(call: Call[WalkIn, Nothing]) -> AppointmentAnswer:
    """Take a patient now: slot, terminal and devices at once. The same key gives the same booking."""
    asked, services = call.body, call.services
    coordinator = await call.acting(asked.coordinator_user_name, "coordinator_user_name")
    specialist = await call.acting(asked.specialist_user_name, "specialist_user_name")
    requester = await requester_of(call, asked.requester_user_name)
    specialty = await specialty_of(services, asked.specialty)
    order = Order(
        coordinator.id,
        requester.facility_id,
        await terminal_of(services, requester.facility_id, asked.terminal_code),
        requester.id,
        await identified(call, coordinator, asked.patient),
        question_of(asked.question),
        consent_of(asked.consent),
        f"api:{call.key}",
        Urgency.ROUTINE,
        frozenset(ResourceId(one) for one in asked.resource_ids),
    )
    booked = await services.scheduling.changes.walk_in(coordinator, specialist.id, specialty.id, order, asked.minutes)
    call.notes.consult_id, call.notes.details["appointment"] = booked.consult_id, booked.id
    held = (await services.exchange.consult(booked.clinic_id, booked.consult_id)).consult
    if held.patient.patient_id != order.patient.patient_id or held.specialist_id != specialist.id:
        raise Conflict("idempotency.reused", REUSED)
    call.headers["Location"] = f"{PREFIX}/consults/{booked.consult_id}"
    return appointment_answer(booked)


async def no_show(call: Call[SlotHold, Nothing]) -> None:
    """Clinic or patient did not come. Again is no error, as an answer may have been lost."""
    appointment_id = AppointmentId(call.path["appointment_id"])
    known, over = await call.services.exchange.appointment(call.token.facility_id, appointment_id)
    call.notes.consult_id = known.consult_id
    coordinator = await call.acting(call.body.coordinator_user_name, "coordinator_user_name")
    if not over:
        await call.services.scheduling.changes.no_show(coordinator, appointment_id)


async def listed(call: Call[Nothing, Nothing]) -> Resources:
    """Those in use at the own facility and at those linked to it, either way."""
    directory, own_id = call.services.directory, call.token.facility_id
    linked = [*await directory.hubs_of(own_id), *await directory.spokes_of(own_id)]
    found = await call.services.scheduling.resources.of([own_id, *(one.id for one in linked)])
    return Resources(
        items=[ResourceAnswer(id=one.id, facility_id=one.facility_id, kind=one.kind, name=one.name) for one in found]
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        "walk_in",
        "POST",
        "/walk-ins",
        "Take a clinic's patient in between, from now on",
        WalkIn,
        Nothing,
        AppointmentAnswer,
        walk_in,
        "slots",
        Scope.SLOTS_WRITE,
        status=201,
        idempotent=True,
        errors={
            403: ("policy.denied", "patient.not_confirmed"),
            404: ("patient.unknown",),
            409: ("slot.overlaps", "slot.terminal_busy", "slot.resource_busy", "idempotency.reused"),
            422: ("resource.unfit", "slot.unfit", "slot.requester", "specialty.unknown", *IDENTITY_ERRORS),
            429: ("patient.searches",),
        },
    ),
    Operation(
        "miss_appointment",
        "POST",
        "/appointments/{appointment_id}/no-show",
        "Note that clinic or patient did not come",
        SlotHold,
        Nothing,
        None,
        no_show,
        "slots",
        Scope.SLOTS_WRITE,
        status=204,
        errors={
            403: ("policy.denied", "consult.not_your_part"),
            404: ("appointment.unknown", "consult.unknown"),
            409: ("appointment.early", "appointment.present", "consult.ended", "consult.closed"),
            422: ("staff.unknown",),
        },
    ),
    Operation(
        "list_resources",
        "GET",
        "/resources",
        "Rooms and devices of the own facility and of those linked to it",
        Nothing,
        Nothing,
        Resources,
        listed,
        "slots",
        Scope.SLOTS_READ,
    ),
)
