"""What the consult's log says of the ladder: who sends or sees less than before and why, when it has settled.

Media tells each change at once to those whom it concerns; the log keeps those that last, so that a line that wavers
does not fill it.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field

from consult_rooms.model import Rung, Way
from consult_rooms.rooms import Rooms
from foundation.clock import Clock
from foundation.errors import HoichanError
from foundation.ids import ConsultId, ParticipantId
from media.api import Cause, QualityChanged
from signaling.room_members import Member, RoomMembers

log = logging.getLogger(__name__)

SETTLE_S = 3.0
"""How long a participant's changes rest before they are told."""
EVERY_S = 10.0
"""One participant's changes are told at most this often: what holds then, not what was between."""

_WORST = {rung: place for place, rung in enumerate(Rung)}

Subject = Way | ParticipantId
"""What a rung is of: one's own sending or wish, or the pictures of that person."""


@dataclass(slots=True)
class _Ladder:
    """What holds for one participant, and what the log says."""

    own: dict[Subject, Rung] = field(default_factory=dict)
    seen: dict[str, tuple[ParticipantId, Rung]] = field(default_factory=dict)
    """By track: whose it is, and what the viewer's line lets through."""
    told: dict[Subject, Rung] = field(default_factory=dict)
    changed_at: float | None = None
    """Since when there has been something to tell."""
    touched_at: float = 0.0
    told_at: float = -math.inf

    def current(self) -> dict[Subject, Rung]:
        """The rung of each subject; of a person with several pictures, the worst."""
        found: dict[Subject, Rung] = dict(self.own)
        for source, rung in self.seen.values():
            known = found.get(source, Rung.HD)
            found[source] = max(known, rung, key=_WORST.__getitem__)
        return found


class Qualities:
    """The ladders of this node's members. `tell` writes what has settled; call it twice a second."""

    def __init__(self, members: RoomMembers, rooms: Rooms, clock: Clock) -> None:
        self._members = members
        self._rooms = rooms
        self._clock = clock
        self._ladders: dict[tuple[ConsultId, ParticipantId], _Ladder] = {}

    def sends(self, member: Member, rung: str) -> None:
        """What this member's uplink carries."""
        self._own(member, Way.SENDS, Rung(rung))

    def wishes(self, member: Member) -> None:
        """Whether this member takes pictures at all, as the switches say."""
        self._own(member, Way.WISHES, Rung.AUDIO if member.switches.audio_only else Rung.HD)

    def sees(self, member: Member, event: QualityChanged) -> None:
        """What this member's downlink lets through. What others hold back or the member wants is no matter of it."""
        ladder = self._ladder(member)
        source = member.tracks.get(event.track_id)
        if source is None or event.cause in (Cause.UPLINK, Cause.WISH):
            ladder.seen.pop(event.track_id, None)
        else:
            ladder.seen[event.track_id] = (source, Rung(event.rung.value))
        self._touch(ladder)

    def offered(self, member: Member) -> None:
        """Streams came or went: what the gone ones gave is over, and no change."""
        ladder = self._ladder(member)
        ladder.seen = {track: seen for track, seen in ladder.seen.items() if track in member.tracks}

    async def tell(self) -> None:
        """Write what has settled to the logs."""
        now = self._clock.monotonic()
        for place, ladder in list(self._ladders.items()):
            member = self._members.find(*place)
            if member is None:
                del self._ladders[place]
            elif ladder.changed_at is not None and now - ladder.told_at >= EVERY_S:
                rests = now - ladder.touched_at >= SETTLE_S
                if rests or now - ladder.changed_at >= EVERY_S:
                    await self._tell(member, ladder)

    def _ladder(self, member: Member) -> _Ladder:
        place = (member.participant.consult_id, member.participant.id)
        return self._ladders.setdefault(place, _Ladder())

    def _own(self, member: Member, way: Way, rung: Rung) -> None:
        ladder = self._ladder(member)
        if ladder.own.get(way, Rung.HD) is not rung:
            ladder.own[way] = rung
            self._touch(ladder)

    def _touch(self, ladder: _Ladder) -> None:
        ladder.touched_at = self._clock.monotonic()
        if ladder.changed_at is None:
            ladder.changed_at = ladder.touched_at

    async def _tell(self, member: Member, ladder: _Ladder) -> None:
        ladder.changed_at = None
        current = ladder.current()
        changes = {subject: rung for subject, rung in current.items() if ladder.told.get(subject, Rung.HD) is not rung}
        if not changes:
            ladder.told = current
            return
        try:
            await self._write(member, changes)
        except HoichanError as error:  # such as a database that is down: it is told when that is over
            log.warning("a change of quality was not logged: %s", error.code)
            self._touch(ladder)
        else:
            ladder.told, ladder.told_at = current, self._clock.monotonic()

    async def _write(self, member: Member, changes: dict[Subject, Rung]) -> None:
        participant = member.participant
        people = {person.id: person for person in await self._rooms.participants(participant.consult_id)}
        alike: dict[Rung, list[ParticipantId]] = {}
        for subject, rung in changes.items():
            if isinstance(subject, Way):
                await self._rooms.quality_changed(participant, subject, rung)
            else:
                alike.setdefault(rung, []).append(subject)
        for rung, sources in alike.items():  # several at once are one sentence
            source = people.get(sources[0]) if len(sources) == 1 else None
            await self._rooms.quality_changed(participant, Way.SEES, rung, source)
