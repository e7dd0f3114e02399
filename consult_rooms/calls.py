"""Calls out of written cases: one side makes a call of it, and it rings for the other until that one enters the room.

Read from the logs: nothing but the entry that raised the case says that it rings, and for how long.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Exists, and_, exists

from consult_rooms.log_entry import LogKind
from consult_rooms.model import ConsultState
from consult_rooms.tables import consult_log, consults

RINGS_FOR = timedelta(minutes=2)
"""How long such a call rings for somebody who does not come."""
raised = consult_log.alias("raised")
_entered = consult_log.alias("entered")


def rings(now: datetime, staff_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the entry `raised` of a row of `consults` rings for that person now."""
    entered = exists().where(
        _entered.c.consult_id == raised.c.consult_id,
        _entered.c.number > raised.c.number,
        _entered.c.kind == LogKind.JOINED,
        _entered.c.actor == staff_id,
    )
    return and_(
        raised.c.consult_id == consults.c.id,
        raised.c.kind == LogKind.RAISED,
        raised.c.at > now - RINGS_FOR,
        raised.c.actor != staff_id,
        staff_id.in_((consults.c.requester_id, consults.c.specialist_id)),
        consults.c.state == ConsultState.CLAIMED,
        ~entered,
    )


def is_called(now: datetime, staff_id: ColumnElement[str]) -> Exists:
    """Whether a row of `consults` has such an entry for that person."""
    return exists().where(rings(now, staff_id)).correlate_except(raised, _entered)
