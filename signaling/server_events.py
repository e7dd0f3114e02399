"""What the server sends. The docstrings here are printed in `docs/protocol.md`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consult_rooms.model import ParticipantRole, Urgency
from signaling.advice_shapes import Advice
from signaling.board_shapes import ROWS, BoardRowPart, LanePart
from signaling.drawing_events import Strokes
from signaling.media_events import Layers, MediaLost, Quality, Speakers, SubscribeOffer, Uplink
from signaling.shapes import (
    CONSULT,
    PARTICIPANT,
    STAFF,
    STRICT,
    ConsultRef,
    EntryNumber,
    EntryPart,
    InquiryPart,
    ParticipantPart,
    StaffRef,
)


@dataclass(frozen=True, slots=True, config=STRICT)
class Ring:
    """A case rings for you. Sent when it starts, again after each connect while it rings, and when its content changes:
    the same `consult_id` replaces what was shown. Names nobody who is ill."""

    consult_id: ConsultRef
    """The consult; accept or decline by it."""
    code: str
    """What people say on the telephone."""
    urgency: Urgency
    """`emergency`, `urgent` or `routine`."""
    specialty: str
    """The specialty's name in the person's language."""
    facility: str
    """Where the patient is."""
    address: str
    """Its postal address, which ends in the province."""
    requester_name: str
    """Who asks."""
    age: int | None
    """The patient's age in years, perhaps estimated."""
    sex: str | None
    """`male`, `female` or `other`, as far as it is known."""
    question: str
    """The question in one line."""
    rung_at: datetime
    """Since when it rings for you."""
    step_due_at: datetime | None
    """When more people are rung."""
    server_time: datetime
    """The server's time; count from the difference, not from the own clock."""
    also_ringing: list[str]
    """Names of the others for whom it rings."""
    emergency_telephone: str
    """The number of the asking facility that answers at any hour."""
    handover_from: str | None = None
    """Who offers you a running consult: answer by `accept_handover` or `decline_handover`. Null for a request."""
    inquiries: list[InquiryPart] = Field(default_factory=list)
    """What was asked of the requester before anybody took the case, and the answers."""
    as_coordinator: bool = False
    """Whether you are rung to answer for the request until somebody takes the case: by `take_charge`, not by
    `accept_offer`."""
    name: ClassVar[str] = "ring"
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "code": "HC-2611-0412",
        "urgency": "emergency",
        "specialty": "Thần kinh",
        "facility": "Trạm y tế đặc khu",
        "address": "Đặc khu Lý Sơn, tỉnh Quảng Ngãi",
        "requester_name": "BS. Nguyễn Thị Lụa",
        "age": 60,
        "sex": "male",
        "question": "Liệt nửa người phải, nói khó từ 40 phút trước",
        "rung_at": "2026-11-23T07:02:10Z",
        "step_due_at": "2026-11-23T07:02:40Z",
        "server_time": "2026-11-23T07:02:10Z",
        "also_ringing": ["BS. Khải"],
        "emergency_telephone": "0255 000 0115",
        "handover_from": None,
        "inquiries": [],
        "as_coordinator": False,
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class RingStopped:
    """It rings for you no longer."""

    consult_id: ConsultRef
    """The consult."""
    reason: Literal["claimed", "declined", "cancelled", "answered", "withdrawn", "ended", "written"]
    """Somebody took it (perhaps you, on another page); you declined it, or answered otherwise; the request was
    cancelled; a handover was withdrawn; the consult that was handed over has ended;
    or it waits for an answer in writing from here on."""
    by_name: str | None
    """Who did."""
    at: datetime
    """When."""
    name: ClassVar[str] = "ring_stopped"
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "reason": "claimed",
        "by_name": "BS. Hà",
        "at": "2026-11-23T07:02:34Z",
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class Log:
    """New entries of a consult that you watch or whose room you are in. In order, each once, without gaps."""

    consult_id: ConsultRef
    """The consult."""
    entries: list[EntryPart]
    """The entries."""
    name: ClassVar[str] = "log"
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "entries": [
            {
                "number": 7,
                "at": "2026-11-23T07:02:34Z",
                "kind": "claimed",
                "actor_name": "BS. Hà",
                "text": "BS. Hà đã nhận ca",
                "data": {},
            }
        ],
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class Chat:
    """A line of the chat of a room that you are in, your own included.

    It comes before the `log` entry of its number; keep lines by `number`, since one may come again after a broken line.
    """

    consult_id: ConsultRef
    """The room."""
    number: EntryNumber
    """The number of its log entry."""
    at: datetime
    """When it was kept."""
    sender_id: StaffRef
    """Who wrote it."""
    sender_name: str
    """The name to show."""
    text: str
    """The line."""
    client_id: str
    """The key of the sender's client: drop what you already show."""
    name: ClassVar[str] = "chat"
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "number": 12,
        "at": "2026-11-23T07:05:10Z",
        "sender_id": STAFF,
        "sender_name": "BS. Hà",
        "text": "Đã chụp CT lúc 13:50",
        "client_id": "msg-7d20f1",
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class Room:
    """Who is in the room now. Replaces the list that you have."""

    consult_id: ConsultRef
    """The room."""
    participants: list[ParticipantPart]
    """Everyone who may be in it, yourself included."""
    name: ClassVar[str] = "room"
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "participants": [
            {
                "participant_id": PARTICIPANT,
                "staff_id": STAFF,
                "staff_name": "BS. Hà",
                "facility_name": "Bệnh viện đa khoa tỉnh",
                "role": "specialist",
                "present": True,
                "connected": True,
                "audio": True,
                "video": False,
                "audio_only": False,
            }
        ],
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class TakenOver:
    """You opened the room elsewhere. This connection is out of it; do not join again by yourself."""

    consult_id: ConsultRef
    """The room."""
    name: ClassVar[str] = "taken_over"
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class SessionEnded:
    """You are signed out. The server closes the connection next; sign in before connecting again."""

    reason: str
    """Why, such as `signed_out`, `switched`, `password_reset`, `deactivated` or `ended`."""
    name: ClassVar[str] = "session_ended"
    example: ClassVar[dict[str, Any]] = {"reason": "signed_out"}


@dataclass(frozen=True, slots=True, config=STRICT)
class Consult:
    """A consult that concerns you changed: a hint to look again."""

    consult_id: ConsultRef
    """The consult."""
    state: str
    """Its state now: `scheduled`, `ringing`, `claimed`, `written`, `ended`, `closed` or `cancelled`."""
    name: ClassVar[str] = "consult"
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "state": "claimed"}


@dataclass(frozen=True, slots=True, config=STRICT)
class Invited:
    """Somebody asks you into a room that is open now. Join it, or do nothing."""

    consult_id: ConsultRef
    """The consult."""
    code: str
    """What people say on the telephone."""
    by_name: str
    """Who asks."""
    role: ParticipantRole
    """As what: `invited` or `observer`; one's own side of a written case that became a call again."""
    room_url: str
    """The address of the room's page, for a browser."""
    rings: bool = False
    """Whether it is a call that rings: the other side of your written case waits in the room."""
    name: ClassVar[str] = "invited"
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "code": "HC-2611-0412",
        "by_name": "BS. Hà",
        "role": "observer",
        "room_url": f"/consults/{CONSULT}/room",
        "rings": False,
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class Agenda:
    """Your booked times changed: a hint to look again."""

    name: ClassVar[str] = "agenda"
    example: ClassVar[dict[str, Any]] = {}


@dataclass(frozen=True, slots=True, config=STRICT)
class Overdue:
    """The time by which a written case of yours was to be answered has passed. Said once for each time that passes."""

    consult_id: ConsultRef
    """The consult."""
    name: ClassVar[str] = "overdue"
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class Oversight:
    """To data protection officers: a book was opened in an emergency. A hint to look at the list of those to review."""

    name: ClassVar[str] = "oversight"
    example: ClassVar[dict[str, Any]] = {}


@dataclass(frozen=True, slots=True, config=STRICT)
class Board:
    """To coordinators who watch their board: what changed on it, a few times a second at most."""

    at: datetime
    """As of when; send the last one along after a reconnect (`watch_board`)."""
    rows: list[BoardRowPart]
    """Rows that are new or replace those of the same consult; an older number than yours is to be ignored."""
    gone: list[ConsultRef]
    """Consults that are open no longer."""
    lanes: list[LanePart]
    """Lanes that are new or replace those of the same specialist."""
    name: ClassVar[str] = "board"
    example: ClassVar[dict[str, Any]] = {"at": "2026-11-23T07:02:22Z", "rows": ROWS, "gone": [], "lanes": []}


ServerEvent = (
    Ring
    | RingStopped
    | Log
    | Chat
    | Advice
    | Strokes
    | Room
    | SubscribeOffer
    | Quality
    | Uplink
    | Layers
    | Speakers
    | MediaLost
    | TakenOver
    | SessionEnded
    | Consult
    | Invited
    | Agenda
    | Overdue
    | Oversight
    | Board
)
