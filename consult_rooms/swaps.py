"""Specialists pass turns on call to each other: one asks, the colleague accepts, then it holds on that date.

A swap is refused when it would leave hours without anybody, put somebody without a licence on call, or the same person
twice at once. What it changes are dates: the weekly turns stay. Coordinators see each; nobody has to approve.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from consult_rooms.appointment import Shift
from consult_rooms.coverage import Turn
from consult_rooms.rota import GONE, TAKEN, Rota, put, require_fit
from consult_rooms.rota_dates import dated, lift
from consult_rooms.rota_ledger import Change, ChangeKind, locked, packed, record, unpacked
from consult_rooms.rota_tables import turn_swaps
from consult_rooms.rota_weeks import RotaWeek, turns_of
from consult_rooms.tables import on_call_shifts
from consult_rooms.turn_notices import TurnNotices
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import FacilityId, SpecialtyId, StaffId, new_id
from identity.model import Staff
from identity.policy import Action, Target, require
from identity.store import Directory

NOT_YOURS = N_("This turn is not yours to pass on.")
UNKNOWN = N_("There is no such swap.")
OPEN = N_("You have asked somebody for this turn already. Withdraw that first.")
BEGUN = N_("This turn has begun, so it cannot be swapped any more.")
ANSWERED = N_("This swap was answered or withdrawn already.")
GAP = N_("This would leave hours without anybody on call.")
TWICE = N_("This would put the same person on call twice at once.")
OTHER_FIELD = N_("Turns are swapped within one specialty of one hospital.")
SHOWN = 100


class SwapState(StrEnum):
    """Where a swap stands. One that nobody answered before its turn began is as good as declined."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Swap:
    """Somebody asks a colleague to take a turn on a date, perhaps for one of the colleague's."""

    id: str
    facility_id: FacilityId
    specialty_id: SpecialtyId
    from_id: StaffId
    to_id: StaffId
    given: Turn
    taken: Turn | None
    state: SwapState
    asked_at: datetime
    answered_at: datetime | None


class Swaps:
    """Asks, answers and withdraws."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        rota: Rota,
        zone: ZoneInfo,
        notices: TurnNotices | None = None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._rota = rota
        self._zone = zone
        self._notices = notices

    async def ask(
        self, staff: Staff, given: tuple[str, date], to_id: StaffId, taken: tuple[str, date] | None = None
    ) -> Swap:
        """Ask a colleague to take a turn of one's own, named by its id and date, and give one of theirs in return.

        Raises Forbidden `swap.not_yours`, Invalid `rota.unfit`, `rota.unlicensed` or `swap.other_field`, NotFound
        `rota.unknown`, Conflict `swap.begun`, `swap.open`, `swap.gap` or `swap.twice`.
        """
        async with self._database.transaction() as tx:
            shift = await self._rota.one(tx, given[0])
            await locked(tx, shift.facility_id)
            mine = await self._turn(tx, shift, given[1])
            if shift.staff_id != staff.id:
                raise Forbidden("swap.not_yours", NOT_YOURS)
            theirs = None if taken is None else await self._turn(tx, await self._rota.one(tx, taken[0]), taken[1])
            swap = Swap(
                id=new_id("swp"),
                facility_id=shift.facility_id,
                specialty_id=shift.specialty_id,
                from_id=staff.id,
                to_id=to_id,
                given=mine,
                taken=theirs,
                state=SwapState.ASKED,
                asked_at=await tx.now(),
                answered_at=None,
            )
            await self._require_good(tx, swap)
            asked = select(turn_swaps).where(
                turn_swaps.c.from_id == staff.id,
                turn_swaps.c.state == SwapState.ASKED,
                turn_swaps.c.given_day == mine.day.isoformat(),
            )
            if any(_swap(row).given.shift.id == shift.id for row in await tx.execute(asked)):
                raise Conflict("swap.open", OPEN)
            await tx.execute(
                turn_swaps.insert().values(
                    id=swap.id,
                    facility_id=swap.facility_id,
                    specialty_id=swap.specialty_id,
                    from_id=staff.id,
                    to_id=to_id,
                    given=packed(mine.shift, mine.day),
                    taken=None if theirs is None else packed(theirs.shift, theirs.day),
                    given_day=mine.day.isoformat(),
                    state=swap.state,
                    asked_at=swap.asked_at,
                )
            )
            if self._notices is not None:
                await self._notices.swap_asked(tx, swap.id, swap.facility_id, to_id, self._begins(swap))
            self._rota.hint(tx, staff.id, to_id)
        return swap

    async def accept(self, staff: Staff, swap_id: str) -> Swap:
        """Take the turn: both turns change hands on their dates at once. Raises as `ask`, and as `decline`."""
        async with self._database.transaction() as tx:
            swap = await self._answerable(tx, swap_id, to_id=staff.id)
            await locked(tx, swap.facility_id)
            await self._require_good(tx, swap)
            await self._settle(tx, swap, SwapState.ACCEPTED)
            changes = []
            for turn, to_id in _handed(swap):
                changes.append(Change(ChangeKind.SWAPPED, replace(turn.shift, staff_id=to_id), turn.day))
                await _hand(tx, turn, to_id)
            await record(tx, swap.facility_id, staff.id, changes)
            await self._answered(tx, swap)
            self._rota.hint(tx, swap.from_id, swap.to_id)
        return replace(swap, state=SwapState.ACCEPTED)

    async def decline(self, staff: Staff, swap_id: str) -> None:
        """Not take it. Raises NotFound `swap.unknown`, Conflict `swap.answered`."""
        async with self._database.transaction() as tx:
            swap = await self._answerable(tx, swap_id, to_id=staff.id)
            await self._settle(tx, swap, SwapState.DECLINED)
            await self._answered(tx, swap)
            self._rota.hint(tx, swap.from_id, swap.to_id)

    async def withdraw(self, staff: Staff, swap_id: str) -> None:
        """Ask no longer. Raises as `decline`."""
        async with self._database.transaction() as tx:
            swap = await self._answerable(tx, swap_id, from_id=staff.id)
            await self._settle(tx, swap, SwapState.WITHDRAWN)
            if self._notices is not None:
                await self._notices.swap_withdrawn(tx, swap.id)
            self._rota.hint(tx, swap.from_id, swap.to_id)

    async def mine(self, staff: Staff) -> list[Swap]:
        """Those that this person asked or was asked, of turns from yesterday on, by date."""
        return await self._listed(or_(turn_swaps.c.from_id == staff.id, turn_swaps.c.to_id == staff.id))

    async def at(self, staff: Staff, facility_id: FacilityId) -> list[Swap]:
        """Those of a hospital, for those who keep its calendar, of turns from yesterday on, by date."""
        require(staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
        return await self._listed(turn_swaps.c.facility_id == facility_id)

    async def _answered(self, tx: Transaction, swap: Swap) -> None:
        if self._notices is not None:
            await self._notices.swap_answered(tx, swap.id, swap.facility_id, swap.from_id, self._begins(swap))

    def _begins(self, swap: Swap) -> datetime:
        return datetime.combine(swap.given.day, swap.given.shift.starts, self._zone)

    async def _listed(self, which: ColumnElement[bool]) -> list[Swap]:
        async with self._database.reading() as tx:
            first = await self._rota.earliest(tx)
            query = (
                select(turn_swaps)
                .where(which, turn_swaps.c.given_day >= first.isoformat())
                .order_by(turn_swaps.c.given_day, turn_swaps.c.asked_at)
                .limit(SHOWN)
            )
            return [_swap(row) for row in await tx.execute(query)]

    async def _answerable(
        self, tx: Transaction, swap_id: str, *, to_id: StaffId | None = None, from_id: StaffId | None = None
    ) -> Swap:
        row = (await tx.execute(select(turn_swaps).where(turn_swaps.c.id == swap_id))).one_or_none()
        if (
            row is None
            or (to_id is not None and row.to_id != to_id)
            or (from_id is not None and row.from_id != from_id)
        ):
            raise NotFound("swap.unknown", UNKNOWN)
        return _swap(row)

    async def _settle(self, tx: Transaction, swap: Swap, state: SwapState) -> None:
        done = await tx.execute(
            update(turn_swaps)
            .where(turn_swaps.c.id == swap.id, turn_swaps.c.state == SwapState.ASKED)
            .values(state=state, answered_at=await tx.now())
        )
        if not done.rowcount:
            raise Conflict("swap.answered", ANSWERED)

    async def _turn(self, tx: Transaction, shift: Shift, day: date) -> Turn:
        """The turn on that date, if it holds then. Raises NotFound `rota.unknown`."""
        for turn in await turns_of(tx, [shift.facility_id], day, 1):
            if turn.shift.id == shift.id and turn.day == day and not turn.lifted:
                return turn
        raise NotFound("rota.unknown", GONE)

    async def _require_good(self, tx: Transaction, swap: Swap) -> None:
        """Both turns are still to come and hold, both people may have them, and nobody is missing afterwards."""
        now = (await tx.now()).astimezone(self._zone)
        people = await self._directory.staff_many({swap.from_id, swap.to_id}, tx=tx)
        if swap.to_id not in people or swap.to_id == swap.from_id:
            raise Invalid("rota.unfit", OTHER_FIELD, field="to_id")
        if swap.taken is not None and (
            (swap.taken.shift.specialty_id, swap.taken.shift.facility_id) != (swap.specialty_id, swap.facility_id)
            or swap.taken.shift.staff_id != swap.to_id
        ):
            raise Invalid("swap.other_field", OTHER_FIELD, field="taken")
        for turn, to_id in _handed(swap):
            if datetime.combine(turn.day, turn.shift.starts, self._zone) <= now:
                raise Conflict("swap.begun", BEGUN)
            require_fit(people[to_id], swap.specialty_id, turn.day)
        for turn, _ in _handed(swap):
            await self._require_covered(tx, swap, turn.day)

    async def _require_covered(self, tx: Transaction, swap: Swap, day: date) -> None:
        """Compare the rota of the dates around `day` with what it would be. Raises NotFound when a turn is gone."""
        first = day - timedelta(days=1)
        turns = [
            turn
            for turn in await turns_of(tx, [swap.facility_id], first, 3)
            if turn.shift.specialty_id == swap.specialty_id and not turn.lifted
        ]
        after = list(turns)
        for given, to_id in _handed(swap):
            if not first <= given.day < first + timedelta(days=3):
                continue
            if given not in after:
                raise NotFound("rota.unknown", GONE)
            after.remove(given)
            after.append(replace(given, shift=replace(given.shift, staff_id=to_id)))
        people = await self._directory.staff_many({turn.shift.staff_id for turn in [*turns, *after]}, tx=tx)
        was = RotaWeek(first, 3, tuple(turns), people, 0).gaps(swap.specialty_id)
        if RotaWeek(first, 3, tuple(after), people, 0).gaps(swap.specialty_id) != was:
            raise Conflict("swap.gap", GAP)
        changed = [turn for turn in after if turn not in turns]
        if any(
            turn.shift.staff_id == other.shift.staff_id and turn.meets(other)
            for turn in changed
            for other in after
            if other is not turn
        ):
            raise Conflict("swap.twice", TWICE)


def _handed(swap: Swap) -> list[tuple[Turn, StaffId]]:
    """Which turns change hands, and who gets them."""
    back = [] if swap.taken is None else [(swap.taken, swap.from_id)]
    return [(swap.given, swap.to_id), *back]


async def _hand(tx: Transaction, turn: Turn, to_id: StaffId) -> None:
    try:
        if turn.shift.day is None:
            await lift(tx, turn.shift, turn.day)
        else:
            await tx.execute(delete(on_call_shifts).where(on_call_shifts.c.id == turn.shift.id))
        await put(tx, dated(turn.shift, turn.day, to_id))
    except IntegrityError as error:
        raise Conflict("rota.taken", TAKEN) from error


def _swap(row: Row[Any]) -> Swap:
    def turn(found: dict[str, Any], holder: str) -> Turn:
        shift, _ = unpacked(found, StaffId(holder), SpecialtyId(row.specialty_id), FacilityId(row.facility_id))
        return Turn(shift, date.fromisoformat(found["day"]))

    return Swap(
        id=row.id,
        facility_id=FacilityId(row.facility_id),
        specialty_id=SpecialtyId(row.specialty_id),
        from_id=StaffId(row.from_id),
        to_id=StaffId(row.to_id),
        given=turn(row.given, row.from_id),
        taken=None if row.taken is None else turn(row.taken, row.to_id),
        state=SwapState(row.state),
        asked_at=row.asked_at,
        answered_at=row.answered_at,
    )
