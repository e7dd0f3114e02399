"""/availability/conflicts: bookings that availability backs no more, each to be kept, moved or cancelled."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from aiohttp import web

from consult_rooms.model import CANCEL_REASONS
from foundation.errors import Conflict, HoichanError, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import AppointmentId, SlotId, is_id
from identity.model import Session
from identity.policy import Action, may
from web.forms import Form
from web.rendering import render
from web.services import SERVICES
from web.views.availability import back, place_of

routes = web.RouteTableDef()

PATH = "/availability/conflicts"
AHEAD = timedelta(days=60)
"""How far ahead free slots are proposed."""


@routes.get(PATH)
async def show(request: web.Request) -> web.StreamResponse:
    """The open ones of a hospital."""
    return await _page(request, Form.of(facility=request.query.get("facility", "")))


@routes.post(PATH + r"/{conflict_id:avc_[0-9a-f]{32}}/keep")
async def keep(request: web.Request) -> web.StreamResponse:
    """It takes place all the same. One that was settled meanwhile is settled."""
    form = await Form.read(request)
    with suppress(Conflict, NotFound):
        await request.app[SERVICES].planning.conflicts.keep(request["session"].staff, request.match_info["conflict_id"])
    raise back(form, PATH)


@routes.post(PATH + "/move")
async def move(request: web.Request) -> web.StreamResponse:
    """Give an appointment a free slot; its row carries the version that was seen."""
    form, services = await Form.read(request), request.app[SERVICES]
    appointment_id, slot_id = form.value("appointment_id"), form.value("slot_id")
    version = form.integer("version", least=0, most=10**9)
    try:
        if version is None or not is_id(slot_id, "slo") or not is_id(appointment_id, "apt"):
            raise Invalid("slot.unknown", N_("Choose one of the list."), field="slot_id")
        await services.scheduling.move(
            request["session"].staff, AppointmentId(appointment_id), SlotId(slot_id), version
        )
    except (Conflict, Invalid, NotFound) as error:
        return await _page(request, form, failure=error)
    raise back(form, PATH)


@routes.post(PATH + "/cancel")
async def cancel(request: web.Request) -> web.StreamResponse:
    """Cancel an appointment, with a reason."""
    form, services = await Form.read(request), request.app[SERVICES]
    try:
        await services.scheduling.cancel(
            request["session"].staff, AppointmentId(form.value("appointment_id")), form.value("reason")
        )
    except (Conflict, Invalid) as error:
        return await _page(request, form, failure=error)
    raise back(form, PATH)


async def _page(request: web.Request, form: Form, *, failure: HoichanError | None = None) -> web.StreamResponse:
    session: Session = request["session"]
    services = request.app[SERVICES]
    place = await place_of(services, session, form)
    found = await services.planning.conflicts.open(session.staff, place.facility.id)
    now = services.clock.now()
    free = await services.queries.slots(session.staff, now, now + AHEAD, free_only=True) if found else []
    return render(
        request,
        "availability/conflicts.html",
        status=failure.status if failure else 200,
        place=place,
        conflicts=found,
        free=free,
        reasons=CANCEL_REASONS,
        coordinates=may(session.staff, Action.COORDINATE),
        failure=request["language"].error(failure) if failure else "",
    )
