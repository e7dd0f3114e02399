"""The media plane's errors, made in one place so that codes and sentences stay the same everywhere."""

from __future__ import annotations

from foundation.errors import Conflict, Invalid, NotFound, Unavailable
from foundation.i18n import N_

FULL_CODE = "media.full"

SDP_INVALID = N_("The browser sent a media description that cannot be used.")
REVISION_STALE = N_("The call has changed in the meantime; the newest offer has to be answered.")
CONNECTION_UNKNOWN = N_("There is no media connection to answer.")
ROOM_FULL = N_("The room is full.")
FULL = N_("The video service carries as many calls as it can. Please try again in a moment, or go on by telephone.")
UNAVAILABLE = N_("The video service does not answer now. Please try again in a moment.")


def sdp_invalid(reason: str) -> Invalid:
    """An offer or answer that cannot be used; `reason` is for developers and holds nothing of a person."""
    return Invalid("media.sdp_invalid", SDP_INVALID, field="sdp", reason=reason)


def revision_stale() -> Conflict:
    """An answer to an offer that has been replaced."""
    return Conflict("media.revision_stale", REVISION_STALE)


def connection_unknown() -> NotFound:
    """An answer with nothing to answer."""
    return NotFound("media.connection_unknown", CONNECTION_UNKNOWN)


def room_full() -> Conflict:
    """The room has as many participants as the worker admits."""
    return Conflict("media.room_full", ROOM_FULL)


def full() -> Unavailable:
    """Every live worker carries as much as it admits."""
    return Unavailable(FULL_CODE, FULL)


def unavailable() -> Unavailable:
    """No live worker admits the room."""
    return Unavailable("media.unavailable", UNAVAILABLE)
