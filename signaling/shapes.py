"""Parts that several events share: bounded texts, ids and the small objects within events.

Everything here is checked on the way in and documents itself on the way out: the docstring under a field is the
sentence that `docs/protocol.md` prints for it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from consult_rooms.model import ConsentBy, ParticipantRole

STRICT = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)
"""No coercion, no unknown field: what was not meant is told, not guessed."""

SDP_LENGTH = 100_000
"""Characters of one session description; a full simulcast offer of a browser has about 10,000."""

ConsultRef = Annotated[str, Field(pattern=r"^con_[0-9a-f]{32}$")]
StaffRef = Annotated[str, Field(pattern=r"^[a-z]{3}_[0-9a-f]{32}$")]
SpecialtyRef = Annotated[str, Field(pattern=r"^[a-z]{3}_[0-9a-f]{32}$")]
ParticipantRef = Annotated[str, Field(pattern=r"^par_[0-9a-f]{32}$")]
InquiryRef = Annotated[str, Field(pattern=r"^inq_[0-9a-f]{32}$")]
ClientKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
"""A key that the client makes up, at random, and repeats when it tries again."""
Sdp = Annotated[str, Field(min_length=1, max_length=SDP_LENGTH)]
Line = Annotated[str, Field(max_length=500)]
Paragraph = Annotated[str, Field(max_length=4000)]
EntryNumber = Annotated[int, Field(ge=0, le=2**53 - 1)]
Mid = Annotated[str, Field(min_length=1, max_length=32)]
Source = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,31}|device:[^\p{C}\p{Zl}\p{Zp}]{1,57})$")]
"""A word, or `device:` and the name that a person or the device's maker gave it."""
TrackRef = Annotated[str, Field(min_length=1, max_length=64)]
Sex = Literal["male", "female", "other"]
Kind = Literal["audio", "video", "screen"]
Data = dict[str, Any]

CONSULT = "con_0198f3a1c2d47e5f8a9b0c1d2e3f4a5b"
"""The consult of all examples; below it their other ids."""
PARTICIPANT = "par_0198f3a1d5e67f008b9c0d1e2f3a4b5c"
STAFF = "stf_0198f3a0b1c27d3e8f90a1b2c3d4e5f6"
EXAMPLE_SDP = "v=0\r\no=- 4611 2 IN IP4 127.0.0.1\r\n…"


@dataclass(frozen=True, slots=True, config=STRICT)
class QuestionPart:
    """The question in SBAR form. Every part may be empty in an emergency."""

    situation: Paragraph = ""
    """What happens now."""
    background: Paragraph = ""
    """What led to it."""
    assessment: Paragraph = ""
    """What the asking doctor thinks it is."""
    recommendation: Paragraph = ""
    """What the asking doctor wants to know or have done."""


@dataclass(frozen=True, slots=True, config=STRICT)
class ConsentPart:
    """The patient's consent, given by whom."""

    consult: bool
    """To the consult itself."""
    record_view: bool
    """To the specialist seeing the E Health Book."""
    by: ConsentBy
    """Who consented: the patient, a proxy, a guardian, or `not_possible`."""
    note: Line = ""
    """Why nobody could be asked, or the name of the relation."""


@dataclass(frozen=True, slots=True, config=STRICT)
class EntryPart:
    """One entry of a consult's log."""

    number: EntryNumber
    """1 for the first entry of the consult, without gaps."""
    at: datetime
    """When it happened, UTC (RFC 3339)."""
    kind: str
    """Such as `requested`, `rung`, `claimed`, `joined`, `first_frame`, `left`, `chat`, `ended`. Ignore unknown ones.
    `added` and `addition_withdrawn` say that something came into or out of the patient's book (`what` is `vitals`,
    `result`, `picture` or `document`, `addition` its id); who may see the book reads it anew over HTTP."""
    actor_name: str | None
    """Who did it; null for the system."""
    text: str
    """The sentence for people, in the language of the person who is signed in."""
    data: Data
    """Ids, codes and numbers that belong to the kind. Never text about a patient."""


@dataclass(frozen=True, slots=True, config=STRICT)
class ChatPart:
    """One line of the room's chat."""

    number: EntryNumber
    """The number of its log entry."""
    at: datetime
    """When it was kept."""
    sender_id: StaffRef
    """Who wrote it (a staff id)."""
    sender_name: str
    """The name to show."""
    text: str
    """What was written."""
    client_id: str
    """The key that the sender's client gave it."""


@dataclass(frozen=True, slots=True, config=STRICT)
class ParticipantPart:
    """One person of the room."""

    participant_id: ParticipantRef
    """The same for as long as the consult lasts, also after a reload."""
    staff_id: StaffRef
    """Who it is."""
    staff_name: str
    """The name to show."""
    facility_name: str
    """Where the person works."""
    role: ParticipantRole
    """`requester`, `specialist`, `invited` or `observer`; an observer only receives."""
    present: bool
    """Whether the person is in the room. Stays true for 20 s after a connection broke."""
    connected: bool
    """Whether the person's socket is up now. `present` without `connected` reads: reconnecting."""
    audio: bool
    """Whether the microphone is on."""
    video: bool
    """Whether the camera is on."""
    audio_only: bool
    """Whether the person chose sound only: sends no picture and takes none."""


@dataclass(frozen=True, slots=True, config=STRICT)
class TrackPart:
    """One stream of another participant, as it stands in the subscribe offer."""

    mid: Mid | None
    """The m-section of the offer that carries it."""
    track_id: str
    """Names the stream for as long as it is published."""
    participant_id: str
    """Whose it is."""
    kind: str
    """`audio` or `video`."""
    source: str
    """What it shows: `camera`, `microphone`, `screen`, a device's word, or `device:` and a name for people."""


@dataclass(frozen=True, slots=True, config=STRICT)
class IceServerPart:
    """A relay, as W3C's RTCIceServer has it: hand it to `RTCPeerConnection` as it is."""

    urls: list[str]
    """`turn:` and `turns:` addresses (RFC 7065) of the same relay, over UDP, TCP and TLS."""
    username: str
    """Yours alone, and good for some hours: every `join_room` gives a fresh one. Do not keep it."""
    credential: str
    """The password."""


@dataclass(frozen=True, slots=True, config=STRICT)
class InquiryPart:
    """What somebody who is rung asked the requester first."""

    inquiry_id: InquiryRef
    """The question."""
    asker_name: str
    """Who asked."""
    question: str
    """What."""
    answer: str | None
    """What the requester answered; null until then."""


@dataclass(frozen=True, slots=True, config=STRICT)
class RungPart:
    """One person who is or was rung."""

    staff_name: str
    """The name to show."""
    facility_name: str
    """Where the person works."""
    step: str
    """Which step rang: `on_call`, `backup`, `specialty`, `alternate` or `coordinator`."""
    answer: str
    """`ringing`, `accepted`, `declined`, `stopped`, `later` (promised), `forwarded`, `in_charge`; or why a
    ring may not be heard: `busy` (or said so), `offline`, `unknown`."""
    reason: str | None
    """Why it was declined: `in_procedure`, `in_consult`, `out_of_scope`, `other`."""
    rung_at: datetime
    """Since when."""


@dataclass(frozen=True, slots=True, config=STRICT)
class TelephonePart:
    """A number that answers at any hour."""

    name: str
    """Whose it is."""
    number: str
    """To be dialled as it is."""


@dataclass(frozen=True, slots=True, config=STRICT)
class WaitingPart:
    """How a request stands, for the page on which one waits."""

    code: str
    """What people say on the telephone."""
    state: str
    """`scheduled`, `ringing`, `claimed`, `ended`, `closed` or `cancelled`."""
    step: str | None
    """The step of the ladder that rings now."""
    step_due_at: datetime | None
    """When the next step adds people, unless somebody accepts before."""
    next_step: str | None
    """Which step that is."""
    claimed_by: str | None
    """Who took the case."""
    claimed_facility_name: str | None
    """From where."""
    telephones: list[TelephonePart]
    """Emergency numbers of the linked hospitals: an emergency may call them from the first second."""
    people: list[RungPart]
    """Everyone who was rung, in order."""
    server_time: datetime
    """The server's time when this was made; count down from the difference, not from the own clock."""
