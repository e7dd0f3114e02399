"""Session descriptions of the load peers: what Chromium would offer and answer, as far as this load sends it."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
SENT_AT = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
_EXTENSIONS = {"audio": (LEVEL, SENT_AT, TRANSPORT, MID), "video": (SENT_AT, TRANSPORT, MID)}
_NUMBERS = {LEVEL: 1, SENT_AT: 2, TRANSPORT: 3, MID: 4}
_WANTED = {"audio": "opus/48000/2", "video": "VP8/90000"}
_FEEDBACK = ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")


@dataclass(slots=True)
class Section:
    """An m-section of the server's description."""

    kind: str
    mid: str = ""
    direction: str = "sendrecv"
    rejected: bool = False
    formats: dict[int, str] = field(default_factory=dict)
    """Payload type to encoding, as `VP8/90000`."""
    repairs: dict[int, int] = field(default_factory=dict)
    """Payload type to the payload type that repairs it."""
    feedback: dict[int, list[str]] = field(default_factory=dict)
    extensions: dict[str, int] = field(default_factory=dict)

    @property
    def wanted(self) -> int | None:
        """The payload type of the codec that this load sends."""
        name = _WANTED[self.kind].lower()
        return next((number for number, codec in self.formats.items() if codec.lower() == name), None)

    @property
    def tells_limit(self) -> bool:
        """Whether a receiver tells a bitrate by REMB: Chromium does when there is no transport feedback."""
        feedback = self.feedback.get(self.wanted or -1, ())
        return "goog-remb" in feedback and TRANSPORT not in self.extensions


@dataclass(frozen=True, slots=True)
class Remote:
    """What a server's description says."""

    ufrag: str
    password: str
    address: tuple[str, int]
    sections: list[Section]

    def of_kind(self, kind: str) -> Section:
        """The first section of a kind that carries something."""
        return next(s for s in self.sections if s.kind == kind and not s.rejected and s.direction != "inactive")


def read(text: str) -> Remote:
    """Read a server's offer or answer."""
    sections: list[Section] = []
    for line in text.splitlines():
        if media := re.match(r"m=(\w+) (\d+) ", line):
            sections.append(Section(media[1], rejected=media[2] == "0"))
        elif sections:
            _attribute(sections[-1], line)
    # Loopback: there is one way to the server, so there is no pair to choose.
    address = re.search(r"a=candidate:\S+ 1 (?:udp|UDP) \d+ (127\.0\.0\.1) (\d+) typ host", text)
    ufrag, password = re.search(r"a=ice-ufrag:(\S+)", text), re.search(r"a=ice-pwd:(\S+)", text)
    if address is None or ufrag is None or password is None:
        raise ValueError(f"no way to the server on 127.0.0.1 in\n{text}")
    return Remote(ufrag[1], password[1], (address[1], int(address[2])), sections)


def _attribute(section: Section, line: str) -> None:
    if line.startswith("a=mid:"):
        section.mid = line[6:]
    elif line in ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"):
        section.direction = line[2:]
    elif rtpmap := re.match(r"a=rtpmap:(\d+) (\S+)", line):
        section.formats[int(rtpmap[1])] = rtpmap[2]
    elif repair := re.match(r"a=fmtp:(\d+) apt=(\d+)", line):
        section.repairs[int(repair[2])] = int(repair[1])
    elif feedback := re.match(r"a=rtcp-fb:(\d+) (.+)", line):
        section.feedback.setdefault(int(feedback[1]), []).append(feedback[2])
    elif extension := re.match(r"a=extmap:(\d+)\S* (\S+)", line):
        section.extensions[extension[2]] = int(extension[1])


@dataclass(frozen=True, slots=True)
class Local:
    """What a load peer says of itself."""

    ufrag: str
    password: str
    fingerprint: str
    port: int
    transport_feedback: bool
    """Whether transport-wide congestion control is offered and accepted."""


@dataclass(frozen=True, slots=True)
class Sources:
    """SSRCs that a publisher names in its offer."""

    audio: int
    video: int
    repair: int


def offer(local: Local, sources: Sources) -> str:
    """A publisher's offer: camera with RTX and microphone. DTLS's active role is taken, as Janus would take it."""
    lines = _session(local, ("0", "1"))
    for kind, mid in (("audio", "0"), ("video", "1")):
        numbers = "111" if kind == "audio" else "96 97"
        lines += [f"m={kind} 9 UDP/TLS/RTP/SAVPF {numbers}", *_transport(local, mid), "a=sendonly", "a=msid:load load"]
        lines += [
            f"a=extmap:{_NUMBERS[uri]} {uri}"
            for uri in _EXTENSIONS[kind]
            if uri != TRANSPORT or local.transport_feedback
        ]
        if kind == "audio":
            lines += ["a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1"]
            lines += ["a=rtcp-fb:111 transport-cc"] if local.transport_feedback else []
            lines += [f"a=ssrc:{sources.audio} cname:bench-cname1"]
        else:
            lines += ["a=rtpmap:96 VP8/90000", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96"]
            lines += [
                f"a=rtcp-fb:96 {name}" for name in _FEEDBACK if name != "transport-cc" or local.transport_feedback
            ]
            lines += [f"a=ssrc-group:FID {sources.video} {sources.repair}"]
            lines += [f"a=ssrc:{ssrc} cname:bench-cname1" for ssrc in (sources.video, sources.repair)]
    return "\r\n".join(lines) + "\r\n"


def accept(remote: Remote, *, transport_feedback: bool) -> None:
    """Leave out of an offer what this peer does not accept, so that what is left is what was agreed."""
    for section in remote.sections:
        known = _EXTENSIONS.get(section.kind, ())
        section.extensions = {
            uri: number
            for uri, number in section.extensions.items()
            if uri in known and (uri != TRANSPORT or transport_feedback)
        }


def answer(local: Local, remote: Remote) -> str:
    """A viewer's answer to an offer that has been through `accept`."""
    lines = _session(local, [section.mid for section in remote.sections])
    for section in remote.sections:
        number = section.wanted
        repair = section.repairs.get(number or -1)
        numbers = [number] if repair is None else [number, repair]
        idle = section.direction == "inactive" or section.rejected
        lines += [
            f"m={section.kind} 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, numbers))}",
            *_transport(local, section.mid),
            "a=inactive" if idle else "a=recvonly",
            *(f"a=extmap:{value} {uri}" for uri, value in section.extensions.items()),
            *(f"a=rtpmap:{value} {section.formats[value]}" for value in numbers if value is not None),
            *([] if repair is None else [f"a=fmtp:{repair} apt={number}"]),
            *(
                f"a=rtcp-fb:{number} {name}"
                for name in section.feedback.get(number or -1, ())
                if name in _feedback(local)
            ),
        ]
    return "\r\n".join(lines) + "\r\n"


def _feedback(local: Local) -> list[str]:
    return [name for name in _FEEDBACK if name != "transport-cc" or local.transport_feedback]


def _session(local: Local, mids: list[str] | tuple[str, ...]) -> list[str]:
    return [
        "v=0",
        f"o=- {secrets.randbits(40)} 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {' '.join(mids)}",
        "a=msid-semantic: WMS *",
        f"a=fingerprint:sha-256 {local.fingerprint}",
    ]


def _transport(local: Local, mid: str) -> list[str]:
    return [
        "c=IN IP4 127.0.0.1",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=candidate:1 1 udp 2130706431 127.0.0.1 {local.port} typ host",
        "a=end-of-candidates",
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        "a=setup:active",
        f"a=mid:{mid}",
        "a=rtcp-mux",
    ]
