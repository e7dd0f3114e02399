"""Breaking the glass: a closed book is opened in an emergency, in the open. Sign in again, say why, be reviewed.

The opening, its audit entry and the officers' task are one transaction: without the trail nothing opens. It is told to
the data protection officers as soon as it is durable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import insert, select

from consult_rooms.tables import consults
from foundation.audit import Audit, AuditEntry
from foundation.bus import Bus
from foundation.database import Database
from foundation.errors import Forbidden, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId, GlassId, PatientId, new_id
from foundation.sealing import Sealer
from foundation.text import clean_text
from identity.authentication import Authentication
from identity.model import Session
from identity.oversight import alert
from identity.reauthentication import password_number, require_unchanged
from identity.store import Directory
from records_panel.glass import GlassReason
from records_panel.grants import Decision, Limits
from records_panel.panel import Panel, Place
from records_panel.searches import Searches
from records_panel.tables import break_glass

MOST_WORDS = 2000
ACT = "book.break_glass"


def words_place(glass_id: GlassId) -> str:
    """What the words of an opening are sealed to."""
    return f"break_glass.words:{glass_id}"


@dataclass(frozen=True, slots=True)
class Told:
    """What whoever breaks the glass has to give: the password again, why, and from where it came."""

    password: str
    reason: GlassReason
    words: str
    address: str


class BreakGlass:
    """Opens books in emergencies, to clinicians of the consult and of its two facilities; outside one to clinicians."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        authentication: Authentication,
        directory: Directory,
        panel: Panel,
        searches: Searches,
        sealer: Sealer,
        bus: Bus,
        *,
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._audit = audit
        self._authentication = authentication
        self._directory = directory
        self._panel = panel
        self._searches = searches
        self._sealer = sealer
        self._bus = bus
        self.limits = limits or Limits()

    async def by_code(self, session: Session, code: str) -> ConsultId:
        """The consult that people call by that code on the telephone; whether it opens is asked of `Panel.door`.

        Raises `NotFound("glass.code")`, `TooMany("patient.searches")`: codes are not for trying.
        """
        await self._searches.search(session.staff.id)
        async with self._database.reading() as tx:
            query = select(consults.c.id).where(consults.c.code == code.strip().upper())
            found = (await tx.execute(query)).scalar_one_or_none()
        if found is None:
            raise NotFound("glass.code", NO_SUCH_CODE)
        return ConsultId(found)

    async def open(
        self,
        session: Session,
        consult_id: ConsultId,
        *,
        password: str,
        reason: GlassReason,
        words: str,
        address: str = "",
    ) -> Place:
        """Open the book of a consult's patient for a time; the place from which it is open now.

        Raises `NotFound("consult.unknown")`, `Forbidden("glass.denied")`, `Invalid` with `field` (`glass.words`,
        `password.present`), `TooMany("sign_in.throttled")`. Refusals and wrong passwords are on the audit trail.
        """
        place, decision = await self._panel.door(session.staff, session, consult_id, address=address)
        told = Told(password, reason, words, address)
        await self._break(session, place, decision, told)
        return await self._panel.place(session.staff, session, consult_id, address=address)

    async def open_outside(
        self,
        session: Session,
        patient_id: PatientId,
        *,
        password: str,
        reason: GlassReason,
        words: str,
        address: str = "",
    ) -> GlassId:
        """Open the book of a patient outside any consult, whom `Patients.in_emergency` has established.

        Gives what `Panel.outside` takes. Raises as `open`, but for the consult.
        """
        place, decision = await self._panel.outside_door(session.staff, session, patient_id)
        return await self._break(session, place, decision, Told(password, reason, words, address))

    async def _break(self, session: Session, place: Place, decision: Decision, told: Told) -> GlassId:
        person, reason, consult, patient_id = session.staff, told.reason, place.consult, place.patient_id
        consult_id = consult.id if consult else None
        asking_facility_id = consult.requester_facility_id if consult else person.facility_id
        entry = AuditEntry(
            actor=person.id,
            action=ACT,
            session=session.id,
            address=told.address,
            patient_id=patient_id,
            consult_id=consult_id,
            details={"reason": reason.value, "facility": person.facility_id, "purpose": "BTG"},
        )
        if not decision.breakable or patient_id is None:
            await self._audit.commit(replace(entry, outcome="denied"))
            raise Forbidden("glass.denied", GLASS_DENIED)
        words = clean_text(told.words)
        if len("".join(words.split())) < self.limits.glass_words:
            raise Invalid("glass.words", TOO_FEW, field="words", least=self.limits.glass_words)
        if len(words) > MOST_WORDS:
            raise Invalid("glass.words", TOO_MANY, field="words", most=MOST_WORDS)
        number = await password_number(self._authentication, session, told.password, act=ACT, address=told.address)
        glass_id = GlassId(new_id("gls"))
        facilities = {person.facility_id, asking_facility_id}
        async with self._database.transaction() as tx:
            await require_unchanged(tx, person.id, number)
            now = await tx.now()
            made = {
                "id": glass_id,
                "staff_id": person.id,
                "facility_id": person.facility_id,
                "patient_id": patient_id,
                "consult_id": consult_id,
                "asking_facility_id": asking_facility_id,
                "reason": reason,
                "words": self._sealer.seal_text(words, words_place(glass_id)),
                "at": now,
                "until": now + self.limits.glass,
                "due_at": now + self.limits.review,
            }
            await tx.execute(insert(break_glass).values(made))
            await self._audit.record(tx, replace(entry, target=glass_id))
            officers = await self._directory.officers_over(facilities, tx=tx)

            async def tell() -> None:
                await alert(self._bus, [officer.id for officer in officers])

            tx.after_commit(tell)
        return glass_id


GLASS_DENIED = N_("This book cannot be opened to you in an emergency, or nothing more of it would open.")
TOO_FEW = N_("Write at least %(least)s characters: what is happening, and what you need the book for.")
TOO_MANY = N_("This is too long: at most %(most)s characters.")
NO_SUCH_CODE = N_("There is no consult of this code.")
