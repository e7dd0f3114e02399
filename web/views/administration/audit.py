"""GET /administration/audit: the audit trail, for the data protection officer."""

from __future__ import annotations

import re

from aiohttp import web

from identity.trail import PAGE, AuditTrail, TrailQuery
from web.rendering import render

routes = web.RouteTableDef()
TRAIL: web.AppKey[AuditTrail] = web.AppKey("trail", AuditTrail)
_ID = re.compile(r"[a-z]{3}_[0-9a-f]{32}")
_OUTCOMES = ("success", "denied")


@routes.get("/administration/audit")
async def show(request: web.Request) -> web.StreamResponse:
    """The latest entries that fit. Ids are reached by links only, so that nobody types a patient's number here."""
    asked = request.query
    before, about, outcome = asked.get("before", ""), asked.get("about", ""), asked.get("outcome", "")
    query = TrailQuery(
        user_name=asked.get("user_name", "").strip()[:64],
        action=asked.get("action", "").strip()[:64],
        outcome=outcome if outcome in _OUTCOMES else "",
        about=about if _ID.fullmatch(about) else "",
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None,
    )
    entries = await request.app[TRAIL].latest(request["session"].staff, query)
    return render(
        request,
        "administration/audit.html",
        entries=entries,
        query=query,
        outcomes=_OUTCOMES,
        next=entries[-1].number if len(entries) == PAGE else None,
    )
