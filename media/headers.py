"""RTP header extensions (RFC 8285): reading the few that the worker uses, writing those of outgoing packets."""

from __future__ import annotations

import struct

_MID = struct.Struct("!HHB3s")
_MID_AND_NUMBER = struct.Struct("!HHB")

MID_NUMBER = 1
TRANSPORT_NUMBER = 2
"""Numbers of the extensions in the worker's own offers."""


def find(packet: memoryview | bytes, length: int, number: int) -> tuple[int, int] | None:
    """Place and size of an element's data in a packet, or None when the packet has none of that number."""
    at = 12 + 4 * (packet[0] & 15)
    if not number or not packet[0] & 0x10 or at + 4 > length:
        return None
    end = min(length, at + 4 + 4 * (packet[at + 2] << 8 | packet[at + 3]))
    if packet[at] == 0xBE and packet[at + 1] == 0xDE:
        at += 4
        while at < end:
            element = packet[at]
            if element == 0:
                at += 1
                continue
            if element >> 4 == 15:  # §4.2: stop here
                return None
            size = (element & 15) + 1
            if element >> 4 == number:
                return (at + 1, size) if at + 1 + size <= end else None
            at += 1 + size
    elif packet[at] == 0x10 and packet[at + 1] < 16:  # two-byte headers (§4.3)
        at += 4
        while at + 1 < end:
            if packet[at] == 0:
                at += 1
                continue
            size = packet[at + 1]
            if packet[at] == number:
                return (at + 2, size) if at + 2 + size <= end else None
            at += 2 + size
    return None


def text(packet: memoryview | bytes, length: int, number: int) -> str | None:
    """An element that holds text: a mid or a rid."""
    found = find(packet, length, number)
    if found is None:
        return None
    at, size = found
    return bytes(packet[at : at + size]).decode("ascii", "replace")


def mid_extension(mid: str) -> bytes:
    """Eight bytes that carry the mid, of one to three letters (RFC 9143 §15), and nothing else."""
    return _MID.pack(0xBEDE, 1, MID_NUMBER << 4 | len(mid) - 1, mid.encode())


def mid_and_number_extension(mid: str) -> tuple[bytes, bytes]:
    """What stands before and after the two bytes of a transport-wide sequence number: 5 and 5 bytes."""
    rest = bytes((MID_NUMBER << 4 | len(mid) - 1,)) + mid.encode()
    return _MID_AND_NUMBER.pack(0xBEDE, 2, TRANSPORT_NUMBER << 4 | 1), rest.ljust(5, b"\0")
