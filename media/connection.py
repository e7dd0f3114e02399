"""One peer connection as the worker holds it: ICE credentials, addresses, DTLS, SRTP and what it carries."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Protocol

from media.aiortc_seam import Address, SrtpSession
from media.api import ConnectionState, Direction
from media.dtls import DtlsSession
from media.tracks import DownTrack, UpTrack

_ALPHABET = string.ascii_letters + string.digits
MAX_STRANGERS = 32
"""SSRCs that belong to nothing known; each authenticated one costs libsrtp memory."""


class ConnectionOwner(Protocol):
    """Who is told what becomes of a connection."""

    def connection_changed(self, connection: Connection, state: ConnectionState) -> None:
        """The connection came up, went silent, came back or ended."""
        ...

    def introduce(self, ssrc: int, payload_type: int, mid: str | None) -> None:
        """An authentic packet of an unknown SSRC came: note in the connection which track it belongs to."""
        ...


class Connection:
    """State of one peer connection. Times are monotonic seconds."""

    __slots__ = (
        "address", "addresses", "created_at", "direction", "downs", "dtls", "handshake_at", "heard_at",
        "mid_number", "owner", "password", "peer_fingerprints", "repair_budget", "repairs", "reported_at", "srtp",
        "ssrc", "state", "strangers", "ufrag", "ups",
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
        self.dtls: DtlsSession | None = None
        self.peer_fingerprints: Mapping[str, str] = {}
        """From the peer's description; no media passes before the certificate has been checked against it."""
        self.srtp: SrtpSession | None = None
        self.state: ConnectionState | None = None
        self.created_at = now
        self.handshake_at: float | None = None
        self.heard_at = now
        self.reported_at = 0.0
        self.ssrc = secrets.randbits(31) | 1
        """The SSRC of the worker's own RTCP on this connection."""
        self.ups: dict[int, UpTrack] = {}
        """Media SSRC to the track published under it."""
        self.repairs: dict[int, UpTrack] = {}
        """Repair SSRC to the track that it repairs."""
        self.strangers: set[int] = set()
        self.mid_number = 0
        """Number of the header extension that carries the mid; 0 when the peer sends none."""
        self.downs: dict[int, DownTrack] = {}
        """Outgoing SSRC to the track forwarded under it."""
        self.repair_budget = 0

    def renew_credentials(self) -> None:
        """New ICE credentials for an ICE restart (RFC 8445 §9)."""
        self.ufrag, self.password = random_text(8), random_text(24)


def random_text(length: int) -> str:
    """Letters and digits from the system's secure source."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
