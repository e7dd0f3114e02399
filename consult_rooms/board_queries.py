"""Reads of the coordinators' board: `BoardQueries.board(staff)` is all of it by four statements, however many rows.

What changed is read by consult for all who watch at once, and then told only to those who are in charge of its clinic
at that moment (`in_charge`). Of clinical text a row has the question's line alone, and never a name or number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import CompoundSelect, Select, String, bindparam, case, cast, select, union_all

from consult_rooms.board_lanes import hubs_in_reach, lanes_of, slots_of
from consult_rooms.board_notes import AUTHOR, note_of
from consult_rooms.board_rows import BoardChange, BoardPerson, BoardPlace, BoardRow, BoardView, Lane
from consult_rooms.board_tables import coordination_notes
from consult_rooms.joins import without_names
from consult_rooms.model import ConsultState, DeclineReason, OfferState, Urgency
from consult_rooms.store import ConsultStore, Row
from consult_rooms.tables import consult_log, consults, offers, slots
from foundation.database import Database, Transaction, unnested
from foundation.ids import ConsultId, FacilityId, StaffId
from identity.model import Role, Staff
from identity.policy import Action, require
from identity.rows import specialty_of
from identity.tables import facilities, links, specialties
from identity.tables import staff as people

OPEN = (ConsultState.RINGING, ConsultState.CLAIMED, ConsultState.WRITTEN)
"""States in which a consult stands on the board."""
ROWS = 1_000
"""Rows of a board at most; what goes beyond stands behind the least urgent."""
PEOPLE = 20_000
"""Rings that one reading returns at most."""
LATE = timedelta(seconds=15)
"""How late a log entry may appear: it bears the time at which its transaction began."""

_OWN = bindparam("own_id", type_=String)
_HUB = facilities.alias("board_hub")
_REQUESTER, _OWNER = people.alias("board_requester"), people.alias("board_owner")
_COORDINATOR, _SPECIALIST = people.alias("board_coordinator"), people.alias("board_specialist")


def clinics_in_charge() -> CompoundSelect[Any]:
    """Selects the clinics of which a coordinator of `own_id` is in charge: the own facility and those linked to it."""
    linked = (
        select(links.c.spoke_id)
        .join(_HUB, _HUB.c.id == links.c.hub_id)
        .where(links.c.hub_id == _OWN, _HUB.c.is_hub, _HUB.c.active)
    )
    return union_all(select(_OWN.label("spoke_id")), linked)


_RANK = case({urgency: rank for rank, urgency in enumerate(Urgency)}, value=consults.c.urgency, else_=9)
_ROWS: Select[Any] = (
    select(
        consults,
        specialties,
        facilities.c.name.label("facility_name"),
        _REQUESTER.c.full_name.label("requester_name"),
        _OWNER.c.full_name.label("owner_name"),
        _COORDINATOR.c.full_name.label("coordinator_name"),
        _SPECIALIST.c.full_name.label("specialist_name"),
    )
    .join(specialties, specialties.c.id == consults.c.specialty_id)
    .join(facilities, facilities.c.id == consults.c.requester_facility_id)
    .join(_REQUESTER, _REQUESTER.c.id == consults.c.requester_id)
    .join(_OWNER, _OWNER.c.id == consults.c.owner_id)
    .outerjoin(_COORDINATOR, _COORDINATOR.c.id == consults.c.coordinator_id)
    .outerjoin(_SPECIALIST, _SPECIALIST.c.id == consults.c.specialist_id)
    .where(consults.c.state.in_(OPEN))
)
_BOARD = (
    _ROWS.where(consults.c.requester_facility_id.in_(clinics_in_charge()))
    .order_by(_RANK, consults.c.created_at, consults.c.id)
    .limit(ROWS + 1)
)
_CHANGED = (
    select(consult_log.c.consult_id)
    .distinct()
    .join(consults, consults.c.id == consult_log.c.consult_id)
    .where(
        consult_log.c.at >= bindparam("since_at", type_=consult_log.c.at.type),
        consults.c.requester_facility_id.in_(clinics_in_charge()),
    )
    .limit(ROWS + 1)
)


class BoardQueries:
    """What coordinators see. `answer` is within which time somebody should take a request, by urgency."""

    def __init__(
        self, database: Database, store: ConsultStore, zone: ZoneInfo, answer: Mapping[Urgency, timedelta]
    ) -> None:
        self._database = database
        self._store = store
        self._zone = zone
        self.answer = dict(answer)

    async def board(self, staff: Staff) -> BoardView:
        """All that is open at the clinics of which this coordinator is in charge, most urgent and oldest first, and
        today's slots at their hospitals. Raises Forbidden for anybody else.
        """
        require(staff, Action.COORDINATE)
        async with self._database.reading() as tx:
            now = await tx.now()
            found = (await tx.execute(_BOARD, {"own_id": staff.facility_id})).mappings().all()
            rows = await self._rows(tx, found[:ROWS], now)
            lanes = await self._lanes(tx, staff, now)
        return BoardView(now, self._midnight(now), tuple(rows), len(found) > ROWS, tuple(lanes))

    async def since(self, staff: Staff, at: datetime) -> BoardChange | None:
        """What changed on this coordinator's board since it was seen; None when that is more than a board.

        The lanes come whole. Raises Forbidden as `board`.
        """
        require(staff, Action.COORDINATE)
        async with self._database.reading() as tx:
            now = await tx.now()
            told = {"own_id": staff.facility_id, "since_at": at - LATE}
            changed = list((await tx.execute(_CHANGED, told)).scalars())
            if len(changed) > ROWS:
                return None
            rows = await self._of(tx, changed, now)
            lanes = await self._lanes(tx, staff, now)
        gone = tuple(ConsultId(one) for one in changed if one not in rows)
        return BoardChange(now, self._midnight(now), tuple(rows.values()), gone, tuple(lanes))

    async def places(self, consult_ids: Collection[ConsultId]) -> dict[ConsultId, BoardPlace]:
        """Where these consults belong, whatever their state."""
        query = select(
            consults.c.id, consults.c.requester_facility_id, consults.c.starts_at, consults.c.specialist_id
        ).where(consults.c.id.in_(self._listed(consult_ids)))
        async with self._database.reading() as tx:
            return {
                ConsultId(row.id): BoardPlace(
                    FacilityId(row.requester_facility_id),
                    None if row.starts_at is None or row.specialist_id is None else StaffId(row.specialist_id),
                )
                for row in await tx.execute(query)
            }

    async def rows(self, consult_ids: Collection[ConsultId]) -> dict[ConsultId, BoardRow]:
        """Those of these consults that are open. Whom they may be told, `in_charge` says."""
        async with self._database.reading() as tx:
            return await self._of(tx, consult_ids, await tx.now())

    async def lanes(self, staff: Staff, specialists: Collection[StaffId]) -> list[Lane]:
        """The lanes of these specialists at the hospitals in this coordinator's reach; one without slots is empty."""
        require(staff, Action.COORDINATE)
        async with self._database.reading() as tx:
            return await self._lanes(tx, staff, await tx.now(), specialists)

    async def hubs(self, staff: Staff) -> frozenset[FacilityId]:
        """The hospitals whose slots stand on this coordinator's board."""
        async with self._database.reading() as tx:
            return frozenset((await tx.execute(hubs_in_reach(), {"own_id": staff.facility_id})).scalars())

    async def in_charge(
        self, staff_ids: Collection[StaffId], clinics: Collection[FacilityId]
    ) -> set[tuple[StaffId, FacilityId]]:
        """Which of these people coordinate which of these clinics now: whoever lost the role is not among them."""
        if not staff_ids or not clinics:
            return set()
        watching = (
            people.c.id.in_(self._listed(staff_ids)),
            people.c.active,
            cast(people.c.roles, String).contains(f'"{Role.COORDINATOR.value}"'),
        )
        asked = self._listed(clinics)
        own = select(people.c.id, people.c.facility_id).where(*watching, people.c.facility_id.in_(asked))
        linked = (
            select(people.c.id, links.c.spoke_id)
            .join(links, links.c.hub_id == people.c.facility_id)
            .join(_HUB, _HUB.c.id == links.c.hub_id)
            .where(*watching, links.c.spoke_id.in_(asked), _HUB.c.is_hub, _HUB.c.active)
        )
        async with self._database.reading() as tx:
            rows = await tx.execute(union_all(own, linked))
            return {(StaffId(person), FacilityId(clinic)) for person, clinic in rows}

    def _listed(self, values: Iterable[str]) -> Select[Any]:
        listed = unnested(values, sqlite=self._database.is_sqlite)
        return select(listed.c.value)

    def _midnight(self, now: datetime) -> datetime:
        return datetime.combine(now.astimezone(self._zone).date(), time(), self._zone).astimezone(UTC)

    async def _lanes(
        self, tx: Transaction, person: Staff, now: datetime, specialists: Collection[StaffId] | None = None
    ) -> list[Lane]:
        starts = self._midnight(now)
        ends = self._midnight(starts + timedelta(hours=36))  # the next local midnight, on a day of 23 or 25 hours too
        told = {"own_id": person.facility_id, "starts_at": starts, "ends_at": ends}
        query = slots_of(clinics_in_charge())
        if specialists is None:
            return lanes_of((await tx.execute(query, told)).mappings())
        asked = self._listed(specialists)
        found = lanes_of((await tx.execute(query.where(slots.c.specialist_id.in_(asked)), told)).mappings())
        known = {lane.specialist_id for lane in found}
        return [*found, *(Lane(one, "", person.facility_id, "", ()) for one in specialists if one not in known)]

    async def _of(self, tx: Transaction, consult_ids: Collection[str], now: datetime) -> dict[ConsultId, BoardRow]:
        if not consult_ids:
            return {}
        found = (await tx.execute(_ROWS.where(consults.c.id.in_(self._listed(consult_ids))))).mappings().all()
        return {row.consult.id: row for row in await self._rows(tx, found, now)}

    async def _rows(self, tx: Transaction, found: Sequence[Row], now: datetime) -> list[BoardRow]:
        today = now.astimezone(self._zone).date()
        listed = [row[consults.c.id] for row in found]
        rung = await self._people(tx, listed) if listed else {}
        notes = await self._notes(tx, listed) if listed else {}
        rows = []
        for row in found:
            consult = self._store.consult(row)
            written = notes.get(consult.id, ())
            rows.append(
                BoardRow(
                    consult=without_names(consult, today),
                    specialty=specialty_of(row),
                    age=consult.patient.age(today),
                    facility_name=row["facility_name"],
                    requester_name=row["requester_name"],
                    owner_name=row["owner_name"],
                    coordinator_name=row["coordinator_name"],
                    specialist_name=row["specialist_name"],
                    due_at=self._due(row),
                    people=tuple(rung.get(consult.id, ())),
                    notes=len(written),
                    note=note_of(self._store, written[-1]) if written else None,
                )
            )
        return rows

    def _due(self, row: Row) -> datetime | None:
        state = row[consults.c.state]
        if state == ConsultState.RINGING:
            asked: datetime = row[consults.c.created_at]
            return asked + self.answer[Urgency(row[consults.c.urgency])]
        due: datetime | None = row[consults.c.due_at] if state == ConsultState.WRITTEN else None
        return due

    async def _people(self, tx: Transaction, listed: Collection[str]) -> dict[str, list[BoardPerson]]:
        query = (
            select(
                offers.c.consult_id,
                offers.c.staff_id,
                offers.c.state,
                offers.c.reason,
                offers.c.rung_at,
                people.c.full_name,
            )
            .join(people, people.c.id == offers.c.staff_id)
            .where(offers.c.consult_id.in_(self._listed(listed)))
            .order_by(offers.c.rung_at, offers.c.staff_id)
            .limit(PEOPLE)
        )
        rung: dict[str, list[BoardPerson]] = {}
        for row in await tx.execute(query):
            reason = None if row.reason is None else DeclineReason(row.reason)
            person = BoardPerson(StaffId(row.staff_id), row.full_name, OfferState(row.state), reason, row.rung_at)
            rung.setdefault(row.consult_id, []).append(person)
        return rung

    async def _notes(self, tx: Transaction, listed: Collection[str]) -> dict[str, list[Row]]:
        query = (
            select(coordination_notes, AUTHOR.c.full_name)
            .join(AUTHOR, AUTHOR.c.id == coordination_notes.c.author_id)
            .where(coordination_notes.c.consult_id.in_(self._listed(listed)))
            .order_by(coordination_notes.c.number)
            .limit(PEOPLE)
        )
        notes: dict[str, list[Row]] = {}
        for row in (await tx.execute(query)).mappings():
            notes.setdefault(row[coordination_notes.c.consult_id], []).append(row)
        return notes
