"""Who may call a handler before it looks at the person itself. Every route needs a session unless it is marked here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum

from aiohttp import web

_MARK = "_hoichan_admission"
_LIMIT = "_hoichan_body_limit"


class Admission(Enum):
    """What a request has to bring."""

    PUBLIC = "public"
    """Nothing: sign-in, static files, health."""
    ANY_SESSION = "any_session"
    """A living session, even a locked one or one whose first password stands: lock page, sign-out."""
    OWN_PASSWORD = "own_password"  # noqa: S105 - a name, not a secret
    """An unlocked session; the first password may still stand: the page that changes it."""
    SESSION = "session"
    """An unlocked session of a person who has chosen a password. The default."""
    TOKEN = "token"  # noqa: S105 - a name, not a secret
    """An API token in `Authorization: Bearer`; cookies count for nothing."""


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def admits(admission: Admission) -> Callable[[Handler], Handler]:
    """Mark a handler with something other than the default `SESSION`."""

    def mark(handler: Handler) -> Handler:
        setattr(handler, _MARK, admission)
        return handler

    return mark


def body_limit(size: int) -> Callable[[Handler], Handler]:
    """Let a handler take a request body of up to `size` bytes instead of the usual megabyte."""

    def mark(handler: Handler) -> Handler:
        setattr(handler, _LIMIT, size)
        return handler

    return mark


def admission_of(handler: object) -> Admission:
    """What the handler of a route asks for."""
    found = getattr(handler, _MARK, Admission.SESSION)
    return found if isinstance(found, Admission) else Admission.SESSION


def body_limit_of(handler: object) -> int | None:
    """The handler's own limit in bytes, when it has one."""
    found = getattr(handler, _LIMIT, None)
    return found if isinstance(found, int) else None
