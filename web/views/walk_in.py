"""/walk-in: a patient taken in between, from now on: the hospital's specialist has a moment, a clinic needs them."""

from __future__ import annotations

from secrets import token_urlsafe

from aiohttp import web

from consult_rooms.model import ConsentBy, Patient
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import SpecialtyId, StaffId, is_id
from identity.policy import Action, Target, require
from web.forms import Form
from web.rendering import render
from web.services import SERVICES
from web.views.case_forms import clinics_of, read_case
from web.views.slots import offers_of

routes = web.RouteTableDef()

MINUTES = (10, 15, 20, 30, 45, 60)


@routes.get("/walk-in")
async def show(request: web.Request) -> web.StreamResponse:
    """The empty form."""
    return await _page(request, Form.of(idempotency_key=token_urlsafe(18), minutes="15"))


@routes.post("/walk-in")
async def take(request: web.Request) -> web.StreamResponse:
    """Take the patient now. The same form sent twice is one appointment."""
    form, services, staff = await Form.read(request), request.app[SERVICES], request["session"].staff
    specialist, _, specialty = form.value("offer").partition(" ")
    if not is_id(specialist, "stf") or not is_id(specialty, "spe"):
        form.refuse("offer", N_("Choose one of the list."))
    minutes = form.integer("minutes", least=5, most=60)
    order, patient = await read_case(request, form)
    if order is None or minutes is None:
        return await _page(request, form, patient=patient, status=422)
    try:
        booked = await services.scheduling.changes.walk_in(
            staff, StaffId(specialist), SpecialtyId(specialty), order, minutes
        )
    except (Invalid, Conflict) as error:
        form.take(error, field="offer")
        if "specialist_id" in form.errors:
            form.errors["offer"], form.parameters["offer"] = error.message, error.parameters
        return await _page(request, form, patient=patient, status=error.status)
    raise web.HTTPSeeOther(f"/consults/{booked.consult_id}")


async def _page(
    request: web.Request, form: Form, *, patient: Patient | None = None, status: int = 200
) -> web.StreamResponse:
    services, staff = request.app[SERVICES], request["session"].staff
    require(staff, Action.COORDINATE)
    require(staff, Action.KEEP_CALENDAR, Target(facility_id=staff.facility_id))
    return render(
        request,
        "walk_in.html",
        status=status,
        form=form,
        patient=patient,
        clinics=await clinics_of(services, staff),
        own=None,
        offers=await offers_of(services, staff),
        minutes=MINUTES,
        consent_by=tuple(ConsentBy),
        key=form.value("idempotency_key") or token_urlsafe(18),
    )
