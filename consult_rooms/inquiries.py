"""Asking for more first: a question of somebody who is rung, answered by the requester, read by everybody rung.

It stops no ring and no timer. Both texts are sealed; the log says only that something was asked and answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update

from consult_rooms import bounds
from consult_rooms.access import Relation
from consult_rooms.claims import Claims
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.model import ConsultState
from consult_rooms.pairing_tables import inquiries
from consult_rooms.standing import standing
from consult_rooms.store import ConsultStore
from foundation.database import Database, Transaction
from foundation.errors import Conflict, NotFound, TooMany
from foundation.i18n import N_
from foundation.ids import ConsultId, InquiryId, StaffId, new_id
from foundation.sealing import Sealer
from identity.model import Staff
from identity.tables import staff as staff_table

MOST = 10
"""Questions about one request at most: it rings, and is no place for a conversation."""
LENGTH = 500
"""Characters of a question or an answer."""

TOO_MANY = N_("Enough has been asked about this request. Take the case, or leave it to others.")
UNKNOWN_INQUIRY = N_("There is no such question about this request.")
ANSWERED_OTHERWISE = N_("This question has been answered already.")


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question about a request, and the answer when there is one."""

    id: InquiryId
    asked_by: StaffId
    asker_name: str
    question: str
    asked_at: datetime
    answer: str | None
    answered_at: datetime | None


class Inquiries:
    """Asks and answers while it rings."""

    def __init__(self, database: Database, store: ConsultStore, log: ConsultLog, claims: Claims) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._claims = claims

    async def ask(self, staff: Staff, consult_id: ConsultId, text: str, client_id: str) -> InquiryId:
        """Ask the requester. For those who are rung, or may take it; the same `client_id` of one asker is one question.

        Raises Invalid for the text, TooMany `inquiry.too_many`, Conflict `consult.already_claimed` or by the state.
        """
        asked, key = bounds.text(text, LENGTH, "text", empty=False), bounds.client_id(client_id)
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            place.require(Relation.RUNG, Relation.CANDIDATE, Relation.COORDINATOR)
            if place.consult.state is not ConsultState.RINGING:
                raise await self._claims.lost(tx, consult_id)
            of_consult = inquiries.c.consult_id == consult_id
            known = (
                await tx.execute(
                    select(inquiries.c.id).where(
                        of_consult, inquiries.c.asked_by == staff.id, inquiries.c.client_id == key
                    )
                )
            ).scalar_one_or_none()
            if known is not None:
                return InquiryId(known)
            if (await tx.execute(select(func.count()).where(of_consult))).scalar_one() >= MOST:
                raise TooMany("inquiry.too_many", TOO_MANY, retry_after_s=60)
            inquiry_id = InquiryId(new_id("inq"))
            await tx.execute(
                inquiries.insert().values(
                    id=inquiry_id,
                    consult_id=consult_id,
                    asked_by=staff.id,
                    client_id=key,
                    question_sealed=self._store.sealer.seal_text(asked, question_place(inquiry_id)),
                    asked_at=await tx.now(),
                )
            )
            await self._log.append(tx, consult_id, LogKind.ASKED, staff.id, {"inquiry": inquiry_id})
            return inquiry_id

    async def answer(self, staff: Staff, consult_id: ConsultId, inquiry_id: InquiryId, text: str) -> None:
        """Answer as the requester. The same answer again is one answer.

        Raises NotFound `inquiry.unknown`, Conflict `inquiry.answered` when another answer stands, or by the state.
        """
        said = bounds.text(text, LENGTH, "text", empty=False)
        async with self._database.transaction() as tx:
            place = await standing(tx, self._store, staff, consult_id, lock=True)
            place.require(Relation.REQUESTER)
            if place.consult.state is not ConsultState.RINGING:
                raise await self._claims.lost(tx, consult_id)
            row = (
                await tx.execute(
                    select(inquiries).where(inquiries.c.id == inquiry_id, inquiries.c.consult_id == consult_id)
                )
            ).one_or_none()
            if row is None:
                raise NotFound("inquiry.unknown", UNKNOWN_INQUIRY)
            if row.answer_sealed is not None:
                if self._store.sealer.open_text(row.answer_sealed, answer_place(inquiry_id)) == said:
                    return
                raise Conflict("inquiry.answered", ANSWERED_OTHERWISE)
            await tx.execute(
                update(inquiries)
                .where(inquiries.c.id == inquiry_id)
                .values(
                    answered_by=staff.id,
                    answer_sealed=self._store.sealer.seal_text(said, answer_place(inquiry_id)),
                    answered_at=await tx.now(),
                )
            )
            await self._log.append(tx, consult_id, LogKind.ANSWERED, staff.id, {"inquiry": inquiry_id})


async def inquiries_of(tx: Transaction, sealer: Sealer, consult_id: ConsultId) -> tuple[Inquiry, ...]:
    """Everything that was asked about one consult, in order. The caller has decided who may read it."""
    rows = await tx.execute(
        select(inquiries, staff_table.c.full_name)
        .join(staff_table, staff_table.c.id == inquiries.c.asked_by)
        .where(inquiries.c.consult_id == consult_id)
        .order_by(inquiries.c.asked_at, inquiries.c.id)
    )
    return tuple(_inquiry(row, sealer) for row in rows)


def _inquiry(row: Row[Any], sealer: Sealer) -> Inquiry:
    return Inquiry(
        InquiryId(row.id),
        StaffId(row.asked_by),
        row.full_name,
        sealer.open_text(row.question_sealed, question_place(row.id)),
        row.asked_at,
        None if row.answer_sealed is None else sealer.open_text(row.answer_sealed, answer_place(row.id)),
        row.answered_at,
    )


def question_place(inquiry_id: str) -> str:
    """Where a question says that it stands (`Sealer.seal`)."""
    return f"inquiries.question:{inquiry_id}"


def answer_place(inquiry_id: str) -> str:
    """Where an answer says that it stands."""
    return f"inquiries.answer:{inquiry_id}"
