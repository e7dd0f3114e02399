"""What every node shows of the people in a room: connected, microphone, camera.

The bus group `room:<consult>` has one member a participant whose socket is up, with its switches as the value. Who may
be there, and who is, stands in the database.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from consult_rooms.rooms import Rooms
from foundation.bus import Bus
from foundation.errors import Unavailable
from foundation.ids import ConsultId, ParticipantId
from identity.store import Directory
from signaling.shapes import ParticipantPart

log = logging.getLogger(__name__)

TTL_S = 30.0
"""A participant whose node says nothing for this long counts as not connected."""


@dataclass(frozen=True, slots=True)
class Switches:
    """What a participant has switched on."""

    audio: bool
    video: bool
    audio_only: bool = False
    """Whether the person chose sound only."""


class Attendance:
    """Writes this node's share of it and reads all nodes'. A bus that is down is logged, and never stops a consult."""

    def __init__(self, rooms: Rooms, directory: Directory, bus: Bus) -> None:
        self._rooms = rooms
        self._directory = directory
        self._bus = bus

    async def beat(self, consult_id: ConsultId, participant_id: ParticipantId, switches: Switches) -> None:
        """This participant's socket is up."""
        value = json.dumps(asdict(switches))
        try:
            await self._bus.beat(f"room:{consult_id}", participant_id, TTL_S, value)
        except Unavailable:
            log.warning("the bus is down; a member of a room is not seen by other nodes")

    async def drop(self, consult_id: ConsultId, participant_id: ParticipantId) -> None:
        """It is up no longer."""
        try:
            await self._bus.drop(f"room:{consult_id}", participant_id)
        except Unavailable:
            log.warning("the bus is down; a member of a room stays shown until its lease runs out")

    async def connected(self, consult_id: ConsultId) -> dict[ParticipantId, Switches]:
        """Whose sockets are up, on all nodes. Raises Unavailable("bus.unavailable")."""
        group = f"room:{consult_id}"
        found = (await self._bus.members([group])).get(group, {})
        return {ParticipantId(member): Switches(**json.loads(value)) for member, value in found.items()}

    async def people(self, consult_id: ConsultId, here: Mapping[ParticipantId, Switches]) -> list[ParticipantPart]:
        """Everyone who may be in the room. `here` are this node's, for when the bus is down."""
        participants = await self._rooms.participants(consult_id)
        staff, facilities = await self._directory.acquainted({participant.staff_id for participant in participants})
        try:
            connected: Mapping[ParticipantId, Switches] = await self.connected(consult_id)
        except Unavailable:
            log.warning("the bus is down; a room shows this node's members alone")
            connected = here
        parts = []
        for participant in participants:
            person = staff[participant.staff_id]
            shown = connected.get(participant.id) if participant.present else None
            parts.append(
                ParticipantPart(
                    participant_id=participant.id,
                    staff_id=participant.staff_id,
                    staff_name=person.full_name,
                    facility_name=facilities[person.facility_id].name,
                    role=participant.role,
                    present=participant.present,
                    connected=shown is not None,
                    audio=shown is not None and shown.audio,
                    video=shown is not None and shown.video,
                    audio_only=shown is not None and shown.audio_only,
                )
            )
        return parts
