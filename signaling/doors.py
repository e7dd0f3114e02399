"""Who may publish or view over HTTP (WHIP, WHEP), and which sessions there are. `ConsultDoor` asks the consult."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from consult_rooms.devices import DeviceLink, Devices, DeviceScope
from foundation.errors import NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId, DeviceId, is_id


class Way(StrEnum):
    """Which of the two protocols."""

    WHIP = "whip"
    WHEP = "whep"


@dataclass(frozen=True, slots=True)
class Pass:
    """What a token opens."""

    room_id: str
    participant_id: str
    source: str
    """How viewers see what is published; empty: as a camera and a microphone."""


@dataclass(frozen=True, slots=True)
class HttpSession:
    """A WHIP or WHEP session: one peer connection, and what is needed to restart its ICE."""

    id: str
    room_id: str
    participant_id: str
    offer: str
    """The client's newest offer."""
    origin: str
    """Session id of the worker's answer: another one means that the connection is gone."""
    tag: str
    """Entity tag of the ICE session (RFC 9725 §4.3.1)."""


class Door(Protocol):
    """Admits, and remembers sessions. Errors are `foundation.errors`."""

    async def admit(self, way: Way, room: str, secret: str) -> Pass:
        """What the token opens. Raises SignInNeeded, NotFound (another room), Forbidden (the other way), Conflict."""
        ...

    async def begin(self, way: Way, session: HttpSession, address: str) -> None:
        """Remember a session; it replaces the participant's earlier one."""
        ...

    async def session(self, way: Way, room: str, session_id: str, secret: str) -> HttpSession:
        """A living session that this token began. Raises what `admit` does, and NotFound("device.session_unknown")."""
        ...

    async def renew(self, session: HttpSession) -> None:
        """Remember the newest offer and tag."""
        ...

    async def end(self, room_id: str, participant_id: str) -> None:
        """Forget a participant's session; one that is not known is ignored."""
        ...

    async def lost(self, room_id: str) -> None:
        """Forget every session of a room whose worker is gone."""
        ...

    async def over(self) -> Sequence[tuple[str, str]]:
        """Rooms and participants that have to leave: revoked, expired, or of a consult that has ended."""
        ...


class ConsultDoor:
    """Rooms are consults; a token is one of the consult's device links."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices

    async def admit(self, way: Way, room: str, secret: str) -> Pass:
        """See `Door`."""
        link = await self._link(way, room, secret)
        return Pass(link.consult_id, link.id, f"device:{link.name}")

    async def begin(self, way: Way, session: HttpSession, address: str) -> None:
        """See `Door`."""
        await self._devices.began(
            DeviceId(session.participant_id),
            ConsultId(session.room_id),
            _SCOPES[way],
            session_id=session.id,
            offer=session.offer,
            origin=session.origin,
            tag=session.tag,
            address=address,
        )

    async def session(self, way: Way, room: str, session_id: str, secret: str) -> HttpSession:
        """See `Door`."""
        link = await self._link(way, room, secret)
        held = link.session
        if held is None or held.id != session_id:
            raise unknown_session()
        return HttpSession(held.id, link.consult_id, link.id, held.offer, held.origin, held.tag)

    async def renew(self, session: HttpSession) -> None:
        """See `Door`."""
        await self._devices.renewed(session.id, session.offer, session.tag)

    async def end(self, room_id: str, participant_id: str) -> None:  # noqa: ARG002 - the protocol's signature
        """See `Door`. Participants that are people are no business of this."""
        if is_id(participant_id, "dev"):
            await self._devices.ended(DeviceId(participant_id))

    async def lost(self, room_id: str) -> None:
        """See `Door`."""
        await self._devices.all_ended(ConsultId(room_id))

    async def over(self) -> Sequence[tuple[str, str]]:
        """See `Door`."""
        return await self._devices.over()

    async def _link(self, way: Way, room: str, secret: str) -> DeviceLink:
        return await self._devices.admit(secret, ConsultId(room), _SCOPES[way])


_SCOPES = {Way.WHIP: DeviceScope.PUBLISH, Way.WHEP: DeviceScope.VIEW}


def unknown_session() -> NotFound:
    """No living session of that address."""
    return NotFound("device.session_unknown", NO_SESSION)


NO_SESSION = N_("There is no such session, or it has ended.")
