"""GET /coordinator: the coordinators' board. Its rows and lanes come and change over the socket (`signaling.boards`).

Who is there changes without a word in any log: that part is a fragment, which the page asks for every few seconds.
"""

from __future__ import annotations

from aiohttp import web

from consult_rooms.model import Urgency
from foundation.errors import Unavailable
from identity.fleet import FleetView
from identity.model import Session
from identity.policy import Action, require
from web.rendering import RENDERER, render
from web.services import SERVICES

routes = web.RouteTableDef()

LOST = 12
"""Terminals out of reach that the board names; the others stand on the page of all terminals."""


@routes.get("/coordinator")
async def show(request: web.Request) -> web.StreamResponse:
    """The page around the board."""
    session: Session = request["session"]
    require(session.staff, Action.COORDINATE)
    answer = request.app[SERVICES].board.queries.answer
    return render(
        request,
        "coordinator/board.html",
        status=200,
        target_s=round(answer[Urgency.EMERGENCY].total_seconds()),
        **await _people(request),
    )


@routes.get("/coordinator/people")
async def people(request: web.Request) -> web.StreamResponse:
    """Specialists, gaps and terminals as they stand now."""
    response = render(request, "coordinator/people.html", status=200, **await _people(request))
    response.headers["X-Fragment"] = "1"
    return response


async def _people(request: web.Request) -> dict[str, object]:
    services, staff = request.app[SERVICES], request["session"].staff
    fleet: FleetView | None = None
    if services.fleet is not None:
        try:
            fleet = await services.fleet.view(staff, request.app[RENDERER].assets.version)
        except Unavailable:  # who is online is not known while the bus is down, and the page says so
            fleet = None
    trouble = [] if fleet is None else [one for one in fleet.sights if not one.online and one.since is not None]
    return {
        "duty": await services.board.duty.view(staff),
        "fleet": fleet,
        "lost": sorted(trouble, key=lambda one: str(one.since), reverse=True)[:LOST],
        "now": services.clock.now(),
    }
