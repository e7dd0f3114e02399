"""What a client sends about a room. The docstrings here are printed in `docs/protocol.md`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from consult_rooms.model import LineState, ParticipantRole
from signaling.acks import Ack, Done, Joined, Kept, Published, Subscribed
from signaling.shapes import (
    CONSULT,
    EXAMPLE_SDP,
    PARTICIPANT,
    STAFF,
    STRICT,
    ClientKey,
    ConsultRef,
    EntryNumber,
    Kind,
    Mid,
    ParticipantRef,
    Sdp,
    Source,
    StaffRef,
    TrackRef,
)


@dataclass(frozen=True, slots=True, config=STRICT)
class JoinRoom:
    """Enter the room, or come back to it. A second tab of the same person takes over from the first."""

    consult_id: ConsultRef
    """The consult."""
    tab_id: ClientKey
    """Random, the same as long as the tab or process lives: tells a reconnect from a second tab."""
    after: EntryNumber = 0
    """The last log number that you have; 0 for everything."""
    audio: bool = True
    """Whether your microphone is on."""
    video: bool = True
    """Whether your camera is on."""
    audio_only: bool = False
    """Whether you chose sound only. What you receive follows `prefer`."""
    name: ClassVar[str] = "join_room"
    ack: ClassVar[type[Ack]] = Joined
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "tab_id": "t4b-9f27c1aa", "after": 0}


@dataclass(frozen=True, slots=True, config=STRICT)
class Publish:
    """Offer what you send. Replaces your earlier publish connection, if there is one. Observers may not."""

    consult_id: ConsultRef
    """The room."""
    sdp: Sdp
    """Your offer (type `offer`), complete: candidates gathered or none at all, no trickle."""
    sources: Annotated[dict[Mid, Source], Field(min_length=1, max_length=8)]
    """For each m-section by its mid, what it shows: `microphone`, `camera`, `screen`, a device's word, or `device:` and
    a name for people, such as `device:Máy siêu âm`."""
    name: ClassVar[str] = "publish"
    ack: ClassVar[type[Ack]] = Published
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "sdp": EXAMPLE_SDP,
        "sources": {"0": "microphone", "1": "camera"},
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class Subscribe:
    """Ask for an offer of everything that the others publish. Replaces your earlier subscribe connection."""

    consult_id: ConsultRef
    """The room."""
    restart: bool = False
    """After a change of network: ask to keep the connection that you have, with new ICE credentials. If the offer is of
    another session (the first number of its `o=` line), it could not be kept: answer on a new connection."""
    name: ClassVar[str] = "subscribe"
    ack: ClassVar[type[Ack]] = Subscribed
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class Answer:
    """Answer an offer of the subscribe connection."""

    consult_id: ConsultRef
    """The room."""
    sdp: Sdp
    """Your answer (type `answer`)."""
    revision: Annotated[int, Field(ge=0, le=2**31)]
    """That of the offer. `media.revision_stale` says that a newer offer is on its way: answer that one."""
    name: ClassVar[str] = "answer"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "sdp": EXAMPLE_SDP, "revision": 1}


@dataclass(frozen=True, slots=True, config=STRICT)
class Prefer:
    """Say how high you show streams, so that nobody's line carries more than is looked at. Again whenever that changes,
    at most some times a second. At first each comes as high as it is sent."""

    consult_id: ConsultRef
    """The room."""
    heights: Annotated[dict[TrackRef, Annotated[int, Field(ge=0, le=4320)]], Field(min_length=1, max_length=64)]
    """By `track_id`, the height in device pixels; 0: not at all, and nothing is sent. What is not named stays as it
    was; unknown ones are ignored."""
    name: ClassVar[str] = "prefer"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "heights": {"trk_1": 720, "trk_2": 0}}


@dataclass(frozen=True, slots=True, config=STRICT)
class SetMedia:
    """Tell the others whether your microphone and camera are on. Muting itself is done by your client."""

    consult_id: ConsultRef
    """The room."""
    audio: bool
    """Whether the microphone is on."""
    video: bool
    """Whether the camera is on."""
    audio_only: bool = False
    """Whether you chose sound only. What you receive follows `prefer`."""
    name: ClassVar[str] = "set_media"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "audio": True, "video": False}


@dataclass(frozen=True, slots=True, config=STRICT)
class SendChat:
    """Write a line into the room's chat. It comes back to everyone in the room, yourself included, as `chat`."""

    consult_id: ConsultRef
    """The room."""
    text: Annotated[str, Field(min_length=1, max_length=4000)]
    """The line."""
    client_id: ClientKey
    """Random; repeat it when trying again: the line is kept once."""
    name: ClassVar[str] = "send_chat"
    ack: ClassVar[type[Ack]] = Kept
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "text": "Đã chụp CT lúc 13:50",
        "client_id": "msg-7d20f1",
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class ReportFirstFrame:
    """Say that the first frame of somebody's stream was decoded. Once for each participant and kind."""

    consult_id: ConsultRef
    """The room."""
    participant_id: ParticipantRef
    """Whose stream."""
    kind: Kind
    """Of which kind."""
    after_ms: Annotated[int, Field(ge=0, le=3_600_000)]
    """Milliseconds from your `join_room` to the frame."""
    name: ClassVar[str] = "report_first_frame"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "participant_id": PARTICIPANT,
        "kind": "video",
        "after_ms": 640,
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class ReportLine:
    """Say how your line is, whenever that changes, so that the other side reads it in words."""

    consult_id: ConsultRef
    """The room."""
    state: LineState
    """How it is."""
    name: ClassVar[str] = "report_line"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "state": "weak"}


@dataclass(frozen=True, slots=True, config=STRICT)
class LeaveRoom:
    """Leave; the consult goes on, and you may come back."""

    consult_id: ConsultRef
    """The room."""
    name: ClassVar[str] = "leave_room"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class EndConsult:
    """End the consult for everyone. The specialist alone may."""

    consult_id: ConsultRef
    """The consult."""
    name: ClassVar[str] = "end_consult"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}


@dataclass(frozen=True, slots=True, config=STRICT)
class Invite:
    """Ask another person into the room."""

    consult_id: ConsultRef
    """The room."""
    staff_id: StaffRef
    """Whom."""
    role: Annotated[ParticipantRole, Field(description="`invited`, or `observer`, who only receives.")]
    sees_book: bool = False
    """Whether the person may see the patient's book."""
    name: ClassVar[str] = "invite"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "staff_id": STAFF,
        "role": "observer",
        "sees_book": False,
    }


RoomEvent = (
    JoinRoom
    | Publish
    | Subscribe
    | Answer
    | Prefer
    | SetMedia
    | SendChat
    | ReportFirstFrame
    | ReportLine
    | LeaveRoom
    | EndConsult
    | Invite
)
