"""/slots: coordinators publish a specialist's free times, and withdraw, book, move and cancel them.

Administrators of a hospital publish and withdraw too, for not every hospital has a coordinator. Above 300 lines, since
every act ends in the one page that shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from secrets import token_urlsafe
from zoneinfo import ZoneInfo

from aiohttp import web

from consult_rooms.bookings import UNKNOWN_SLOT
from consult_rooms.model import CANCEL_REASONS, ConsentBy, Patient
from consult_rooms.resources import Resource
from consult_rooms.rows import SlotRow
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import AppointmentId, ResourceId, SlotId, SpecialtyId, StaffId, TerminalId, is_id
from identity.model import Facility, Role, Session, Specialty, Staff, Terminal
from identity.policy import Action, Target, may, require
from web.forms import Form
from web.rendering import render
from web.services import SERVICES, Services
from web.views.requests import consent_of, question_of

routes = web.RouteTableDef()

DAYS = 7
AHEAD = 60
"""Days in which a booked slot may be moved."""
MINUTES = (15, 20, 30, 45, 60)
BAD_TIME = N_("Write the time as hours and minutes, such as 08:30.")
NO_REQUESTER = N_("Choose the doctor who will present the patient.")
NO_PATIENT = N_("Find the patient and confirm two identifiers first.")


@dataclass(frozen=True, slots=True)
class Clinic:
    """Where a slot can be booked for: the doctors and the terminals of one facility."""

    facility: Facility
    doctors: tuple[Staff, ...]
    terminals: tuple[Terminal, ...]


@routes.get("/slots")
async def show(request: web.Request) -> web.StreamResponse:
    """A week of slots from `day` on (today)."""
    return await _page(request, Form.of(day=request.query.get("day", "")))


@routes.post("/slots")
async def publish(request: web.Request) -> web.StreamResponse:
    """Offer a specialist's time on one day as slots of equal length."""
    form, services, staff = await Form.read(request), request.app[SERVICES], request["session"].staff
    specialist, _, specialty = form.value("offer").partition(" ")
    if not is_id(specialist, "stf") or not is_id(specialty, "spe"):
        form.refuse("offer", N_("Choose one of the list."))
    day = form.day("day", required=True)
    starts, ends = _clock(form, "starts"), _clock(form, "ends")
    minutes = form.integer("minutes", least=5, most=480)
    if form.valid and day is not None and starts is not None and ends is not None and minutes is not None:
        zone = ZoneInfo(services.settings.zone)
        try:
            await services.scheduling.publish(
                staff,
                StaffId(specialist),
                SpecialtyId(specialty),
                datetime.combine(day, starts, zone),
                datetime.combine(day, ends, zone),
                minutes,
            )
        except (Invalid, Conflict) as error:
            form.take(error, field="offer")
            form.errors = {_PUBLISHED.get(name, name): text for name, text in form.errors.items()}
            form.parameters = {_PUBLISHED.get(name, name): told for name, told in form.parameters.items()}
        else:
            raise web.HTTPSeeOther(f"/slots?day={day.isoformat()}")
    return await _page(request, form, status=422)


_PUBLISHED = {"starts_at": "starts", "ends_at": "ends", "specialist_id": "offer"}
"""The service's names of fields, and those of the form."""


@routes.post("/slots/{slot_id}/withdraw")
async def withdraw(request: web.Request) -> web.StreamResponse:
    """Take a free slot back."""
    form = await Form.read(request)
    try:
        await request.app[SERVICES].scheduling.withdraw(request["session"].staff, _slot_id(request))
    except Conflict as error:
        return await _page(request, Form.of(day=form.value("shown")), failure=error)
    raise _back(form)


@routes.post("/appointments/{appointment_id}/move")
async def move(request: web.Request) -> web.StreamResponse:
    """Give an appointment another slot of its specialty; its row carries the version that was seen."""
    form = await Form.read(request)
    version = form.integer("version", least=0, most=10**9)
    slot_id = form.value("slot_id")
    try:
        if version is None or not is_id(slot_id, "slo"):
            raise Invalid("slot.unknown", N_("Choose one of the list."), field="slot_id")
        await request.app[SERVICES].scheduling.move(
            request["session"].staff, _appointment_id(request), SlotId(slot_id), version
        )
    except (Conflict, Invalid) as error:
        return await _page(request, Form.of(day=form.value("shown")), failure=error)
    raise _back(form)


@routes.post("/appointments/{appointment_id}/cancel")
async def cancel(request: web.Request) -> web.StreamResponse:
    """Cancel an appointment; its slot is free again. Coordinators go back to the slots, requesters to their agenda."""
    form, staff = await Form.read(request), request["session"].staff
    try:
        await request.app[SERVICES].scheduling.cancel(staff, _appointment_id(request), form.value("reason"))
    except (Conflict, Invalid) as error:
        if Role.COORDINATOR not in staff.roles:
            raise
        return await _page(request, Form.of(day=form.value("shown")), failure=error)
    raise _back(form) if Role.COORDINATOR in staff.roles else web.HTTPSeeOther("/agenda")


@routes.post("/slots/{slot_id}/release")
async def release(request: web.Request) -> web.StreamResponse:
    """Leave the form: the slot is kept no longer."""
    await request.app[SERVICES].scheduling.holds.release(request["session"].staff, _slot_id(request))
    raise web.HTTPSeeOther("/slots")


@routes.get("/slots/{slot_id}")
async def show_booking(request: web.Request) -> web.StreamResponse:
    """The form that books one free slot, which is kept meanwhile."""
    return await _booking(request, Form.of(idempotency_key=token_urlsafe(18)))


@routes.post("/slots/{slot_id}")
async def book(request: web.Request) -> web.StreamResponse:
    """Book it for a clinic's doctor and a patient. The same form sent twice is one appointment."""
    form, services, staff = await Form.read(request), request.app[SERVICES], request["session"].staff
    patient = None
    try:
        if form.value("patient"):
            patient = await services.patients.confirmed(staff, form.value("patient"))
    except (Invalid, Forbidden) as error:
        form.refuse("patient", error.message, **error.parameters)
    if patient is None:
        form.refuse("patient", NO_PATIENT)
    requester_id, terminal_id = form.value("requester_id"), form.value("terminal_id")
    if not is_id(requester_id, "stf"):
        form.refuse("requester_id", NO_REQUESTER)
    question, consent = question_of(form), consent_of(form)
    if not form.valid or patient is None:
        return await _booking(request, form, patient=patient, status=422)
    try:
        requester = await services.directory.staff(StaffId(requester_id))
        booked = await services.scheduling.book(
            staff,
            _slot_id(request),
            requester.facility_id,
            TerminalId(terminal_id) if is_id(terminal_id, "ter") else None,
            requester.id,
            patient,
            question,
            consent,
            form.value("idempotency_key"),
            resource_ids=[ResourceId(one) for one in form.values("resource_ids") if is_id(one, "res")],
        )
    except (Invalid, Conflict) as error:
        form.take(error, field="slot")
        return await _booking(request, form, patient=patient, status=error.status)
    raise web.HTTPSeeOther(f"/consults/{booked.consult_id}")


async def _page(
    request: web.Request, form: Form, *, failure: HoichanError | None = None, status: int = 200
) -> web.StreamResponse:
    session: Session = request["session"]
    require(session.staff, Action.KEEP_CALENDAR, Target(facility_id=session.facility.id))
    services = request.app[SERVICES]
    zone = ZoneInfo(services.settings.zone)
    now = services.clock.now()
    first = _day(form.value("day")) or now.astimezone(zone).date()
    rows = await services.queries.slots(session.staff, *_span(first, DAYS, zone))
    free = await services.queries.slots(session.staff, now, now + timedelta(days=AHEAD), free_only=True)
    days: dict[date, list[SlotRow]] = {first + timedelta(days=count): [] for count in range(DAYS)}
    for row in rows:
        days[row.slot.starts_at.astimezone(zone).date()].append(row)
    return render(
        request,
        "slots.html",
        status=failure.status if failure else status,
        form=form,
        failure=request["language"].error(failure) if failure else "",
        days=days,
        free=free,
        offers=await _offers(services, session.staff),
        minutes=MINUTES,
        reasons=CANCEL_REASONS,
        may_book=may(session.staff, Action.COORDINATE),
        first=first,
        before=first - timedelta(days=DAYS),
        after=first + timedelta(days=DAYS),
        now=now,
    )


async def _booking(
    request: web.Request, form: Form, *, patient: Patient | None = None, status: int = 200
) -> web.StreamResponse:
    session: Session = request["session"]
    require(session.staff, Action.COORDINATE)
    services = request.app[SERVICES]
    slot_id, now = _slot_id(request), services.clock.now()
    held_until = None
    try:
        held_until = await services.scheduling.holds.hold(session.staff, slot_id)
    except Conflict as error:
        form.take(error, field="slot")
    around = await services.queries.slots(
        session.staff, now - timedelta(days=1), now + timedelta(days=400), free_only=True
    )
    slot = next((row for row in around if row.slot.id == slot_id), None)
    if slot is None and status == 200:
        raise NotFound("slot.unknown", UNKNOWN_SLOT)
    clinics = await clinics_of(services, session.staff)
    return render(
        request,
        "slots_book.html",
        status=status,
        slot_id=slot_id,
        slot=slot,
        form=form,
        patient=patient,
        clinics=clinics,
        devices=await _devices(services, clinics, slot),
        held_until=held_until,
        consent_by=tuple(ConsentBy),
        key=form.value("idempotency_key") or token_urlsafe(18),
    )


async def _offers(services: Services, staff: Staff) -> list[tuple[Staff, Specialty]]:
    """Each specialist of the own hospital with each of their specialties."""
    known = {one.id: one for one in await services.directory.specialties()}
    return [
        (person, known[specialty_id])
        for person in await services.directory.staff_at(staff.facility_id)
        if Role.SPECIALIST in person.roles
        for specialty_id in sorted(person.specialties)
        if specialty_id in known
    ]


async def _devices(services: Services, clinics: list[Clinic], slot: SlotRow | None) -> list[tuple[str, Resource]]:
    """Rooms and devices of the clinics and of the slot's hospital, each with its facility's name."""
    names = {one.facility.id: one.facility.name for one in clinics}
    if slot is not None:
        names[slot.slot.facility_id] = slot.facility_name
    return [(names[one.facility_id], one) for one in await services.scheduling.resources.of(names)]


async def clinics_of(services: Services, staff: Staff) -> list[Clinic]:
    """The own facility and those linked to it, with the doctors and terminals for whom can be booked."""
    found = []
    own = await services.directory.facility(staff.facility_id)
    for facility in [own, *await services.directory.spokes_of(own.id)]:
        people = await services.directory.staff_at(facility.id)
        doctors = tuple(person for person in people if Role.RURAL_DOCTOR in person.roles)
        if doctors:
            terminals = await services.directory.terminals_of(facility.id)
            found.append(Clinic(facility, doctors, tuple(one for one in terminals if one.active)))
    return found


def _clock(form: Form, name: str) -> time | None:
    text = form.line(name, required=True, most=5)
    if not text:
        return None
    try:
        return time.fromisoformat(text)
    except ValueError:
        form.refuse(name, BAD_TIME)
        return None


def _span(first: date, days: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return datetime.combine(first, time(), zone), datetime.combine(first + timedelta(days=days), time(), zone)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2020 <= found.year <= 2200 else None


def _back(form: Form) -> web.HTTPException:
    day = _day(form.value("shown"))
    return web.HTTPSeeOther(f"/slots?day={day.isoformat()}" if day else "/slots")


def _slot_id(request: web.Request) -> SlotId:
    return SlotId(request.match_info["slot_id"])


def _appointment_id(request: web.Request) -> AppointmentId:
    return AppointmentId(request.match_info["appointment_id"])
