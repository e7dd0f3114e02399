"""SDP fragments that trickle ICE candidates or restart ICE (`application/trickle-ice-sdpfrag`, RFC 8840 §9).

The worker is ICE-lite: it learns a client's addresses from its checks, so candidates are read past. What counts are the
credentials, by which a restart is told from a trickle.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from foundation.errors import Invalid
from foundation.i18n import N_

CONTENT_TYPE = "application/trickle-ice-sdpfrag"

_LINE = re.compile(r"[a-z]=\S.{0,2000}\Z")
_UFRAG = re.compile(r"a=ice-ufrag:([A-Za-z0-9+/]{4,256})\Z")
_PASSWORD = re.compile(r"a=ice-pwd:([A-Za-z0-9+/]{22,256})\Z")
_MOST_LINES = 500


@dataclass(frozen=True, slots=True)
class Fragment:
    """The credentials of a fragment; empty where it has none (trickling may leave them out)."""

    ufrag: str
    password: str


def read(text: str) -> Fragment:
    """The fragment's credentials. Raises Invalid("sdp.fragment_invalid")."""
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if not lines or len(lines) > _MOST_LINES or not all(_LINE.match(line) and line.isprintable() for line in lines):
        raise Invalid("sdp.fragment_invalid", UNREADABLE)
    ufrags = {found[1] for line in lines if (found := _UFRAG.match(line))}
    passwords = {found[1] for line in lines if (found := _PASSWORD.match(line))}
    if len(ufrags) > 1 or len(passwords) > 1 or len(ufrags) != len(passwords):
        raise Invalid("sdp.fragment_invalid", UNREADABLE)
    return Fragment("".join(ufrags), "".join(passwords))


def credentials(description: str) -> Fragment:
    """The credentials of a whole description: those that stand first hold for the bundle."""
    ufrag = re.search(r"^a=ice-ufrag:(\S+)", description, re.MULTILINE)
    password = re.search(r"^a=ice-pwd:(\S+)", description, re.MULTILINE)
    return Fragment(ufrag[1] if ufrag else "", password[1] if password else "")


def restarted(offer: str, fragment: Fragment) -> str:
    """The offer that the client would have sent to restart ICE: the same with other credentials, without candidates."""
    offer = re.sub(r"(?m)^a=ice-ufrag:\S+", f"a=ice-ufrag:{fragment.ufrag}", offer)
    offer = re.sub(r"(?m)^a=ice-pwd:\S+", f"a=ice-pwd:{fragment.password}", offer)
    return re.sub(r"(?m)^a=(candidate:.*|end-of-candidates)\r?\n", "", offer)


def of_answer(answer: str) -> str:
    """The fragment that tells the client the worker's new credentials and candidates (RFC 9725 §4.3.3)."""
    kept = r"^(a=ice-lite|a=group:BUNDLE .*|m=.*|a=mid:.*|a=ice-ufrag:.*|a=ice-pwd:.*|a=candidate:.*|a=end-of-.*)$"
    lines = [line for line in answer.split("\r\n") if re.match(kept, line)]
    sections = [place for place, line in enumerate(lines) if line.startswith("m=")]
    if len(sections) > 1:
        lines = lines[: sections[1]]  # the first section's hold for the whole bundle
    return "\r\n".join(lines) + "\r\n"


def origin(description: str) -> str:
    """The session id of a description's `o=` line (RFC 8866 §5.2); it stays as long as the peer connection does."""
    found = re.search(r"^o=\S+ (\d{1,20}) ", description, re.MULTILINE)
    return found[1] if found else ""


def mids(description: str) -> list[str]:
    """The mids of a description, in order."""
    return re.findall(r"(?m)^a=mid:(\S{1,16})\s*$", description)


UNREADABLE = N_("This is no ICE fragment that can be read.")
