"""Checking signatures, for everybody: the page that works without a network, its worker, and the trust list."""

from __future__ import annotations

from aiohttp import hdrs, web

from foundation.i18n import LOCALES
from web.admission import Admission, admits
from web.assets import STATIC
from web.rendering import RENDERER, render
from web.services import SERVICES

routes = web.RouteTableDef()


@routes.get("/verify")
@admits(Admission.PUBLIC)
async def show(request: web.Request) -> web.StreamResponse:
    """The page; `language` takes the place of the browser's choice, for the copy that is kept."""
    asked = request.query.get("language", "")
    if asked in LOCALES:
        request["language"] = request.app[SERVICES].languages.get(asked)
    return render(request, "verify.html")


@routes.get("/verify-worker.js")
@admits(Admission.PUBLIC)
async def worker(request: web.Request) -> web.StreamResponse:
    """The script that keeps the page; its address is fixed, above the page."""
    name = request.app[RENDERER].assets.url("verify-worker.js").removeprefix("/static/")
    return web.FileResponse(STATIC / name, headers={hdrs.CACHE_CONTROL: "no-cache"})


@routes.get("/trust-list.json")
@admits(Admission.PUBLIC)
async def trust_list(request: web.Request) -> web.StreamResponse:
    """Every key that ever signed here, signed by the installation (docs/signatures.md). It holds no names."""
    text = await request.app[SERVICES].minutes.trust.text()
    return web.Response(text=text, content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-cache"})
