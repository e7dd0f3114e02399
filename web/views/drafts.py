"""Drafts of requests by HTTP, and the keys under which a browser keeps what was typed while it was offline."""

from __future__ import annotations

import base64

from aiohttp import web

from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import DraftId
from web.forms import Form
from web.services import SERVICES

routes = web.RouteTableDef()

_NOT_KEPT = frozenset({"csrf", "idempotency_key", "draft"})


@routes.put("/drafts/{draft_id}")
async def keep(request: web.Request) -> web.StreamResponse:
    """Keep a half-finished request under the id that its page made."""
    form, service = await Form.read(request), request.app[SERVICES].desk.drafts
    fields = [(name, text) for name in form.names if name not in _NOT_KEPT for text in form.values(name)]
    kept = await service.keep(request["session"].staff, _draft_id(request), fields)
    return web.json_response({"updated_at": kept.updated_at.isoformat(), "expires_at": kept.expires_at.isoformat()})


@routes.post("/drafts/{draft_id}/discard")
async def discard(request: web.Request) -> web.StreamResponse:
    """Forget one, and go home."""
    await request.app[SERVICES].desk.drafts.discard(request["session"].staff, _draft_id(request))
    raise web.HTTPSeeOther("/")


@routes.get("/copies/keys")
async def give_keys(request: web.Request) -> web.StreamResponse:
    """This person's keys of today and yesterday, for the copies in the browser; a locked session gets none."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise Invalid("request.malformed", N_("The request could not be read."))
    keys = await request.app[SERVICES].desk.drafts.copy_keys(request["session"].staff)
    shown = {str(number): base64.b64encode(key).decode() for number, key in keys.keys.items()}
    return web.json_response({"owner": keys.owner, "current": keys.current, "keys": shown})


def _draft_id(request: web.Request) -> DraftId:
    return DraftId(request.match_info["draft_id"][:64])
