"""/slots: coordinators publish a specialist's free times, and withdraw, move and cancel them; booked at `slot_booking`.

Administrators of a hospital publish and withdraw too, for not every hospital has a coordinator.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from consult_rooms.model import CANCEL_REASONS
from consult_rooms.rows import SlotRow
from foundation.errors import Conflict, HoichanError, Invalid
from foundation.i18n import N_
from foundation.ids import AppointmentId, SlotId, SpecialtyId, StaffId, is_id
from identity.model import Role, Session, Specialty, Staff
from identity.policy import Action, Target, may, require
from web.forms import Form
from web.rendering import render
from web.services import SERVICES, Services

routes = web.RouteTableDef()

DAYS = 7
AHEAD = 60
"""Days in which a booked slot may be moved."""
MINUTES = (15, 20, 30, 45, 60)
BAD_TIME = N_("Write the time as hours and minutes, such as 08:30.")


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
        offers=await offers_of(services, session.staff),
        minutes=MINUTES,
        reasons=CANCEL_REASONS,
        may_book=may(session.staff, Action.COORDINATE),
        first=first,
        before=first - timedelta(days=DAYS),
        after=first + timedelta(days=DAYS),
        now=now,
    )


async def offers_of(services: Services, staff: Staff) -> list[tuple[Staff, Specialty]]:
    """Each specialist of the own hospital with each of their specialties."""
    known = {one.id: one for one in await services.directory.specialties()}
    return [
        (person, known[specialty_id])
        for person in await services.directory.staff_at(staff.facility_id)
        if Role.SPECIALIST in person.roles
        for specialty_id in sorted(person.specialties)
        if specialty_id in known
    ]


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
