"""Writing the worker's session descriptions: answers to publishers, offers to viewers (RFC 8829, RFC 8840)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from media import codecs, sdp
from media.sdp import Codec


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the worker is reached, and the certificate that it shows there."""

    hosts: tuple[str, ...]
    port: int
    fingerprint: str
    """SHA-256, as `AB:CD:…`."""
    tcp_port: int | None = None
    """Where it listens for TCP (RFC 6544), if it does."""

    def candidates(self) -> list[str]:
        """ICE candidates (RFC 8839 §5.1), UDP before TCP: by the priorities of RFC 8445 §5.1.2 and RFC 6544 §4.2, with
        90 as the type preference of TCP, so that it is used where UDP fails, and a relay only where both do."""
        ways = [
            f"udp {(126 << 24) + (65_535 - place << 8) + 255} {host} {self.port} typ host"
            for place, host in enumerate(self.hosts)
        ]
        if self.tcp_port is not None:
            # Direction preference 4, passive, in the upper three bits of the local preference.
            first = (90 << 24) + ((4 << 13) + 8_191 << 8) + 255
            ways += [
                f"tcp {first - (place << 8)} {host} {self.tcp_port} typ host tcptype passive"
                for place, host in enumerate(self.hosts)
            ]
        return [f"a=candidate:{number} 1 {way}" for number, way in enumerate(ways, 1)]


@dataclass(slots=True)
class Section:
    """One m-section to write. Without codecs it is written as rejected, with the other side's own words."""

    kind: str
    mid: str
    direction: str = "inactive"
    codecs: Sequence[Codec] = ()
    protocol: str = "UDP/TLS/RTP/SAVPF"
    formats: tuple[str, ...] = ("0",)
    extensions: dict[str, int] = field(default_factory=dict)
    rids: Sequence[str] = ()
    """Simulcast layers that are taken (RFC 8853)."""
    ssrc: int | None = None
    repair_ssrc: int | None = None
    name: str = ""
    """The CNAME and stream of what is sent: streams of one name play in lip sync."""
    track_id: str = ""


def write(
    session_id: int,
    version: int,
    sections: Sequence[Section],
    endpoint: Endpoint,
    *,
    ufrag: str,
    password: str,
    setup: str,
) -> str:
    """The whole description. `version` grows with each description of a session (RFC 8866 §5.2)."""
    bundled = " ".join(section.mid for section in sections if section.codecs)
    lines = [
        "v=0",
        f"o=- {session_id} {version} IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        f"a=group:BUNDLE {bundled}",
        "a=msid-semantic: WMS *",
        # For the session too: some readers want one for sections that are rejected, which have none of their own.
        f"a=fingerprint:sha-256 {endpoint.fingerprint}",
    ]
    shared = [
        f"a=ice-ufrag:{ufrag}",
        f"a=ice-pwd:{password}",
        f"a=fingerprint:sha-256 {endpoint.fingerprint}",
        f"a=setup:{setup}",
        *endpoint.candidates(),
        "a=end-of-candidates",
        "a=rtcp-mux",
    ]
    for section in sections:
        lines += _rejected(section) if not section.codecs else [*_media(section, endpoint), *shared]
        if section.codecs:
            lines += _formats(section)
    return "\r\n".join(lines) + "\r\n"


def _rejected(section: Section) -> list[str]:
    return [
        f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{section.mid}",
        "a=inactive",
    ]


def _media(section: Section, endpoint: Endpoint) -> list[str]:
    numbers = " ".join(str(codec.payload_type) for codec in section.codecs)
    host = endpoint.hosts[0]
    return [
        f"m={section.kind} {endpoint.port} {section.protocol} {numbers}",
        f"c=IN {'IP6' if ':' in host else 'IP4'} {host}",
        f"a=mid:{section.mid}",
        f"a={section.direction}",
    ]


def _formats(section: Section) -> list[str]:
    lines = []
    for codec in section.codecs:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        name = codec.name.lower() if codec.name in ("OPUS", "RTX", "RED") else codec.name
        lines.append(f"a=rtpmap:{codec.payload_type} {name}/{codec.clock_rate}{channels}")
        if codec.parameters:
            lines.append(f"a=fmtp:{codec.payload_type} {codec.parameters}")
        messages = codecs.feedback(codec, numbered=sdp.TRANSPORT_URI in section.extensions)
        lines += [f"a=rtcp-fb:{codec.payload_type} {message}" for message in messages]
    lines += [f"a=extmap:{number} {uri}" for uri, number in section.extensions.items()]
    if section.rids:
        lines += [f"a=rid:{rid} recv" for rid in section.rids]
        lines.append(f"a=simulcast:recv {';'.join(section.rids)}")
    if section.ssrc is not None:
        lines.append(f"a=msid:{section.name} {section.track_id}")
        # The media's SSRC comes before that of its repair: browsers take the first for the picture.
        ssrcs = [section.ssrc] if section.repair_ssrc is None else [section.ssrc, section.repair_ssrc]
        if len(ssrcs) == 2:
            lines.append(f"a=ssrc-group:FID {ssrcs[0]} {ssrcs[1]}")
        for ssrc in ssrcs:
            lines.append(f"a=ssrc:{ssrc} cname:{section.name}")
            lines.append(f"a=ssrc:{ssrc} msid:{section.name} {section.track_id}")
    return lines
