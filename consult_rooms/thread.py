"""A consult's thread: what its people write and send each other, in the room and outside it, each with its time.

It is the room's chat, and goes on while no call does: from the request on until the end, in a written case until its
answer. Who may read it is decided in one place, here, for text and attachments alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from consult_rooms.access import NOT_IN_ROOM, Relation, speaks
from consult_rooms.chat import ONLY_RECEIVES, PAGE, Chat
from consult_rooms.log import ConsultLog
from consult_rooms.model import ChatMessage, ParticipantRole
from consult_rooms.standing import Standing, standing
from consult_rooms.store import ConsultStore
from consult_rooms.transitions import Act, after
from foundation.database import Database, Transaction
from foundation.errors import Forbidden
from foundation.ids import ConsultId, StaffId
from identity.model import Staff
from identity.policy import Action, Target, require
from identity.store import Directory

if TYPE_CHECKING:
    from consult_rooms.attachments import Attachment, Attachments

READERS = (Relation.REQUESTER, Relation.SPECIALIST, Relation.INVITED, Relation.OBSERVER)


async def note_of(tx: Transaction, store: ConsultStore, staff: Staff, consult_id: ConsultId) -> Standing:
    """The locked consult, for a person who may add to its thread now; the requester becomes one of its people by that.

    Raises NotFound for a stranger, Forbidden `room.not_invited` or `room.observer`, Conflict by the state.
    """
    place = await standing(tx, store, staff, consult_id, lock=True)
    place.require(*Relation)
    require(staff, Action.TAKE_PART, Target())
    after(place.consult.state, Act.NOTE)
    if place.participant is None:
        if place.related is not Relation.REQUESTER:
            raise Forbidden("room.not_invited", NOT_IN_ROOM)
        await store.admit(tx, consult_id, [(staff.id, ParticipantRole.REQUESTER, True)])
        place = replace(place, participant=await store.participant(tx, consult_id, staff.id))
    if not speaks(place.participant):
        raise Forbidden("room.observer", ONLY_RECEIVES)
    return place


@dataclass(frozen=True, slots=True)
class ThreadEntry:
    """One line: `text`, or an attachment. `number` is that of its log entry."""

    number: int
    at: datetime
    sender_id: StaffId
    sender_name: str
    client_id: str
    text: str = ""
    attachment: Attachment | None = None


class Threads:
    """Writes and reads threads."""

    def __init__(
        self, database: Database, store: ConsultStore, log: ConsultLog, directory: Directory, attachments: Attachments
    ) -> None:
        self._database = database
        self._store = store
        self._directory = directory
        self._attachments = attachments
        self._chat = Chat(store, log)

    async def say(self, staff: Staff, consult_id: ConsultId, text: str, client_id: str) -> ChatMessage:
        """Add a line; the same `client_id` of one sender is one line. Raises what `note_of` does, Invalid."""
        async with self._database.transaction() as tx:
            place = await note_of(tx, self._store, staff, consult_id)
            if place.participant is None:
                raise Forbidden("room.not_invited", NOT_IN_ROOM)
            return await self._chat.say(tx, place.consult, place.participant, text, client_id)

    async def since(self, staff: Staff, consult_id: ConsultId, number: int = 0) -> list[ThreadEntry]:
        """What came after that log number, in order, without a gap; also when the consult is over. A page at most."""
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, staff, consult_id)
            place.require(*READERS)
            said = await self._chat.since(tx, consult_id, number)
            sent = await self._attachments.since(tx, consult_id, number, PAGE)
            # Past the last of a full page the other kind may still have something: it comes with the next page.
            ends = [part[-1].number for part in (said, sent) if len(part) == PAGE]
            last = min(ends, default=None)
            people = {line.sender_id for line in said} | {file.author_id for file in sent}
            names = {one.id: one.full_name for one in (await self._directory.staff_many(people, tx=tx)).values()}
        found = [
            ThreadEntry(one.number, one.at, one.sender_id, names.get(one.sender_id, ""), one.client_id, text=one.text)
            for one in said
        ]
        found += [
            ThreadEntry(one.number, one.at, one.author_id, names.get(one.author_id, ""), one.client_id, attachment=one)
            for one in sent
        ]
        found.sort(key=lambda entry: entry.number)
        return found if last is None else [entry for entry in found if entry.number <= last]
