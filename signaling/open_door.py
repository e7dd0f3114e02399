"""The door to rooms of any name for whoever knows the one token; nothing of a consult is behind it."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

from foundation.errors import NotFound, SignInNeeded, TooMany
from foundation.i18n import N_
from foundation.ids import new_id
from signaling.doors import HttpSession, Pass, Way, unknown_session

MOST_SESSIONS = 10_000
_ROOM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}\Z")


class OpenDoor:
    """See `signaling.doors.Door`. Sessions live in this process; each offer is a new participant."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._sessions: dict[str, tuple[Way, HttpSession]] = {}

    async def admit(self, way: Way, room: str, secret: str) -> Pass:  # noqa: ARG002 - the protocol's signature
        """See `Door`."""
        if not hmac.compare_digest(secret.encode(), self._token):
            raise SignInNeeded("device.token", WRONG_TOKEN)
        if not _ROOM.match(room):
            raise NotFound("room.name", ROOM_NAME)
        if len(self._sessions) >= MOST_SESSIONS:
            raise TooMany("device.too_many", FULL, retry_after_s=5)
        return Pass(room, new_id("dev"), "")

    async def begin(self, way: Way, session: HttpSession, address: str) -> None:  # noqa: ARG002 - the protocol's signature
        """See `Door`."""
        self._sessions[session.participant_id] = (way, session)

    async def session(self, way: Way, room: str, session_id: str, secret: str) -> HttpSession:
        """See `Door`."""
        if not hmac.compare_digest(secret.encode(), self._token):
            raise SignInNeeded("device.token", WRONG_TOKEN)
        for known_way, session in self._sessions.values():
            if session.id == session_id and session.room_id == room and known_way is way:
                return session
        raise unknown_session()

    async def renew(self, session: HttpSession) -> None:
        """See `Door`."""
        if (known := self._sessions.get(session.participant_id)) is not None:
            self._sessions[session.participant_id] = (known[0], session)

    async def end(self, room_id: str, participant_id: str) -> None:  # noqa: ARG002 - the protocol's signature
        """See `Door`."""
        self._sessions.pop(participant_id, None)

    async def lost(self, room_id: str) -> None:
        """See `Door`."""
        for _, session in list(self._sessions.values()):
            if session.room_id == room_id:
                del self._sessions[session.participant_id]

    async def over(self) -> Sequence[tuple[str, str]]:
        """See `Door`. Nothing expires here."""
        return ()


WRONG_TOKEN = N_("This token is not known, has expired or was revoked.")
ROOM_NAME = N_("A room's name has 1 to 64 letters, digits, dots, dashes or tildes.")
FULL = N_("There are too many sessions.")
