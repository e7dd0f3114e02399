"""What a clinic can ask for: the specialties of its linked hospitals, and who is on call in each."""

from __future__ import annotations

from dataclasses import dataclass

from consult_rooms.rows import Answer, OnCallRow
from foundation.ids import FacilityId
from identity.model import Role
from web.services import Services


@dataclass(frozen=True, slots=True)
class Offered:
    """A specialty that can be asked for now, and how many of those on call a ring reaches."""

    on_call: OnCallRow
    ready: int
    busy: int


async def offered(services: Services, clinic_id: FacilityId) -> list[Offered]:
    """The specialties that linked hospitals have specialists for; those with nobody on call are among them."""
    held = set()
    for hub in await services.directory.hubs_of(clinic_id):
        for person in await services.directory.staff_at(hub.id):
            if Role.SPECIALIST in person.roles:
                held |= person.specialties
    return [
        Offered(
            row,
            ready=sum(person.answer is Answer.RINGING for person in row.people),
            busy=sum(person.answer is Answer.BUSY for person in row.people),
        )
        for row in await services.queries.on_call_now(clinic_id)
        if row.specialty.id in held
    ]
