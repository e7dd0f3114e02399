"""Opening a book beside a consult: access, then audit, then fetch, then view. In that order and no other.

A refusal is committed to the audit trail in a transaction of its own, and a permitted read before the source is
asked: when the trail cannot be written, nothing is fetched (fail closed). The book's own Consents are known only once
it is here, so the decision is made again with them before anything of it leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sqlalchemy import select

from consult_rooms.access import Relation
from consult_rooms.model import Consult, Participant
from consult_rooms.standing import STANDING, standing_of, standing_row
from consult_rooms.store import UNKNOWN, ConsultStore
from consult_rooms.tables import consults
from foundation.audit import Audit, AuditEntry
from foundation.database import Database
from foundation.errors import Forbidden, NotFound, Unavailable
from foundation.i18n import N_
from foundation.ids import ConsultId, FacilityId, GlassId, PatientId, new_id
from identity.model import Session, Staff
from identity.tables import staff as staff_table
from records_panel.attachments import files_in
from records_panel.consents import Directive, directives
from records_panel.fhir_mapping import book_view
from records_panel.fhir_reading import Json
from records_panel.glass import Glass
from records_panel.glasses import glass_holds, holding, outside_patient
from records_panel.grants import Asked, Decision, Limits, Why, decide
from records_panel.model import BookView
from records_panel.sources import HealthBook
from records_panel.withholding import released


@dataclass(frozen=True, slots=True)
class Place:
    """What a person is to a consult, at the store's time. `related` is None for who came in by an emergency alone."""

    consult: Consult | None
    """None: outside any consult, to which an emergency opening alone leads."""
    participant: Participant | None
    related: Relation | None
    now: datetime
    hub_ids: frozenset[FacilityId] = frozenset()
    """Hospitals linked to the requesting facility."""
    glass: Glass | None = None
    """This person's emergency opening of this patient's book that holds now."""
    outside: PatientId | None = None
    """Whose book it is outside a consult."""
    requester_name: str = ""
    """Who asked for the consult; empty outside one."""

    @property
    def patient_id(self) -> PatientId | None:
        """Whose book it is; None while nobody knows."""
        return self.outside if self.consult is None else self.consult.patient.patient_id


@dataclass(frozen=True, slots=True)
class OpenBook:
    """A book as it is open to one person, and by which right."""

    view: BookView
    access: Decision
    files: frozenset[str] = frozenset()
    """Ids of the files of this installation that are in what was read of it."""


class BookClosed(Forbidden):
    """The book is closed to this person. `breakable`: an emergency might open it."""

    def __init__(self, decision: Decision) -> None:
        code, message = _REFUSALS.get(decision.why, ("book.denied", DENIED))
        super().__init__(code, message)
        self.breakable = decision.breakable


class Panel:
    """Opens the book of a consult's patient, within the limits."""

    def __init__(
        self,
        database: Database,
        consults: ConsultStore,
        audit: Audit,
        book: HealthBook,
        *,
        zone: ZoneInfo,
        limits: Limits | None = None,
        early: HealthBook | None = None,
    ) -> None:
        """`early` is the book with what comes at once, where some of its sources may be late."""
        self._database = database
        self._consults = consults
        self._audit = audit
        self._book = book
        self._early = early
        self._zone = zone
        self._limits = limits or Limits()

    async def place(
        self, staff: Staff, session: Session | None, consult_id: ConsultId, *, address: str | None = None
    ) -> Place:
        """What this person is to the consult. Raises `NotFound("consult.unknown")`, for a stranger as for no consult.

        A stranger's attempt is in the audit trail before the refusal is told.
        """
        found = await self._found(staff, consult_id)
        if found.related is None and found.glass is None:
            await self._deny(_entry(staff, session, address, consult_id), "consult.unknown")
            raise NotFound("consult.unknown", UNKNOWN)
        return found

    async def door(
        self, staff: Staff, session: Session | None, consult_id: ConsultId, *, address: str | None = None
    ) -> tuple[Place, Decision]:
        """`place` for who comes with an emergency: clinicians of the consult's two facilities find it too.

        With what is open to them as it stands. Raises as `place`.
        """
        found = await self._found(staff, consult_id)
        decision = self.access(staff, session, found)
        if found.related is None and found.glass is None and not decision.breakable:
            await self._deny(_entry(staff, session, address, consult_id), "consult.unknown")
            raise NotFound("consult.unknown", UNKNOWN)
        return found, decision

    async def outside(
        self, staff: Staff, session: Session | None, glass_id: GlassId, *, address: str | None = None
    ) -> Place:
        """The place of an emergency opening of one's own outside any consult.

        Raises `NotFound("glass.unknown")` for anybody else, `Forbidden("glass.over")` when it holds no longer.
        """
        entry = replace(_entry(staff, session, address, None), target=glass_id[:64])
        async with self._database.reading() as tx:
            patient_id = await outside_patient(tx, staff.id, glass_id)
            now = await tx.now()
            glass = await holding(tx, staff.id, patient_id, now)
        if patient_id is None:
            await self._deny(entry, "glass.unknown")
            raise NotFound("glass.unknown", NO_OPENING)
        if glass is None:
            await self._deny(replace(entry, patient_id=patient_id), "glass.over")
            raise Forbidden("glass.over", GLASS_OVER)
        return Place(None, None, None, now, glass=glass, outside=patient_id)

    async def outside_door(
        self, staff: Staff, session: Session | None, patient_id: PatientId
    ) -> tuple[Place, Decision]:
        """`door` outside any consult, for who has established the patient; nothing of the book is known by it."""
        async with self._database.reading() as tx:
            now = await tx.now()
            glass = await holding(tx, staff.id, patient_id, now)
        place = Place(None, None, None, now, glass=glass, outside=patient_id)
        return place, self.access(staff, session, place)

    def access(
        self,
        staff: Staff,
        session: Session | None,
        place: Place,
        *,
        told: tuple[Directive, ...] | None = None,
        facility_code: str = "",
    ) -> Decision:
        """What this person may read from this place; `told` are the book's Consents, as far as they are known."""
        asked = Asked(
            person=staff,
            consult=place.consult,
            participant=place.participant,
            hub_ids=place.hub_ids,
            now=place.now,
            today=place.now.astimezone(self._zone).date(),
            facility_code=session.facility.code if session else facility_code,
            glass=place.glass,
            directives=told,
            outside=place.outside,
        )
        return decide(asked, self._limits)

    async def open_book(
        self,
        staff: Staff,
        session: Session | None,
        place: Place,
        *,
        whole: bool = False,
        early: bool = False,
        address: str | None = None,
    ) -> OpenBook:
        """The book as it is open to one person of one consult; `whole` reads beyond the summary.

        With `early` late sources are not waited for (`SourceAnswer.is_loading`), but where a Consent that one of them
        may hold has to open the book first.
        Raises `BookClosed`, `NotFound("patient.unknown")`, `Unavailable("book.unavailable")` when the source does not
        answer.
        """
        book = self._book
        if early and self._early is not None and self.access(staff, session, place).opens:
            book = self._early
        shown, final = await self.open_bundle(staff, session, place, book, whole=whole, address=address)
        view = book_view(shown, place.now, source=self._book.name, zone=self._zone)
        return OpenBook(view, final, files_in(shown) if whole else frozenset())

    async def open_bundle(
        self,
        staff: Staff,
        session: Session | None,
        place: Place,
        book: HealthBook,
        *,
        whole: bool,
        address: str | None = None,
        facility_code: str = "",
    ) -> tuple[Json, Decision]:
        """What `open_book` makes its view of, from any source: FHIR with what this person may not read still marked.

        `facility_code` is the person's when there is no session. Raises as `open_book`.
        """
        patient_id = place.patient_id
        details: dict[str, str | int | bool | None] = {"whole": whole, "facility": staff.facility_id}
        # Entries of one attempt bear one number, so that a refusal after the fetch takes the permission back.
        details["read"] = new_id("rea")
        consult_id = place.consult.id if place.consult else None
        entry = replace(_entry(staff, session, address, consult_id), patient_id=patient_id, details=details)
        decision = self.access(staff, session, place, facility_code=facility_code)
        if patient_id is None or not (decision.opens or decision.pending):
            raise await self._closed(entry, decision)
        # What only a Consent of the book may open is fetched to be asked, which is on record as that.
        await self._audit.commit(_by(entry, decision) if decision.opens else replace(entry, action="book.consents"))
        bundle = await _fetched(book, patient_id, whole=whole)
        final = self.access(staff, session, place, told=directives(bundle, self._zone), facility_code=facility_code)
        if not final.opens:
            raise await self._closed(entry, final)
        if not decision.opens:
            await self._audit.commit(_by(entry, final))
        return released(bundle, final), final

    async def _found(self, staff: Staff, consult_id: ConsultId) -> Place:
        async with self._database.reading() as tx:
            row = await standing_row(tx, _PLACE, staff, consult_id)
            found, now = standing_of(self._consults, staff, row), await tx.now()
            glass = None
            if row["glass_holds"]:
                glass = await holding(tx, staff.id, found.consult.patient.patient_id, now)
        name = row["requester_name"]
        return Place(found.consult, found.participant, found.related, now, found.hub_ids, glass, requester_name=name)

    async def _closed(self, entry: AuditEntry, decision: Decision) -> BookClosed:
        closed = BookClosed(decision)
        await self._deny(entry, closed.code)
        return closed

    async def _deny(self, entry: AuditEntry, reason: str) -> None:
        await self._audit.commit(replace(entry, outcome="denied", details=entry.details | {"reason": reason}))


async def _fetched(book: HealthBook, patient_id: PatientId, *, whole: bool) -> Json:
    try:
        return await book.fetch(patient_id, whole=whole)
    except (Unavailable, OSError, TimeoutError) as error:
        raise Unavailable("book.unavailable", UNAVAILABLE) from error


_PLACE = STANDING.add_columns(
    select(staff_table.c.full_name)
    .where(staff_table.c.id == consults.c.requester_id)
    .scalar_subquery()
    .label("requester_name"),
    glass_holds(consults.c.patient_id),
)
"""All that the panel asks before it decides, but for an emergency opening itself, which is rare."""


def _entry(staff: Staff, session: Session | None, address: str | None, consult_id: ConsultId | None) -> AuditEntry:
    session_id = session.id if session else None
    return AuditEntry(staff.id, "book.read", session_id, address, consult_id=consult_id)


def _by(entry: AuditEntry, decision: Decision) -> AuditEntry:
    """The entry of a permitted read, with the right by which it is."""
    details = entry.details | {"purpose": decision.purpose.value, "ground": decision.ground}
    if decision.glass is not None:
        details |= {"glass": decision.glass.id, "reason": decision.glass.reason.value}
    if decision.kinds:
        details["kinds"] = ",".join(sorted(decision.kinds))
    return replace(entry, details=details)


NO_OPENING = N_("There is no such emergency opening.")
GLASS_OVER = N_("This emergency opening has ended. If the emergency goes on, open the book again.")
DENIED = N_("This book is open only to the people of the consult, from the claim until the opinion is closed.")
NOT_ESTABLISHED = N_("The identity of this patient is not established yet, so no book is shown.")
UNAVAILABLE = N_("The health book cannot be fetched now. It is not empty: nothing is known of it at the moment.")
NOT_YET = N_("This book opens when the case is taken; for a booked consult shortly before its time.")
OVER = N_("This consult is over, and with it the right to read this book.")
REFUSED = N_("The patient refused to have this book read for this consult.")
CONSENT_DENIES = N_("A consent in this book denies you its reading.")
_REFUSALS: Mapping[Why, tuple[str, str]] = MappingProxyType(
    {
        Why.NOT_ESTABLISHED: ("book.identity_not_established", NOT_ESTABLISHED),
        Why.NOT_YET: ("book.not_yet", NOT_YET),
        Why.OVER: ("book.over", OVER),
        Why.EXPIRED: ("book.over", OVER),
        Why.REFUSED: ("book.refused", REFUSED),
        Why.DENIED: ("book.consent_denies", CONSENT_DENIES),
    }
)
