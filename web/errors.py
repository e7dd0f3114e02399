"""Errors at the HTTP edge: problem+json for machines (RFC 9457), a page or a fragment for people, in their language."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus

from aiohttp import hdrs, web

from foundation.errors import Forbidden, HoichanError, Invalid, NotFound, SignInNeeded, TooMany, Unavailable
from foundation.i18n import N_, Language
from foundation.logs import request_id
from web.rendering import render
from web.security import LANGUAGE_COOKIE
from web.services import SERVICES

log = logging.getLogger(__name__)
_TITLES = {
    "invalid": N_("This cannot be used as it is"),
    "sign_in_needed": N_("Sign-in needed"),
    "forbidden": N_("Not allowed"),
    "not_found": N_("Not found"),
    "conflict": N_("Somebody was first"),
    "too_many": N_("Too many attempts"),
    "unavailable": N_("Not available now"),
    "method_not_allowed": N_("Not possible here"),
    "too_large": N_("Too large"),
    "internal": N_("Something went wrong here"),
}


class TooLarge(Invalid):
    """The body of the request is larger than this page takes."""

    kind = "too_large"
    status = 413


class WrongMethod(Invalid):
    """The address exists, but not for this method."""

    kind = "method_not_allowed"
    status = 405


class Internal(Unavailable):
    """A fault of this program; the log has its traceback under the request id."""

    kind = "internal"
    status = 500


def from_http(error: web.HTTPException) -> HoichanError:
    """aiohttp's own refusals, as errors of this program."""
    if error.status == HTTPStatus.NOT_FOUND:
        return NotFound("page.not_found", N_("There is no such page."))
    if error.status == HTTPStatus.METHOD_NOT_ALLOWED:
        return WrongMethod("request.method", N_("This address does not take such a request."))
    if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TooLarge("request.too_large", N_("What was sent is larger than this page takes."))
    if error.status == HTTPStatus.FORBIDDEN:
        return Forbidden("request.refused", N_("This was not allowed."))
    if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Invalid("request.malformed", N_("The request could not be read."))
    return internal()


def internal() -> Internal:
    """The error that stands for every unexpected exception."""
    return Internal(
        "internal", N_("The fault was logged. Try again. If it stays, tell your administrator the number below.")
    )


def language_of(request: web.Request) -> Language:
    """The language of this request, also when it failed before that was settled."""
    found: Language | None = request.get("language")
    if found is not None:
        return found
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if request.path.startswith("/api/"):
        chosen = request.headers.get(hdrs.ACCEPT_LANGUAGE, "")[:2].lower()
    return request.app[SERVICES].languages.get(chosen)


def error_response(request: web.Request, error: HoichanError) -> web.Response:
    """The answer for an error, in the form that the caller reads."""
    request["language"] = language_of(request)
    wants_json = request.path.startswith("/api/") or "json" in request.headers.get(hdrs.ACCEPT, "")
    response = problem(request, error) if wants_json else _page(request, error)
    if isinstance(error, TooMany):
        response.headers[hdrs.RETRY_AFTER] = str(error.retry_after_s)
    return response


def problem(request: web.Request, error: HoichanError) -> web.Response:
    """RFC 9457: `type` is relative, `code` stable, `detail` a sentence in the person's language."""
    language = language_of(request)
    body: dict[str, object] = {
        "type": f"/problems/{error.code}",
        "title": language.text(_TITLES[error.kind]),
        "status": error.status,
        "code": error.code,
        "detail": language.error(error),
        "request_id": request_id.get(),
    }
    if isinstance(error, Invalid) and error.field:
        body["field"] = error.field
    return web.Response(
        text=json.dumps(body, ensure_ascii=False),
        status=error.status,
        content_type="application/problem+json",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )


def _page(request: web.Request, error: HoichanError) -> web.Response:
    sentence = language_of(request).error(error)
    is_fragment = "X-Fragment" in request.headers
    try:
        response = render(
            request,
            "error_fragment.html" if is_fragment else "error.html",
            status=error.status,
            title=_TITLES[error.kind],
            error=error,
            sentence=sentence,
            request_id=request_id.get(),
        )
        if is_fragment and not isinstance(error, SignInNeeded):
            # The script puts it into the page: a refusal never takes somebody out of a call. Only sign-in leads away.
            response.headers["X-Fragment"] = "1"
        return response
    except Exception:  # whatever is wrong with the page, the person still hears what happened
        log.exception("the error page failed")
        return web.Response(text=f"{sentence}\n{request_id.get()}\n", status=error.status)
