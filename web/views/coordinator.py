"""GET /coordinator: what rings or runs at the clinics that one watches, the longest waiting first."""

from __future__ import annotations

from aiohttp import web

from consult_rooms.model import ConsultState
from identity.model import Session
from web.rendering import render
from web.services import SERVICES
from web.views.consult_ways import way

routes = web.RouteTableDef()


@routes.get("/coordinator")
async def show(request: web.Request) -> web.StreamResponse:
    """The queue, or its living part alone."""
    services = request.app[SERVICES]
    session: Session = request["session"]
    now = services.clock.now()
    queue = await services.queries.queue(session.staff)
    written = await services.desk.written.listed(session.staff)
    is_fragment = "X-Fragment" in request.headers
    response = render(
        request,
        "coordinator_live.html" if is_fragment else "coordinator.html",
        queue=[(one, way(one.row, now)) for one in queue],
        ringing=sum(one.row.consult.state is ConsultState.RINGING for one in queue),
        late=[way(row, now) for row in written if row.consult.is_overdue(now)],
        running=sum(one.row.consult.state is ConsultState.CLAIMED for one in queue),
        now=now,
    )
    if is_fragment:
        response.headers["X-Fragment"] = "1"
    return response
