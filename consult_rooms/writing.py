"""The turn from ringing or calling to writing, in the caller's transaction: one compare-and-set, the rings, the log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from sqlalchemy import update

from consult_rooms.handovers import lapse
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.model import ConsultState, OfferState, Step, Urgency, WrittenCause
from consult_rooms.tables import consults, offers
from consult_rooms.transitions import Act, after, before
from foundation.database import Transaction
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import ConsultId, StaffId

DUE: Mapping[Urgency, timedelta] = MappingProxyType(
    {
        Urgency.EMERGENCY: timedelta(minutes=30),
        Urgency.URGENT: timedelta(hours=4),
        Urgency.ROUTINE: timedelta(hours=24),
    }
)
"""Within which time a written case is answered, unless settings say otherwise."""
RINGS = N_("Only a routine question is asked in writing. Anything more urgent rings.")


def require_quiet(urgency: Urgency, field: str | None = None) -> None:
    """Raise Invalid `request.rings` for a question that nobody may put in writing instead of ringing for it."""
    if urgency is not Urgency.ROUTINE:
        raise Invalid("request.rings", RINGS, field=field)


class Writing:
    """Makes written cases. The ladder calls it when its last timer runs out; `due` is by urgency."""

    def __init__(self, log: ConsultLog, due: Mapping[Urgency, timedelta] = DUE) -> None:
        self._log = log
        self.due = dict(due)

    async def begin(
        self,
        tx: Transaction,
        consult_id: ConsultId,
        urgency: Urgency,
        cause: WrittenCause,
        *,
        state: ConsultState = ConsultState.RINGING,
        actor: StaffId | None = None,
        step: Step | None = None,
        only_due: bool = False,
    ) -> bool:
        """Turn a consult that is in `state` into a written case. False when it is in another by then.

        Its owner stays who it was: the requester until a claim, then whoever claimed it. With `step` also False when
        another step runs, with `only_due` when the running one has time left.
        """
        now = await tx.now()
        due_at = now + self.due[urgency]
        turned = update(consults).where(consults.c.id == consult_id, consults.c.state == state)
        if step is not None:
            turned = turned.where(consults.c.step == step)
        if only_due:
            turned = turned.where(consults.c.step_due_at <= now)
        led_to = after(state, Act.WRITE)
        if not (await tx.execute(turned.values(state=led_to, step_due_at=None, due_at=due_at))).rowcount:
            return False
        await tx.execute(
            update(offers)
            .where(offers.c.consult_id == consult_id, offers.c.state.in_(before(OfferState.STOPPED)))
            .values(state=OfferState.STOPPED, answered_at=now, later_at=None)
        )
        await lapse(tx, consult_id)
        data = {"cause": cause.value, "due_at": due_at.isoformat()}
        await self._log.append(tx, consult_id, LogKind.WRITTEN, actor, data)
        return True
