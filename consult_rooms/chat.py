"""The room's chat, kept with the consult. A message's number is that of its log entry; its text stands here alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from consult_rooms import bounds
from consult_rooms.access import speaks
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.model import ChatMessage, Consult, Participant
from consult_rooms.store import ConsultStore
from consult_rooms.tables import chat_messages
from foundation.database import Transaction
from foundation.errors import Forbidden
from foundation.i18n import N_
from foundation.ids import ConsultId

ONLY_RECEIVES = N_("An observer only watches and listens.")
PAGE = 500
"""Messages that one reading returns at most."""


class Chat:
    """Writes and reads messages inside the caller's transaction, which holds the consult's lock when it writes."""

    def __init__(self, store: ConsultStore, log: ConsultLog) -> None:
        self._store = store
        self._log = log

    async def say(
        self, tx: Transaction, consult: Consult, sender: Participant, text: str, client_id: str
    ) -> ChatMessage:
        """Add a message, or return the one that the sender has sent under this `client_id` before."""
        if not speaks(sender):
            raise Forbidden("room.observer", ONLY_RECEIVES)
        said = bounds.text(text, bounds.CHAT, "text", empty=False)
        own_id = bounds.client_id(client_id)
        known = (
            await tx.execute(
                select(chat_messages).where(
                    chat_messages.c.consult_id == consult.id,
                    chat_messages.c.sender_id == sender.staff_id,
                    chat_messages.c.client_id == own_id,
                )
            )
        ).one_or_none()
        if known is not None:
            return self._message(known)
        entry = await self._log.append(tx, consult.id, LogKind.CHAT, sender.staff_id, {"participant": sender.id})
        await tx.execute(
            chat_messages.insert().values(
                consult_id=consult.id,
                number=entry.number,
                sender_id=sender.staff_id,
                client_id=own_id,
                text_sealed=self._store.sealer.seal_text(said, text_place(consult.id, entry.number)),
                at=entry.at,
            )
        )
        return ChatMessage(consult.id, entry.number, sender.staff_id, said, entry.at, own_id)

    async def since(self, tx: Transaction, consult_id: ConsultId, number: int) -> list[ChatMessage]:
        """Messages after that number, in order."""
        found = await tx.execute(
            select(chat_messages)
            .where(chat_messages.c.consult_id == consult_id, chat_messages.c.number > number)
            .order_by(chat_messages.c.number)
            .limit(PAGE)
        )
        return [self._message(row) for row in found]

    def _message(self, row: Row[Any]) -> ChatMessage:
        text = self._store.sealer.open_text(row.text_sealed, text_place(row.consult_id, row.number))
        return ChatMessage(row.consult_id, row.number, row.sender_id, text, row.at, row.client_id)


def text_place(consult_id: ConsultId, number: int) -> str:
    """Where a text says that it stands (`Sealer.seal`)."""
    return f"chat_messages.text:{consult_id}:{number}"
