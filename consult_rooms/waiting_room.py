"""Before a booked room: who is there, who is late, and what the clinic has still to prepare.

It opens with the room. Who looks at its page is there; whoever was not seen for a while has gone again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from consult_rooms import bounds
from consult_rooms.access import Relation
from consult_rooms.booking_tables import arrivals
from consult_rooms.changes import HERE
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogEntry, LogKind
from consult_rooms.model import Consult, ConsultState, IdentityState, Participant
from consult_rooms.standing import standing
from consult_rooms.store import ConsultStore
from consult_rooms.tables import consult_log
from consult_rooms.transitions import Act, after
from foundation.database import Database, Transaction
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import ConsultId, StaffId
from identity.model import Staff

TWO = N_("Compare two identifiers at least, then tick them.")


class Identifier(StrEnum):
    """What was compared with the patient or a document."""

    NAME = "name"
    BIRTH_DATE = "birth_date"
    NUMBER = "number"
    """The last digits of the citizen's or the insurance number."""


class Missing(StrEnum):
    """What the clinic has still to do before the specialist comes."""

    IDENTITY = "identity"
    CONSENT = "consent"
    VITALS = "vitals"
    QUESTION = "question"


class Whereabouts(StrEnum):
    """Where somebody of a booked consult is."""

    IN_ROOM = "in_room"
    WAITING = "waiting"
    """In the waiting room."""
    LATE = "late"
    """The booked time has come, and they are not there."""
    AWAITED = "awaited"


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody of the consult, and since when they are there."""

    staff_id: StaffId
    whereabouts: Whereabouts
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Preparation:
    """The waiting room as its people see it."""

    people: tuple[Seen, ...]
    missing: tuple[Missing, ...]


def missing(consult: Consult, log: Iterable[LogEntry]) -> tuple[Missing, ...]:
    """What of the preparation is not done, in the order of the checklist. Pure.

    Two identifiers count from the last change of patient on, and so do vital signs.
    """
    checked = vitals = False
    for entry in log:
        if entry.kind is LogKind.IDENTITY_CHANGED:
            checked = vitals = False
        checked = checked or entry.kind is LogKind.CHECKED
        vitals = vitals or (entry.kind is LogKind.ADDED and entry.data.get("what") == "vitals")
    known = consult.patient.identity is IdentityState.ESTABLISHED
    asked = consult.question
    done = {
        Missing.IDENTITY: known and checked,
        Missing.CONSENT: consult.consent is not None and consult.consent.consult and consult.consent.record_view,
        Missing.VITALS: vitals,
        Missing.QUESTION: bool(asked.situation and asked.recommendation),
    }
    return tuple(item for item, is_done in done.items() if not is_done)


def whereabouts(participant: Participant, seen_at: datetime | None, starts_at: datetime, now: datetime) -> Whereabouts:
    """Where one of the people is now. Pure."""
    if participant.present:
        return Whereabouts.IN_ROOM
    if seen_at is not None and seen_at > now - HERE:
        return Whereabouts.WAITING
    return Whereabouts.LATE if now >= starts_at else Whereabouts.AWAITED


class WaitingRoom:
    """Notes who comes, and says who is there and what is missing."""

    def __init__(self, database: Database, store: ConsultStore, log: ConsultLog) -> None:
        self._database = database
        self._store = store
        self._log = log

    async def look(self, staff: Staff, consult_id: ConsultId) -> Preparation:
        """Be in the waiting room, from its opening until the consult begins, and see it. Each look is a sign of life.

        For the people of the consult. Raises NotFound for a stranger.
        """
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id)
            place.require(Relation.REQUESTER, Relation.SPECIALIST, Relation.INVITED, Relation.OBSERVER)
            consult, now = place.consult, await tx.now()
            waits = consult.state is ConsultState.SCHEDULED and consult.opens_at is not None
            if waits and consult.opens_at is not None and consult.opens_at <= now:
                await self._be_there(tx, staff.id, consult_id, now)
            return await self._seen(tx, consult, now)

    async def check_identity(self, staff: Staff, consult_id: ConsultId, compared: Collection[str]) -> None:
        """The clinic compared these identifiers, two at least, with patient or document. Requester.

        Raises Invalid `identity.two`, Conflict by the consult's state.
        """
        which = sorted({bounds.code(Identifier, one, "compared") for one in compared})
        if len(which) < 2:
            raise Invalid("identity.two", TWO, field="compared")
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            place.require(Relation.REQUESTER)
            after(place.consult.state, Act.IDENTIFY)
            await self._log.append(tx, consult_id, LogKind.CHECKED, staff.id, {"with": "+".join(which)})

    async def _be_there(self, tx: Transaction, staff_id: StaffId, consult_id: ConsultId, now: datetime) -> None:
        mine = (arrivals.c.consult_id == consult_id) & (arrivals.c.staff_id == staff_id)
        seen = await tx.execute(update(arrivals).where(mine).values(seen_at=now))
        if seen.rowcount:
            return
        try:
            async with tx.connection.begin_nested():
                new = {"consult_id": consult_id, "staff_id": staff_id, "came_at": now, "seen_at": now}
                await tx.execute(arrivals.insert().values(**new))
        except IntegrityError:
            return  # the same person in another window, a moment before
        await self._log.append(tx, consult_id, LogKind.ARRIVED, staff_id)

    async def _seen(self, tx: Transaction, consult: Consult, now: datetime) -> Preparation:
        there = {
            row.staff_id: row for row in await tx.execute(select(arrivals).where(arrivals.c.consult_id == consult.id))
        }
        starts_at = consult.starts_at or consult.created_at
        people = []
        for person in await self._store.participants(tx, consult.id):
            row = there.get(person.staff_id)
            where = whereabouts(person, None if row is None else row.seen_at, starts_at, now)
            since = person.joined_at if where is Whereabouts.IN_ROOM else None if row is None else row.came_at
            people.append(Seen(person.staff_id, where, since))
        kinds = (LogKind.IDENTITY_CHANGED, LogKind.CHECKED, LogKind.ADDED)
        query = (
            select(consult_log)
            .where(consult_log.c.consult_id == consult.id, consult_log.c.kind.in_(kinds))
            .order_by(consult_log.c.number)
        )
        entries = [
            LogEntry(row.consult_id, row.number, row.at, LogKind(row.kind), row.actor, row.data)
            for row in await tx.execute(query)
        ]
        return Preparation(tuple(people), missing(consult, entries))
