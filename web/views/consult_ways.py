"""Where a consult in a list leads its reader, and in which words: the one thing to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from consult_rooms.access import Relation, room_open
from consult_rooms.model import ConsultState
from consult_rooms.rows import ConsultRow
from foundation.i18n import N_
from foundation.ids import ConsultId
from web.services import Services


@dataclass(frozen=True, slots=True)
class Way:
    """A row with its way on. `href` is None while there is nothing to press; `word` is a message id."""

    row: ConsultRow
    href: str | None
    word: str
    waits_for: datetime | None = None
    """When the way opens, for a booked room."""
    expected_at: datetime | None = None
    """When it will really begin, if that is a good deal later than booked."""


async def open_cases(services: Services, rows: Sequence[ConsultRow]) -> Mapping[ConsultId, bool]:
    """Which of these are open still after the opinion; True: the clinic has not read the advice."""
    if services.aftercare is None:
        return {}
    return await services.aftercare.debts.open_cases([row.consult.id for row in rows])


def way(row: ConsultRow, now: datetime) -> Way:
    """The next step of one row's reader."""
    consult, here = row.consult, f"/consults/{row.consult.id}"
    in_room = row.related in (Relation.REQUESTER, Relation.SPECIALIST, Relation.INVITED, Relation.OBSERVER)
    if in_room and room_open(consult, now):
        booked = consult.starts_at is not None
        return Way(row, f"{here}/{'preview' if booked else 'room'}", N_("Enter the room"))
    match consult.state:
        case ConsultState.RINGING if row.related in (Relation.REQUESTER, Relation.COORDINATOR):
            return Way(row, f"/requests/{consult.id}", N_("See who is rung"))
        case ConsultState.SCHEDULED if in_room:
            return Way(row, None, N_("Opens at"), waits_for=consult.opens_at)
        case ConsultState.WRITTEN if row.related is Relation.SPECIALIST:
            return Way(row, here, N_("Answer"))
        case ConsultState.ENDED if row.related is Relation.SPECIALIST:
            return Way(row, f"{here}/opinion", N_("Write the opinion"))
        case _:
            return Way(row, here, N_("Open"))
