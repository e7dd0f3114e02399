"""The engine in C as Python sees it: peers are added, then it runs on a thread of its own and is asked for figures."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.load.payload import Payload

_LEAD_S = 0.005
"""The window begins so much later than it is asked for, so that the thread sees it in time."""


class Outgoing(ctypes.Structure):
    """One m-section that a publisher sends; twin of `outgoing` in plane.h."""

    _fields_ = (
        ("ssrc", ctypes.c_uint32),
        ("repair_ssrc", ctypes.c_uint32),
        ("payload_type", ctypes.c_int32),
        ("repair_type", ctypes.c_int32),
        ("mid", ctypes.c_int32),
        ("level", ctypes.c_int32),
        ("sent_at", ctypes.c_int32),
        ("transport", ctypes.c_int32),
        ("mid_text", ctypes.c_char * 4),
    )


class Incoming(ctypes.Structure):
    """One m-section that a viewer receives; twin of `incoming` in plane.h."""

    _fields_ = (
        ("payload_type", ctypes.c_int32),
        ("repair_type", ctypes.c_int32),
        ("clock_rate", ctypes.c_int32),
        ("transport", ctypes.c_int32),
    )


_TOTALS = (
    "sent", "expected", "received", "octets", "repaired", "foreign", "send_errors", "open_errors", "late_frames",
    "asked", "answered", "key_requests", "nacks", "nacks_answered", "bitrate_limits", "transport_feedback",
    "receiver_reports", "sender_reports", "reports_sent", "feedback_sent", "consents", "silent",
)  # fmt: skip


class _Totals(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in _TOTALS)


@dataclass(frozen=True, slots=True)
class Keys:
    """SRTP keys of one association, AES-128-GCM: key and salt, 28 bytes for each direction."""

    send: bytes
    receive: bytes


class Engine:
    """One load. `close` frees it; the process has one at a time."""

    def __init__(self, library: Path, capacity: int, payload: Payload) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.plane_new.restype = ctypes.c_void_p
        for name in ("plane_publish", "plane_view", "plane_start"):
            getattr(self._library, name).restype = ctypes.c_bool
        for name in ("plane_latency", "plane_strange"):
            getattr(self._library, name).restype = ctypes.c_uint32
        self._plane = ctypes.c_void_p(self._library.plane_new(capacity))
        if not self._plane.value:
            raise MemoryError
        packets = [packet for frame in payload.frames for packet in frame]
        self._library.plane_payload(
            self._plane,
            b"".join(packets),
            (ctypes.c_uint32 * len(packets))(*map(len, packets)),
            len(packets),
            (ctypes.c_uint32 * len(payload.frames))(*map(len, payload.frames)),
            bytes(payload.keys),
            len(payload.frames),
        )
        self._buffer = ctypes.create_string_buffer(2048)

    def publish(self, descriptor: int, keys: Keys, audio: Outgoing, video: Outgoing, viewers: int) -> None:
        """Add a publisher whose connection is up, and whose packets so many viewers are to get."""
        made = self._library.plane_publish(
            self._plane, descriptor, keys.send, keys.receive, ctypes.byref(audio), ctypes.byref(video),
            ctypes.c_uint32(viewers),
        )  # fmt: skip
        if not made:
            raise MemoryError

    def view(
        self, descriptor: int, keys: Keys, audio: Incoming, video: Incoming, ssrc: int, *, tells_limit: bool
    ) -> None:
        """Add a viewer whose connection is up; `ssrc` is its own, for RTCP."""
        made = self._library.plane_view(
            self._plane, descriptor, keys.send, keys.receive, ctypes.byref(audio), ctypes.byref(video),
            ctypes.c_uint32(ssrc), ctypes.c_bool(tells_limit),
        )  # fmt: skip
        if not made:
            raise MemoryError

    def start(self) -> None:
        """Send and receive from now on."""
        if not self._library.plane_start(self._plane):
            raise MemoryError

    def open_window(self) -> None:
        """Count what is sent from now on."""
        self._begin = time.time_ns() + int(_LEAD_S * 1e9)
        self._window(1 << 62)

    def close_window(self) -> float:
        """Count no further. The window's length in seconds."""
        end = time.time_ns()
        self._window(end)
        return (end - self._begin) / 1e9

    def _window(self, end: int) -> None:
        self._library.plane_window(self._plane, ctypes.c_uint64(self._begin), ctypes.c_uint64(end))

    def strange(self) -> Iterator[tuple[int, bytes]]:
        """Datagrams that came for the Python side of a peer (STUN, DTLS), with the peer's file descriptor."""
        descriptor = ctypes.c_int()
        while size := self._library.plane_strange(self._plane, ctypes.byref(descriptor), self._buffer):
            yield descriptor.value, self._buffer.raw[:size]

    def stop(self) -> None:
        """End the thread."""
        self._library.plane_stop(self._plane)

    def totals(self) -> dict[str, int]:
        """Everything counted; the engine has been stopped."""
        totals = _Totals()
        self._library.plane_totals(self._plane, ctypes.byref(totals))
        return {name: int(getattr(totals, name)) for name in _TOTALS}

    def latency_ms(self, share: float) -> float:
        """Milliseconds from a packet's making to its arrival in the viewer's kernel, which `share` did not exceed."""
        return float(self._library.plane_latency(self._plane, ctypes.c_double(share))) / 1000

    def close(self) -> None:
        """Stop and free everything."""
        self.stop()
        self._library.plane_free(self._plane)
