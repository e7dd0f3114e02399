"""The only file that touches names that aioice and pylibsrtp do not document.

Both are pinned in pyproject.toml to a minor release, and `tests/media/test_seam.py` holds what is relied on:
aioice's STUN messages (RFC 8489), and libsrtp's functions on caller-owned memory, which spare three copies
and two allocations a packet against `pylibsrtp.Session.protect`.
"""

from __future__ import annotations

import struct
from typing import Any

from aioice import stun
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib  # type: ignore[import-not-found]  # a compiled module without stubs

STUN_COOKIE = b"\x21\x12\xa4\x42"
MAX_PACKET = 2048
_TRAILER = 160
"""Room that libsrtp may need behind a packet: index, tag and key identifier (SRTP_MAX_SRTCP_TRAILER_LEN is 148)."""

SLOT_STRIDE = MAX_PACKET + _TRAILER
"""Bytes of a `PacketBuffer`."""

_open_rtp = lib.srtp_unprotect
_open_rtcp = lib.srtp_unprotect_rtcp
_seal_rtp = lib.srtp_protect
_seal_rtcp = lib.srtp_protect_rtcp
_copy = ffi.memmove

AES_128_GCM: int = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
AES_256_GCM: int = Policy.SRTP_PROFILE_AEAD_AES_256_GCM
AES_128_CM_SHA1_80: int = Policy.SRTP_PROFILE_AES128_CM_SHA1_80


class BindingRequest:
    """A connectivity check or consent check of a full ICE agent (RFC 8445 §7.2)."""

    __slots__ = ("_message", "nominates", "username")

    def __init__(self, message: stun.Message) -> None:
        self._message = message
        self.username: str = message.attributes.get("USERNAME", "")
        self.nominates = "USE-CANDIDATE" in message.attributes

    @classmethod
    def parse(cls, datagram: bytes) -> BindingRequest | None:
        """The request, or None for anything else. Cookie and length are checked here: aioice checks no cookie."""
        if len(datagram) < 20 or datagram[4:8] != STUN_COOKIE or datagram[0] > 3:
            return None
        try:
            message = stun.parse_message(datagram)
        except (ValueError, struct.error, IndexError):
            return None
        if message.message_method != stun.Method.BINDING or message.message_class != stun.Class.REQUEST:
            return None
        return cls(message)

    def is_from_holder_of(self, password: str) -> bool:
        """Whether its integrity was made with the password (RFC 8489 §9.1)."""
        return self._message.check_message_integrity(password.encode())

    def response(self, host: str, port: int, password: str) -> bytes:
        """The success response, which tells the sender the address that it was seen at."""
        answer = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=self._message.transaction_id,
        )
        answer.attributes["XOR-MAPPED-ADDRESS"] = (host.partition("%")[0], port)
        answer.add_message_integrity(password.encode())
        return bytes(answer)


def seal_function() -> int:
    """Where libsrtp's `srtp_protect(context, packet, length *)` lies; it gives 0 when it has sealed the packet."""
    return int(ffi.cast("uintptr_t", ffi.addressof(lib, "srtp_protect")))


def open_function() -> int:
    """Where `srtp_unprotect` lies, which is called alike and gives 0 when the packet is authentic and open."""
    return int(ffi.cast("uintptr_t", ffi.addressof(lib, "srtp_unprotect")))


class PacketBuffer:
    """Fixed native memory for one packet, seen as bytes through `view`."""

    __slots__ = ("_owner", "at", "memory", "view")

    def __init__(self, memory: Any = None) -> None:
        self.memory = ffi.new("char[]", SLOT_STRIDE) if memory is None else memory
        self.at = int(ffi.cast("uintptr_t", self.memory))
        """Where the memory begins, for calls of the system that take a pointer."""
        self.view = memoryview(ffi.buffer(self.memory, SLOT_STRIDE))
        self._owner: Any = self.memory

    @classmethod
    def row(cls, count: int) -> list[PacketBuffer]:
        """Buffers that lie behind each other in memory, `SLOT_STRIDE` bytes apart."""
        memory = ffi.new("char[]", SLOT_STRIDE * count)
        buffers = [cls(memory + place * SLOT_STRIDE) for place in range(count)]
        for buffer in buffers:
            buffer._owner = memory
        return buffers

    def copy(self, at: int, source: PacketBuffer, start: int, count: int) -> None:
        """Copy `count` bytes that begin at `start` of another buffer. The caller has checked the bounds."""
        _copy(self.memory + at, source.memory + start, count)

    def put(self, at: int, data: bytes) -> None:
        """Write bytes. The caller has checked the bounds."""
        self.view[at : at + len(data)] = data


class SrtpSession:
    """Both directions of one SRTP association (RFC 3711), working in place on a `PacketBuffer`.

    Each call takes the packet's length and returns its new one, or 0 when libsrtp refused it.
    """

    __slots__ = ("_length", "_receiver", "_rx", "_sender", "_tx")

    def __init__(self, profile: int, receive_key: bytes, send_key: bytes) -> None:
        receive = Policy(key=receive_key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile)
        send = Policy(key=send_key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
        for policy in (receive, send):
            policy.window_size = 1024
            # A repeated packet is byte for byte the first one, so no key stream meets two plain texts.
            policy.allow_repeat_tx = True
        self._receiver, self._sender = Session(receive), Session(send)
        self._rx, self._tx = self._receiver._srtp[0], self._sender._srtp[0]
        self._length = ffi.new("int *")

    def open_rtp(self, packet: PacketBuffer, length: int) -> int:
        """Check and decrypt an RTP packet."""
        self._length[0] = length
        return 0 if _open_rtp(self._rx, packet.memory, self._length) else int(self._length[0])

    def open_rtcp(self, packet: PacketBuffer, length: int) -> int:
        """Check and decrypt an RTCP packet."""
        self._length[0] = length
        return 0 if _open_rtcp(self._rx, packet.memory, self._length) else int(self._length[0])

    def seal_rtp(self, packet: PacketBuffer, length: int) -> int:
        """Encrypt and sign an RTP packet."""
        self._length[0] = length
        return 0 if _seal_rtp(self._tx, packet.memory, self._length) else int(self._length[0])

    def seal_rtcp(self, packet: PacketBuffer, length: int) -> int:
        """Encrypt and sign an RTCP packet."""
        self._length[0] = length
        return 0 if _seal_rtcp(self._tx, packet.memory, self._length) else int(self._length[0])

    @property
    def sender(self) -> int:
        """Where libsrtp keeps the sending side, for `seal_function`."""
        return int(ffi.cast("uintptr_t", self._tx))

    @property
    def receiver(self) -> int:
        """Where libsrtp keeps the receiving side, for `open_function`."""
        return int(ffi.cast("uintptr_t", self._rx))

    def forget_sent(self, ssrc: int) -> None:
        """Free the state of an SSRC that will not be sent again; one never sent is ignored."""
        lib.srtp_remove_stream(self._tx, int.from_bytes(ssrc.to_bytes(4, "big"), "little"))
