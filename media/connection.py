"""One peer connection as the worker holds it: ICE credentials, addresses, DTLS, SRTP and what it carries."""

from __future__ import annotations

import secrets
import string
from array import array
from collections.abc import Mapping
from typing import Protocol

from media.address import Address
from media.aiortc_seam import SrtpSession
from media.api import ConnectionState, Direction
from media.bandwidth import SendSideEstimate
from media.dtls import DtlsSession
from media.pacing import Pacer
from media.tracks import DownTrack, UpLayer
from media.transport_feedback import Arrivals

_ALPHABET = string.ascii_letters + string.digits
MAX_STRANGERS = 32
"""SSRCs that belong to nothing known; each authenticated one costs libsrtp memory."""
MAX_REPORTERS = 64
"""SSRCs by which a peer sends RTCP beside those of its media: a browser has one, others one a stream."""


_NONE = SendSideEstimate()
"""For publishers, to whom nothing is sent whose way would have to be known: it takes 10 kB."""


class ConnectionOwner(Protocol):
    """Who is told what becomes of a connection."""

    def connection_changed(self, connection: Connection, state: ConnectionState) -> None:
        """The connection came up, went silent, came back or ended."""
        ...

    def introduce(self, ssrc: int, payload_type: int, mid: str | None, rid: str | None) -> None:
        """An authentic packet of an unknown SSRC came: note in the connection which track it belongs to."""
        ...


class Connection:
    """State of one peer connection. Times are monotonic seconds."""

    __slots__ = (
        "address", "addresses", "arrivals", "created_at", "credit", "direction", "doubted_at", "downs", "dtls",
        "estimate", "handshake_at", "heard_at", "held", "hurried", "level_number", "mid_number", "numbered", "numbers",
        "owner", "pacer", "password", "peer_fingerprints", "proved", "repair_budget", "repair_downs", "repair_s",
        "repaired_rid_number", "repairs", "reported_at", "reporters", "rid_number", "srtp", "ssrc", "state",
        "status_budget", "strangers", "transport_number", "ufrag", "ups",
    )  # fmt: skip

    def __init__(self, owner: ConnectionOwner, direction: Direction, now: float) -> None:
        self.owner = owner
        self.direction = direction
        self.ufrag = random_text(8)
        self.password = random_text(24)
        self.address: Address | None = None
        """Where packets go: the nominated address."""
        self.addresses: list[Address] = []
        """All addresses that have proved to know the password."""
        self.credit = 0.0
        """Octets that may yet be sent to `address`; without end once a handshake has shown that the peer is there."""
        self.held: list[bytes] = []
        """Datagrams of the handshake for which there was no credit."""
        self.dtls: DtlsSession | None = None
        self.peer_fingerprints: Mapping[str, str] = {}
        """From the peer's description; no media passes before the certificate has been checked against it."""
        self.srtp: SrtpSession | None = None
        self.state: ConnectionState | None = None
        self.created_at = now
        self.handshake_at: float | None = None
        self.heard_at = now
        self.proved = False
        """Whether RTCP has come under the keys of this association: then the peer has finished its handshake too."""
        self.hurried = False
        """Whether something came up for which its owner should not wait until its next look."""
        self.doubted_at: float | None = None
        """When something came that may have been a goodbye."""
        self.reported_at = 0.0
        self.ssrc = secrets.randbits(31) | 1
        """The SSRC of the worker's own RTCP on this connection."""
        self.ups: dict[int, UpLayer] = {}
        """Media SSRC to the layer published under it."""
        self.repairs: dict[int, UpLayer] = {}
        """Repair SSRC to the layer that it repairs."""
        self.strangers: set[int] = set()
        self.reporters: set[int] = set()
        """Other SSRCs by which authentic RTCP came."""
        self.mid_number = self.rid_number = self.repaired_rid_number = self.level_number = self.transport_number = 0
        """Numbers of the header extensions that the peer sends; 0 for one that it does not."""
        self.arrivals: Arrivals | None = None
        """When packets came, for a publisher that wants to hear it (transport-wide congestion control)."""
        self.repair_s = 0.1
        """From asking a publisher for a packet to its coming, smoothed."""
        self.downs: dict[int, DownTrack] = {}
        """Outgoing SSRC to the track forwarded under it."""
        self.repair_downs: dict[int, DownTrack] = {}
        """Outgoing repair SSRC to the track that it repairs."""
        self.repair_budget = 0
        """Octets that may be repeated before the next tick."""
        self.status_budget = 0
        """Statuses of transport-wide feedback that are read before the next tick."""
        self.estimate = SendSideEstimate() if direction is Direction.SUBSCRIBE else _NONE
        """What a viewer's line carries."""
        self.numbered = False
        """Whether the viewer reports each packet by its transport-wide number."""
        self.numbers = array("H", (secrets.randbits(16),))
        """The next transport-wide sequence number: one cell, which C counts up too."""
        self.pacer: Pacer | None = None
        """Holds back what would come in bursts that a thin line cannot take."""

    def is_sound(self, ssrc: int) -> bool:
        """Whether a stream that goes out under that SSRC is sound."""
        down = self.downs.get(ssrc)
        return down is not None and not down.up.is_video

    def route(self, ups: dict[int, UpLayer]) -> None:
        """From now on these SSRCs carry these layers."""
        for layer in self.ups.values():
            if layer.source is not None:
                layer.source.release()
        self.ups = ups

    def disarm(self) -> None:
        """What happens to its packets is to be decided by Python again."""
        for layer in self.ups.values():
            layer.disarm()

    def changed(self) -> None:
        """Something that decides how packets go to this viewer is no longer as it was."""
        for down in self.downs.values():
            if down.layer is not None:
                down.layer.group = None

    def renew_credentials(self) -> None:
        """New ICE credentials for an ICE restart (RFC 8445 §9)."""
        self.ufrag, self.password = random_text(8), random_text(24)


def random_text(length: int) -> str:
    """Letters and digits from the system's secure source."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
