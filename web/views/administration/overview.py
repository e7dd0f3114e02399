"""The way into the administration."""

from __future__ import annotations

from aiohttp import web

from web.views.administration.reach import administrator

routes = web.RouteTableDef()


@routes.get("/administration")
async def show(request: web.Request) -> web.StreamResponse:
    """The first page of the administration is that of the facilities, from which people and terminals are reached."""
    administrator(request)
    raise web.HTTPSeeOther("/administration/facilities")
