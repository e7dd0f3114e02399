"""Who asks too much is told so (429, Retry-After), before it costs the others anything. See `foundation.paces`."""

from __future__ import annotations

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from foundation.paces import Asker
from identity.model import Session, Token
from web.security import LIVE_PATHS, SESSION_COOKIE, address_of
from web.services import SERVICES

FREE_PATHS = ("/static/", "/healthz", "/readyz", "/service-worker.js", *LIVE_PATHS)
"""What costs next to nothing, or is counted where it is carried out."""
_COUNTED = "counted"


@web.middleware
async def refuse_early(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Before the database is asked who it is: by a credential that was seen before, or by the address."""
    paces = request.app[SERVICES].paces
    if paces is None or request.path.startswith(FREE_PATHS):
        request[_COUNTED] = True
        return await handler(request)
    known = paces.owner(_secret(request))
    request[_COUNTED] = known is not None
    if known is not None:
        paces.ask(known)
        return await handler(request)
    paces.look(address_of(request))
    try:
        return await handler(request)
    finally:
        if not request[_COUNTED]:
            paces.stranger(address_of(request))


@web.middleware
async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Those who were not known before: now it has been looked up who they are."""
    paces = request.app[SERVICES].paces
    session: Session | None = request["session"]
    token: Token | None = request["token"]
    if paces is None or request[_COUNTED] or (session is None and token is None):
        return await handler(request)
    if session is not None:
        terminal = None if session.terminal is None else session.terminal.id
        asker = Asker(session.staff.id, session.facility.id, terminal)
    elif token is not None:
        asker = Asker(token.id, token.facility_id)
    request[_COUNTED] = True
    paces.remember(_secret(request), asker)
    paces.ask(asker)
    return await handler(request)


def count_consult(request: web.Request, facility_id: str) -> None:
    """A consult is asked for. Raises TooMany `limit.consults`."""
    paces = request.app[SERVICES].paces
    if paces is not None:
        paces.consult(facility_id)


def _secret(request: web.Request) -> str:
    """The credential that it brings: of a system, else of a person."""
    _, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() or request.cookies.get(SESSION_COOKIE, "")
