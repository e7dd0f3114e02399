"""What the server sends about a room's media. The docstrings here are printed in `docs/protocol.md`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from media.api import Cause, Rung
from signaling.shapes import (
    CONSULT,
    EXAMPLE_SDP,
    PARTICIPANT,
    STRICT,
    ConsultRef,
    Mid,
    ParticipantRef,
    Sdp,
    TrackPart,
    TrackRef,
)


@dataclass(frozen=True, slots=True, config=STRICT)
class SubscribeOffer:
    """Streams came or went: answer this offer on the subscribe connection that you have, by `answer`."""

    consult_id: ConsultRef
    """The room."""
    sdp: Sdp
    """The server's offer (type `offer`)."""
    revision: int
    """To be repeated in the answer."""
    tracks: list[TrackPart]
    """Whose stream each m-section carries. One that is absent has ended."""
    name: ClassVar[str] = "subscribe_offer"
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "sdp": EXAMPLE_SDP,
        "revision": 2,
        "tracks": [
            {"mid": "0", "track_id": "trk_1", "participant_id": PARTICIPANT, "kind": "audio", "source": "microphone"}
        ],
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class Quality:
    """What you receive of a video stream has changed: how good it is, and what holds it back. Say it on the picture."""

    consult_id: ConsultRef
    """The room."""
    track_id: TrackRef
    """The stream. Until you are told, it is `hd`."""
    rung: Annotated[
        Rung,
        Field(
            description="`hd`: the best that is sent; `reduced`, `low`: a smaller layer; "
            "`stills`: one frame every few seconds; `audio`: no picture."
        ),
    ]
    cause: Annotated[
        Cause,
        Field(
            description="`none`; `uplink`: the sender's line; `downlink`: your own line; "
            "`wish`: you asked for no more by `prefer`."
        ),
    ]
    name: ClassVar[str] = "quality"
    example: ClassVar[dict[str, Any]] = {
        "consult_id": CONSULT,
        "track_id": "trk_1",
        "rung": "stills",
        "cause": "uplink",
    }


@dataclass(frozen=True, slots=True, config=STRICT)
class Uplink:
    """What your own line carries upward, by the server's measure. Fit what you send to it, sound before pictures."""

    consult_id: ConsultRef
    """The room."""
    rung: Annotated[
        Rung,
        Field(
            description="`hd`: everything; `reduced`: no full layer; `low`: the smallest layer; "
            "`stills`: one sharp frame every few seconds; `audio`: no picture."
        ),
    ]
    name: ClassVar[str] = "uplink"
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "rung": "reduced"}


@dataclass(frozen=True, slots=True, config=STRICT)
class Layers:
    """The layers of a stream of yours that somebody watches now. Send no others."""

    consult_id: ConsultRef
    """The room."""
    track_id: TrackRef
    """The stream."""
    mid: Mid
    """Its m-section in your own offer."""
    rids: Annotated[list[str], Field(max_length=8)]
    """Restriction ids (RFC 8851) as your offer has them. Empty: nobody watches; send nothing until told otherwise."""
    name: ClassVar[str] = "layers"
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "track_id": "trk_1", "mid": "1", "rids": ["q", "h"]}


@dataclass(frozen=True, slots=True, config=STRICT)
class Speakers:
    """Who speaks now. Replaces what you were told before."""

    consult_id: ConsultRef
    """The room."""
    participant_ids: Annotated[list[ParticipantRef], Field(max_length=64)]
    """The loudest first; empty when nobody speaks."""
    name: ClassVar[str] = "speakers"
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT, "participant_ids": [PARTICIPANT]}


@dataclass(frozen=True, slots=True, config=STRICT)
class MediaLost:
    """The server that carried the room's media is gone. Drop both peer connections, then publish and subscribe anew."""

    consult_id: ConsultRef
    """The room."""
    name: ClassVar[str] = "media_lost"
    example: ClassVar[dict[str, Any]] = {"consult_id": CONSULT}
