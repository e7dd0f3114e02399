"""Telling data protection officers at once that something awaits them.

The bus topic `oversight` carries hints `{"staff": id}`, one an officer. What awaits them stands in tables: a hint that
is lost is made good by their next look at a page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from foundation.bus import Bus
from foundation.ids import FacilityId, StaffId
from identity.model import Role, Staff

TOPIC = "oversight"


def oversees(officer: Staff, facilities: Collection[FacilityId]) -> bool:
    """Whether this is a data protection officer of one of these facilities or of the whole installation."""
    return (
        officer.active
        and Role.DATA_PROTECTION_OFFICER in officer.roles
        and (officer.installation_wide or officer.facility_id in facilities)
    )


async def alert(bus: Bus, officers: Iterable[StaffId]) -> None:
    """Publish a hint to each."""
    for officer in officers:
        await bus.publish(TOPIC, {"staff": officer})
