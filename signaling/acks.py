"""What the acknowledgement of each event holds, beside `ok`. Its docstrings are printed in `docs/protocol.md`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from consult_rooms.model import ParticipantRole
from signaling.advice_shapes import AdvicePart
from signaling.board_shapes import ROWS, BoardRowPart, LanePart
from signaling.drawing_events import Drawn
from signaling.shapes import (
    CONSULT,
    EXAMPLE_SDP,
    PARTICIPANT,
    STAFF,
    STRICT,
    ChatPart,
    ConsultRef,
    EntryNumber,
    EntryPart,
    IceServerPart,
    InquiryRef,
    ParticipantPart,
    ParticipantRef,
    Sdp,
    TrackPart,
    WaitingPart,
)


@dataclass(frozen=True, slots=True, config=STRICT)
class Done:
    """Nothing further."""

    example: ClassVar[dict[str, Any]] = {}


@dataclass(frozen=True, slots=True, config=STRICT)
class Accepted:
    """The case is yours: enter its room."""

    consult_id: ConsultRef
    """The consult."""
    room_url: str
    """The address of the room's page, for a browser."""
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "room_url": f"/consults/{CONSULT}/room"}


@dataclass(frozen=True, slots=True, config=STRICT)
class Held:
    """The claim stands."""

    until: datetime | None
    """Without another sign of life it is lost then; null once its specialist has entered: it runs out no longer."""
    again_s: float
    """In how many seconds to send the next."""
    example: ClassVar[dict[str, Any]] = {"until": "2026-11-23T07:03:19Z", "again_s": 11.25}


@dataclass(frozen=True, slots=True, config=STRICT)
class Promised:
    """It is silent for you until then."""

    until: datetime
    """When it rings again."""
    example: ClassVar[dict[str, Any]] = {"until": "2026-11-23T07:07:34Z"}


@dataclass(frozen=True, slots=True, config=STRICT)
class InWriting:
    """It is a written case."""

    due_at: datetime
    """By when its owner answers."""
    example: ClassVar[dict[str, Any]] = {"due_at": "2026-11-24T07:02:34Z"}


@dataclass(frozen=True, slots=True, config=STRICT)
class Raised:
    """It is a call again."""

    state: str
    """`claimed`: enter its room. `ringing`: follow it by `watch_consult`."""
    room_url: str | None
    """The address of the room's page, for a browser; null while it rings."""
    example: ClassVar[dict[str, Any]] = {"state": "claimed", "room_url": f"/consults/{CONSULT}/room"}


@dataclass(frozen=True, slots=True, config=STRICT)
class Asked:
    """The requester sees your question now."""

    inquiry_id: InquiryRef
    """The question; its answer comes with the ring."""
    example: ClassVar[dict[str, Any]] = {"inquiry_id": "inq_0198f3a1e6f7708192a3b4c5d6e7f809"}


@dataclass(frozen=True, slots=True, config=STRICT)
class Requested:
    """It rings."""

    consult_id: ConsultRef
    """The consult."""
    code: str
    """What people say on the telephone."""
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "code": "HC-2611-0412"}


@dataclass(frozen=True, slots=True, config=STRICT)
class Watched:
    """What happened since, and how it stands. Later entries come as `log`."""

    entries: list[EntryPart]
    """Entries after the number given, in order."""
    view: WaitingPart
    """How the request stands now."""
    example: ClassVar[dict[str, Any]] = {
        "entries": [],
        "view": {
            "code": "HC-2611-0412",
            "state": "ringing",
            "step": "on_call",
            "step_due_at": "2026-11-23T07:02:40Z",
            "next_step": "backup",
            "claimed_by": None,
            "claimed_facility_name": None,
            "telephones": [{"name": "Bệnh viện đa khoa tỉnh", "number": "0255 000 0115"}],
            "people": [
                {
                    "staff_name": "BS. Hà",
                    "facility_name": "Bệnh viện đa khoa tỉnh",
                    "step": "on_call",
                    "answer": "ringing",
                    "reason": None,
                    "rung_at": "2026-11-23T07:02:10Z",
                }
            ],
            "server_time": "2026-11-23T07:02:11Z",
        },
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class Joined:
    """You are in the room; publish and subscribe next."""

    participant_id: ParticipantRef
    """Yourself. The same again after each reconnect."""
    role: ParticipantRole
    """What you are here as."""
    state: str
    """State of the consult: `claimed`, or `scheduled` for a booked one whose specialist is not there yet."""
    started_at: datetime | None
    """When the case was taken; null before."""
    participants: list[ParticipantPart]
    """Everyone who may be in the room, yourself included."""
    entries: list[EntryPart]
    """Log entries after the number given, in order."""
    chat: list[ChatPart]
    """Chat lines after the number given, in order."""
    ice_servers: list[IceServerPart]
    """For both peer connections (`iceServers` of `RTCPeerConnection`). Empty when there is no relay."""
    advice: list[AdvicePart] = Field(default_factory=list)
    """Items of advice, all of them, when one was given or changed after the number given; none for an observer."""
    example: ClassVar[dict[str, Any]] = {
        "participant_id": PARTICIPANT,
        "role": "requester",
        "state": "claimed",
        "started_at": "2026-11-23T07:02:34Z",
        "participants": [
            {
                "participant_id": PARTICIPANT,
                "staff_id": STAFF,
                "staff_name": "BS. Nguyễn Thị Lụa",
                "facility_name": "Trạm y tế đặc khu",
                "role": "requester",
                "present": True,
                "connected": True,
                "audio": True,
                "video": True,
                "audio_only": False,
            }
        ],
        "entries": [],
        "chat": [],
        "ice_servers": [
            {
                "urls": [
                    "turn:turn.hoichan.example.vn:3478?transport=udp",
                    "turn:turn.hoichan.example.vn:3478?transport=tcp",
                    "turns:turn.hoichan.example.vn:443?transport=tcp",
                ],
                "username": f"1795460554:{PARTICIPANT}",
                "credential": "bW9yZSB0aGFuIGEgd29yZA==",
            }
        ],
        "advice": [],
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class Published:
    """The answer to the offer."""

    sdp: Sdp
    """The server's answer (type `answer`): ICE-lite, its candidates inside."""
    example: ClassVar[dict[str, Any]] = {"sdp": EXAMPLE_SDP}


@dataclass(frozen=True, slots=True, config=STRICT)
class Subscribed:
    """The server's offer, to be answered by `answer` with the same revision."""

    sdp: Sdp
    """The server's offer (type `offer`): ICE-lite, its candidates inside."""
    revision: int
    """Grows with each offer of this connection."""
    tracks: list[TrackPart]
    """Whose stream each m-section carries."""
    example: ClassVar[dict[str, Any]] = {
        "sdp": EXAMPLE_SDP,
        "revision": 1,
        "tracks": [
            {
                "mid": "0",
                "track_id": "trk_1",
                "participant_id": PARTICIPANT,
                "kind": "video",
                "source": "camera",
            }
        ],
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class Kept:
    """The line is kept. Sending it again gives the same number."""

    number: EntryNumber
    """The number of its log entry."""
    at: datetime
    """When it was kept."""
    example: ClassVar[dict[str, Any]] = {"number": 12, "at": "2026-11-23T07:05:10Z"}


@dataclass(frozen=True, slots=True, config=STRICT)
class BoardShown:
    """The board as it stands, or what changed on it. Later changes come as `board`."""

    at: datetime
    """As of when. Send it along after a reconnect."""
    whole: bool
    """Whether this is all of it: what you had is over. Otherwise keep what is not named here."""
    day_starts_at: datetime
    """Local midnight, from which lanes count."""
    rows: list[BoardRowPart]
    """Open requests and running consults, most urgent and oldest first."""
    gone: list[ConsultRef]
    """Consults that are open no longer."""
    more: bool
    """Whether more are open than a board holds; these are the most urgent ones."""
    lanes: list[LanePart]
    """All of today's lanes."""
    example: ClassVar[dict[str, Any]] = {
        "at": "2026-11-23T07:02:22Z",
        "whole": True,
        "day_starts_at": "2026-11-22T17:00:00Z",
        "rows": ROWS,
        "gone": [],
        "more": False,
        "lanes": [],
    }


Ack = (
    Done
    | BoardShown
    | Accepted
    | Held
    | Promised
    | InWriting
    | Raised
    | Asked
    | Requested
    | Watched
    | Joined
    | Published
    | Subscribed
    | Kept
    | Drawn
)
