"""From an event's name and payload to its acknowledgement: parse, ask who acts, do it, or say why not.

A little above 300 lines: one place names every part that an event can lead to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from consult_rooms.chat import PAGE as CHAT_PAGE
from consult_rooms.log import PAGE as LOG_PAGE
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogEntry, LogKind
from consult_rooms.model import ChatMessage, Consent, IdentityState, Patient, Question
from consult_rooms.queries import Queries
from consult_rooms.requests import Requests
from consult_rooms.rooms import Rooms
from foundation.clock import Clock
from foundation.errors import Conflict, HoichanError, Invalid, SignInNeeded, TooMany, Unavailable
from foundation.i18n import N_, Language
from foundation.ids import ConsultId, ParticipantId, SpecialtyId, StaffId
from foundation.paces import Paces
from identity.fleet import Report
from identity.model import Session, Staff, Terminal
from identity.sessions import Sessions
from media.api import Relays
from signaling import pairing_events
from signaling import room_events as room
from signaling.acks import Ack, Done, Joined, Kept, Published, Requested, Subscribed, Watched
from signaling.answer_events import AnswerEvent
from signaling.answering import Answering
from signaling.attendance import Switches
from signaling.board_events import BoardEvent
from signaling.boards import Boards
from signaling.connections import Connection
from signaling.drawing import Drawing
from signaling.drawing_events import DrawingEvent
from signaling.negotiation import Negotiation, tracks
from signaling.notices import Notices
from signaling.protocol import ClientEvent, parse, wire
from signaling.qualities import Qualities
from signaling.room_members import RoomMembers
from signaling.shapes import IceServerPart
from signaling.signs_of_life import SignsOfLife
from signaling.terminal_events import ReportTerminal
from signaling.views import Views
from signaling.written_events import WrittenEvent

log = logging.getLogger(__name__)

WAIT_S = 15.0
"""The longest that an event takes before its client hears `event.timeout`."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent an event, as the person stands now: a role that was taken away is gone at once."""

    connection: Connection
    staff: Staff
    terminal: Terminal | None


class Dispatch:
    """Carries out events of sockets. Answers with the acknowledgement's JSON object and never raises."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        requests: Requests,
        answering: Answering,
        rooms: Rooms,
        queries: Queries,
        consult_log: ConsultLog,
        signs: SignsOfLife,
        paces: Paces,
        members: RoomMembers,
        negotiation: Negotiation,
        qualities: Qualities,
        notices: Notices,
        boards: Boards,
        drawing: Drawing,
        views: Views,
        relays: Relays,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._requests = requests
        self._answering = answering
        self._rooms = rooms
        self._queries = queries
        self._log = consult_log
        self._signs = signs
        self._paces = paces
        self._members = members
        self._negotiation = negotiation
        self._qualities = qualities
        self._notices = notices
        self._boards = boards
        self._drawing = drawing
        self._views = views
        self._relays = relays
        self._clock = clock

    async def answer(self, connection: Connection, name: object, arguments: tuple[object, ...]) -> dict[str, Any]:
        """The acknowledgement of one event: `{"ok": true, …}` or `{"error": {…}}`."""
        event: ClientEvent | None = None
        try:
            connection.take(self._clock)
            if connection.asker is not None:
                self._paces.ask(connection.asker)
            event = parse(name, arguments)
            async with asyncio.timeout(WAIT_S), _turn(connection):
                return {"ok": True, **wire(await self._carry_out(connection, event))}
        except HoichanError as error:
            # What was refused, to whom, about what: ids and codes alone. A name that nobody knows is not repeated.
            about = getattr(event, "consult_id", None)
            told = "?" if event is None else event.name
            log.info("refused %s of %s about %s: %s", told, connection.staff_id, about, error.code)
            return refusal(error, connection.language)
        except TimeoutError:
            log.warning("an event took longer than %s s", WAIT_S)
            return refusal(Unavailable("event.timeout", TIMEOUT), connection.language)
        except Exception:  # the root of an event: one fault must not take the socket with it
            log.exception("an event failed")
            return refusal(Unavailable("internal", INTERNAL), connection.language)

    async def _carry_out(self, connection: Connection, event: ClientEvent) -> Ack:
        if isinstance(event, pairing_events.Beat):
            await self._signs.beat(connection)
            return Done()
        if isinstance(event, ReportTerminal):
            self._signs.report(connection, Report(event.version, event.camera, event.microphone))
            return Done()
        session = await self._sessions.get(connection.session_id)
        if session is None:
            raise SignInNeeded("session.ended", ENDED)
        if session.locked:
            raise SignInNeeded("session.locked", LOCKED)
        caller = _caller(connection, session)
        if isinstance(event, room.RoomEvent):
            return await self._meet(caller, event)
        if isinstance(event, DrawingEvent):
            return await self._drawing.carry_out(connection, caller.staff, event)
        if isinstance(event, BoardEvent):
            return await self._boards.carry_out(connection, caller.staff, event)
        if isinstance(event, AnswerEvent | WrittenEvent):
            return await self._answering.carry_out(caller.staff, event)
        return await self._pair(caller, event)

    async def _pair(self, caller: Caller, event: pairing_events.PairingEvent) -> Ack:
        """Events about requests and rings."""
        staff = caller.staff
        match event:
            case pairing_events.RequestConsult():
                return await self._request(caller, event)
            case pairing_events.CancelRequest(consult_id=consult_id, reason=why):
                await self._requests.cancel(staff, ConsultId(consult_id), why)
                return Done()
            case pairing_events.WidenRequest(consult_id=consult_id):
                await self._requests.widen(staff, ConsultId(consult_id))
                return Done()
            case pairing_events.WatchConsult(consult_id=consult_id, after=after):
                return await self._watch(caller, ConsultId(consult_id), after)
            case _:
                raise Invalid("event.unknown", UNKNOWN)

    async def _meet(self, caller: Caller, event: room.RoomEvent) -> Ack:
        """Events of a room. All but the join need a place in it."""
        staff, connection = caller.staff, caller.connection
        consult_id = ConsultId(event.consult_id)
        if isinstance(event, room.JoinRoom):
            return await self._join(caller, consult_id, event)
        try:
            member = self._members.held(connection, consult_id)
        except Conflict:
            await self._queries.consult(staff, consult_id)  # a stranger hears that there is no such consult
            raise
        match event:
            case room.Publish(sdp=sdp, sources=sources):
                return Published(await self._negotiation.publish(connection, consult_id, sdp, sources))
            case room.Subscribe(restart=restart):
                offer = await self._negotiation.subscribe(connection, consult_id, restart=restart)
                return Subscribed(offer.sdp, offer.revision, tracks(offer))
            case room.Answer(sdp=sdp, revision=revision):
                await self._negotiation.answer(connection, consult_id, sdp, revision)
            case room.Prefer(heights=heights):
                await self._negotiation.prefer(connection, consult_id, heights)
            case room.SetMedia(audio=audio, video=video, audio_only=audio_only):
                await self._members.change(member, Switches(audio, video, audio_only))
                self._qualities.wishes(member)
            case room.SendChat(text=text, client_id=client_id):
                message = await self._rooms.chat(staff, consult_id, text, client_id)
                return Kept(message.number, message.at)
            case room.ReportFirstFrame(participant_id=source, kind=kind, after_ms=after_ms):
                await self._rooms.first_frame(member.participant, ParticipantId(source), kind, after_ms)
            case room.ReportLine(state=state):
                await self._negotiation.report(connection, consult_id, state)
            case room.LeaveRoom():
                connection.unfollow(consult_id)
                await self._members.leave(member)
                await self._signs.beat(connection)
            case room.EndConsult():
                await self._rooms.end(staff, consult_id)
            case room.Invite(staff_id=invitee, role=role, sees_book=sees_book):
                await self._rooms.invite(staff, consult_id, StaffId(invitee), role, sees_book)
            case _:
                raise Invalid("event.unknown", UNKNOWN)
        return Done()

    async def _request(self, caller: Caller, event: pairing_events.RequestConsult) -> Ack:
        asked, given = event.question, event.consent
        self._paces.consult(caller.staff.facility_id)
        consult = await self._requests.create(
            caller.staff,
            terminal_id=None if caller.terminal is None else caller.terminal.id,
            terminal=caller.terminal,
            specialty_id=SpecialtyId(event.specialty_id),
            urgency=event.urgency,
            patient=Patient(None, IdentityState.TEMPORARY, sex=event.sex, age_years=event.age_years),
            question=Question(asked.situation, asked.background, asked.assessment, asked.recommendation),
            consent=None if given is None else Consent(given.consult, given.record_view, given.by, given.note),
            idempotency_key=event.idempotency_key,
        )
        return Requested(consult.id, consult.code)

    async def _watch(self, caller: Caller, consult_id: ConsultId, after: int) -> Ack:
        connection = caller.connection
        await self._queries.consult(caller.staff, consult_id)
        async with self._notices.still(consult_id):
            entries = await self._entries(consult_id, after)
            view = await self._views.waiting(consult_id)
            connection.follow(consult_id, entries[-1].number if entries else after)
        rows = await self._queries.described(entries)
        return Watched(self._views.entries(rows, connection.language), view)

    async def _entries(self, consult_id: ConsultId, after: int) -> list[LogEntry]:
        """Everything after that number, however many pages it takes."""
        found = page = await self._log.since(consult_id, after)
        while len(page) == LOG_PAGE:
            page = await self._log.since(consult_id, page[-1].number)
            found = [*found, *page]
        return found

    async def _messages(self, staff: Staff, consult_id: ConsultId, after: int) -> list[ChatMessage]:
        found = page = await self._rooms.chat_since(staff, consult_id, after)
        while len(page) == CHAT_PAGE:
            page = await self._rooms.chat_since(staff, consult_id, page[-1].number)
            found = [*found, *page]
        return found

    async def _join(self, caller: Caller, consult_id: ConsultId, event: room.JoinRoom) -> Ack:
        connection = caller.connection
        consult, participant = await self._rooms.join(caller.staff, consult_id)
        switches = Switches(event.audio, event.video, event.audio_only)
        self._qualities.wishes(await self._members.enter(connection, participant, event.tab_id, switches))
        await self._signs.beat(connection)
        async with self._notices.still(consult_id):
            entries = await self._entries(consult_id, event.after)
            last = entries[-1].number if entries else event.after
            # A line that was written since the entries were read comes with its entry, and not here as well.
            messages: list[ChatMessage] = []
            if any(entry.kind is LogKind.CHAT for entry in entries):
                said = await self._messages(caller.staff, consult_id, event.after)
                messages = [line for line in said if line.number <= last]
            advised = any(entry.kind is LogKind.ADVISED for entry in entries)
            advice = await self._views.advice(caller.staff, consult_id) if advised else []
            connection.follow(consult_id, last)
        rows = await self._queries.described(entries)
        return Joined(
            participant_id=participant.id,
            role=participant.role,
            state=consult.state.value,
            started_at=consult.claimed_at,
            participants=await self._members.people(consult_id),
            entries=self._views.entries(rows, connection.language),
            chat=await self._views.chat(messages),
            ice_servers=[
                IceServerPart(list(server.urls), server.username, server.credential)
                for server in self._relays.servers(participant.id)
            ],
            advice=advice,
        )


@asynccontextmanager
async def _turn(connection: Connection) -> AsyncIterator[None]:
    connection.waiting += 1
    try:
        async with connection.turn:
            yield
    finally:
        connection.waiting -= 1


def _caller(connection: Connection, session: Session) -> Caller:
    return Caller(connection, session.staff, session.terminal)


def refusal(error: HoichanError, language: Language) -> dict[str, Any]:
    """An error as an acknowledgement: the stable code, and the sentence in the person's language."""
    told: dict[str, Any] = {"code": error.code, "message": language.error(error)}
    if isinstance(error, Invalid) and error.field is not None:
        told["field"] = error.field
    if isinstance(error, TooMany):
        told["retry_after_s"] = error.retry_after_s
    return {"error": told}


ENDED = N_("Your session has ended. Please sign in again.")
LOCKED = N_("The session is locked.")
TIMEOUT = N_("The server took too long. Try again.")
INTERNAL = N_("Something went wrong on the server. Try again; if it happens again, tell the administrator.")
UNKNOWN = N_("The server does not know this event.")
