"""/free-slots and /slots/{id}: a clinic's doctor, or a coordinator, finds a free time and books it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from secrets import token_urlsafe
from zoneinfo import ZoneInfo

from aiohttp import web

from consult_rooms.bookings import UNKNOWN_SLOT
from consult_rooms.model import ConsentBy, Patient
from consult_rooms.resources import Resource
from consult_rooms.rows import SlotRow
from foundation.errors import Conflict, Invalid, NotFound
from foundation.ids import FacilityId, SlotId, SpecialtyId, is_id
from identity.model import Role, Session, TechnicalLevel
from web.forms import Form
from web.rendering import render
from web.services import SERVICES, Services
from web.views.case_forms import Clinic, clinics_of, read_case, require_booking

routes = web.RouteTableDef()

FARTHEST = timedelta(days=400)


@routes.get("/free-slots")
async def show(request: web.Request) -> web.StreamResponse:
    """The next free times of a field, at the hospitals that consult for one's clinic, of one or of one level."""
    services, session, asked = request.app[SERVICES], request["session"], request.query
    require_booking(session.staff)
    zone, now = ZoneInfo(services.settings.zone), services.clock.now()
    fields = await services.directory.specialties()
    specialty = next((one for one in fields if one.id == asked.get("specialty")), None)
    hospital, level = asked.get("hospital", ""), asked.get("level", "")
    first = _day(asked.get("day", ""))
    rows = []
    if specialty is not None:
        rows = await services.queries.next_free(
            session.staff,
            SpecialtyId(specialty.id),
            hospital_id=FacilityId(hospital) if is_id(hospital, "fac") else None,
            level=level if level in set(TechnicalLevel) else None,
            after=max(now, datetime.combine(first, time(), zone)) if first else now,
        )
    days: dict[date, list[SlotRow]] = {}
    for row in rows:
        days.setdefault(row.slot.starts_at.astimezone(zone).date(), []).append(row)
    return render(
        request,
        "free_slots.html",
        days=days,
        specialties=fields,
        specialty=specialty,
        hospitals=await services.directory.hubs_of(session.facility.id),
        hospital=hospital,
        levels=tuple(TechnicalLevel),
        level=level,
        first=first or now.astimezone(zone).date(),
    )


@routes.post("/slots/{slot_id}/release")
async def release(request: web.Request) -> web.StreamResponse:
    """Leave the form: the slot is kept no longer."""
    staff = request["session"].staff
    await request.app[SERVICES].scheduling.holds.release(staff, _slot_id(request))
    raise web.HTTPSeeOther("/slots" if Role.COORDINATOR in staff.roles else "/free-slots")


@routes.get("/slots/{slot_id}")
async def show_booking(request: web.Request) -> web.StreamResponse:
    """The form that books one free slot, which is kept meanwhile."""
    return await _booking(request, Form.of(idempotency_key=token_urlsafe(18)))


@routes.post("/slots/{slot_id}")
async def book(request: web.Request) -> web.StreamResponse:
    """Book it for a clinic's doctor and a patient. The same form sent twice is one appointment."""
    form, services = await Form.read(request), request.app[SERVICES]
    order, patient = await read_case(request, form)
    if order is None:
        return await _booking(request, form, patient=patient, status=422)
    try:
        booked = await services.scheduling.book(
            request["session"].staff,
            _slot_id(request),
            order.clinic_id,
            order.terminal_id,
            order.requester_id,
            order.patient,
            order.question,
            order.consent,
            order.key,
            resource_ids=order.resource_ids,
        )
    except (Invalid, Conflict) as error:
        form.take(error, field="slot")
        return await _booking(request, form, patient=patient, status=error.status)
    raise web.HTTPSeeOther(f"/consults/{booked.consult_id}")


async def _booking(
    request: web.Request, form: Form, *, patient: Patient | None = None, status: int = 200
) -> web.StreamResponse:
    session: Session = request["session"]
    require_booking(session.staff)
    services = request.app[SERVICES]
    slot_id, now = _slot_id(request), services.clock.now()
    held_until = None
    try:
        held_until = await services.scheduling.holds.hold(session.staff, slot_id)
    except Conflict as error:
        form.take(error, field="slot")
    found = await services.queries.slots(
        session.staff, now - timedelta(days=1), now + FARTHEST, free_only=True, slot_id=slot_id
    )
    slot = found[0] if found else None
    if slot is None and form.valid:
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
        own=session.staff.id,
        devices=await _devices(services, clinics, slot),
        held_until=held_until,
        consent_by=tuple(ConsentBy),
        key=form.value("idempotency_key") or token_urlsafe(18),
    )


async def _devices(services: Services, clinics: list[Clinic], slot: SlotRow | None) -> list[tuple[str, Resource]]:
    """Rooms and devices of the clinics and of the slot's hospital, each with its facility's name."""
    names = {one.facility.id: one.facility.name for one in clinics}
    if slot is not None:
        names[slot.slot.facility_id] = slot.facility_name
    return [(names[one.facility_id], one) for one in await services.scheduling.resources.of(names)]


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2020 <= found.year <= 2200 else None


def _slot_id(request: web.Request) -> SlotId:
    return SlotId(request.match_info["slot_id"])
