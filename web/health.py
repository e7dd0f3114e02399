"""GET /healthz and /readyz: for the proxy and whatever starts and watches the processes."""

from __future__ import annotations

from aiohttp import web

from web.admission import Admission, admits
from web.services import SERVICES


@admits(Admission.PUBLIC)
async def process(_request: web.Request) -> web.Response:
    """This process runs and its event loop turns."""
    return web.json_response({"status": "ok"})


@admits(Admission.PUBLIC)
async def parts(request: web.Request) -> web.Response:
    """Whether each part that a consult needs answers: 200 when all do, else 503, with the parts by name."""
    found = await request.app[SERVICES].ready()
    fine = all(found.values())
    return web.json_response({"status": "ok" if fine else "unavailable", "parts": found}, status=200 if fine else 503)
