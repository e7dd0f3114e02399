"""/resources: the rooms and devices of one's facility that appointments need."""

from __future__ import annotations

from aiohttp import web

from consult_rooms.resources import ResourceKind
from foundation.errors import Conflict, Invalid
from foundation.ids import ResourceId
from identity.model import Session
from identity.policy import Action, Target, require
from web.forms import Form
from web.rendering import render
from web.services import SERVICES

routes = web.RouteTableDef()


@routes.get("/resources")
async def show(request: web.Request) -> web.StreamResponse:
    """The list, and the form for a new one."""
    return await _page(request, Form.of())


@routes.post("/resources")
async def add(request: web.Request) -> web.StreamResponse:
    """A new room or device."""
    form = await Form.read(request)
    kind, name = form.choice("kind", ResourceKind), form.line("name", required=True, most=100)
    try:
        if form.valid and kind is not None:
            await request.app[SERVICES].scheduling.resources.add(request["session"].staff, kind, name)
            raise web.HTTPSeeOther("/resources")
    except (Invalid, Conflict) as error:
        form.take(error, field="name")
    return await _page(request, form, status=422)


@routes.post("/resources/{resource_id}/{use}")
async def use(request: web.Request) -> web.StreamResponse:
    """Take it into or out of use: `on` or `off`."""
    await Form.read(request)
    resource_id = ResourceId(request.match_info["resource_id"])
    active = request.match_info["use"] == "on"
    await request.app[SERVICES].scheduling.resources.set_active(request["session"].staff, resource_id, active)
    raise web.HTTPSeeOther("/resources")


async def _page(request: web.Request, form: Form, *, status: int = 200) -> web.StreamResponse:
    session: Session = request["session"]
    require(session.staff, Action.KEEP_CALENDAR, Target(facility_id=session.facility.id))
    known = await request.app[SERVICES].scheduling.resources.of([session.facility.id], active_only=False)
    return render(request, "resources.html", status=status, form=form, known=known, kinds=tuple(ResourceKind))
