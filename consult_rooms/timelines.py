"""A consult's timeline, from request to outcome: for its own people, and for those who read its clinic's figures.

It holds kinds, times, people and the words of the log, and nothing that a doctor wrote: advice and outcomes are read by
`advice` and `follow_ups`, for those who may read the opinion.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from consult_rooms.access import Relation, reads_opinion
from consult_rooms.log import PAGE, ConsultLog
from consult_rooms.log_entry import LogEntry, LogKind
from consult_rooms.milestones import Milestone, Targets, Times, milestones
from consult_rooms.minutes_model import Seat
from consult_rooms.minutes_tables import minutes, minutes_signatures
from consult_rooms.model import ConsultState, Urgency
from consult_rooms.note_states import NoteState, note_states
from consult_rooms.sittings import Sitting, sittings
from consult_rooms.standing import Standing, standing
from consult_rooms.store import UNKNOWN, ConsultStore
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import NotFound
from foundation.ids import ConsultId, FacilityId, SpecialtyId, StaffId
from identity.model import Staff
from identity.policy import Action, Target, may
from identity.store import Directory

MOST = 10_000
"""Entries of a log that are read at most."""
OF_CASE = (Relation.REQUESTER, Relation.SPECIALIST, Relation.INVITED, Relation.OBSERVER)
READERS = (*OF_CASE, Relation.COORDINATOR)
DRAWN = LogKind.DRAWN
"""As many as strokes; the picture shows them."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature under minutes; `holds`: under their newest version."""

    staff_id: StaffId
    seat: Seat
    version: int
    at: datetime
    holds: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """One consult's course. Names no patient."""

    id: ConsultId
    code: str
    urgency: Urgency
    state: ConsultState
    specialty_id: SpecialtyId
    clinic_id: FacilityId
    hospital_id: FacilityId | None
    asked_at: datetime
    starts_at: datetime | None
    milestones: tuple[Milestone, ...]
    sittings: tuple[Sitting, ...]
    notes: tuple[NoteState, ...]
    signatures: tuple[Signed, ...]
    entries: tuple[LogEntry, ...]
    of_case: bool
    """Whether the reader is in the consult, and so may open it."""
    reads_opinion: bool
    now: datetime
    """When it was read, by the store's time."""


class Timelines:
    """Reads timelines, each audited before it is told. `targets`: within what time each goal is to be reached."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        directory: Directory,
        log: ConsultLog,
        audit: Audit,
        targets: Targets,
    ) -> None:
        self._database = database
        self._store = store
        self._directory = directory
        self._log = log
        self._audit = audit
        self._targets = targets

    async def read(self, staff: Staff, consult_id: ConsultId, *, taken_out: bool = False) -> Timeline:
        """The timeline; `taken_out`: as a file, which the audit tells apart.

        Raises NotFound `consult.unknown` for whoever has no part in the consult and no figures of its clinic; that it
        rings for somebody, or might, gives no part.
        """
        async with self._database.reading() as tx:
            now = await tx.now()
            place = await standing(tx, self._store, staff, consult_id)
            if place.related not in READERS and not _keeps(staff, place):
                raise NotFound("consult.unknown", UNKNOWN)
            signatures = await _signatures(tx, consult_id)
        action = "timeline.export" if taken_out else "timeline.read"
        await self._audit.commit(AuditEntry(actor=staff.id, action=action, target=consult_id, consult_id=consult_id))
        entries = await self._entries(consult_id)
        one = place.consult
        times = Times(one.urgency, one.state, one.created_at, one.starts_at, one.claimed_at)
        return Timeline(
            id=one.id,
            code=one.code,
            urgency=one.urgency,
            state=one.state,
            specialty_id=one.specialty_id,
            clinic_id=one.requester_facility_id,
            hospital_id=one.specialist_facility_id,
            asked_at=one.created_at,
            starts_at=one.starts_at,
            milestones=milestones(times, entries, now, self._targets),
            sittings=sittings(entries, now),
            notes=note_states(entries),
            signatures=signatures,
            entries=tuple(entry for entry in entries if entry.kind is not DRAWN),
            of_case=place.related in OF_CASE,
            reads_opinion=place.related is not None and reads_opinion(place.related),
            now=now,
        )

    async def _entries(self, consult_id: ConsultId) -> list[LogEntry]:
        found: list[LogEntry] = []
        while len(found) < MOST:
            page = await self._log.since(consult_id, found[-1].number if found else 0)
            found += page
            if len(page) < PAGE:
                break
        return found


def _keeps(staff: Staff, place: Standing) -> bool:
    """Whether this person reads the figures of the clinic, or of a hospital that consults for it."""
    homes = (place.consult.requester_facility_id, *place.hub_ids)
    return any(may(staff, Action.KEEP_CALENDAR, Target(facility_id=one)) for one in homes)


async def _signatures(tx: Transaction, consult_id: ConsultId) -> tuple[Signed, ...]:
    t = minutes_signatures
    query = (
        select(t.c.staff_id, t.c.seat, t.c.version, t.c.at, minutes.c.version.label("newest"))
        .join(minutes, (minutes.c.consult_id == t.c.consult_id) & (minutes.c.person == t.c.person))
        .where(t.c.consult_id == consult_id)
        .order_by(t.c.at, t.c.staff_id)
    )
    return tuple(
        Signed(StaffId(row.staff_id), Seat(row.seat), row.version, row.at, row.version == row.newest)
        for row in await tx.execute(query)
    )
