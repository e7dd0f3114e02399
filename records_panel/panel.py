"""Opening a book beside a consult: access, then audit, then fetch, then view. In that order and no other.

A refusal is committed to the audit trail in a transaction of its own, and a permitted read before the source is
asked: when the trail cannot be written, nothing is fetched (fail closed).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from consult_rooms.access import GRANT, Relation, sees_book
from consult_rooms.model import Consult, IdentityState, Participant
from consult_rooms.standing import standing
from consult_rooms.store import UNKNOWN, ConsultStore
from foundation.audit import Audit, AuditEntry
from foundation.database import Database
from foundation.errors import Forbidden, NotFound, Unavailable
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Session, Staff
from identity.policy import Action, may
from records_panel.fhir_mapping import book_view
from records_panel.model import BookView
from records_panel.sources import HealthBook


@dataclass(frozen=True, slots=True)
class Place:
    """What a person is to a consult, at the store's time."""

    consult: Consult
    participant: Participant | None
    related: Relation
    now: datetime


class Panel:
    """Opens the book of a consult's patient. `grant` is the longest that a consult opens it."""

    def __init__(
        self,
        database: Database,
        consults: ConsultStore,
        audit: Audit,
        book: HealthBook,
        *,
        zone: ZoneInfo,
        grant: timedelta = GRANT,
    ) -> None:
        self._database = database
        self._consults = consults
        self._audit = audit
        self._book = book
        self._zone = zone
        self._grant = grant

    async def place(
        self, staff: Staff, session: Session | None, consult_id: ConsultId, *, address: str | None = None
    ) -> Place:
        """What this person is to the consult. Raises `NotFound("consult.unknown")`, for a stranger as for no consult.

        A stranger's attempt is in the audit trail before the refusal is told.
        """
        async with self._database.reading() as tx:
            found = await standing(tx, self._consults, staff, consult_id)
            now = await tx.now()
        if found.related is None:
            session_id = session.id if session else None
            entry = AuditEntry(staff.id, "book.read", session_id, address, consult_id=consult_id)
            await self._deny(entry, "consult.unknown")
            raise NotFound("consult.unknown", UNKNOWN)
        return Place(found.consult, found.participant, found.related, now)

    async def open_book(
        self,
        staff: Staff,
        session: Session | None,
        consult: Consult,
        participant: Participant | None,
        now: datetime,
        *,
        whole: bool = False,
        address: str | None = None,
    ) -> BookView:
        """The view of the book for one person of one consult; `whole` reads beyond the summary.

        Raises `Forbidden` (`book.identity_not_established`, `book.denied`), `NotFound("patient.unknown")`,
        `Unavailable("book.unavailable")` when the source does not answer.
        """
        patient_id = consult.patient.patient_id
        entry = AuditEntry(
            actor=staff.id,
            action="book.read",
            session=session.id if session else None,
            address=address,
            patient_id=patient_id,
            consult_id=consult.id,
            details={"purpose": "TREAT", "whole": whole},
        )
        if consult.patient.identity is not IdentityState.ESTABLISHED or patient_id is None:
            await self._deny(entry, "book.identity_not_established")
            raise Forbidden("book.identity_not_established", NOT_ESTABLISHED)
        theirs = participant is not None and participant.staff_id == staff.id
        if not theirs or not may(staff, Action.TAKE_PART) or not sees_book(consult, participant, now, self._grant):
            await self._deny(entry, "book.denied")
            raise Forbidden("book.denied", DENIED)
        await self._audit.commit(entry)
        try:
            bundle = await self._book.fetch(patient_id, whole=whole)
        except (Unavailable, OSError, TimeoutError) as error:
            raise Unavailable("book.unavailable", UNAVAILABLE) from error
        return book_view(bundle, now, source=self._book.name, zone=self._zone)

    async def _deny(self, entry: AuditEntry, reason: str) -> None:
        await self._audit.commit(replace(entry, outcome="denied", details=entry.details | {"reason": reason}))


DENIED = N_("This book is open only to the people of the consult, from the claim until the opinion is closed.")
NOT_ESTABLISHED = N_("The identity of this patient is not established yet, so no book is shown.")
UNAVAILABLE = N_("The health book cannot be fetched now. It is not empty: nothing is known of it at the moment.")
