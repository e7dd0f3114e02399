"""What one media worker is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Settings of one worker process. Durations are in seconds, rates in bit/s."""

    worker_id: str
    """Stable name of this worker in the directory and in logs."""
    control_token: str = field(repr=False)
    """Secret shared with the web nodes; both sides prove that they know it, it is never sent."""
    control_path: Path | None = None
    """Unix socket of the control channel; without it `control_host` and `control_port` are used."""
    control_host: str = "127.0.0.1"
    control_port: int = 0
    """0 takes any free port, which is of use only with a directory."""
    control_announce: str = ""
    """`HOST:PORT` at which web nodes of other machines reach the control channel; empty: the address it listens on."""
    bind_host: str = "127.0.0.1"
    """Address of the one UDP socket; `0.0.0.0` or `::` for every interface."""
    announce_host: str = "127.0.0.1"
    """IP address that browsers are told to send to; several with commas between, the preferred one first. Browsers
    get these very words as ICE candidates, so a host's name would not do for all of them."""
    port: int = 0
    """UDP port; 0 takes any free one."""
    tcp_port: int | None = 0
    """TCP port for those whom UDP does not reach; 0: the number of the UDP port; None: no TCP."""
    tcp_streams: int = 500
    """TCP connections at once, and how many of them from one place (an IPv4 address or 64 bits of IPv6): a hospital
    behind one address has two a person."""
    tcp_streams_per_site: int = 100
    tcp_proof_s: float = 5.0
    """A TCP connection that has made no authentic check by then is cut."""
    tcp_silence_s: float = 30.0
    """A TCP connection is cut after this silence (RFC 7675: consent expires after 30 s)."""
    video_bitrate: int = 2_500_000
    """Ceiling that each published video is told by REMB."""
    room_capacity: int = 16
    """Participants a room admits."""
    max_connections: int = 1_000
    max_handshakes: int = 256
    """DTLS handshakes under way at once; more are dropped and the browsers repeat them."""
    handshake_timeout_s: float = 10.0
    connect_timeout_s: float = 30.0
    """A connection from which no packet comes at all is closed after this time."""
    silence_s: float = 5.0
    """A connection is called disconnected after this silence (RFC 7675 leaves 30 s; people wait less)."""
    abandon_s: float = 60.0
    """A connection is closed after this silence."""
    max_load: float = 0.6
    """Share of one core above which no new room is admitted."""
    drain_s: float = 0.0
    """How long rooms may go on after the first SIGTERM or the command to drain. 0: SIGTERM ends at once, and a drain
    has no limit."""
    stop_with_parent: bool = False
    """Stop when standard input ends: the parent holds its other end, so no worker outlives it."""

    @property
    def announced(self) -> tuple[str, ...]:
        """The announced addresses, the preferred one first."""
        return tuple(part.strip() for part in self.announce_host.split(",") if part.strip())
