"""What the services know, as the protocol says it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from consult_rooms.log_entry import LogEntry
from consult_rooms.model import ChatMessage
from consult_rooms.queries import Queries
from consult_rooms.rows import RingView, TimelineRow
from consult_rooms.shared_work import SharedWork
from consult_rooms.wording import sentence
from foundation.clock import Clock
from foundation.errors import Forbidden, NotFound
from foundation.i18n import Language
from foundation.ids import AttachmentId, ConsultId
from identity.model import Staff
from identity.store import Directory
from signaling.advice_shapes import AdvicePart, advice_part
from signaling.drawing_events import StrokePart, stroke_part
from signaling.server_events import Chat, Ring
from signaling.shapes import ChatPart, EntryPart, InquiryPart, RungPart, TelephonePart, WaitingPart


class Views:
    """Makes the parts of events and acknowledgements."""

    def __init__(
        self, directory: Directory, queries: Queries, shared: SharedWork, clock: Clock, zone: ZoneInfo
    ) -> None:
        self._directory = directory
        self._queries = queries
        self._shared = shared
        self._clock = clock
        self._zone = zone

    def ring(self, view: RingView, language: Language) -> Ring:
        """A ring card."""
        return Ring(
            consult_id=view.consult_id,
            code=view.code,
            urgency=view.urgency,
            specialty=view.specialty.name(language.code),
            facility=view.facility.name,
            address=view.facility.address,
            requester_name=view.requester_name,
            age=view.age,
            sex=view.sex,
            question=view.question,
            rung_at=view.rung_at,
            step_due_at=view.step_due_at,
            server_time=self._clock.now(),
            also_ringing=list(view.also_ringing),
            emergency_telephone=view.emergency_telephone,
            handover_from=view.handover_from,
            inquiries=[InquiryPart(one.id, one.asker_name, one.question, one.answer) for one in view.inquiries],
            as_coordinator=view.as_coordinator,
        )

    def entries(self, rows: Iterable[TimelineRow], language: Language) -> list[EntryPart]:
        """Log entries, with their sentences."""
        return [
            EntryPart(
                number=row.entry.number,
                at=row.entry.at,
                kind=row.entry.kind.value,
                actor_name=row.actor_name,
                text=sentence(language, row, self._zone),
                data=dict(row.entry.data),
            )
            for row in rows
        ]

    async def waiting(self, consult_id: ConsultId) -> WaitingPart:
        """How a request stands. The caller has decided who may know."""
        view = await self._queries.waiting_view(consult_id)
        return WaitingPart(
            code=view.consult.code,
            state=view.consult.state.value,
            step=view.step,
            step_due_at=view.step_due_at,
            next_step=view.next_step,
            claimed_by=view.claimed_by,
            claimed_facility_name=view.claimed_facility_name,
            telephones=[TelephonePart(telephone.name, telephone.number) for telephone in view.telephones],
            people=[
                RungPart(person.name, person.facility_name, person.step, person.answer, person.reason, person.rung_at)
                for person in view.people
            ],
            server_time=self._clock.now(),
        )

    async def advice(self, staff: Staff, consult_id: ConsultId) -> list[AdvicePart]:
        """All items of advice, for who may read them; none for an observer."""
        try:
            return [advice_part(item) for item in await self._shared.advice.each(staff, consult_id)]
        except (Forbidden, NotFound):
            return []

    async def strokes(
        self, readers: Iterable[Staff], consult_id: ConsultId, drawn: Sequence[LogEntry]
    ) -> list[StrokePart]:
        """What these entries drew or took back, as the first who may reads it."""
        numbers: dict[str, set[int]] = {}
        for entry in drawn:
            numbers.setdefault(str(entry.data["attachment"]), set()).add(int(entry.data["stroke"] or 0))
        for staff in readers:
            try:
                return [
                    stroke_part(stroke)
                    for picture, which in numbers.items()
                    for stroke in await self._shared.drawings.each(staff, consult_id, AttachmentId(picture), which)
                ]
            except (Forbidden, NotFound):
                continue
        return []

    async def chat(self, messages: Sequence[ChatMessage]) -> list[ChatPart]:
        """Chat lines with the names of who wrote them."""
        people = await self._directory.staff_many({message.sender_id for message in messages})
        return [
            ChatPart(
                number=message.number,
                at=message.at,
                sender_id=message.sender_id,
                sender_name=people[message.sender_id].full_name,
                text=message.text,
                client_id=message.client_id,
            )
            for message in messages
        ]


def chat_event(consult_id: ConsultId, line: ChatPart) -> Chat:
    """A chat line as the event that carries it."""
    return Chat(consult_id, line.number, line.at, line.sender_id, line.sender_name, line.text, line.client_id)
