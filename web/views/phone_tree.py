"""GET /coordinator/phones: whom to telephone on the day the network dies, made to be printed on A4 beforehand."""

from __future__ import annotations

from aiohttp import web

from consult_rooms.model import Step, Urgency
from web.rendering import render
from web.services import SERVICES

routes = web.RouteTableDef()


@routes.get("/coordinator/phones")
async def show(request: web.Request) -> web.StreamResponse:
    """On call now and next by specialty, hospitals, clinics, and the order in which requests climb."""
    services, session = request.app[SERVICES], request["session"]
    tree = await services.board.phones.read(session.staff)
    rules = await services.rulebook.rules()
    return render(
        request,
        "coordinator/phones.html",
        tree=tree,
        steps=[(step, [rules.seconds[urgency][step] for urgency in Urgency]) for step in Step],
        urgencies=tuple(Urgency),
        coordinator_telephone=services.settings.coordinator_telephone,
    )
