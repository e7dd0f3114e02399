"""Pictures, voice clips and documents of a consult's thread: put in when they are whole, given out to its people.

A file that has arrived (see `uploads`) is looked at and made harmless before anybody sees it. Who may read the thread
may read it, and each reading is on record before a byte leaves.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.standing import standing
from consult_rooms.store import ConsultStore
from consult_rooms.thread import READERS, note_of
from consult_rooms.uploads import Upload, Uploads
from consult_rooms.written_tables import attachments
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, NotFound
from foundation.files import HEAD, FileKind, Files, Kept, sniffed
from foundation.i18n import N_
from foundation.ids import AttachmentId, ConsultId, FileId, StaffId, new_id
from foundation.segments import Piece, PieceReader, Segments
from identity.model import Session, Staff


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment of a thread. `number` is that of its log entry; a picture has its size in pixels."""

    id: AttachmentId
    consult_id: ConsultId
    number: int
    author_id: StaffId
    client_id: str
    kind: FileKind
    size: int
    width: int
    height: int
    file_id: FileId
    small_id: FileId | None
    at: datetime


class Attachments:
    """Puts attachments into threads and gives them out. Every refusal is on record."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        audit: Audit,
        files: Files,
        segments: Segments,
        arriving: Uploads,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._audit = audit
        self._files = files
        self._segments = segments
        self._uploads = arriving

    async def finish(
        self, staff: Staff, session: Session | None, upload: Upload, *, address: str | None = None
    ) -> Attachment:
        """Put the whole file into the thread. Again: the same attachment.

        Raises Invalid `file.kind`, `file.pixels`, `file.unreadable`, and then nothing of it is left.
        """
        async with self._database.reading() as tx:
            known = await self._sent(tx, staff.id, upload.consult_id, upload.client_id)
        if known is not None:
            return known
        try:
            kept = await self._kept(upload, await self._uploads.pieces(upload))
        except Invalid:
            await self._uploads.drop(staff, upload)
            raise
        entry = _entry(staff, session, "attachment.add", upload.consult_id, address)
        try:
            async with self._database.transaction() as tx:
                place = await note_of(tx, self._store, staff, upload.consult_id)
                known = await self._sent(tx, staff.id, upload.consult_id, upload.client_id)
                if known is not None:
                    return known
                made = await self._add(tx, staff, upload, kept)
                details: dict[str, str | int | bool | None] = {"attachment": made.id, "kind": made.kind.value}
                patient_id = place.consult.patient.patient_id
                await self._audit.record(tx, replace(entry, patient_id=patient_id, details=details))
                await self._uploads.emptied(tx, upload)
                return made
        except HoichanError:
            if not kept.kind.is_picture:
                await asyncio.to_thread(self._segments.drop, kept.id)
            raise

    async def since(self, tx: Transaction, consult_id: ConsultId, number: int, limit: int) -> list[Attachment]:
        """Attachments after that log number, in order. The caller has decided who may know."""
        found = await tx.execute(
            select(attachments)
            .where(attachments.c.consult_id == consult_id, attachments.c.number > number)
            .order_by(attachments.c.number)
            .limit(limit)
        )
        return [_attachment(row) for row in found]

    async def opened(
        self,
        staff: Staff,
        session: Session | None,
        consult_id: ConsultId,
        attachment_id: AttachmentId,
        *,
        address: str | None = None,
    ) -> Attachment:
        """One attachment for a person of the consult, on record before this returns.

        Raises NotFound `consult.unknown`, `attachment.unknown`; Forbidden.
        """
        entry = _entry(staff, session, "attachment.read", consult_id, address, target=attachment_id[:64])
        try:
            async with self._database.reading() as tx:
                place = await standing(tx, self._store, staff, consult_id)
                place.require(*READERS)
                of_consult = (attachments.c.id == attachment_id) & (attachments.c.consult_id == consult_id)
                row = (await tx.execute(select(attachments).where(of_consult))).one_or_none()
                if row is None:
                    raise NotFound("attachment.unknown", UNKNOWN_ATTACHMENT)
        except (Forbidden, NotFound) as denial:
            await self._deny(entry, denial)
            raise
        await self._audit.commit(replace(entry, patient_id=place.consult.patient.patient_id))
        return _attachment(row)

    async def small(self, attachment: Attachment) -> bytes:
        """The small twin of a picture (JPEG). Raises NotFound for anything else."""
        if attachment.small_id is None:
            raise NotFound("attachment.unknown", UNKNOWN_ATTACHMENT)
        return await self._files.open(attachment.small_id)

    async def content(self, attachment: Attachment, start: int, stop: int) -> AsyncIterator[bytes]:
        """Its bytes from `start` up to `stop`, a part at a time; one part at most is in memory, of a picture all."""
        if attachment.kind.is_picture:
            yield (await self._files.open(attachment.file_id))[start:stop]
            return
        parts = self._segments.read(attachment.file_id, start, stop)
        while (part := await asyncio.to_thread(next, parts, None)) is not None:
            yield part

    async def _kept(self, upload: Upload, pieces: list[Piece]) -> Kept:
        if upload.received != upload.length or sum(piece.size for piece in pieces) != upload.length:
            raise Conflict("upload.unfinished", N_("The file has not arrived whole."))
        reader = io.BufferedReader(PieceReader(self._segments, upload.id, pieces))
        kind = sniffed(await asyncio.to_thread(reader.read, HEAD), voice=True)
        if kind.is_picture:
            await asyncio.to_thread(reader.seek, 0)
            return await self._files.keep_picture(reader, kind)
        # One id an upload: should two finish it at once, both write the same file.
        file_id = FileId("fil_" + upload.id.removeprefix("upl_"))
        await asyncio.to_thread(self._segments.assemble, file_id, upload.id, pieces)
        return Kept(file_id, kind, upload.length)

    async def _add(self, tx: Transaction, staff: Staff, upload: Upload, kept: Kept) -> Attachment:
        what = "picture" if kept.kind.is_picture else "voice" if kept.kind.is_voice else "document"
        attachment_id = AttachmentId(new_id("att"))
        data = {"attachment": attachment_id, "what": what}
        entry = await self._log.append(tx, upload.consult_id, LogKind.ATTACHED, staff.id, data)
        made = Attachment(
            attachment_id,
            upload.consult_id,
            entry.number,
            staff.id,
            upload.client_id,
            kept.kind,
            kept.size,
            kept.width,
            kept.height,
            kept.id,
            kept.small_id,
            entry.at,
        )
        await tx.execute(
            attachments.insert().values(
                id=made.id,
                consult_id=made.consult_id,
                number=made.number,
                author_id=made.author_id,
                client_id=made.client_id,
                kind=made.kind.value,
                size=made.size,
                width=made.width,
                height=made.height,
                file_id=made.file_id,
                small_id=made.small_id,
                at=made.at,
            )
        )
        return made

    async def _sent(
        self, tx: Transaction, staff_id: StaffId, consult_id: ConsultId, client_id: str
    ) -> Attachment | None:
        found = await tx.execute(
            select(attachments).where(
                attachments.c.consult_id == consult_id,
                attachments.c.author_id == staff_id,
                attachments.c.client_id == client_id,
            )
        )
        row = found.one_or_none()
        return None if row is None else _attachment(row)

    async def _deny(self, entry: AuditEntry, denial: HoichanError) -> None:
        await self._audit.commit(replace(entry, details={"reason": denial.code}, outcome="denied"))


def _entry(
    staff: Staff,
    session: Session | None,
    action: str,
    consult_id: ConsultId,
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


def _attachment(row: Row[Any]) -> Attachment:
    return Attachment(
        row.id,
        row.consult_id,
        row.number,
        row.author_id,
        row.client_id,
        FileKind(row.kind),
        row.size,
        row.width,
        row.height,
        row.file_id,
        row.small_id,
        row.at,
    )


UNKNOWN_ATTACHMENT = N_("There is no such file in this consult.")
