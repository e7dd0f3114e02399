"""Written cases: their list, and taking, raising and going on in writing. One case is read on its consult's page."""

from __future__ import annotations

from aiohttp import web

from consult_rooms.model import ConsultState
from foundation.ids import ConsultId
from web.rendering import render
from web.services import SERVICES
from web.views.consult_ways import way

routes = web.RouteTableDef()


@routes.get("/written")
async def show_list(request: web.Request) -> web.StreamResponse:
    """What is to be answered in writing, by urgency and then by what is due first."""
    services, session = request.app[SERVICES], request["session"]
    now = services.clock.now()
    rows = await services.desk.written.listed(session.staff)
    return render(request, "written.html", cases=[way(row, now) for row in rows], now=now)


@routes.post("/consults/{consult_id}/take")
async def take(request: web.Request) -> web.StreamResponse:
    """Take a case that nobody has, and go to it."""
    consult = await request.app[SERVICES].desk.written.take(request["session"].staff, _consult_id(request))
    raise web.HTTPSeeOther(f"/consults/{consult.id}")


@routes.post("/consults/{consult_id}/raise")
async def raise_to_call(request: web.Request) -> web.StreamResponse:
    """Make a call of it: into the room, or to where one waits for an answer."""
    consult = await request.app[SERVICES].desk.written.raise_to_call(request["session"].staff, _consult_id(request))
    if consult.state is ConsultState.RINGING:
        raise web.HTTPSeeOther(f"/requests/{consult.id}")
    raise web.HTTPSeeOther(f"/consults/{consult.id}/room")


@routes.post("/consults/{consult_id}/in-writing")
async def go_on(request: web.Request) -> web.StreamResponse:
    """Go on in writing, since the line does not carry the call."""
    consult = await request.app[SERVICES].desk.written.go_on(request["session"].staff, _consult_id(request))
    raise web.HTTPSeeOther(f"/consults/{consult.id}")


def _consult_id(request: web.Request) -> ConsultId:
    return ConsultId(request.match_info["consult_id"])
