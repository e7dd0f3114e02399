"""One's own ringing: a ring to try, do not disturb, and the browsers that are rung when no page is open."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from consult_rooms.reaching import Reaching
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from notify.webpush import Subscription
from web.admission import Admission, admits
from web.assets import STATIC
from web.forms import Form
from web.rendering import RENDERER, render
from web.services import SERVICES

routes = web.RouteTableDef()
MINUTES = (30, 60, 120, 240, 480)


@routes.get("/service-worker.js")
@admits(Admission.PUBLIC)
async def service_worker(request: web.Request) -> web.StreamResponse:
    """The script that rings when no page is open. Its address is fixed, and above every page that it opens."""
    name = request.app[RENDERER].assets.url("service-worker.js").removeprefix("/static/")
    return web.FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})


@routes.get("/ringing")
async def index(request: web.Request) -> web.StreamResponse:
    """What rings where, and until when not."""
    return await _page(request, Form())


@routes.post("/ringing/quiet")
async def begin(request: web.Request) -> web.StreamResponse:
    """Do not disturb, for so many minutes."""
    form = await Form.read(request)
    minutes = form.integer("minutes", least=1, most=24 * 60)
    if minutes is None:
        return await _page(request, form, status=422)
    await _reaching(request).quiet.begin(request["session"].staff, minutes=minutes)
    raise web.HTTPSeeOther("/ringing")


@routes.post("/ringing/quiet/end")
async def end(request: web.Request) -> web.StreamResponse:
    """Ring again."""
    await _reaching(request).quiet.end(request["session"].staff)
    raise web.HTTPSeeOther("/ringing")


@routes.post("/ringing/devices")
async def add(request: web.Request) -> web.StreamResponse:
    """Keep this browser's subscription (Push API, PushSubscription as JSON, and `name`)."""
    reaching, session = _reaching(request), request["session"]
    if session.terminal is not None:
        raise Conflict("push.shared_terminal", SHARED)
    if reaching.pusher is None:
        raise Conflict("push.off", OFF)
    subscription, name = _subscription(await request.text())
    reaching.pusher.checked(subscription)
    made = await reaching.subscriptions.add(
        session.staff.id, subscription, name=name, language=request["language"].code
    )
    return web.json_response({"id": made}, status=201)


@routes.post("/ringing/devices/{device_id}/remove")
async def remove(request: web.Request) -> web.StreamResponse:
    """Ring that browser no more."""
    await _reaching(request).subscriptions.remove(request["session"].staff.id, request.match_info["device_id"])
    raise web.HTTPSeeOther("/ringing")


def _subscription(body: str) -> tuple[Subscription, str]:
    try:
        told: Any = json.loads(body)
        parts = (told["endpoint"], told["keys"]["p256dh"], told["keys"]["auth"], told.get("name", ""))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Invalid("push.malformed", MALFORMED) from None
    if not all(isinstance(part, str) for part in parts):
        raise Invalid("push.malformed", MALFORMED)
    return Subscription(*parts[:3]), parts[3]


async def _page(request: web.Request, form: Form, *, status: int = 200) -> web.Response:
    reaching, session = _reaching(request), request["session"]
    until = (await reaching.quiet.of([session.staff.id])).get(session.staff.id)
    return render(
        request,
        "ringing.html",
        status=status,
        form=form,
        until=until,
        minutes=MINUTES,
        devices=await reaching.subscriptions.of(session.staff.id),
        key="" if reaching.pusher is None else reaching.pusher.public_key,
        shared=session.terminal is not None,
    )


def _reaching(request: web.Request) -> Reaching:
    reaching = request.app[SERVICES].reaching
    if reaching is None:
        raise NotFound("page.not_found", N_("There is no such page."))
    return reaching


SHARED = N_("A shared terminal rings only while somebody is signed in. Add your own telephone or computer instead.")
OFF = N_("This installation has no key for Web Push. Ask the administrator.")
MALFORMED = N_("The browser's subscription cannot be read.")
