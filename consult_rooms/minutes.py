"""Minutes (biên bản hội chẩn) as they are read and written, in versions, until they are locked (`minutes_signing`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, update

from consult_rooms.access import Relation
from consult_rooms.identities import Person
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.minutes_document import Facts, about, advice_in, content_of, identity, written
from consult_rooms.minutes_draft import MinutesDraft, content
from consult_rooms.minutes_facts import Known, known, suggested
from consult_rooms.minutes_model import Addendum, Advised, Attendee, Content, Saved, Signature, changed
from consult_rooms.minutes_store import MinutesStore, draft_of_writer, of, version_place
from consult_rooms.minutes_tables import minutes, minutes_drafts, minutes_versions
from consult_rooms.model import Consult, ConsultState
from consult_rooms.opinions import Opinions
from consult_rooms.signatures import digest_of
from consult_rooms.standing import Standing, standing
from consult_rooms.store import ConsultStore
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Session, Staff
from identity.store import Directory

HOLDERS = (Relation.REQUESTER, Relation.SPECIALIST, Relation.INVITED)
"""Who reads and writes minutes: those who held the consult together."""
HELD = (ConsultState.CLAIMED, ConsultState.WRITTEN, ConsultState.ENDED, ConsultState.CLOSED)
OVER = (ConsultState.ENDED, ConsultState.CLOSED)

STALE = N_("The minutes moved from version %(seen)s to %(now)s. Read what changed, then save or sign again.")
LOCKED = N_("These minutes are signed and locked. What is missing goes into an addendum.")
NOT_HELD = N_("Nobody has taken this consult yet, so there is nothing to put into minutes.")


@dataclass(frozen=True, slots=True)
class MinutesView:
    """The minutes about one person of a consult as its people see them. `saved` is None before the first save."""

    consult: Consult
    person: Person
    persons: tuple[Person, ...]
    facts: Facts
    content: Content
    """What was saved last; before that, who was there and the specialist's opinion."""
    saved: Saved | None
    signatures: tuple[Signature, ...]
    """Those under the newest version."""
    lapsed: int
    """Signatures under earlier versions."""
    locked_at: datetime | None
    addenda: tuple[Addendum, ...]
    identity_moved: bool
    """Whether the patient's identity has changed since the last save."""

    @property
    def version(self) -> int:
        """The newest version, 0 before the first."""
        return 0 if self.saved is None else self.saved.version

    @property
    def advice(self) -> tuple[Advised, ...]:
        """The items of advice as they were saved and are signed; before the first save as they stand."""
        return self.facts.advice if self.saved is None else advice_in(self.saved.document)

    @property
    def advice_moved(self) -> bool:
        """Whether items were given, changed or answered since the last save."""
        return self.advice != self.facts.advice

    @property
    def is_over(self) -> bool:
        """Whether the consult has ended, so that its minutes may be signed."""
        return self.consult.state in OVER

    def signed(self, one: Attendee) -> Signature | None:
        """That person's signature under the newest version."""
        return next((found for found in self.signatures if found.staff_id == one.staff_id), None)

    def awaits(self, staff: Staff) -> Attendee | None:
        """This person as one whose signature is missing; None when it is not, or not yet."""
        signer = self.content.signer(staff.id)
        if self.saved is None or self.locked_at is not None or signer is None or self.signed(signer) is not None:
            return None
        return signer


class Minutes:
    """The minutes of all consults."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        opinions: Opinions,
        audit: Audit,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory
        self._opinions = opinions
        self._audit = audit
        self._rows = MinutesStore(store.sealer)

    async def read(self, session: Session, consult_id: ConsultId, person: int | None = None) -> MinutesView:
        """The minutes about a person of the consult (None: whom it is about now), audited before they are returned.

        Raises NotFound, Forbidden, Conflict `minutes.not_held`, `minutes.no_such_person`.
        """
        staff = session.staff
        async with self._database.reading() as tx:
            place, there = await place_of(tx, self._store, self._directory, staff, consult_id, person)
            number = there.person.number
            version, locked_at = await self._rows.head(tx, consult_id, number)
            saved = await self._rows.version(tx, consult_id, number, version)
            signatures = () if saved is None else await self._rows.signatures(tx, saved)
            lapsed = 0 if saved is None else await self._rows.lapsed(tx, saved)
            addenda = await self._rows.addenda(tx, consult_id, number) if locked_at else ()
        if saved is None:
            each = await self._opinions.each(staff, consult_id)
            text = next((one.opinion.text for one in each if one.person.number == number and one.opinion), "")
            shown = suggested(there, text)
        else:
            shown = saved.content
        await self._audit.commit(entry_of(session, "minutes.read", consult_id, there, {"version": version}))
        return MinutesView(
            consult=place.consult,
            person=there.person,
            persons=there.persons,
            facts=there.facts,
            content=shown,
            saved=saved,
            signatures=signatures,
            lapsed=lapsed,
            locked_at=locked_at,
            addenda=addenda,
            identity_moved=saved is not None and moved(saved, there),
        )

    async def save(
        self, session: Session, consult_id: ConsultId, draft: MinutesDraft, version: int, person: int | None = None
    ) -> Saved:
        """Save the next version; `version` is the one that the writer has read, 0 before the first.

        The same content sent again is one save; the writer's draft goes with it. Raises Conflict `minutes.stale` with
        `seen`, `now` and `changed` (the parts that somebody else changed since, a comma between), `minutes.locked`, and
        what `read` raises; Invalid with the field that cannot be used. Nothing is half saved.
        """
        staff = session.staff
        async with self._database.transaction() as tx:
            _, there = await place_of(tx, self._store, self._directory, staff, consult_id, person, lock=True)
            number = there.person.number
            newest, locked_at = await self._rows.head(tx, consult_id, number)
            if locked_at is not None:
                raise Conflict("minutes.locked", LOCKED)
            document = written(there.facts, number, newest + 1, content(draft, there.people))
            new = content_of(document)
            before = await self._rows.version(tx, consult_id, number, newest)
            if before is not None and before.document == written(there.facts, number, newest, new):
                await tx.execute(delete(minutes_drafts).where(*draft_of_writer(consult_id, number, staff.id)))
                return before
            if version != newest:
                seen = await self._rows.version(tx, consult_id, number, version)
                parts = () if before is None or seen is None else changed(seen.content, before.content)
                raise Conflict("minutes.stale", STALE, seen=version, now=newest, changed=",".join(parts))
            now, digest = await tx.now(), digest_of(document)
            await tx.execute(
                minutes_versions.insert().values(
                    consult_id=consult_id,
                    person=number,
                    version=newest + 1,
                    author_id=staff.id,
                    saved_at=now,
                    document_sealed=self._store.sealer.seal_text(
                        document, version_place(consult_id, number, newest + 1)
                    ),
                    sha256=digest,
                )
            )
            if newest:
                await tx.execute(update(minutes).where(*of(minutes, consult_id, number)).values(version=newest + 1))
            else:
                await tx.execute(minutes.insert().values(consult_id=consult_id, person=number, version=1))
            await tx.execute(delete(minutes_drafts).where(*draft_of_writer(consult_id, number, staff.id)))
            await self._log.append(tx, consult_id, LogKind.MINUTES_SAVED, staff.id, {"version": newest + 1})
            told: dict[str, str | int | bool | None] = {"version": newest + 1, "sha256": digest}
            await self._audit.record(tx, entry_of(session, "minutes.save", consult_id, there, told))
        return Saved(consult_id, number, newest + 1, staff.id, now, document, digest, new)


async def place_of(
    tx: Transaction,
    store: ConsultStore,
    directory: Directory,
    staff: Staff,
    consult_id: ConsultId,
    person: int | None,
    *,
    lock: bool = False,
) -> tuple[Standing, Known]:
    """The consult of minutes that this person may read and write, and what the server knows for them; see `read`."""
    place = await standing(tx, store, staff, consult_id, lock=lock)
    place.require(*HOLDERS)
    if place.consult.state not in HELD or place.consult.specialist_id is None:
        raise Conflict("minutes.not_held", NOT_HELD)
    return place, await known(tx, store, directory, place.consult, person)


def moved(saved: Saved, there: Known) -> bool:
    """Whether the patient of the document is no longer whom the consult knows."""
    return about(saved.document) != identity(there.person.patient, there.facts.age)


def entry_of(
    session: Session, act: str, consult_id: ConsultId, there: Known, details: Mapping[str, str | int | bool | None]
) -> AuditEntry:
    """An act upon minutes as the audit has it."""
    return AuditEntry(
        actor=session.staff.id,
        action=act,
        session=session.id,
        patient_id=there.person.patient.patient_id,
        consult_id=consult_id,
        details={"person": there.person.number, **details},
    )
