"""What one person is to one consult, read in one go inside the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from consult_rooms.access import Relation, relation
from consult_rooms.model import Consult, Offer, Participant
from consult_rooms.store import UNKNOWN, ConsultStore, offer_of
from consult_rooms.tables import offers
from foundation.database import Transaction
from foundation.errors import Forbidden, NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId, FacilityId
from identity.model import Staff
from identity.store import Directory

NOT_THIS_ROLE = N_("Your part in this consult does not include this.")


@dataclass(frozen=True, slots=True)
class Standing:
    """A consult and a person's place in it. `related` is None for a stranger."""

    consult: Consult
    participant: Participant | None
    offer: Offer | None
    hub_ids: frozenset[FacilityId]
    related: Relation | None

    def require(self, *allowed: Relation) -> None:
        """Raise NotFound for a stranger, who learns nothing, and Forbidden for another relation."""
        if self.related is None:
            raise NotFound("consult.unknown", UNKNOWN)
        if self.related not in allowed:
            raise Forbidden("consult.not_your_part", NOT_THIS_ROLE)


async def standing(
    tx: Transaction,
    store: ConsultStore,
    directory: Directory,
    staff: Staff,
    consult_id: ConsultId,
    *,
    lock: bool = False,
) -> Standing:
    """Read it; `lock` keeps the consult as it is until the transaction ends. Raises NotFound("consult.unknown")."""
    consult = await store.get(tx, consult_id, lock=lock)
    participant = await store.participant(tx, consult_id, staff.id)
    row = (
        await tx.execute(select(offers).where(offers.c.consult_id == consult_id, offers.c.staff_id == staff.id))
    ).one_or_none()
    offer = None if row is None else offer_of(row)
    hub_ids = frozenset(hub.id for hub in await directory.hubs_of(consult.requester_facility_id, tx=tx))
    return Standing(
        consult,
        participant,
        offer,
        hub_ids,
        relation(consult, staff, participant=participant, offer=offer, hub_ids=hub_ids),
    )
