"""How often a clinic does each check of a condition: its own numbers over those that stand in the program."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select

from consult_rooms.enrolment_model import INTERVALS, MOST_MONTHS, Check, Condition
from consult_rooms.enrolment_tables import check_intervals as table
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import FacilityId
from identity.model import Staff
from identity.policy import Action, Target, require

Months = Mapping[Check, int]
OUT_OF_RANGE = N_("Between two checks lie 0 to %(most)s months; 0 leaves the check out.")


class CheckIntervals:
    """Read and changed by the clinic's own doctors and nurses."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    async def all(self, staff: Staff) -> dict[Condition, Months]:
        """Months by condition and check, at the person's own clinic. Raises Forbidden."""
        require(staff, Action.REQUEST_CONSULT, Target(facility_id=staff.facility_id))
        async with self._database.reading() as tx:
            return {one: await intervals_of(tx, staff.facility_id, one) for one in Condition}

    async def change(self, staff: Staff, condition: Condition, months: Months) -> None:
        """Say anew how often. Days that are planned already stay; the next ones follow it.

        Raises Forbidden, Invalid `interval.out_of_range`.
        """
        require(staff, Action.REQUEST_CONSULT, Target(facility_id=staff.facility_id))
        told = {check: months.get(check, usual) for check, usual in INTERVALS[condition].items()}
        for check, count in told.items():
            if not 0 <= count <= MOST_MONTHS:
                raise Invalid("interval.out_of_range", OUT_OF_RANGE, field=check.value, most=MOST_MONTHS)
        async with self._database.transaction() as tx:
            here = {"facility_id": staff.facility_id, "condition": condition}
            if told == await intervals_of(tx, staff.facility_id, condition):
                return
            await tx.execute(
                delete(table).where(table.c.facility_id == staff.facility_id, table.c.condition == condition)
            )
            rows = [{**here, "check_code": check, "months": count} for check, count in told.items()]
            await tx.execute(table.insert(), rows)
            entry = AuditEntry(staff.id, "enrolment.intervals", target=staff.facility_id)
            entry.details.update(
                {"condition": condition.value, **{check.value: count for check, count in told.items()}}
            )
            await self._audit.record(tx, entry)


async def intervals_of(tx: Transaction, facility_id: FacilityId, condition: Condition) -> dict[Check, int]:
    """Months between two checks of that condition at that clinic."""
    query = select(table.c.check_code, table.c.months).where(
        table.c.facility_id == facility_id, table.c.condition == condition
    )
    own = {row.check_code: row.months for row in await tx.execute(query)}
    return {check: own.get(check, usual) for check, usual in INTERVALS[condition].items()}
