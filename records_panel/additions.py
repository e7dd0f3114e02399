"""What is added to a patient's book during a consult: signs, results, pictures and documents. Written once, audited.

An addition belongs to its consult first. Under a confirmed identity it stands in that patient's book from the same
transaction on. Under a temporary one it waits with the consult; when the identity is confirmed, merged or taken back,
additions follow it in the transaction that changes it: out of the one book as entered in error, into the other. When
the room turns to another person they stay where they are: they were measured of somebody else.
One service, since every act goes the same way: the right, the row, the book, the trail and the log, in one transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Row

from consult_rooms import bounds
from consult_rooms.access import Relation
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.model import Consult, Patient
from consult_rooms.standing import Standing, standing
from consult_rooms.store import ConsultStore
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Forbidden, HoichanError, NotFound
from foundation.files import UNKNOWN as NO_FILE
from foundation.files import FileKind, Files
from foundation.i18n import N_
from foundation.ids import AdditionId, ConsultId, FileId, PatientId, StaffId, new_id
from identity.model import Session, Staff
from identity.store import Directory
from records_panel import added_resources
from records_panel.added_resources import Author
from records_panel.adding import Position, adds_to_book, reads_additions
from records_panel.addition_store import Addition, AdditionKind, AdditionStore, Content
from records_panel.bedside import LabResult, Signs, description
from records_panel.embedded_book import EmbeddedBook
from records_panel.grants import Limits
from records_panel.panel import OpenBook

EARLIEST = timedelta(hours=24)
"""How long before it arrives a value may have been taken: it may have waited for the line."""


class Additions:
    """Adds, lists, withdraws and moves. Policy is decided here, and every refusal is on record."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        audit: Audit,
        book: EmbeddedBook,
        files: Files,
        *,
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory
        self._audit = audit
        self._additions = AdditionStore(store.sealer, book)
        self._files = files
        self._limits = limits or Limits()

    async def add_signs(
        self,
        staff: Staff,
        session: Session | None,
        consult_id: ConsultId,
        found: Signs,
        *,
        key: str,
        taken_at: datetime | None = None,
        address: str | None = None,
    ) -> AdditionId:
        """Write vital signs. The same `key` of one person gives the same addition, however often it is sent.

        `taken_at` counts when it lies within the last day; otherwise the values are of this moment. Raises
        `NotFound("consult.unknown")`, `Forbidden("addition.denied")`, `Conflict("addition.too_many")`.
        """
        facts = {"signs": {sign.value: value for sign, value in found.values.items()}, "device": found.device}

        def content(author: Author, addition_id: AdditionId) -> Content:
            return Content(AdditionKind.VITALS, facts, added_resources.of_signs(found, author, addition_id))

        return await self._add(staff, session, consult_id, content, key, taken_at, address)

    async def add_result(
        self,
        staff: Staff,
        session: Session | None,
        consult_id: ConsultId,
        found: LabResult,
        *,
        key: str,
        taken_at: datetime | None = None,
        address: str | None = None,
    ) -> AdditionId:
        """Write a laboratory result; otherwise as `add_signs`."""
        names = ("name", "number", "comparator", "words", "unit", "low", "high")
        facts = {name: getattr(found, name) for name in names}

        def content(author: Author, addition_id: AdditionId) -> Content:
            return Content(AdditionKind.RESULT, facts, added_resources.of_result(found, author, addition_id))

        return await self._add(staff, session, consult_id, content, key, taken_at, address)

    async def add_file(
        self,
        staff: Staff,
        session: Session | None,
        consult_id: ConsultId,
        chunks: AsyncIterator[bytes],
        *,
        words: str,
        key: str,
        taken_at: datetime | None = None,
        address: str | None = None,
    ) -> AdditionId:
        """Keep a photograph or document and write where it is. Asks for the right before a byte is taken.

        Raises what `add_signs` and `foundation.files.Files.keep` do.
        """
        told = description(words)
        entry = _entry(staff, session, "book.add", consult_id, address)
        async with self._database.reading() as tx:
            try:
                self._require(staff, await standing(tx, self._store, staff, consult_id), await tx.now())
            except (Forbidden, NotFound) as denial:
                await self._deny(entry, denial)
                raise
        kept = await self._files.keep(chunks)
        kind = AdditionKind.PICTURE if kept.kind.is_picture else AdditionKind.DOCUMENT
        facts = {"words": told, "type": kept.kind.value, "width": kept.width, "height": kept.height}

        def content(author: Author, addition_id: AdditionId) -> Content:
            resources = added_resources.of_file(kept, told, author, addition_id)
            return Content(kind, facts, resources, kept.id, kept.small_id)

        return await self._add(staff, session, consult_id, content, key, taken_at, address)

    async def withdraw(
        self,
        staff: Staff,
        session: Session | None,
        consult_id: ConsultId,
        addition_id: AdditionId,
        *,
        address: str | None = None,
    ) -> None:
        """Take back what was entered in error; its author alone may. Again: nothing more happens.

        Raises `NotFound("consult.unknown")`, `NotFound("addition.unknown")`, `Forbidden("addition.denied")`.
        """
        entry = _entry(staff, session, "book.withdraw", consult_id, address, target=addition_id)
        try:
            async with self._database.transaction() as tx:
                place = await standing(tx, self._store, staff, consult_id, lock=True)
                self._require(staff, place, await tx.now())
                row = await self._additions.row(tx, consult_id, addition_id)
                if row.author_id != staff.id:
                    raise Forbidden("addition.not_yours", N_("Only the person who added it can take it back."))
                if row.withdrawn_at is not None:
                    return
                await self._additions.withdraw(tx, row, staff.id)
                await self._audit.record(tx, _with(entry, row.patient_id, {"kind": row.kind}))
                data = {"addition": row.id, "what": row.kind}
                await self._log.append(tx, consult_id, LogKind.ADDITION_WITHDRAWN, staff.id, data)
        except (Forbidden, NotFound) as denial:
            await self._deny(entry, denial)
            raise

    def may_add(self, staff: Staff, place: Position, now: datetime) -> bool:
        """Whether adding would be allowed now; for pages that offer it. Each act asks again."""
        return adds_to_book(staff, place, now, self._limits)

    async def of_open_book(self, consult: Consult) -> list[Addition]:
        """What was added during this consult, newest first. For a reader whose opening of the book is on record."""
        async with self._database.reading() as tx:
            rows = await self._additions.rows(tx, consult.id)
        return [self._additions.addition(row) for row in rows]

    async def of_temporary(
        self, staff: Staff, session: Session | None, consult_id: ConsultId, *, address: str | None = None
    ) -> list[Addition]:
        """The same before the identity is known, and so without a book. Empty for whoever may not read it.

        What is given out is on record before.
        """
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, staff, consult_id)
            may_read = self._reads(staff, place, await tx.now())
            rows = await self._additions.rows(tx, consult_id) if may_read else []
        if rows:
            entry = _entry(staff, session, "additions.read", consult_id, address)
            await self._audit.commit(_with(entry, place.consult.patient.patient_id, {"count": len(rows)}))
        return [self._additions.addition(row) for row in rows]

    async def file(
        self,
        staff: Staff,
        session: Session | None,
        consult_id: ConsultId,
        file_id: FileId,
        *,
        address: str | None = None,
    ) -> tuple[FileKind, bytes]:
        """A file of this consult, or of its patient's book: its kind and content, on record before it is read.

        Raises `NotFound` (`consult.unknown`, `file.unknown`), `Forbidden("book.denied")`, and what `Files.open` does.
        """
        entry = _entry(staff, session, "file.read", consult_id, address, target=file_id[:64])
        try:
            async with self._database.reading() as tx:
                place = await standing(tx, self._store, staff, consult_id)
                place.require(*Relation)
                if not self._reads(staff, place, await tx.now()):
                    raise Forbidden("book.denied", DENIED)
                row = await self._additions.row_of_file(tx, place.consult, file_id)
        except (Forbidden, NotFound) as denial:
            await self._deny(entry, denial)
            raise
        await self._audit.commit(_with(entry, place.consult.patient.patient_id, {"addition": row.id}))
        return await self._given(row, file_id)

    async def file_of_open_book(
        self,
        staff: Staff,
        session: Session | None,
        consult_id: ConsultId | None,
        patient_id: PatientId,
        opened: OpenBook,
        file_id: FileId,
        *,
        address: str | None = None,
    ) -> tuple[FileKind, bytes]:
        """`file` for whom something else than the consult has just opened the whole book: an emergency, a Consent.

        Gives what stands in the book as it was `opened`, so that what is withheld there is withheld here. Raises
        `NotFound("file.unknown")`, and what `Files.open` does.
        """
        entry = _entry(staff, session, "file.read", consult_id, address, target=file_id[:64])
        told: dict[str, str | int | bool | None] = {"purpose": opened.access.purpose.value}
        try:
            async with self._database.reading() as tx:
                row = await self._additions.row_in_book(tx, patient_id, file_id)
            if row.file_id not in opened.files:
                raise NotFound("file.unknown", NO_FILE)
        except NotFound as denial:
            await self._audit.commit(_with(entry, patient_id, told | {"reason": denial.code}, outcome="denied"))
            raise
        await self._audit.commit(_with(entry, patient_id, told | {"addition": row.id}))
        return await self._given(row, file_id)

    async def follow(self, tx: Transaction, actor: StaffId, consult: Consult, patient: Patient) -> None:
        """Let every addition stand in the book of the new patient, and in no other. Keeps `identities.Follower`.

        The caller holds the consult's lock.
        """
        moved = await self._additions.move(tx, actor, consult, patient)
        for left, count in moved.items():
            # Each book that was written to says so in its own trail.
            for patient_id, action in ((left, "book.move_out"), (patient.patient_id, "book.move_in")):
                if patient_id is not None:
                    details: dict[str, str | int | bool | None] = {"count": count}
                    entry = AuditEntry(actor, action, patient_id=patient_id, consult_id=consult.id, details=details)
                    await self._audit.record(tx, entry)

    async def _add(
        self,
        staff: Staff,
        session: Session | None,
        consult_id: ConsultId,
        content: _Maker,
        key: str,
        taken_at: datetime | None,
        address: str | None,
    ) -> AdditionId:
        key_hash = bounds.key(key)
        facility = await self._directory.facility(staff.facility_id)
        entry = _entry(staff, session, "book.add", consult_id, address)
        try:
            async with self._database.transaction() as tx:
                place = await standing(tx, self._store, staff, consult_id, lock=True)
                now = await tx.now()
                self._require(staff, place, now)
                if known := await self._additions.known(tx, consult_id, staff.id, key_hash):
                    return known
                recent = taken_at is not None and now - EARLIEST <= taken_at <= now
                author = Author(staff.full_name, facility.name, taken_at if taken_at and recent else now)
                addition_id = AdditionId(new_id("add"))
                made = content(author, addition_id)
                await self._additions.add(
                    tx,
                    place.consult,
                    addition_id,
                    made,
                    author,
                    author_id=staff.id,
                    facility_code=facility.code,
                    key_hash=key_hash,
                )
                details: dict[str, str | int | bool | None] = {"kind": made.kind, "addition": addition_id}
                await self._audit.record(tx, _with(entry, place.consult.patient.patient_id, details))
                data = {"addition": addition_id, "what": made.kind.value}
                await self._log.append(tx, consult_id, LogKind.ADDED, staff.id, data)
                return addition_id
        except (Forbidden, NotFound) as denial:
            await self._deny(entry, denial)
            raise

    async def _given(self, row: Row[Any], file_id: FileId) -> tuple[FileKind, bytes]:
        facts = self._additions.opened(row)["facts"]
        kind = FileKind.JPEG if file_id == row.small_id and file_id != row.file_id else FileKind(facts["type"])
        return kind, await self._files.open(file_id)

    def _require(self, staff: Staff, place: Standing, now: datetime) -> None:
        place.require(*Relation)
        if not adds_to_book(staff, place, now, self._limits):
            raise Forbidden("addition.denied", CLOSED)

    def _reads(self, staff: Staff, place: Standing, now: datetime) -> bool:
        return reads_additions(staff, place, now, self._limits)

    async def _deny(self, entry: AuditEntry, denial: HoichanError) -> None:
        await self._audit.commit(_with(entry, None, {"reason": denial.code}, outcome="denied"))


class _Maker(Protocol):
    def __call__(self, author: Author, addition_id: AdditionId) -> Content: ...


def _entry(
    staff: Staff,
    session: Session | None,
    action: str,
    consult_id: ConsultId | None,
    address: str | None,
    *,
    target: str | None = None,
) -> AuditEntry:
    return AuditEntry(
        actor=staff.id,
        action=action,
        session=session.id if session else None,
        address=address,
        target=target,
        consult_id=consult_id,
    )


def _with(
    entry: AuditEntry,
    patient_id: str | None,
    details: dict[str, str | int | bool | None],
    *,
    outcome: str = "success",
) -> AuditEntry:
    return replace(entry, patient_id=patient_id, details=details, outcome=outcome)


CLOSED = N_("Nothing can be added now: only those who take part may, while the consult opens the book to them.")
DENIED = N_("This book is open only to the people of the consult, from the claim until the opinion is closed.")
