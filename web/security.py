"""What keeps other sites out: response headers, the exact Origin, the CSRF token, and redirects that stay here."""

from __future__ import annotations

import hmac

from aiohttp import hdrs, web

from foundation.addresses import caller
from foundation.errors import Forbidden
from foundation.i18n import N_
from identity.model import Session
from web.forms import posted
from web.services import SERVICES

SESSION_COOKIE = "hoichan_session"
TERMINAL_COOKIE = "hoichan_terminal"
LANGUAGE_COOKIE = "hoichan_language"
LIVE_PATHS = ("/socket.io/", "/whip/", "/whep/")
"""Signalling lives below them: it checks the session and Origin of each socket and the token of each device itself."""

_SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: under that policy a browser sends `Origin: null` with every form (Fetch standard, 3.2), and the
    # exact Origin check below could not be made. Other sites still learn nothing.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(self), microphone=(self), display-capture=(self), autoplay=(self), bluetooth=(self), "
        "geolocation=(), payment=(), usb=(), serial=(), midi=()"
    ),
}


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`: the headers that every answer carries, whatever made it.

    But a websocket's handshake: it is no page, and ten thousand of them would keep these for as long as they live.
    """
    if isinstance(response, web.WebSocketResponse):
        return
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.app[SERVICES].settings.secure_cookies:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")


def is_unsafe(request: web.Request) -> bool:
    """Whether the method may change something (RFC 9110, 9.2.1)."""
    return request.method not in _SAFE_METHODS


def check_origin(request: web.Request) -> None:
    """Raises Forbidden unless the request says that it comes from one of this installation's own origins.

    The interface for programs takes a request without Origin too: browsers never leave it out of what changes anything
    (Fetch standard, 3.2), so only programs, which nobody can forge requests of, do.
    """
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None and request.path.startswith("/api/"):
        return
    if origin is None or origin not in request.app[SERVICES].settings.allowed_origins:
        raise Forbidden("csrf.origin", N_("This request came from another site and was not carried out."))


async def check_csrf(request: web.Request, session: Session) -> None:
    """Raises Forbidden unless the session's token comes with the request, as header `X-CSRF-Token` or field `csrf`."""
    given = request.headers.get("X-CSRF-Token")
    if given is None and request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        field = (await posted(request)).get("csrf")
        given = field if isinstance(field, str) else None
    if given is None or not hmac.compare_digest(given.encode(), session.csrf_token.encode()):
        raise Forbidden("csrf.token", N_("The page is out of date. Open it again and repeat what you did."))


def local_path(text: str | None, otherwise: str = "/") -> str:
    """`text` when it is a path of this site, with or without a query; else `otherwise`.

    Browsers read `//host`, `/\\host` and paths with control characters as other sites.
    """
    if not text or not text.startswith("/") or text.startswith(("//", "/\\")) or len(text) > 2000:
        return otherwise
    if "\\" in text or any(ord(character) < 0x21 for character in text):
        return otherwise
    return text


def set_session_cookie(request: web.Request, response: web.StreamResponse, secret: str) -> None:
    """Give the browser its session: until it is closed, out of reach of scripts.

    Lax and not Strict, so that a link in a message opens the page and not the sign-in; what changes anything is held by
    the exact Origin and the CSRF token besides.
    """
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=request.app[SERVICES].settings.secure_cookies,
    )


def set_terminal_cookie(request: web.Request, response: web.StreamResponse, credential: str) -> None:
    """Give this computer its device credential, for ten years or until it is revoked."""
    response.set_cookie(
        TERMINAL_COOKIE,
        credential,
        path="/",
        max_age=10 * 365 * 86400,
        httponly=True,
        samesite="Strict",
        secure=request.app[SERVICES].settings.secure_cookies,
    )


def set_language_cookie(request: web.Request, response: web.StreamResponse, code: str) -> None:
    """Remember the language on this browser for a year."""
    response.set_cookie(
        LANGUAGE_COOKIE,
        code,
        path="/",
        max_age=365 * 86400,
        httponly=True,
        samesite="Lax",
        secure=request.app[SERVICES].settings.secure_cookies,
    )


def address_of(request: web.Request) -> str:
    """The network address of the caller; behind a proxy the one that the proxy itself saw, last in the list."""
    forwarded = request.headers.getall(hdrs.X_FORWARDED_FOR, [])
    return caller(request.remote, forwarded, proxied=request.app[SERVICES].settings.proxied)
