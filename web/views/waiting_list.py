"""/waiting-list: who waits for a slot because all are taken; what is offered is taken in one tap."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from secrets import token_urlsafe
from zoneinfo import ZoneInfo

from aiohttp import web

from consult_rooms.model import ConsentBy, Patient
from foundation.errors import Conflict, HoichanError, Invalid
from foundation.i18n import N_
from foundation.ids import FacilityId, SpecialtyId, WaitingId, is_id
from foundation.text import fold
from identity.model import TechnicalLevel
from web.forms import Form
from web.rendering import render
from web.services import SERVICES
from web.views.case_forms import clinics_of, read_case, require_booking

routes = web.RouteTableDef()

CHOOSE = N_("Choose one of the list.")


@routes.get("/waiting-list")
async def show(request: web.Request) -> web.StreamResponse:
    """Who waits, offers first."""
    return await _page(request)


@routes.get("/waiting-list/new")
async def show_new(request: web.Request) -> web.StreamResponse:
    """The form that puts a patient on the list."""
    return await _new(request, Form.of(idempotency_key=token_urlsafe(18)))


@routes.post("/waiting-list/new")
async def add(request: web.Request) -> web.StreamResponse:
    """Put a patient on the list. The same form sent twice is one entry."""
    form, services, staff = await Form.read(request), request.app[SERVICES], request["session"].staff
    zone = ZoneInfo(services.settings.zone)
    if not is_id(form.value("specialty_id"), "spe"):
        form.refuse("specialty_id", CHOOSE)
    hospital, level = form.value("hospital_id"), form.value("level")
    if hospital and not is_id(hospital, "fac"):
        form.refuse("hospital_id", CHOOSE)
    if level and level not in set(TechnicalLevel):
        form.refuse("level", CHOOSE)
    first, last = form.day("first", required=True), form.day("last", required=True)
    order, patient = await read_case(request, form)
    if order is None or first is None or last is None:
        return await _new(request, form, patient=patient, status=422)
    try:
        await services.scheduling.waiting_list.add(
            staff,
            order,
            SpecialtyId(form.value("specialty_id")),
            datetime.combine(first, time(), zone).astimezone(UTC),
            datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC),
            hospital_id=FacilityId(hospital) if hospital else None,
            level=level or None,
        )
    except (Invalid, Conflict) as error:
        form.take(error, field="last")
        return await _new(request, form, patient=patient, status=error.status)
    raise web.HTTPSeeOther("/waiting-list")


@routes.post("/waiting-list/{entry_id}/accept")
async def accept(request: web.Request) -> web.StreamResponse:
    """Book what is offered."""
    try:
        booked = await request.app[SERVICES].scheduling.waiting_list.accept(request["session"].staff, _id(request))
    except Conflict as error:
        return await _page(request, error)
    raise web.HTTPSeeOther(f"/consults/{booked.consult_id}")


@routes.post("/waiting-list/{entry_id}/decline")
async def decline(request: web.Request) -> web.StreamResponse:
    """Not this time; one keeps waiting."""
    await request.app[SERVICES].scheduling.waiting_list.decline(request["session"].staff, _id(request))
    raise web.HTTPSeeOther("/waiting-list")


@routes.post("/waiting-list/{entry_id}/withdraw")
async def withdraw(request: web.Request) -> web.StreamResponse:
    """Wait no longer."""
    await request.app[SERVICES].scheduling.waiting_list.withdraw(request["session"].staff, _id(request))
    raise web.HTTPSeeOther("/waiting-list")


async def _page(request: web.Request, failure: HoichanError | None = None) -> web.StreamResponse:
    services, staff = request.app[SERVICES], request["session"].staff
    require_booking(staff)
    return render(
        request,
        "waiting_list.html",
        status=failure.status if failure else 200,
        entries=await services.scheduling.waiting_list.open(staff),
        failure=request["language"].error(failure) if failure else "",
    )


async def _new(
    request: web.Request, form: Form, *, patient: Patient | None = None, status: int = 200
) -> web.StreamResponse:
    services, staff = request.app[SERVICES], request["session"].staff
    require_booking(staff)
    clinics = await clinics_of(services, staff)
    hospitals = {hub.id: hub for one in clinics for hub in await services.directory.hubs_of(one.facility.id)}
    today = services.clock.now().astimezone(ZoneInfo(services.settings.zone)).date()
    return render(
        request,
        "waiting_list_new.html",
        status=status,
        form=form,
        patient=patient,
        clinics=clinics,
        hospitals=sorted(hospitals.values(), key=lambda hub: fold(hub.name)),
        levels=tuple(TechnicalLevel),
        specialties=await services.directory.specialties(),
        consent_by=tuple(ConsentBy),
        key=form.value("idempotency_key") or token_urlsafe(18),
        today=today,
        month=today + timedelta(days=30),
        own=staff.id,
    )


def _id(request: web.Request) -> WaitingId:
    return WaitingId(request.match_info["entry_id"])
