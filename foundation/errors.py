"""Errors that cross a layer: a stable code, a kind, and a sentence that each edge translates once.

The sentence is an English message id of the catalogues (see `foundation.i18n`). Its parameters never hold a
patient's name or number, and `str(error)` is the code alone, so that a traceback leaks nothing.
"""

from __future__ import annotations

from typing import ClassVar


class HoichanError(Exception):
    """Base of all errors that a person or a client can be told about."""

    kind: ClassVar[str] = "unavailable"
    status: ClassVar[int] = 503
    """The HTTP status at an HTTP edge (RFC 9110)."""

    def __init__(self, code: str, message: str, **parameters: object) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.parameters = parameters


class Invalid(HoichanError):
    """The input cannot be used; `field` names the one to correct, when there is one."""

    kind = "invalid"
    status = 422

    def __init__(self, code: str, message: str, *, field: str | None = None, **parameters: object) -> None:
        super().__init__(code, message, **parameters)
        self.field = field


class SignInNeeded(HoichanError):
    """Nobody is signed in, or the session has ended or is locked."""

    kind = "sign_in_needed"
    status = 401


class Forbidden(HoichanError):
    """Policy says no."""

    kind = "forbidden"
    status = 403


class NotFound(HoichanError):
    """There is nothing of that id that this person may know of."""

    kind = "not_found"
    status = 404


class Conflict(HoichanError):
    """The state has moved on: somebody was first."""

    kind = "conflict"
    status = 409


class TooMany(HoichanError):
    """A rate limit was hit; `retry_after_s` is in whole seconds."""

    kind = "too_many"
    status = 429

    def __init__(self, code: str, message: str, *, retry_after_s: int, **parameters: object) -> None:
        super().__init__(code, message, retry_after_s=retry_after_s, **parameters)
        self.retry_after_s = retry_after_s


class Unavailable(HoichanError):
    """A part that is needed does not answer now."""
