"""Planning what comes after the advice, in the transaction that leaves it: an opinion closed or minutes locked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from consult_rooms.aftercare_model import DAYS
from consult_rooms.aftercare_notices import AftercareNotices
from consult_rooms.aftercare_tables import follow_ups, given_advice
from foundation.database import Transaction
from foundation.ids import ConsultId


class FollowUpPlan:
    """Plans one follow-up a day of `days`, and has the clinic told that there is advice to read."""

    def __init__(self, days: Sequence[int] = DAYS, told: AftercareNotices | None = None) -> None:
        self._days = sorted(set(days))
        self._told = told

    async def begin(self, tx: Transaction, consult_id: ConsultId, person: int) -> None:
        """The advice about that patient stands. The caller has locked the consult; a second call changes nothing."""
        there = (given_advice.c.consult_id == consult_id, given_advice.c.person == person)
        if (await tx.execute(select(given_advice.c.given_at).where(*there))).first() is not None:
            return
        now = await tx.now()
        place = {"consult_id": consult_id, "person": person}
        await tx.execute(given_advice.insert().values(**place, given_at=now))
        if self._days:
            planned = [{**place, "day": day, "due_at": now + timedelta(days=day)} for day in self._days]
            await tx.execute(follow_ups.insert(), planned)
        if self._told is not None:
            await self._told.advice(tx, consult_id, person)
