"""A participant's publish connection: the browser offers, the worker answers and knows what comes by which SSRC."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from media import codecs, sdp
from media.api import ConnectionState, Direction, Rung, Track
from media.coming import comes, look
from media.connection import Connection, random_text
from media.description import Section, write
from media.errors import sdp_invalid
from media.plane import Plane
from media.sdp import Codec, MediaSection, SessionDescription
from media.tracks import UpLayer, UpTrack
from media.transport_feedback import Arrivals
from media.viewing import WAKING_S

_UNWATCHED_S = 3.0
"""How long a layer that nobody watches goes on."""
_PAUSE_S = 3.0
"""How long a layer rests that its line dropped. Browsers forget at once what of it still waits to be sent, which took a
thin line a second and more; later they find out themselves what the line carries."""
MAX_TRACKS = 8
"""Streams that one participant publishes at most."""
MAX_REPAIRS = 64
"""SSRCs that repair them: two for each layer, and some that were replaced. libsrtp forgets none."""
_SOURCES = {"audio": "microphone", "video": "camera"}

_PRIORITIES = {"microphone": 0, "leading camera": 1, "screen": 2}
_OTHER = 3
"""Who goes first on a viewer's thin line; the smallest number does."""

Changed = Callable[["Publisher", ConnectionState], None]


class Publisher:
    """The streams of one participant."""

    def __init__(self, participant_id: str, plane: Plane, changed: Changed, *, leads: bool = False) -> None:
        self.participant_id = participant_id
        self._plane = plane
        self._changed = changed
        self._leads = leads
        self._stream_id = random_text(16)
        self._session_id = secrets.randbits(62)
        self._version = 0
        self._peer_session_id = ""
        self._peer_ufrag = ""
        self._connection: Connection | None = None
        self._ups: dict[str, UpTrack] = {}
        self._uplink = Rung.HD

    @property
    def ups(self) -> list[UpTrack]:
        """What is published now, in the order of the m-sections."""
        return list(self._ups.values())

    def hurried(self) -> bool:
        """Whether its line has just begun to drop a layer; asking clears it."""
        connection = self._connection
        if connection is None or not connection.hurried:
            return False
        connection.hurried = False
        return True

    def continues(self, offer: SessionDescription) -> bool:
        """Whether an offer renegotiates this connection; if not, it stands for a new one."""
        return (
            self._connection is not None
            and self._peer_session_id == offer.session_id
            and sdp.same_peer(self._connection.peer_fingerprints, offer.transport.fingerprints)
        )

    def answer(self, offer: SessionDescription, sources: Mapping[str, str]) -> str:
        """Take an offer, first or later, and answer it."""
        transport = offer.transport
        if transport.setup not in ("actpass", "active"):
            raise sdp_invalid("the offer leaves no passive role to the worker")
        if sum(section.sends and section.kind != "application" for section in offer.sections) > MAX_TRACKS:
            raise sdp_invalid("too many streams")
        if self._connection is None:
            self._connection = self._plane.open(self, Direction.PUBLISH)
            self._connection.peer_fingerprints = dict(transport.fingerprints)
        elif transport.ufrag != self._peer_ufrag:
            self._plane.restart_ice(self._connection)
        self._peer_session_id, self._peer_ufrag = offer.session_id, transport.ufrag
        connection = self._connection
        before, self._ups = self._ups, {}
        sections = [self._take(section, sources, before, connection) for section in offer.sections]
        for up in before.values():
            if self._ups.get(up.sender_mid) is not up:
                self._plane.ended(up)
        self._route(offer, connection)
        self._plane.trust(connection)
        self._version += 1
        return write(
            self._session_id,
            self._version,
            sections,
            self._plane.endpoint,
            ufrag=connection.ufrag,
            password=connection.password,
            setup="passive",
        )

    def watch(self, up: UpTrack, wanted: set[int], now: float) -> tuple[str, ...] | None:
        """Note which layers of a track are watched. Their rids when that has changed, else None.

        The smallest layer goes on whoever watches, so that a picture is there at once when somebody does again. A layer
        that nobody needs any more is stopped after a while only: wishes come and go.
        """
        changed = False
        for index, layer in enumerate(up.layers):
            look(layer, now)
            if index in wanted or index == 0:
                layer.needed_at = now
                if not layer.wanted:
                    layer.wanted, layer.wanted_at, changed = True, now, True
            elif layer.wanted and now - layer.needed_at > _UNWATCHED_S and layer.needed_at > 0:
                layer.wanted, changed = False, True
            elif layer.needed_at == 0:
                layer.needed_at = now
            paused = index > 0 and now - layer.overflown_at < _PAUSE_S
            if paused is not layer.paused:
                layer.paused, changed = paused, True
        if not changed or len(up.layers) == 1:
            return None
        return tuple(layer.rid for layer in up.layers if layer.wanted and not layer.paused)

    def uplink(self, now: float) -> Rung | None:
        """What of the camera arrives, when that has changed; else None."""
        camera = next((up for up in self._ups.values() if up.track.source == "camera"), None)
        if camera is None or not any(layer.reception.received for layer in camera.layers):
            return None
        rung = _arriving(camera, now)
        if rung is None or rung is self._uplink:
            return None
        self._uplink = rung
        return rung

    def close(self) -> None:
        """End the connection and all its streams."""
        for up in self._ups.values():
            self._plane.ended(up)
        if self._connection is not None:
            self._plane.close(self._connection)
        self._ups = {}

    def connection_changed(self, connection: Connection, state: ConnectionState) -> None:
        """Called by the transport."""
        if connection is self._connection:
            self._changed(self, state)

    def introduce(self, ssrc: int, payload_type: int, mid: str | None, rid: str | None) -> None:
        """Bind an SSRC that no description named: by its mid, else by its payload type if that is one stream's own;
        one of several layers by its rid."""
        connection = self._connection
        if connection is None:
            return
        fitting = [
            up
            for up in self._ups.values()
            if payload_type in (up.codec.payload_type, up.red_type, up.repair_type) and mid in (None, up.sender_mid)
        ]
        if len(fitting) != 1:
            return
        up = fitting[0]
        layer = up.layers[0] if len(up.layers) == 1 else next((one for one in up.layers if one.rid == rid), None)
        if layer is None:
            return
        if payload_type == up.repair_type:
            if len(connection.repairs) >= MAX_REPAIRS:
                return
            connection.repairs[ssrc] = layer
        elif layer.ssrc is None:
            layer.ssrc = ssrc
            connection.ups[ssrc] = layer

    def _take(
        self, section: MediaSection, sources: Mapping[str, str], before: Mapping[str, UpTrack], connection: Connection
    ) -> Section:
        """Answer one m-section, and keep or begin its stream."""
        written = Section(section.kind, section.mid, protocol=section.protocol, formats=section.formats)
        codec = codecs.choose(section) if section.kind != "application" and section.port else None
        if codec is None:
            return written
        repair, red = codecs.repair_of(section, codec), codecs.red_of(section, codec)
        # Redundant audio stands first: what stands first is what browsers send.
        written.codecs = [one for one in (red, codec, repair) if one is not None]
        self._take_extensions(section, written, codec, connection)
        if section.sends:
            written.direction = "recvonly"
            written.rids = section.rids
            up = before.get(section.mid)
            usual = _SOURCES[section.kind]
            source = sources.get(section.mid, usual if up is None else up.track.source)[:64]
            ssrcs = section.media_ssrcs
            same = (
                up is not None
                and up.codec == codec
                and up.track.source == source
                and tuple(layer.rid for layer in up.layers) == (section.rids or ("",))
                and (up.layers[0].ssrc is None or not ssrcs or up.layers[0].ssrc == ssrcs[0])
            )
            if up is None or not same:
                track = Track(random_text(16), self.participant_id, section.kind, source)
                stream = self._stream_id if source == usual else f"{self._stream_id}-{section.mid}"
                up = UpTrack(
                    track, stream, connection, section.mid, codec, repair=repair, red=red, rids=section.rids
                )  # fmt: skip
                up.priority = _PRIORITIES.get(
                    "leading camera" if self._leads and source == "camera" else source, _OTHER
                )
                for layer in up.layers:
                    layer.wanted_at = self._plane.now()
            if ssrcs and len(up.layers) == 1:
                up.layers[0].ssrc = ssrcs[0]
            self._ups[section.mid] = up
        return written

    def _take_extensions(self, section: MediaSection, written: Section, codec: Codec, connection: Connection) -> None:
        """Accept what the worker reads, and note under which numbers it comes."""
        offered = section.extensions
        if sdp.MID_URI in offered:
            written.extensions[sdp.MID_URI] = connection.mid_number = offered[sdp.MID_URI]
        if section.rids:
            if sdp.RID_URI in offered:
                written.extensions[sdp.RID_URI] = connection.rid_number = offered[sdp.RID_URI]
            if sdp.REPAIRED_RID_URI in offered:
                written.extensions[sdp.REPAIRED_RID_URI] = connection.repaired_rid_number = offered[
                    sdp.REPAIRED_RID_URI
                ]
        if section.kind == "audio" and sdp.LEVEL_URI in offered:
            written.extensions[sdp.LEVEL_URI] = connection.level_number = offered[sdp.LEVEL_URI]
        if sdp.TRANSPORT_URI in offered and section.understands(codec.payload_type, sdp.TRANSPORT_FEEDBACK):
            written.extensions[sdp.TRANSPORT_URI] = connection.transport_number = offered[sdp.TRANSPORT_URI]
            if connection.arrivals is None:
                connection.arrivals = Arrivals()

    def _route(self, offer: SessionDescription, connection: Connection) -> None:
        """Note which SSRC carries what. SSRCs learnt from packets stay with the streams that stay."""
        repairs = {ssrc: layer for ssrc, layer in connection.repairs.items() if self._stays(layer)}
        for section in offer.sections:
            if (up := self._ups.get(section.mid)) is not None and len(up.layers) == 1:
                layer = up.layers[0]
                repairs.update((ssrc, layer) for ssrc, media in section.repairs.items() if media == layer.ssrc)
        connection.repairs = repairs
        connection.route(
            {layer.ssrc: layer for up in self._ups.values() for layer in up.layers if layer.ssrc is not None}
        )
        connection.strangers.clear()

    def _stays(self, layer: UpLayer) -> bool:
        return self._ups.get(layer.up.sender_mid) is layer.up


def _arriving(camera: UpTrack, now: float) -> Rung | None:
    """The best that comes of a camera. None while a layer that was just asked for may be on its way."""
    layers = [layer for layer in camera.layers if layer.wanted]
    if any(now - layer.wanted_at < WAKING_S for layer in layers):
        return None
    coming = [layer for layer in layers if comes(layer, now)]
    if not coming:
        return Rung.AUDIO
    best = coming[-1]
    if best is camera.layers[0] and 0 < best.frame_rate < 1.0:
        return Rung.STILLS
    if best is layers[-1]:
        return Rung.HD
    return Rung.LOW if best is camera.layers[0] else Rung.REDUCED
