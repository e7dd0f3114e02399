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
    """Whether each part that a consult needs answers: 200 when all do, else 503, with the parts by name.

    What has to be seen to without stopping consults, such as anchors that cannot be written, is `degraded` with 200.
    """
    services = request.app[SERVICES]
    needed, watched = await services.ready(), services.watched()
    found = needed | watched
    if not all(needed.values()):
        return web.json_response({"status": "unavailable", "parts": found}, status=503)
    return web.json_response({"status": "ok" if all(watched.values()) else "degraded", "parts": found})
