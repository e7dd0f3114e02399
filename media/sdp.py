"""Reading session descriptions (RFC 8866, RFC 8829): what a browser offers or answers, checked and bounded.

Only what the worker decides by is kept. Everything that is kept has been checked against a narrow alphabet, so it
may be written into another description without escaping.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from media.errors import sdp_invalid

MAX_SDP_BYTES = 65_536
MAX_SECTIONS = 64
MAX_SSRCS = 16
"""SSRCs kept of one m-section: three layers with repair need six."""

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
TRANSPORT_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
TRANSPORT_FEEDBACK = "transport-cc"
MAX_LAYERS = 3
"""Simulcast layers kept of one m-section."""

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~]{1,64}\Z")
_ICE = re.compile(r"[A-Za-z0-9+/]{4,256}\Z")
_RTPMAP = re.compile(r"(\d{1,3}) ([A-Za-z0-9\-_.]{1,32})/(\d{1,6})(?:/(\d{1,2}))?\Z")
_FMTP = re.compile(r"(\d{1,3}) ([A-Za-z0-9\-_.=;/+, ]{1,512})\Z")
_EXTMAP = re.compile(r"(\d{1,3})(?:/\w+)? (\S{1,128})(?: .*)?\Z")
_SSRC = re.compile(r"(\d{1,10})(?: |\Z)")
_FINGERPRINT = re.compile(r"(\S{1,16}) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){15,63})\Z")
_MEDIA = re.compile(r"(audio|video|application) (\d{1,5}) ([A-Z/]{3,32}) (.{1,1024})\Z")
_RID = re.compile(r"[A-Za-z0-9_-]{1,16}\Z")
_RTCP_FB = re.compile(r"(\d{1,3}|\*) ([a-z-]{1,16}(?: [a-z-]{1,16})?)\Z")
_ORIGIN = re.compile(r"\S+ (\d{1,20}) ")


@dataclass(frozen=True, slots=True)
class Codec:
    """One rtpmap with its fmtp. `name` is upper case as in the registry: OPUS, VP8, H264, RTX."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    parameters: str = ""

    def parameter(self, name: str) -> str | None:
        """A value of the fmtp, as `packetization-mode` of H.264."""
        for part in self.parameters.split(";"):
            key, _, value = part.strip().partition("=")
            if key.lower() == name:
                return value
        return None


@dataclass(slots=True)
class MediaSection:
    """One m-section. `formats` is kept to reject a section with its own words."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    mid: str = ""
    direction: str = "sendrecv"
    codecs: dict[int, Codec] = field(default_factory=dict)
    extensions: dict[str, int] = field(default_factory=dict)
    ssrcs: list[int] = field(default_factory=list)
    repairs: dict[int, int] = field(default_factory=dict)
    """Repair SSRC (RFC 4588) to the SSRC that it repairs."""
    rids: tuple[str, ...] = ()
    """Restriction ids of the layers that the author sends by simulcast (RFC 8853), in the order of the description."""
    feedback: dict[str, set[str]] = field(default_factory=dict)
    """RTCP feedback messages (RFC 4585 §4.2) by payload type or `*`."""
    ufrag: str = ""
    password: str = ""
    fingerprints: dict[str, str] = field(default_factory=dict)
    """Lower-case hash name to upper-case value."""
    setup: str = ""
    multiplexed: bool = False

    @property
    def sends(self) -> bool:
        """Whether the description's author sends in this section."""
        return self.port != 0 and self.direction in ("sendrecv", "sendonly")

    @property
    def receives(self) -> bool:
        """Whether the description's author receives in this section."""
        return self.port != 0 and self.direction in ("sendrecv", "recvonly")

    def understands(self, payload_type: int, message: str) -> bool:
        """Whether the author wants that feedback message for a payload type."""
        return any(message in self.feedback.get(key, ()) for key in (str(payload_type), "*"))

    @property
    def media_ssrcs(self) -> list[int]:
        """The SSRCs that carry media, in the order of the description."""
        return [ssrc for ssrc in self.ssrcs if ssrc not in self.repairs]


@dataclass(slots=True)
class SessionDescription:
    """A whole description whose sections have all that ICE and DTLS need."""

    session_id: str
    sections: list[MediaSection]
    bundle: tuple[str, ...]

    @property
    def transport(self) -> MediaSection:
        """The section whose ICE and DTLS parameters hold for the bundle (RFC 9143 §7)."""
        tagged = {section.mid: section for section in self.sections}
        return next((tagged[mid] for mid in self.bundle if mid in tagged), self.sections[0])


def parse(text: str) -> SessionDescription:
    """Read a description. Raises `media.sdp_invalid` for anything that cannot be used as it stands."""
    if len(text) > MAX_SDP_BYTES or len(text.encode("utf-8", "replace")) > MAX_SDP_BYTES:
        raise sdp_invalid("too long")
    lines = _lines(text)
    if next(lines, None) != ("v", "0"):
        raise sdp_invalid("no version line")
    session = MediaSection("audio", 9, "", ())
    session_id = ""
    bundle: tuple[str, ...] = ()
    sections: list[MediaSection] = []
    current = session
    for key, value in lines:
        if key == "o" and not session_id and (origin := _ORIGIN.match(value)):
            session_id = origin[1]
        elif key == "m":
            if len(sections) == MAX_SECTIONS:
                raise sdp_invalid("too many sections")
            current = _section(value)
            sections.append(current)
        elif key == "a":
            name, _, rest = value.partition(":")
            if name == "group" and current is session and rest.startswith("BUNDLE") and not bundle:
                bundle = tuple(rest.split()[1 : MAX_SECTIONS + 1])
            else:
                _attribute(current, name, rest)
    if not sections:
        raise sdp_invalid("no media section")
    for section in sections:
        _complete(section, session)
    if len({section.mid for section in sections}) != len(sections):
        raise sdp_invalid("a mid stands twice")
    description = SessionDescription(session_id, sections, bundle)
    _check_transport(description)
    return description


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for raw in text.split("\n"):
        line = raw.rstrip("\r")
        if not line:
            continue
        if len(line) < 2 or line[1] != "=" or not line.isprintable():
            raise sdp_invalid("a line is not of the form key=value")
        yield line[0], line[2:]


def _section(value: str) -> MediaSection:
    media = _MEDIA.match(value)
    if media is None or int(media[2]) > 65_535:
        raise sdp_invalid("a media line cannot be read")
    formats = tuple(media[4].split())
    if not formats or not all(_TOKEN.match(part) for part in formats):
        raise sdp_invalid("a media line has no formats")
    return MediaSection(media[1], int(media[2]), media[3], formats)


def _attribute(section: MediaSection, name: str, value: str) -> None:
    if name in DIRECTIONS:
        section.direction = name
    elif name == "mid":
        if not _TOKEN.match(value) or len(value) > 16:
            raise sdp_invalid("a mid cannot be used")
        section.mid = value
    elif name == "ice-ufrag" and _ICE.match(value):
        section.ufrag = value
    elif name == "ice-pwd" and _ICE.match(value) and len(value) >= 22:
        section.password = value
    elif name == "setup" and value in ("actpass", "active", "passive"):
        section.setup = value
    elif name == "fingerprint" and (fingerprint := _FINGERPRINT.match(value)):
        section.fingerprints[fingerprint[1].lower()] = fingerprint[2].upper()
    elif name == "rtcp-mux":
        section.multiplexed = True
    elif name == "bundle-only" and section.port == 0:
        section.port = 9  # port 0 here does not mean a rejected section (RFC 9143 §6)
    elif name == "rtpmap" and (rtpmap := _RTPMAP.match(value)):
        _rtpmap(section, rtpmap)
    elif name == "fmtp" and (fmtp := _FMTP.match(value)):
        if (codec := section.codecs.get(int(fmtp[1]))) is not None:
            section.codecs[codec.payload_type] = Codec(
                codec.payload_type, codec.name, codec.clock_rate, codec.channels, fmtp[2].strip()
            )
    elif name == "extmap" and (extmap := _EXTMAP.match(value)):
        if 1 <= int(extmap[1]) <= 14 and len(section.extensions) < 14:
            section.extensions.setdefault(extmap[2], int(extmap[1]))
    elif name == "rtcp-fb" and (feedback := _RTCP_FB.match(value)):
        if len(section.feedback) < 64:
            section.feedback.setdefault(feedback[1], set()).add(feedback[2])
    elif name == "simulcast" and not section.rids:
        section.rids = _layers(value)
    elif name == "ssrc" and (ssrc := _SSRC.match(value)):
        number = int(ssrc[1])
        if 0 < number < 1 << 32 and number not in section.ssrcs and len(section.ssrcs) < MAX_SSRCS:
            section.ssrcs.append(number)
    elif name == "ssrc-group":
        _ssrc_group(section, value.split())


def _layers(value: str) -> tuple[str, ...]:
    """The first alternative of each stream that is sent (RFC 8853 §5.1); `~` marks one that is paused at first."""
    words = value.split()
    for direction, streams in zip(words[::2], words[1::2], strict=False):
        if direction == "send":
            first = [stream.partition(",")[0].removeprefix("~") for stream in streams.split(";")]
            return tuple(rid for rid in dict.fromkeys(first) if _RID.match(rid))[:MAX_LAYERS]
    return ()


def _rtpmap(section: MediaSection, rtpmap: re.Match[str]) -> None:
    payload_type = int(rtpmap[1])
    # 64 to 95 would look like RTCP on a shared port (RFC 5761 §4).
    usable = payload_type < 64 or 96 <= payload_type < 128
    if usable and rtpmap[1] in section.formats and int(rtpmap[3]) > 0:
        section.codecs[payload_type] = Codec(payload_type, rtpmap[2].upper(), int(rtpmap[3]), int(rtpmap[4] or 1))


def _ssrc_group(section: MediaSection, parts: list[str]) -> None:
    # More digits than ten are no SSRC, and thousands of them no number for Python.
    if len(parts) == 3 and parts[0] == "FID" and all(part.isdecimal() and len(part) <= 10 for part in parts[1:]):
        media, repair = int(parts[1]), int(parts[2])
        if media != repair and max(media, repair) < 1 << 32 and len(section.repairs) < MAX_SSRCS:
            section.repairs[repair] = media


def _complete(section: MediaSection, session: MediaSection) -> None:
    """Session-level ICE and DTLS attributes hold for the sections that have none of their own."""
    if not section.mid:
        raise sdp_invalid("a section has no mid")
    section.ufrag = section.ufrag or session.ufrag
    section.password = section.password or session.password
    section.setup = section.setup or session.setup
    if not section.fingerprints:
        section.fingerprints = dict(session.fingerprints)


def _check_transport(description: SessionDescription) -> None:
    transport = description.transport
    used = [section for section in description.sections if section.port != 0]
    if len(used) > 1 and not {section.mid for section in used} <= set(description.bundle):
        raise sdp_invalid("sections are not bundled")
    if not (transport.ufrag and transport.password):
        raise sdp_invalid("no ICE credentials")
    if not transport.fingerprints.keys() & {"sha-256", "sha-384", "sha-512"}:
        raise sdp_invalid("no DTLS fingerprint")
    if any(section.kind != "application" and not section.multiplexed for section in used):
        raise sdp_invalid("RTCP is not multiplexed")


def same_peer(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two sets of fingerprints name the same certificate."""
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[name] == other[name] for name in shared)
