"""What happens to every request before its view: numbered, caught, recognised, understood, checked. In this order."""

from __future__ import annotations

import logging
import time
from uuid import uuid4

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from yarl import URL

from foundation.errors import HoichanError, SignInNeeded
from foundation.i18n import LOCALES, N_
from foundation.logs import request_id
from identity.model import Session
from web.admission import Admission, admission_of, body_limit_of
from web.errors import error_response, from_http, internal
from web.pacing import count, refuse_early
from web.security import LANGUAGE_COOKIE, LIVE_PATHS, SESSION_COOKIE, check_csrf, check_origin, is_unsafe
from web.services import SERVICES

log = logging.getLogger(__name__)
access_log = logging.getLogger("web.access")


@web.middleware
async def number(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id for the logs and write one access line: the route, never the query or the ids in it."""
    token = request_id.set(uuid4().hex[:16])
    started = time.perf_counter()
    status = 500
    try:
        if limit := body_limit_of(request.match_info.handler):
            request = request.clone(client_max_size=limit)
        response = await handler(request)
        status = response.status
        if not response.prepared:
            response.headers["X-Request-Id"] = request_id.get()
        return response
    except web.HTTPException as redirect:
        status = redirect.status
        redirect.headers["X-Request-Id"] = request_id.get()
        raise
    finally:
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "-"
        if route != "/static/{name}":
            taken = (time.perf_counter() - started) * 1000
            access_log.info("%s %s %d %.1f ms", request.method, route, status, taken)
        request_id.reset(token)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what is raised into an answer. Redirects pass; the unexpected is logged and told to none."""
    try:
        return await handler(request)
    except HoichanError as error:
        return error_response(request, error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = error_response(request, from_http(error))
        if hdrs.ALLOW in error.headers:
            response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return response
    except Exception:  # the root of a request: one fault must not take the server with it
        log.exception("a request failed")
        return error_response(request, internal())


@web.middleware
async def session(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find who is asking, and turn away those whom the route does not admit."""
    request["session"] = request["token"] = None
    if request.path.startswith(LIVE_PATHS):
        return await handler(request)
    admission = admission_of(request.match_info.handler)
    if request.match_info.http_exception is not None:
        admission = Admission.PUBLIC  # no such page, or not for this method: there is nothing to guard
    if admission is Admission.TOKEN:
        await _find_token(request)
        return await handler(request)
    found = await _find_session(request)
    request["session"] = found
    if admission is Admission.PUBLIC:
        return await handler(request)
    if found is None:
        return _ask_for_sign_in(request)
    if found.locked and admission is not Admission.ANY_SESSION:
        return _send_to(
            request, _with_way_back("/lock", request), SignInNeeded("session.locked", N_("The session is locked."))
        )
    if found.staff.must_change_password and admission is Admission.SESSION:
        chosen = SignInNeeded("session.first_password", N_("Choose your own password first."))
        return _send_to(request, "/password", chosen)
    return await handler(request)


@web.middleware
async def language(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Choose the language: the browser's switch, else the person's own, else Vietnamese; for the API, what it takes."""
    found: Session | None = request["session"]
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if request.path.startswith("/api/"):
        chosen = request.headers.get(hdrs.ACCEPT_LANGUAGE, "")[:2].lower()
    if chosen not in LOCALES:
        chosen = found.staff.language if found else None
    request["language"] = request.app[SERVICES].languages.get(chosen)
    return await handler(request)


@web.middleware
async def forgery(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse changes that this site's own pages did not ask for: exact Origin, and the session's token."""
    by_cookie = admission_of(request.match_info.handler) is not Admission.TOKEN
    if by_cookie and is_unsafe(request) and not request.path.startswith(LIVE_PATHS):
        check_origin(request)
        if (found := request["session"]) is not None:
            await check_csrf(request, found)
    return await handler(request)


@web.middleware
async def unread(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count the person's new notices, for the menu of a whole page; parts that a script asks for have no menu."""
    found: Session | None = request["session"]
    telling = request.app[SERVICES].telling
    request["unread"] = 0
    whole = request.method == hdrs.METH_GET and "X-Fragment" not in request.headers and request.path != "/notices"
    whole = whole and admission_of(request.match_info.handler) is Admission.SESSION
    if whole and telling is not None and found is not None and not found.locked:
        request["unread"] = await telling.outbox.unseen(found.staff.id)
    return await handler(request)


async def _find_session(request: web.Request) -> Session | None:
    secret = request.cookies.get(SESSION_COOKIE)
    return await request.app[SERVICES].sessions.find(secret) if secret else None


async def _find_token(request: web.Request) -> None:
    scheme, _, secret = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "bearer" and secret:
        request["token"] = await request.app[SERVICES].tokens.find(secret.strip())
    if request["token"] is None:
        raise SignInNeeded("token.unknown", N_("A valid API token is needed."))


def _ask_for_sign_in(request: web.Request) -> web.StreamResponse:
    query = {"ended": "1"} if SESSION_COOKIE in request.cookies else {}
    error = SignInNeeded("session.needed", N_("Sign in to go on."))
    return _send_to(request, _with_way_back("/sign-in", request, **query), error)


def _with_way_back(path: str, request: web.Request, **query: str) -> str:
    """The path with the page that was asked for in its query, when that can be asked for again."""
    if request.method == hdrs.METH_GET and request.path != "/":
        query["next"] = request.path_qs
    return str(URL(path).with_query(query))


def _send_to(request: web.Request, target: str, error: HoichanError) -> web.StreamResponse:
    """Redirect a page; a fragment or a script hears the error instead, for it cannot show another page."""
    if "X-Fragment" in request.headers or request.path.startswith("/api/"):
        raise error
    if "json" in request.headers.get(hdrs.ACCEPT, ""):
        raise error
    raise web.HTTPSeeOther(target)


MIDDLEWARES = (number, errors, refuse_early, session, count, language, forgery, unread)
