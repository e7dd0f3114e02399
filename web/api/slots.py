"""The calendar: published times, and booking, moving and cancelling in the name of a coordinator."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from consult_rooms.appointment import Appointment
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import AppointmentId, ResourceId, SlotId
from identity.model import Scope, Staff
from web.api.answers import AppointmentAnswer, SlotAnswer, SlotHoldAnswer, Slots
from web.api.bodies import AppointmentCancellation, Booking, Move, SlotHold, SlotsQuery
from web.api.cursor import cursor, position
from web.api.operation import NOBODY, PREFIX, Call, Nothing, Operation
from web.api.patients import IDENTITY_ERRORS, consent_of, identified, question_of
from web.api.people import specialty_codes, specialty_of, staff_refs, terminal_of
from web.api.requests import REUSED

LONGEST = timedelta(days=92)
USUAL = timedelta(days=14)


async def published(call: Call[Nothing, SlotsQuery]) -> Slots:
    """A page of the slots of the own facility and of the hospitals linked to it."""
    asked, services, after = call.query, call.services, None
    starts = asked.from_ or services.clock.now()
    ends = asked.to or starts + USUAL
    if not starts < ends <= starts + LONGEST:
        raise Invalid("slots.span", SPAN, field="to", days=LONGEST.days)
    specialty = await specialty_of(services, asked.specialty) if asked.specialty else None
    if asked.cursor is not None:
        at, last_id = position(asked.cursor)
        after = (at, SlotId(last_id))
    found = await services.exchange.slots(
        call.token.facility_id,
        starts=starts,
        ends=ends,
        specialty_id=specialty.id if specialty else None,
        after=after,
        limit=asked.limit + 1,
    )
    page = found[: asked.limit]
    people = await staff_refs(services, (one.slot.specialist_id for one in page))
    codes = await specialty_codes(services)
    items = [
        SlotAnswer(
            id=one.slot.id,
            specialist=people[one.slot.specialist_id],
            specialty=codes[one.slot.specialty_id],
            facility_id=one.slot.facility_id,
            starts_at=one.slot.starts_at,
            ends_at=one.slot.ends_at,
            booked=one.slot.appointment_id is not None,
            appointment_id=one.appointment_id,
            consult_id=one.consult_id,
            clinic_id=one.clinic_id,
            version=one.version,
        )
        for one in page
    ]
    last = page[-1].slot if len(found) > len(page) else None
    return Slots(items=items, next=cursor(last.starts_at, last.id) if last else None)


async def book(call: Call[Booking, Nothing]) -> AppointmentAnswer:
    """Book for the requester's clinic, the own facility or one linked to it. The same key gives the same booking."""
    asked, services, slot_id = call.body, call.services, SlotId(call.path["slot_id"])
    coordinator = await call.acting(asked.coordinator_user_name, "coordinator_user_name")
    requester = await requester_of(call, asked.requester_user_name)
    terminal_id = await terminal_of(services, requester.facility_id, asked.terminal_code)
    patient = await identified(call, coordinator, asked.patient)
    booked = await services.scheduling.book(
        coordinator,
        slot_id,
        requester.facility_id,
        terminal_id,
        requester.id,
        patient,
        question_of(asked.question),
        consent_of(asked.consent),
        f"api:{call.key}",
        resource_ids=[ResourceId(one) for one in asked.resource_ids],
    )
    call.notes.consult_id, call.notes.details["appointment"] = booked.consult_id, booked.id
    held = (await services.exchange.consult(booked.clinic_id, booked.consult_id)).consult.patient
    if booked.slot_id != slot_id or held.patient_id != patient.patient_id:
        raise Conflict("idempotency.reused", REUSED)
    call.headers["Location"] = f"{PREFIX}/consults/{booked.consult_id}"
    return appointment_answer(booked)


async def hold(call: Call[SlotHold, Nothing]) -> SlotHoldAnswer:
    """Keep a free slot while the booking is made; again is longer."""
    slot_id = SlotId(call.path["slot_id"])
    coordinator = await call.acting(call.body.coordinator_user_name, "coordinator_user_name")
    until = await call.services.scheduling.holds.hold(coordinator, slot_id)
    return SlotHoldAnswer(slot_id=slot_id, held_until=until)


async def release(call: Call[SlotHold, Nothing]) -> None:
    """Keep it no longer. Nothing to give back is no error."""
    coordinator = await call.acting(call.body.coordinator_user_name, "coordinator_user_name")
    await call.services.scheduling.holds.release(coordinator, SlotId(call.path["slot_id"]))


async def move(call: Call[Move, Nothing]) -> AppointmentAnswer:
    """Give a booking another slot."""
    appointment_id = AppointmentId(call.path["appointment_id"])
    known, _ = await call.services.exchange.appointment(call.token.facility_id, appointment_id)
    call.notes.consult_id = known.consult_id
    coordinator = await call.acting(call.body.coordinator_user_name, "coordinator_user_name")
    moved = await call.services.scheduling.move(
        coordinator, appointment_id, SlotId(call.body.slot_id), call.body.version, call.body.reason
    )
    return appointment_answer(moved)


async def cancel(call: Call[AppointmentCancellation, Nothing]) -> None:
    """Give up a booking. Again is no error, as an answer may have been lost."""
    appointment_id = AppointmentId(call.path["appointment_id"])
    known, cancelled = await call.services.exchange.appointment(call.token.facility_id, appointment_id)
    call.notes.consult_id = known.consult_id
    coordinator = await call.acting(call.body.coordinator_user_name, "coordinator_user_name")
    if not cancelled:
        await call.services.scheduling.cancel(coordinator, appointment_id, call.body.reason)


async def requester_of(call: Call[Any, Nothing], user_name: str) -> Staff:
    """The doctor for whom is booked: of the own facility, or of a clinic for which it consults."""
    directory, own_id = call.services.directory, call.token.facility_id
    person = await directory.staff_by_user_name(user_name)
    clinics = {own_id, *(clinic.id for clinic in await directory.spokes_of(own_id))}
    if person is None or not person.active or person.facility_id not in clinics:
        raise Invalid("staff.unknown", NOBODY, field="requester_user_name")
    return person


def appointment_answer(booked: Appointment) -> AppointmentAnswer:
    return AppointmentAnswer(
        id=booked.id,
        slot_id=booked.slot_id,
        consult_id=booked.consult_id,
        clinic_id=booked.clinic_id,
        requester_id=booked.requester_id,
        terminal_id=booked.terminal_id,
        starts_at=booked.starts_at,
        ends_at=booked.ends_at,
        version=booked.version,
    )


SPAN = N_("The end has to be after the start, by %(days)s days at most.")

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        "list_slots",
        "GET",
        "/slots",
        "Published times of the own facility and of the hospitals linked to it",
        Nothing,
        SlotsQuery,
        Slots,
        published,
        "slots",
        Scope.SLOTS_READ,
        errors={422: ("slots.span", "specialty.unknown", "cursor.unusable")},
    ),
    Operation(
        "hold_slot",
        "POST",
        "/slots/{slot_id}/hold",
        "Keep a free slot for two minutes while the booking is made",
        SlotHold,
        Nothing,
        SlotHoldAnswer,
        hold,
        "slots",
        Scope.SLOTS_WRITE,
        errors={
            403: ("policy.denied",),
            404: ("slot.unknown",),
            409: ("slot.taken", "slot.held", "hold.too_many"),
            422: ("staff.unknown",),
        },
    ),
    Operation(
        "release_slot",
        "POST",
        "/slots/{slot_id}/release",
        "Keep a slot no longer",
        SlotHold,
        Nothing,
        None,
        release,
        "slots",
        Scope.SLOTS_WRITE,
        status=204,
        errors={403: ("policy.denied",), 422: ("staff.unknown",)},
    ),
    Operation(
        "book_slot",
        "POST",
        "/slots/{slot_id}/book",
        "Book a slot for a clinic's doctor and patient",
        Booking,
        Nothing,
        AppointmentAnswer,
        book,
        "slots",
        Scope.SLOTS_WRITE,
        status=201,
        idempotent=True,
        errors={
            403: ("policy.denied", "patient.not_confirmed"),
            404: ("slot.unknown", "patient.unknown"),
            409: (
                "slot.taken",
                "slot.held",
                "slot.terminal_busy",
                "slot.resource_busy",
                "slot.past",
                "idempotency.reused",
            ),
            422: ("resource.unfit", "slot.not_linked", "slot.requester", *IDENTITY_ERRORS),
            429: ("patient.searches",),
        },
    ),
    Operation(
        "move_appointment",
        "POST",
        "/appointments/{appointment_id}/move",
        "Give a booking another slot",
        Move,
        Nothing,
        AppointmentAnswer,
        move,
        "slots",
        Scope.SLOTS_WRITE,
        errors={
            403: ("policy.denied",),
            404: ("appointment.unknown", "slot.unknown"),
            409: (
                "appointment.stale",
                "slot.taken",
                "slot.held",
                "slot.terminal_busy",
                "slot.resource_busy",
                "slot.past",
                "consult.cancelled",
            ),
            422: ("slot.not_linked", "slot.other_specialty", "staff.unknown"),
        },
    ),
    Operation(
        "cancel_appointment",
        "POST",
        "/appointments/{appointment_id}/cancel",
        "Give up a booking; its slot is free again",
        AppointmentCancellation,
        Nothing,
        None,
        cancel,
        "slots",
        Scope.SLOTS_WRITE,
        status=204,
        errors={
            403: ("policy.denied", "consult.not_your_part"),
            404: ("appointment.unknown", "consult.unknown"),
            409: ("consult.claimed", "consult.ended", "consult.closed"),
            422: ("staff.unknown",),
        },
    ),
)
