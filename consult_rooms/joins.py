"""Names for rows: one query for people and places and one for specialties, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, or_, select

from consult_rooms.access import knows_patient, relation
from consult_rooms.log import ConsultLog
from consult_rooms.model import Consult, Participant, Patient
from consult_rooms.presence import Presence
from consult_rooms.rota import Rota
from consult_rooms.rows import ConsultRow
from consult_rooms.store import ConsultStore, participant_of
from consult_rooms.tables import appointments, consults, participants
from foundation.database import Database, Transaction
from foundation.ids import FacilityId, SpecialtyId, StaffId
from identity.model import Facility, Specialty, Staff
from identity.store import Directory


@dataclass(frozen=True, slots=True)
class Names:
    """People, facilities and specialties that some rows mention."""

    staff: dict[StaffId, Staff]
    facilities: dict[FacilityId, Facility]
    specialties: dict[SpecialtyId, Specialty]

    def staff_name(self, staff_id: StaffId | None) -> str | None:
        """The person's full name, title included."""
        return None if staff_id is None else self.staff[staff_id].full_name

    def facility(self, facility_id: FacilityId | None) -> Facility | None:
        """The facility, or None for None."""
        return None if facility_id is None else self.facilities[facility_id]

    def facility_of(self, staff_id: StaffId) -> str:
        """The name of the facility where that person works."""
        return self.facilities[self.staff[staff_id].facility_id].name


class Joins:
    """Looks names up in the directory."""

    def __init__(self, directory: Directory, store: ConsultStore, zone: ZoneInfo) -> None:
        self._directory = directory
        self._store = store
        self._zone = zone

    async def of(
        self,
        tx: Transaction,
        found: Iterable[Consult],
        *,
        staff: Iterable[StaffId] = (),
        facilities: Iterable[FacilityId] = (),
        specialties: Iterable[SpecialtyId] = (),
    ) -> Names:
        """The names in these consults, and of these people, facilities and specialties."""
        people, places, fields = set(staff), set(facilities), set(specialties)
        for consult in found:
            fields.add(consult.specialty_id)
            people.update((consult.requester_id, consult.owner_id))
            places.add(consult.requester_facility_id)
            if consult.specialist_id is not None:
                people.add(consult.specialist_id)
            if consult.specialist_facility_id is not None:
                places.add(consult.specialist_facility_id)
        known, there = await self._directory.acquainted(people, places, tx=tx)
        return Names(
            staff=known,
            facilities=there,
            specialties=await self._directory.specialties_many(fields, tx=tx),
        )

    async def rows(self, tx: Transaction, staff: Staff, found: list[Consult]) -> list[ConsultRow]:
        """Consults as rows of one reader's list, in the same order, without those that are nothing to the reader."""
        today = (await tx.now()).astimezone(self._zone).date()
        names = await self.of(tx, found)
        ids = [consult.id for consult in found]
        booked = {
            row.consult_id: (row.id, row.version)
            for row in await tx.execute(
                select(appointments.c.consult_id, appointments.c.id, appointments.c.version).where(
                    appointments.c.consult_id.in_(ids)
                )
            )
        }
        places: dict[str, Participant] = {
            row[participants.c.consult_id]: participant_of(row)
            for row in (
                await tx.execute(
                    select(participants).where(participants.c.staff_id == staff.id, participants.c.consult_id.in_(ids))
                )
            ).mappings()
        }
        hubs: dict[FacilityId, frozenset[FacilityId]] = {}
        rows = []
        for consult in found:
            asking = consult.requester_facility_id
            if asking not in hubs:
                hubs[asking] = frozenset(hub.id for hub in await self._directory.hubs_of(asking, tx=tx))
            place = places.get(consult.id)
            related = relation(consult, staff, participant=place, offer=None, hub_ids=hubs[asking])
            if related is None:
                continue
            knows = knows_patient(consult, related, place)
            specialist_facility = names.facility(consult.specialist_facility_id)
            appointment_id, version = booked.get(consult.id, (None, None))
            rows.append(
                ConsultRow(
                    consult=consult if knows else without_names(consult, today),
                    related=related,
                    patient_name=consult.patient.name if knows else None,
                    age=consult.patient.age(today),
                    specialty=names.specialties[consult.specialty_id],
                    requester_name=names.staff_name(consult.requester_id) or "",
                    facility=names.facilities[asking],
                    specialist_name=names.staff_name(consult.specialist_id),
                    specialist_facility_name=None if specialist_facility is None else specialist_facility.name,
                    owner_name=names.staff_name(consult.owner_id) or "",
                    appointment_id=appointment_id,
                    appointment_version=version,
                )
            )
        return rows


class Reader:
    """What every query needs."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        rota: Rota,
        presence: Presence,
        zone: ZoneInfo,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory
        self._rota = rota
        self._presence = presence
        self._zone = zone
        self._joins = Joins(directory, store, zone)


def mine(staff_id: StaffId) -> ColumnElement[bool]:
    """The consults that this person asked for, holds or takes part in."""
    return or_(
        consults.c.requester_id == staff_id,
        consults.c.specialist_id == staff_id,
        consults.c.id.in_(select(participants.c.consult_id).where(participants.c.staff_id == staff_id)),
    )


def without_names(consult: Consult, today: date) -> Consult:
    """The consult of a patient known by age and sex alone; who consented for them is left out as well."""
    person = consult.patient
    shown = Patient(patient_id=None, identity=person.identity, sex=person.sex, age_years=person.age(today))
    return replace(consult, patient=shown, consent=None)
