"""Attachments on their way: they arrive piece by piece, and any piece may be the last for hours.

What has arrived is sealed on disk and counted in the database by a compare-and-set, so that two senders of one upload,
or one sender on two nodes, never mix. What stays unfinished expires. What is done with the whole is `attachments`'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from consult_rooms import bounds
from consult_rooms.store import ConsultStore
from consult_rooms.thread import note_of
from consult_rooms.written_tables import attachments, upload_parts, uploads
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from foundation.files import HEAD, sniffed
from foundation.i18n import N_
from foundation.ids import ConsultId, StaffId, UploadId, is_id, new_id
from foundation.segments import Piece, Segments
from identity.model import Session, Staff

BATCH = 100
"""Uploads that one call of `expire` forgets at most."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is taken. Sizes in bytes; `unfinished` is how long an upload waits for its rest."""

    most_bytes: int = 200 * 1024 * 1024
    per_person: int = 5
    """Unfinished uploads of one person."""
    per_consult: int = 100
    bytes_per_consult: int = 2 * 1024 * 1024 * 1024
    unfinished: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Upload:
    """An attachment on its way. `received` of its `length` bytes are on disk."""

    id: UploadId
    consult_id: ConsultId
    staff_id: StaffId
    client_id: str
    length: int
    received: int
    expires_at: datetime


class Uploads:
    """Takes pieces. A refusal to begin is on record."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        audit: Audit,
        segments: Segments,
        limits: Bounds | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._audit = audit
        self._segments = segments
        self.limits = limits or Bounds()

    async def create(
        self,
        staff: Staff,
        session: Session | None,
        consult_id: ConsultId,
        *,
        length: int,
        client_id: str,
        address: str | None = None,
    ) -> Upload:
        """Begin an upload, or find the one that the same person began under this `client_id`.

        Raises NotFound for a stranger, Forbidden, Conflict by the state or `upload.differs`, Invalid `file.empty`,
        `file.too_large`; TooMany `upload.too_many`, Conflict `upload.consult_full`.
        """
        own_id, limits = bounds.client_id(client_id), self.limits
        if length <= 0:
            raise Invalid("file.empty", N_("The file is empty."), field="file")
        if length > limits.most_bytes:
            raise Invalid("file.too_large", TOO_LARGE, field="file", most=limits.most_bytes // 1024 // 1024)
        try:
            async with self._database.transaction() as tx:
                await note_of(tx, self._store, staff, consult_id)
                now = await tx.now()
                known = await self._known(tx, staff.id, consult_id, own_id)
                if known is not None:
                    if known.length != length:
                        raise Conflict("upload.differs", DIFFERS)
                    return known
                await self._room_for(tx, staff.id, consult_id, length, now)
                upload = Upload(
                    UploadId(new_id("upl")), consult_id, staff.id, own_id, length, 0, now + limits.unfinished
                )
                await tx.execute(
                    uploads.insert().values(
                        id=upload.id,
                        consult_id=consult_id,
                        staff_id=staff.id,
                        client_id=own_id,
                        length=length,
                        received=0,
                        created_at=now,
                        expires_at=upload.expires_at,
                    )
                )
                return upload
        except (Forbidden, NotFound) as denial:
            await self._audit.commit(
                AuditEntry(
                    actor=staff.id,
                    action="attachment.add",
                    session=session.id if session else None,
                    address=address,
                    consult_id=consult_id,
                    outcome="denied",
                    details={"reason": denial.code},
                )
            )
            raise

    async def find(self, staff: Staff, consult_id: ConsultId, upload_id: UploadId) -> Upload:
        """One's own upload, as far as it has come. Raises NotFound `upload.unknown`, also when it has expired."""
        async with self._database.reading() as tx:
            return await self._own(tx, staff, consult_id, upload_id)

    async def append(self, staff: Staff, upload: Upload, content: bytes) -> Upload:
        """Add what arrived after `upload.received`. Durable once this returns.

        Raises Conflict `upload.offset` when somebody else added there, Conflict by the consult's state,
        Invalid `file.too_large` beyond the length that was told, `file.kind` as soon as the kind is seen.
        """
        start, end = upload.received, upload.received + len(content)
        if end > upload.length:
            raise Invalid("file.too_large", MORE_THAN_TOLD, field="file")
        if start == 0 and (len(content) >= HEAD or end == upload.length):
            try:
                sniffed(content, voice=True)
            except Invalid:
                await self.drop(staff, upload)
                raise
        piece = await asyncio.to_thread(self._segments.keep_piece, upload.id, start, content)
        try:
            async with self._database.transaction() as tx:
                await note_of(tx, self._store, staff, upload.consult_id)
                moved = await tx.execute(
                    update(uploads)
                    .where(
                        uploads.c.id == upload.id,
                        uploads.c.received == start,
                        uploads.c.expires_at > await tx.now(),
                    )
                    .values(received=end)
                )
                if not moved.rowcount:
                    raise Conflict("upload.offset", ELSEWHERE)
                await tx.execute(
                    upload_parts.insert().values(upload_id=upload.id, start=start, size=len(content), name=piece.name)
                )
        except BaseException:
            await asyncio.to_thread(self._segments.drop_piece, upload.id, piece)
            raise
        return replace(upload, received=end)

    async def cut_back(self, upload: Upload, start: int) -> Upload:
        """Forget what was added from `start` on, whose checksum was wrong."""
        beyond = (upload_parts.c.upload_id == upload.id) & (upload_parts.c.start >= start)
        async with self._database.transaction() as tx:
            left = await tx.execute(
                update(uploads)
                .where(uploads.c.id == upload.id, uploads.c.received == upload.received)
                .values(received=start)
            )
            if not left.rowcount:
                raise Conflict("upload.offset", ELSEWHERE)
            pieces = [_piece(row) for row in await tx.execute(select(upload_parts).where(beyond))]
            await tx.execute(delete(upload_parts).where(beyond))
        for piece in pieces:
            await asyncio.to_thread(self._segments.drop_piece, upload.id, piece)
        return replace(upload, received=start)

    async def drop(self, staff: Staff, upload: Upload) -> None:
        """Give an upload up."""
        async with self._database.transaction() as tx:
            await self._own(tx, staff, upload.consult_id, upload.id)
            await self._forget(tx, [upload.id])

    async def pieces(self, upload: Upload) -> list[Piece]:
        """What has arrived of it, in order."""
        parts = select(upload_parts).where(upload_parts.c.upload_id == upload.id).order_by(upload_parts.c.start)
        async with self._database.reading() as tx:
            return [_piece(row) for row in await tx.execute(parts)]

    async def emptied(self, tx: Transaction, upload: Upload) -> None:
        """The whole is kept elsewhere: the pieces go. The row stays until it expires, for whoever asks once more."""
        await tx.execute(delete(upload_parts).where(upload_parts.c.upload_id == upload.id))
        tx.after_commit(self._dropper([upload.id]))

    async def expire(self) -> None:
        """Forget uploads whose time has run out."""
        async with self._database.transaction() as tx:
            late = select(uploads.c.id).where(uploads.c.expires_at <= await tx.now()).limit(BATCH)
            await self._forget(tx, list((await tx.execute(late)).scalars()))

    async def _room_for(
        self, tx: Transaction, staff_id: StaffId, consult_id: ConsultId, length: int, now: datetime
    ) -> None:
        limits, live = self.limits, uploads.c.expires_at > now
        unfinished = uploads.c.received < uploads.c.length
        own = select(func.count()).where(uploads.c.staff_id == staff_id, live, unfinished)
        if (await tx.execute(own)).scalar_one() >= limits.per_person:
            raise TooMany("upload.too_many", TOO_MANY, retry_after_s=60, most=limits.per_person)
        there = select(func.count(), func.coalesce(func.sum(attachments.c.size), 0))
        count, size = (await tx.execute(there.where(attachments.c.consult_id == consult_id))).one()
        coming = select(func.count(), func.coalesce(func.sum(uploads.c.length), 0))
        more, larger = (await tx.execute(coming.where(uploads.c.consult_id == consult_id, live, unfinished))).one()
        if count + more >= limits.per_consult or int(size) + int(larger) + length > limits.bytes_per_consult:
            raise Conflict("upload.consult_full", CONSULT_FULL)

    async def _known(self, tx: Transaction, staff_id: StaffId, consult_id: ConsultId, client_id: str) -> Upload | None:
        found = await tx.execute(
            select(uploads).where(
                uploads.c.consult_id == consult_id, uploads.c.staff_id == staff_id, uploads.c.client_id == client_id
            )
        )
        row = found.one_or_none()
        if row is not None and row.expires_at <= await tx.now():
            await self._forget(tx, [row.id])
            return None
        return None if row is None else _upload(row)

    async def _own(self, tx: Transaction, staff: Staff, consult_id: ConsultId, upload_id: UploadId) -> Upload:
        if not is_id(upload_id, "upl"):
            raise NotFound("upload.unknown", UNKNOWN_UPLOAD)
        row = (await tx.execute(select(uploads).where(uploads.c.id == upload_id))).one_or_none()
        foreign = row is None or (row.staff_id, row.consult_id) != (staff.id, consult_id)
        if row is None or foreign or row.expires_at <= await tx.now():
            raise NotFound("upload.unknown", UNKNOWN_UPLOAD)
        return _upload(row)

    async def _forget(self, tx: Transaction, upload_ids: list[UploadId]) -> None:
        await tx.execute(delete(upload_parts).where(upload_parts.c.upload_id.in_(upload_ids)))
        await tx.execute(delete(uploads).where(uploads.c.id.in_(upload_ids)))
        tx.after_commit(self._dropper(upload_ids))

    def _dropper(self, upload_ids: list[UploadId]) -> Callable[[], Awaitable[None]]:
        async def drop() -> None:
            for upload_id in upload_ids:
                await asyncio.to_thread(self._segments.drop_pieces, upload_id)

        return drop


def _upload(row: Row[Any]) -> Upload:
    return Upload(row.id, row.consult_id, row.staff_id, row.client_id, row.length, row.received, row.expires_at)


def _piece(row: Row[Any]) -> Piece:
    return Piece(row.start, row.size, row.name)


TOO_LARGE = N_("The file is too large: %(most)s MB at most.")
MORE_THAN_TOLD = N_("More arrived than the file's length.")
DIFFERS = N_("Another file of this name is on its way already. Choose the file again.")
ELSEWHERE = N_("The file has come to another place by now. Ask where it stands, and go on from there.")
TOO_MANY = N_("Too many files are on their way at once: %(most)s at most. Let some of them finish first.")
CONSULT_FULL = N_("This consult can hold no more files.")
UNKNOWN_UPLOAD = N_("There is no such upload, or it waited too long for its rest. Send the file again.")
