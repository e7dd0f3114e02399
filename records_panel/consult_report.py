"""A consult as it goes into its patient's book: everything that was decided, as plain values, read in one go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from consult_rooms import identities
from consult_rooms.advice import items_of
from consult_rooms.advice_model import AdviceItem
from consult_rooms.minutes_model import Addendum, Saved, Signature
from consult_rooms.minutes_store import MinutesStore
from consult_rooms.model import Consent, Patient, Question, Urgency
from consult_rooms.opinions import text_place
from consult_rooms.store import ConsultStore
from consult_rooms.tables import opinions
from foundation.database import Transaction
from foundation.ids import ConsultId, FacilityId, StaffId
from identity.store import Directory


@dataclass(frozen=True, slots=True)
class Writer:
    """A person with the facility that they worked for. `licence` is empty where none is known."""

    staff_id: StaffId
    name: str
    licence: str
    facility_code: str
    facility_name: str


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of one patient of a consult once the opinion about them is closed.

    `number` is raised by everything that changes it. A question and a consent are of the patient alone whom the
    consult is about now. `minutes` and what follows are there once the minutes are locked.
    """

    consult_id: ConsultId
    code: str
    person: int
    number: int
    patient: Patient
    specialty: str
    urgency: Urgency
    question: Question
    consent: Consent | None
    requester: Writer
    specialist: Writer
    asked_at: datetime
    starts_at: datetime
    ends_at: datetime
    opinion: str
    closed_at: datetime
    items: tuple[AdviceItem, ...] = ()
    minutes: Saved | None = None
    locked_at: datetime | None = None
    signatures: tuple[Signature, ...] = ()
    addenda: tuple[Addendum, ...] = ()


async def report(
    tx: Transaction, store: ConsultStore, directory: Directory, consult_id: ConsultId, person: int, number: int
) -> Report | None:
    """Read it; None where the opinion is not closed, or that person is no longer one of the consult."""
    consult = await store.get(tx, consult_id)
    persons, now = await identities.people(tx, store, consult_id)
    about = next((one for one in persons if one.number == person), None)
    query = select(opinions).where(opinions.c.consult_id == consult_id, opinions.c.person == person)
    opinion = (await tx.execute(query)).one_or_none()
    specialist_facility = consult.specialist_facility_id
    if about is None or opinion is None or opinion.closed_at is None or specialist_facility is None:
        return None
    # Whom the opinion is by answers for it, also when the case has changed hands since.
    names, places = await directory.acquainted(
        {consult.requester_id, opinion.author_id}, {consult.requester_facility_id, specialist_facility}, tx=tx
    )

    def writer(staff_id: StaffId, facility_id: FacilityId) -> Writer:
        staff, place = names[staff_id], places[facility_id]
        return Writer(staff_id, staff.full_name, staff.licence_number or "", place.code, place.name)

    rows = MinutesStore(store.sealer)
    version, locked_at = await rows.head(tx, consult_id, person)
    saved = await rows.version(tx, consult_id, person, version) if locked_at is not None else None
    specialty = await directory.specialty(consult.specialty_id, tx=tx)
    ends_at = min(consult.ended_at or opinion.closed_at, opinion.closed_at)
    return Report(
        consult_id=consult_id,
        code=consult.code,
        person=person,
        number=number,
        patient=about.patient,
        specialty=specialty.name("vi"),
        urgency=consult.urgency,
        question=consult.question if about == now else Question(),
        consent=consult.consent if about == now else None,
        requester=writer(consult.requester_id, consult.requester_facility_id),
        specialist=writer(opinion.author_id, specialist_facility),
        asked_at=consult.created_at,
        starts_at=min(consult.claimed_at or consult.created_at, ends_at),
        ends_at=ends_at,
        opinion=store.sealer.open_text(opinion.text_sealed, text_place(consult_id, person)),
        closed_at=opinion.closed_at,
        items=tuple(one for one in await items_of(tx, store, directory, consult_id) if one.person == person),
        minutes=saved,
        locked_at=locked_at if saved is not None else None,
        signatures=await rows.signatures(tx, saved) if saved is not None else (),
        addenda=await rows.addenda(tx, consult_id, person) if saved is not None else (),
    )
