"""GET /fleet: the clinics' terminals: online since when, which client, whether camera and microphone work."""

from __future__ import annotations

from aiohttp import web

from foundation.errors import NotFound
from foundation.i18n import N_
from identity.fleet import Look
from web.rendering import RENDERER, render
from web.services import SERVICES

routes = web.RouteTableDef()
LONGEST_LIST = 300
"""Facilities that the page offers for choice; beyond it one types the code."""


@routes.get("/fleet")
async def show(request: web.Request) -> web.StreamResponse:
    """The terminals in reach, or their living part alone; `facility` (its code) and `look` in the query narrow them."""
    services = request.app[SERVICES]
    if services.fleet is None:
        raise NotFound("page.not_found", N_("There is no such page."))
    asked, facility = request.query.get("look", ""), request.query.get("facility", "").strip()
    look = Look(asked) if asked in set(Look) else None
    version = request.app[RENDERER].assets.version
    is_fragment = "X-Fragment" in request.headers
    response = render(
        request,
        "fleet_live.html" if is_fragment else "fleet.html",
        fleet=await services.fleet.view(request["session"].staff, version, facility=facility, look=look),
        look=look,
        looks=[None, *Look],
        facility=facility,
        longest=LONGEST_LIST,
        now=services.clock.now(),
    )
    if is_fragment:
        response.headers["X-Fragment"] = "1"
    return response
