"""A participant that offers to receive and is answered once, as WHEP players do; later streams fill what is free."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from media import codecs, sdp
from media.api import ConnectionState, SubscribeOffer
from media.connection import random_text
from media.description import Section, write
from media.errors import connection_unknown, sdp_invalid
from media.plane import Plane
from media.sdp import Codec, MediaSection, SessionDescription
from media.subscriber import Slot, Subscriber, fresh_ssrcs
from media.tracks import UpTrack

MAX_SLOTS = 32
_LONGEST_MID = 3
"""Letters of a mid that fit the eight bytes of header extension which every outgoing packet has."""
_EXTENSION = struct.Struct("!HHB3s")

Changed = Callable[[Subscriber, ConnectionState], None]


class OfferedTypes(codecs.PayloadTypes):
    """Payload types as the viewer's own offer numbers them: within a bundle a number means one codec (RFC 9143 §9)."""

    def __init__(self, offer: SessionDescription) -> None:
        super().__init__()
        self._sections = {section.mid: section for section in offer.sections}

    def of_section(self, section: MediaSection, codec: Codec | None = None) -> list[Codec]:
        """What a section takes of all that is forwarded, or the formats that take this codec, best first."""
        offered = [section.codecs[int(number)] for number in section.formats if _is_number(number, section)]
        fitting = [one for one in offered if codecs.is_forwarded(section.kind, one)]
        if codec is not None:
            fitting = [one for one in fitting if one.name == codec.name]
            fitting.sort(key=lambda one: codecs.key(one) != codecs.key(codec))
        return fitting

    def repair(self, codec: Codec) -> Codec | None:
        """The retransmission format that the viewer offers for one of its codecs."""
        found = (codecs.repair_of(section, codec) for section in self._sections.values())
        return next((repair for repair in found if repair is not None), None)


class Viewer(Subscriber):
    """What one participant receives by an offer of its own (draft-ietf-wish-whep).

    Every section that would receive is answered as sending, whether there is a stream for it yet or not, so that a
    stream that comes later needs no new description: it takes the first free section of its kind whose codecs fit. The
    first one in a section has the SSRC of the answer; later ones are known by the mid in their packets.
    """

    def __init__(self, plane: Plane, changed: Changed) -> None:
        super().__init__(plane, 0, changed)
        self._slots = []
        self._peer_session_id = ""
        self._peer_ufrag = ""
        self._sections: dict[str, MediaSection] = {}
        self._offered: OfferedTypes | None = None
        self._stream_id = random_text(16)
        self._used: set[int] = set()
        """SSRCs that have been sent: none of them may begin a second time with other keys' numbers."""

    def continues(self, offer: SessionDescription) -> bool:
        """Whether an offer restarts ICE on this connection; if not, it stands for a new one."""
        known = self._connection.peer_fingerprints
        return (
            self._offered is not None
            and self._peer_session_id == offer.session_id
            and [slot.mid for slot in self._slots] == [section.mid for section in offer.sections]
            and sdp.same_peer(known, offer.transport.fingerprints)
        )

    def take(self, offer: SessionDescription, wanted: Sequence[UpTrack]) -> str:
        """Answer the viewer's offer. Raises `media.sdp_invalid`."""
        transport = offer.transport
        if transport.setup not in ("actpass", "active"):
            raise sdp_invalid("the offer leaves no passive role to the worker")
        if len(offer.sections) > MAX_SLOTS:
            raise sdp_invalid("too many sections")
        types = OfferedTypes(offer)
        if not any(section.receives and types.of_section(section) for section in offer.sections):
            raise sdp_invalid("nothing can be sent to the offer's author")
        connection = self._connection
        if self._offered is None:
            connection.peer_fingerprints = dict(transport.fingerprints)
            self._slots = [_slot(section) for section in offer.sections]
        elif transport.ufrag != self._peer_ufrag:
            self._plane.restart_ice(connection)
        self._offered = self._payload_types = types
        self._peer_session_id, self._peer_ufrag = offer.session_id, transport.ufrag
        self._sections = {section.mid: section for section in offer.sections}
        self.refresh(wanted)
        self.revision += 1
        text = write(
            self._session_id,
            self.revision,
            [self._answered(slot) for slot in self._slots],
            self._plane.endpoint,
            ufrag=connection.ufrag,
            password=connection.password,
            setup="passive",
        )
        self._plane.trust(connection)
        self._begin()
        return text

    def refresh(self, wanted: Sequence[UpTrack]) -> bool:
        """See `Subscriber`. Nothing is ever offered anew."""
        super().refresh(wanted)
        self._begin()
        return False

    def offer(self) -> SubscribeOffer:
        """A viewer that offers itself is offered nothing. Raises `media.connection_unknown`."""
        raise connection_unknown()

    def answer(self, text: str, revision: int) -> None:  # noqa: ARG002 - the signature of `Subscriber`
        """It answers nothing either. Raises `media.connection_unknown`."""
        raise connection_unknown()

    def _assign(self, up: UpTrack) -> bool:
        types = self._offered
        if types is None:
            return False
        for slot in self._slots:
            section = self._sections[slot.mid]
            if slot.up is not None or slot.kind != up.track.kind or not section.receives:
                continue
            fitting = types.of_section(section, up.codec)
            if not fitting:
                continue
            slot.up, slot.codec, slot.accepted = up, fitting[0], True
            slot.repair_accepted = up.is_video and types.repair(fitting[0]) is not None
            if slot.ssrc in self._used:
                slot.ssrc, slot.repair_ssrc = fresh_ssrcs()
            self._used.add(slot.ssrc)
            return False
        return False

    def _begin(self) -> None:
        super()._begin()
        for slot in self._slots:
            if slot.down is not None:
                slot.down.extension = self._extension(slot.mid)

    def _extension(self, mid: str) -> bytes:
        """The header extension of a section's packets: its mid under the viewer's number, else padding alone."""
        number = self._sections[mid].extensions.get(sdp.MID_URI, 0)
        if not number or len(mid) > _LONGEST_MID:
            return _EXTENSION.pack(0xBEDE, 1, 0, b"")
        return _EXTENSION.pack(0xBEDE, 1, number << 4 | len(mid) - 1, mid.encode())

    def _answered(self, slot: Slot) -> Section:
        offered, types = self._sections[slot.mid], self._offered
        section = Section(offered.kind, offered.mid, protocol=offered.protocol, formats=offered.formats)
        formats = types.of_section(offered) if types is not None and offered.receives else []
        if types is None or not formats:
            return section
        if slot.codec is not None:
            formats.sort(key=lambda codec: codec != slot.codec)
        repairs = [repair for codec in formats if (repair := types.repair(codec)) is not None]
        section.codecs = [*formats, *(repairs if offered.kind == "video" else [])]
        section.direction = "sendonly"
        if sdp.MID_URI in offered.extensions:
            section.extensions[sdp.MID_URI] = offered.extensions[sdp.MID_URI]
        section.ssrc = slot.ssrc
        section.repair_ssrc = slot.repair_ssrc if repairs and offered.kind == "video" else None
        section.name = self._stream_id if slot.up is None else slot.up.stream_id
        section.track_id = random_text(16) if slot.up is None else slot.up.track.track_id
        return section


def _slot(section: MediaSection) -> Slot:
    slot = Slot(section.mid, section.kind)
    slot.ssrc, slot.repair_ssrc = fresh_ssrcs()
    return slot


def _is_number(text: str, section: MediaSection) -> bool:
    return text.isdecimal() and int(text) in section.codecs
