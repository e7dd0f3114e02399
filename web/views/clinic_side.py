"""What a clinic can ask for: the specialties of its linked hospitals, who is on call in each, whom to telephone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from consult_rooms.rows import Answer, OnCallPerson, Telephone
from foundation.ids import FacilityId, SpecialtyId
from identity.model import Role, Specialty
from web.services import Services


@dataclass(frozen=True, slots=True)
class Offered:
    """A specialty that can be asked for, who is on call in it now, and how many of these a ring reaches."""

    specialty: Specialty
    people: tuple[OnCallPerson, ...]
    backups: tuple[OnCallPerson, ...]
    ready: int
    busy: int
    everybody: int
    """Specialists of the field at the linked hospitals, whom the second step rings."""


async def offered(services: Services, clinic_id: FacilityId) -> list[Offered]:
    """The specialties that linked hospitals have specialists for; those with nobody on call are among them."""
    held: Counter[SpecialtyId] = Counter()
    for hub in await services.directory.hubs_of(clinic_id):
        for person in await services.directory.staff_at(hub.id):
            if Role.SPECIALIST in person.roles:
                held.update(person.specialties)
    return [
        Offered(
            row.specialty,
            row.people,
            row.backups,
            ready=sum(person.answer is Answer.RINGING for person in row.people),
            busy=sum(person.answer is Answer.BUSY for person in row.people),
            everybody=held[row.specialty.id],
        )
        for row in await services.queries.on_call_now(clinic_id)
        if held[row.specialty.id]
    ]


async def telephones(services: Services, clinic_id: FacilityId) -> list[Telephone]:
    """Emergency numbers of the linked hospitals, by name of the hospital."""
    hubs = await services.directory.hubs_of(clinic_id)
    return [Telephone(hub.name, hub.emergency_telephone) for hub in hubs if hub.emergency_telephone]
