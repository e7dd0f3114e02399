"""What one person is to one consult, read in one go inside the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, bindparam, select

from consult_rooms.access import Relation, relation
from consult_rooms.model import Consult, Offer, Participant
from consult_rooms.store import UNKNOWN, ConsultStore, Row, offer_of, participant_of
from consult_rooms.tables import consults, offers, participants
from foundation.database import STORE_TIME, Transaction
from foundation.errors import Forbidden, NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId, FacilityId
from identity.model import Staff
from identity.rows import hub_ids_of, hub_list
from identity.tables import specialties

NOT_THIS_ROLE = N_("Your part in this consult does not include this.")


@dataclass(frozen=True, slots=True)
class Standing:
    """A consult and a person's place in it. `related` is None for a stranger."""

    consult: Consult
    participant: Participant | None
    offer: Offer | None
    hub_ids: frozenset[FacilityId]
    related: Relation | None
    licence_scopes: str = ""
    """What the consult's specialty names of licences; see `licences`."""

    def require(self, *allowed: Relation) -> None:
        """Raise NotFound for a stranger, who learns nothing, and Forbidden for another relation."""
        if self.related is None:
            raise NotFound("consult.unknown", UNKNOWN)
        if self.related not in allowed:
            raise Forbidden("consult.not_your_part", NOT_THIS_ROLE)


STANDING = (
    select(
        consults,
        participants,
        offers,
        hub_list(consults.c.requester_facility_id),
        select(specialties.c.licence_scopes)
        .where(specialties.c.id == consults.c.specialty_id)
        .scalar_subquery()
        .label("scopes"),
        STORE_TIME,
    )
    .outerjoin(
        participants,
        and_(participants.c.consult_id == consults.c.id, participants.c.staff_id == bindparam("person_id")),
    )
    .outerjoin(offers, and_(offers.c.consult_id == consults.c.id, offers.c.staff_id == bindparam("person_id")))
    .where(consults.c.id == bindparam("one_id"))
)
"""What `standing_of` reads; whoever needs more of the same consult adds columns and spares itself a statement."""


async def standing(
    tx: Transaction, store: ConsultStore, staff: Staff, consult_id: ConsultId, *, lock: bool = False
) -> Standing:
    """Read it by one statement; `lock` keeps the consult as it is until the transaction ends.

    Raises NotFound("consult.unknown").
    """
    if lock:
        await store.lock(tx, consult_id)
    return standing_of(store, staff, await standing_row(tx, STANDING, staff, consult_id))


async def standing_row(tx: Transaction, query: Select[Any], staff: Staff, consult_id: ConsultId) -> Row:
    """The row of `STANDING`, or of what was made of it; the store's time comes along. Raises as `standing`."""
    told = {"one_id": consult_id, "person_id": staff.id}
    row: Row | None = (await tx.clocked(query, told)).mappings().one_or_none()
    if row is None:
        raise NotFound("consult.unknown", UNKNOWN)
    tx.learn(row["store_time"])
    return row


def standing_of(store: ConsultStore, staff: Staff, row: Row) -> Standing:
    """What the person is to the consult of such a row."""
    consult = store.consult(row)
    participant = None if row[participants.c.id] is None else participant_of(row)
    offer = None if row[offers.c.staff_id] is None else offer_of(row)
    hub_ids = hub_ids_of(row["hubs"])
    return Standing(
        consult,
        participant,
        offer,
        hub_ids,
        relation(consult, staff, participant=participant, offer=offer, hub_ids=hub_ids),
        row["scopes"],
    )
