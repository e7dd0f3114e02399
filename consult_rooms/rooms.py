"""The room of a consult: who enters, is invited, leaves, and who ends it. Leaving is not ending.

Media and sockets are signalling's; here stands who may be there and what the log says of it. One class, since all of it
changes one room's state; the chat, the longest part, stands in `chat`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import String, bindparam, select, update

from consult_rooms import bounds
from consult_rooms.access import NOT_IN_ROOM, Relation, room_open
from consult_rooms.chat import Chat
from consult_rooms.displacement import settle
from consult_rooms.handovers import lapse
from consult_rooms.log import ConsultLog, Data
from consult_rooms.log_entry import LogKind
from consult_rooms.model import ChatMessage, Consult, ConsultState, LineState, Participant, ParticipantRole, Rung, Way
from consult_rooms.standing import Standing, standing
from consult_rooms.store import ConsultStore, participant_of
from consult_rooms.tables import first_frames, participants
from consult_rooms.transitions import Act, after, refusal
from foundation.database import Database, Instant, Transaction
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId, ParticipantId, StaffId
from identity.model import Staff
from identity.policy import Action, Target, may, require
from identity.store import Directory

PEOPLE = 8
"""People whom one room holds at most."""
KINDS = frozenset({"audio", "video", "screen"})
INVITABLE = frozenset({ParticipantRole.INVITED, ParticipantRole.OBSERVER})

NOT_OPEN = N_("This room opens at %(time)s.")
FULL = N_("This room is full: %(limit)s people at most.")
UNFIT = N_("This person cannot take part in a consult.")
THERE = N_("This person is part of the consult already.")
NOT_YOURS_TO_END = N_("Only the specialist ends the consult; a coordinator may when the specialist is gone.")
UNKNOWN_PARTICIPANT = N_("There is nobody of that id in this consult.")

_ONE, _NOW = bindparam("one_id", type_=String), bindparam("now", type_=Instant)
_CAME = update(participants).where(participants.c.id == _ONE).values(joined_at=_NOW, left_at=None, line=LineState.GOOD)
_ALL_GONE = (
    update(participants)
    .where(participants.c.consult_id == _ONE, participants.c.joined_at.is_not(None), participants.c.left_at.is_(None))
    .values(left_at=_NOW)
)


class Rooms:
    """Joins, leaves, invitations, chat and the end."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        zone: ZoneInfo,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory
        self._zone = zone
        self._chat = Chat(store, log)

    async def join(self, staff: Staff, consult_id: ConsultId) -> tuple[Consult, Participant]:
        """Enter the room, or be in it still: only a real change is logged.

        The booked specialist's entry begins a booked consult. Raises NotFound for a stranger, Forbidden
        `room.not_invited`, Conflict `room.not_open` with `time`, `consult.not_claimed`, `consult.ended` and the like.
        """
        async with self._database.transaction() as tx:
            place = await self._met(tx, staff, consult_id)
            consult, participant = place.consult, _of_room(place)
            now = await tx.now()
            changed: dict[str, Any] = {}
            entries: list[tuple[LogKind, StaffId | None, Data]] = []
            if consult.state is ConsultState.SCHEDULED and participant.role is ParticipantRole.SPECIALIST:
                changed = {"state": after(consult.state, Act.OPEN), "claimed_at": now, "owner_id": staff.id}
                await settle(tx, consult_id)
                entries.append((LogKind.OWNER_CHANGED, staff.id, {"owner": staff.id}))
            elif staff.id == consult.specialist_id and (consult.lease_until or consult.paused_at):
                # Its specialist is here: the claim runs out no longer, and a pause is over.
                changed = {"lease_until": None, "paused_at": None}
                if consult.paused_at is not None:
                    entries.append((LogKind.RESUMED, staff.id, {}))
            if not participant.present:
                await tx.execute(_CAME, {"one_id": participant.id, "now": now})
                again = participant.joined_at is not None
                joined: Data = {"participant": participant.id, "role": participant.role, "again": again}
                entries.append((LogKind.JOINED, staff.id, joined))
                participant = replace(participant, joined_at=now, left_at=None)
            if changed or entries:  # the row is locked: its state is still that which was read
                number = await self._store.change_logged(tx, consult_id, consult.state, changed, len(entries))
                if number is None:
                    raise refusal(consult.state)
                if entries:
                    await self._log.numbered(tx, consult_id, number, entries)
                consult = replace(consult, **changed, log_number=number)
            return consult, participant

    async def leave(self, participant: Participant) -> None:
        """Note that this person is gone from the room. Leaving twice is leaving once."""
        async with self._database.transaction() as tx:
            await self._store.get(tx, participant.consult_id, lock=True)
            left = await tx.execute(
                update(participants)
                .where(
                    participants.c.id == participant.id,
                    participants.c.joined_at.is_not(None),
                    participants.c.left_at.is_(None),
                )
                .values(left_at=await tx.now())
            )
            if left.rowcount:
                await self._log.append(
                    tx,
                    participant.consult_id,
                    LogKind.LEFT,
                    participant.staff_id,
                    {"participant": participant.id},
                )

    async def first_frame(
        self, participant: Participant, from_participant: ParticipantId, kind: str, after_ms: int | None = None
    ) -> None:
        """The viewer decoded the first frame of another's sound or picture; told once per (viewer, source, kind).

        `after_ms` is counted in the viewer's browser from its join. Raises Invalid, NotFound("participant.unknown").
        """
        if kind not in KINDS:
            raise Invalid("choice.unknown", bounds.UNKNOWN, field="kind")
        if after_ms is not None and not 0 <= after_ms <= 86_400_000:
            raise Invalid("choice.unknown", bounds.UNKNOWN, field="after_ms")
        async with self._database.transaction() as tx:
            await self._store.get(tx, participant.consult_id, lock=True)
            source = await self._again(tx, from_participant)
            if source.consult_id != participant.consult_id:
                raise NotFound("participant.unknown", UNKNOWN_PARTICIPANT)
            seen = {"viewer_id": participant.id, "source_id": source.id, "kind": kind}
            if (await tx.execute(select(first_frames).filter_by(**seen))).first() is not None:
                return
            await tx.execute(first_frames.insert().values(**seen))
            data = {"participant": participant.id, "source": source.id, "from": source.staff_id, "kind": kind}
            await self._log.append(
                tx,
                participant.consult_id,
                LogKind.FIRST_FRAME,
                participant.staff_id,
                data if after_ms is None else {**data, "after_ms": after_ms},
            )

    async def line_changed(self, participant: Participant, state: LineState | str) -> None:
        """This person's line got better or worse; a state that holds already is not logged again."""
        line = bounds.code(LineState, state, "state")
        async with self._database.transaction() as tx:
            await self._store.get(tx, participant.consult_id, lock=True)
            changed = await tx.execute(
                update(participants)
                .where(participants.c.id == participant.id, participants.c.line != line)
                .values(line=line)
            )
            if changed.rowcount:
                await self._log.append(
                    tx,
                    participant.consult_id,
                    LogKind.LINE_CHANGED,
                    participant.staff_id,
                    {"participant": participant.id, "state": line},
                )

    async def quality_changed(
        self, participant: Participant, way: Way | str, rung: Rung | str, source: Participant | None = None
    ) -> None:
        """This person sends, sees or wishes pictures of that rung now. `source`: whose, when it sees one person's so.

        The caller tells changes alone, and none that passes in a moment. Raises Invalid.
        """
        which, now = bounds.code(Way, way, "way"), bounds.code(Rung, rung, "rung")
        cause = "none" if now is Rung.HD else which.cause
        data: dict[str, str] = {"participant": participant.id, "way": which, "rung": now, "cause": cause}
        if source is not None:
            data |= {"source": source.id, "from": source.staff_id}
        async with self._database.transaction() as tx:
            await self._log.append(tx, participant.consult_id, LogKind.QUALITY_CHANGED, participant.staff_id, data)

    async def invite(
        self,
        staff: Staff,
        consult_id: ConsultId,
        invitee_id: StaffId,
        role: ParticipantRole | str = ParticipantRole.INVITED,
        sees_book: bool = False,
    ) -> Participant:
        """Let a third person in, as one who speaks or as an observer. Requester or specialist.

        `sees_book` gives the book too. Raises Forbidden, Invalid `room.unfit`, Conflict `room.full` or
        `room.already_there`.
        """
        as_what = bounds.code(ParticipantRole, role, "role")
        if as_what not in INVITABLE:
            raise Invalid("choice.unknown", bounds.UNKNOWN, field="role")
        async with self._database.transaction() as tx:
            place = await self._met(tx, staff, consult_id)
            place.require(Relation.REQUESTER, Relation.SPECIALIST)
            invitee = (await self._directory.staff_many([invitee_id], tx=tx)).get(invitee_id)
            if invitee is None or not may(invitee, Action.TAKE_PART):
                raise Invalid("room.unfit", UNFIT, field="staff_id")
            there = await self._store.participants(tx, consult_id)
            if any(person.staff_id == invitee_id for person in there):
                raise Conflict("room.already_there", THERE)
            if len(there) >= PEOPLE:
                raise Conflict("room.full", FULL, limit=PEOPLE)
            await self._store.admit(tx, consult_id, [(invitee_id, as_what, sees_book)], invited_by=staff.id)
            await self._log.append(
                tx,
                consult_id,
                LogKind.INVITED,
                staff.id,
                {"staff": invitee_id, "role": as_what, "sees_book": sees_book},
            )
            invited = await self._store.participants(tx, consult_id)
            return next(person for person in invited if person.staff_id == invitee_id)

    async def end(self, staff: Staff, consult_id: ConsultId) -> Consult:
        """End the consult for everybody. The specialist does; a coordinator in charge when the specialist is not there.

        Raises Forbidden `consult.not_yours_to_end`, Conflict by the state.
        """
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            place.require(*Relation)
            consult = place.consult
            if place.related is not Relation.SPECIALIST and not await self._abandoned_to(tx, staff, place):
                raise Forbidden("consult.not_yours_to_end", NOT_YOURS_TO_END)
            now = await tx.now()
            ended: dict[str, Any] = {
                "state": after(consult.state, Act.END),
                "ended_at": now,
                "lease_until": None,
                "paused_at": None,
            }
            number = await self._store.change_logged(tx, consult_id, ConsultState.CLAIMED, ended, 1)
            if number is None:
                raise refusal((await self._store.get(tx, consult_id)).state)
            await tx.execute(_ALL_GONE, {"one_id": consult_id, "now": now})
            await lapse(tx, consult_id)
            began = consult.claimed_at or now
            lasted: Data = {"lasted_s": round((now - began).total_seconds(), 3)}
            await self._log.numbered(tx, consult_id, number, [(LogKind.ENDED, staff.id, lasted)])
            return replace(consult, **ended, log_number=number)

    async def chat(self, staff: Staff, consult_id: ConsultId, text: str, client_id: str) -> ChatMessage:
        """Say something in the room's chat; the same `client_id` of one sender is one message.

        Raises Invalid for the text, Forbidden `room.observer`, Conflict by the state.
        """
        async with self._database.transaction() as tx:
            place = await self._met(tx, staff, consult_id)
            return await self._chat.say(tx, place.consult, _of_room(place), text, client_id)

    async def chat_since(self, staff: Staff, consult_id: ConsultId, number: int) -> list[ChatMessage]:
        """Messages after that log number, in order, also when the consult has ended. For people of the room."""
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, staff, consult_id)
            place.require(Relation.REQUESTER, Relation.SPECIALIST, Relation.INVITED, Relation.OBSERVER)
            return await self._chat.since(tx, consult_id, number)

    async def participants(self, consult_id: ConsultId) -> list[Participant]:
        """Everybody who may be in the room, first come first. The caller has decided who may know."""
        async with self._database.reading() as tx:
            return await self._store.participants(tx, consult_id)

    async def _met(self, tx: Transaction, staff: Staff, consult_id: ConsultId) -> Standing:
        """The locked consult whose room is open, with this person's place in it."""
        place = await standing(tx, self._store, staff, consult_id, lock=True)
        place.require(*Relation)
        require(staff, Action.TAKE_PART, Target())
        after(place.consult.state, Act.MEET)
        _of_room(place)
        if not room_open(place.consult, await tx.now()):
            opens = place.consult.opens_at
            shown = "" if opens is None else opens.astimezone(self._zone).strftime("%H:%M %d/%m/%Y")
            raise Conflict("room.not_open", NOT_OPEN, time=shown)
        return place

    async def _abandoned_to(self, tx: Transaction, staff: Staff, place: Standing) -> bool:
        target = Target(facility_id=place.consult.requester_facility_id, hub_ids=place.hub_ids)
        if not may(staff, Action.COORDINATE, target) or place.consult.specialist_id is None:
            return False
        specialist = await self._store.participant(tx, place.consult.id, place.consult.specialist_id)
        return specialist is None or not specialist.present

    async def _again(self, tx: Transaction, participant_id: ParticipantId) -> Participant:
        query = select(participants).where(participants.c.id == participant_id)
        row = (await tx.execute(query)).mappings().one_or_none()
        if row is None:
            raise NotFound("participant.unknown", UNKNOWN_PARTICIPANT)
        return participant_of(row)


def _of_room(place: Standing) -> Participant:
    if place.participant is None:
        raise Forbidden("room.not_invited", NOT_IN_ROOM)
    return place.participant
