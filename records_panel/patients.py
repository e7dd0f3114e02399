"""Finding a patient, establishing who they are, opening a new book: guarded, limited and audited.

Nothing leaves before its audit entry is durable, and refusals are entries too. Searching shows masked rows; only two
identifiers that agree give the `Patient` with which a consult is asked for, and a proof that the form carries there.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from consult_rooms.model import IdentityState, Patient
from foundation.audit import Audit, AuditEntry
from foundation.clock import Clock
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, NotFound, TooMany, Unavailable
from foundation.i18n import N_
from foundation.ids import PatientId, TokenId, new_id
from foundation.sealing import Sealer
from foundation.text import clean_line
from identity.model import Staff
from identity.policy import Action, require
from records_panel.citizens import Evidence, Identity, MaskedPatient, SearchResult
from records_panel.evidence import agreeing, checked
from records_panel.identifiers import NumberKind, masked, read_bhyt, read_birth_date, read_cccd
from records_panel.names import same, words
from records_panel.register import Found, Register
from records_panel.searches import Searches

MOST_ROWS = 10
PROOF_LIFETIME = timedelta(hours=12)
_OLDEST_YEAR = 1880
_MOST_ALIKE = 200


class Patients:
    """The register as clinicians may use it. `session` and `address` go into the audit trail alone."""

    def __init__(self, database: Database, audit: Audit, sealer: Sealer, searches: Searches, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._sealer = sealer
        self._register = Register(sealer)
        self._searches = searches
        self._clock = clock

    async def by_number(
        self,
        staff: Staff,
        kind: NumberKind | str,
        number: str,
        *,
        address: str | None = None,
        session: str | None = None,
    ) -> MaskedPatient | None:
        """The one citizen with that exact number, masked, or None.

        Raises `Forbidden("policy.denied")`, `TooMany("patient.searches")`, or `Invalid` for a number out of form.
        """
        entry = AuditEntry(actor=staff.id, action="patient.search", session=session, address=address)
        return await self._by_number(entry, staff, kind, number)

    async def look_up(
        self, token_id: TokenId, kind: NumberKind | str, number: str, *, address: str | None = None
    ) -> MaskedPatient | None:
        """`by_number` for another system, whose token's scope the caller has checked."""
        entry = AuditEntry(actor=f"token:{token_id}", action="patient.search", address=address)
        return await self._by_number(entry, None, kind, number)

    async def by_name(
        self,
        staff: Staff,
        name: str,
        birth_year: int | None,
        commune: str | None = None,
        sex: str | None = None,
        *,
        address: str | None = None,
        session: str | None = None,
    ) -> SearchResult:
        """At most ten citizens of that birth year with these words in the name, in any spelling.

        `commune` is a name, a part of one, or a five-digit code. Raises as `by_number`; `Invalid` without a birth year.
        """
        entry = AuditEntry(
            actor=staff.id, action="patient.search", session=session, address=address, details={"by": "name"}
        )
        await self._admit(entry, staff, Action.FIND_PATIENT)
        looked_for = words(name)
        if not any(len(word) > 1 for word in looked_for):
            raise Invalid("patient.name_needed", N_("Write at least one whole word of the name."), field="name")
        if birth_year is None or not _OLDEST_YEAR <= birth_year <= self._clock.now().year + 1:
            raise Invalid("patient.birth_year_needed", N_("A search by name needs the birth year."), field="birth_year")
        code = commune.strip() if commune and commune.strip().isdigit() else None
        async with self._database.reading() as tx:
            found = await self._register.by_words(
                tx,
                looked_for,
                birth_year,
                commune=words(commune) if commune and not code else (),
                commune_code=code,
                sex=sex or None,
                limit=MOST_ROWS + 1,
            )
        rows = [MaskedPatient.of(*one) for one in found[:MOST_ROWS]]
        rows.sort(key=lambda row: (words(row.name)[::-1], row.patient_id))
        shown: dict[str, str | int | bool | None] = {
            "by": "name",
            "rows": len(rows),
            "more": len(found) > MOST_ROWS,
            "patients": ",".join(row.patient_id for row in rows),
        }
        await self._audit.commit(replace(entry, details=shown))
        return SearchResult(tuple(rows), more=len(found) > MOST_ROWS)

    async def confirm(
        self,
        staff: Staff,
        patient_id: PatientId,
        evidence: Mapping[Evidence, str],
        *,
        address: str | None = None,
        session: str | None = None,
    ) -> Patient:
        """The established identity, once two different identifiers of `evidence` agree and none disagrees.

        Raises `Invalid("patient.two_identifiers")` for fewer than two, `Forbidden("patient.not_confirmed")` when one
        disagrees, `TooMany` after a few of those (a birth date must not be found by trying).
        """
        entry = AuditEntry(
            actor=staff.id, action="patient.confirm", session=session, address=address, patient_id=patient_id
        )
        await self._admit(entry, staff, Action.FIND_PATIENT)
        given = {kind: clean_line(text) for kind, text in evidence.items() if clean_line(text)}
        try:
            await self._searches.confirm(staff.id, patient_id)
        except TooMany as error:
            await self._refused(entry, error)
            raise
        async with self._database.reading() as tx:
            identity = await self._register.read(tx, patient_id)
        agree, disagree = agreeing(identity, given)
        if disagree:
            await self._audit.commit(replace(entry, outcome="denied", details={"reason": "disagrees"}))
            raise Forbidden("patient.not_confirmed", NOT_CONFIRMED)
        if agree < 2:
            raise Invalid("patient.two_identifiers", TWO_NEEDED)
        await self._audit.commit(replace(entry, details={"by": "+".join(sorted(given))}))
        return _patient(patient_id, identity)

    async def in_emergency(
        self, staff: Staff, number: str, birth_date: str, *, address: str | None = None, session: str | None = None
    ) -> PatientId:
        """Whose number and birth date these are, for a clinician who is about to open that book in an emergency.

        Raises `NotFound("patient.no_such")` when nobody has both, with the same words when somebody has one;
        `Forbidden("policy.denied")`, `TooMany("patient.searches")`, `Invalid` for a number or date out of form.
        """
        kind = NumberKind.CCCD if read_bhyt(number).is_cccd else NumberKind.BHYT
        read_birth_date(birth_date)
        entry = AuditEntry(
            actor=staff.id, action="patient.search", session=session, address=address, details={"by": kind.value}
        )
        await self._admit(entry, staff, Action.TAKE_PART)
        async with self._database.reading() as tx:
            found = await self._find(tx, kind, number)
        if found is not None:
            try:
                await self._searches.confirm(staff.id, found[0])
            except TooMany as error:
                await self._refused(replace(entry, patient_id=found[0]), error)
                raise
        evidence = {Evidence(kind.value): number, Evidence.BIRTH_DATE: birth_date}
        if found is None or agreeing(found[1], evidence) != (2, 0):
            known = found[0] if found else None
            await self._audit.commit(
                replace(entry, outcome="denied", patient_id=known, details=entry.details | {"reason": "disagrees"})
            )
            raise NotFound("patient.no_such", NO_SUCH)
        await self._audit.commit(
            replace(entry, action="patient.confirm", patient_id=found[0], details={"by": f"{kind.value}+birth_date"})
        )
        return found[0]

    def proof(self, staff: Staff, patient_id: PatientId) -> str:
        """What a form carries after `confirm`: sealed, of this person, for twelve hours. An id alone opens nothing."""
        plain = json.dumps({"patient": patient_id, "at": self._clock.now().timestamp()})
        return base64.urlsafe_b64encode(self._sealer.seal_text(plain, _proof_place(staff))).decode()

    async def confirmed(self, staff: Staff, proof: str) -> Patient:
        """The patient of a proof. Raises `Invalid("patient.proof_void")` when it is another's, old or forged."""
        try:
            plain = json.loads(self._sealer.open_text(base64.urlsafe_b64decode(proof), _proof_place(staff)))
        except (Unavailable, binascii.Error, ValueError) as error:
            raise Invalid("patient.proof_void", PROOF_VOID, field="patient") from error
        age = self._clock.now().timestamp() - plain["at"]
        if not 0 <= age <= PROOF_LIFETIME.total_seconds():
            raise Invalid("patient.proof_void", PROOF_VOID, field="patient")
        patient_id = PatientId(plain["patient"])
        async with self._database.reading() as tx:
            return _patient(patient_id, await self._register.read(tx, patient_id))

    async def create(
        self,
        staff: Staff,
        identity: Identity,
        *,
        although_similar: bool = False,
        address: str | None = None,
        session: str | None = None,
    ) -> PatientId:
        """Open a book for a citizen found nowhere.

        Raises `Conflict("patient.number_taken")` when a number is somebody's, and `Conflict("patient.may_exist")` when
        somebody of that name and birth date has a book, unless `although_similar`.
        """
        entry = AuditEntry(actor=staff.id, action="patient.create", session=session, address=address)
        await self._admit(entry, staff, Action.CREATE_PATIENT)
        identity = checked(identity)
        if identity.birth_date > self._clock.now().date() + timedelta(days=1):
            raise Invalid("patient.birth_date_form", N_("The birth date lies in the future."), field="birth_date")
        patient_id = PatientId(new_id("pat"))
        async with self._database.transaction() as tx:
            if not although_similar and await self._somebody_like(tx, identity):
                raise Conflict("patient.may_exist", MAY_EXIST)
            await self._register.add(tx, [(patient_id, identity)], author=staff.id, at=await tx.now())
            await self._audit.record(tx, replace(entry, patient_id=patient_id))
        return patient_id

    async def _by_number(
        self, entry: AuditEntry, staff: Staff | None, kind: NumberKind | str, number: str
    ) -> MaskedPatient | None:
        kind = NumberKind(kind)
        entry = replace(entry, details={"by": kind.value})
        await self._admit(entry, staff, Action.FIND_PATIENT)
        async with self._database.reading() as tx:
            found = await self._find(tx, kind, number)
        rows = 1 if found else 0
        patient_id = found[0] if found else None
        await self._audit.commit(replace(entry, patient_id=patient_id, details={"by": kind.value, "rows": rows}))
        return MaskedPatient.of(*found) if found else None

    async def _find(self, tx: Transaction, kind: NumberKind, number: str) -> Found | None:
        if kind is NumberKind.CCCD:
            return await self._register.by_cccd(tx, read_cccd(number))
        return await self._register.by_bhyt(tx, read_bhyt(number))

    async def _somebody_like(self, tx: Transaction, identity: Identity) -> bool:
        year = identity.birth_date.year
        alike = await self._register.by_words(tx, words(identity.name), year, limit=_MOST_ALIKE)
        return any(other.birth_date == identity.birth_date and same(other.name, identity.name) for _, other in alike)

    async def _admit(self, entry: AuditEntry, staff: Staff | None, action: Action) -> None:
        """Policy and limits; a refusal is durable before it is told."""
        try:
            if staff is not None:
                require(staff, action)
            await self._searches.search(entry.actor)
        except (Forbidden, TooMany) as error:
            await self._refused(entry, error)
            raise

    async def _refused(self, entry: AuditEntry, error: HoichanError) -> None:
        await self._audit.commit(replace(entry, outcome="denied", details=entry.details | {"reason": error.code}))


def _patient(patient_id: PatientId, identity: Identity) -> Patient:
    return Patient(
        patient_id=patient_id,
        identity=IdentityState.ESTABLISHED,
        name=identity.name,
        birth_date=identity.birth_date,
        sex=None if identity.sex == "unknown" else identity.sex,  # a consult leaves out what nobody knows
        masked_number=masked(identity.cccd or identity.bhyt),
    )


def _proof_place(staff: Staff) -> str:
    return f"patients.proof:{staff.id}"


NOT_CONFIRMED = N_("What was given does not agree with this book. Ask again, or choose another person.")
TWO_NEEDED = N_("Confirm two identifiers: full name, birth date, citizen number or insurance number.")
NO_SUCH = N_("No health book has this number together with this birth date. Look at the card again.")
PROOF_VOID = N_("The confirmation of the patient has run out. Find and confirm the patient again.")
MAY_EXIST = N_(
    "Somebody with this name and birth date has a book already. Choose that book, or say that it is another person."
)
