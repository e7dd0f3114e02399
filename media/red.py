"""Redundant audio (RFC 2198): taken apart when it comes, and made for viewers who lose packets."""

from __future__ import annotations

import struct
from collections.abc import Sequence

Octets = memoryview | bytes
MOST_BLOCKS = 4
_MOST_OFFSET = (1 << 14) - 1
_MOST_LENGTH = (1 << 10) - 1
_WORD = struct.Struct("!L")


def read(payload: Octets, at: int, end: int) -> list[tuple[int, int, int]] | None:
    """The blocks as (timestamp offset, start, end), the oldest first and the primary one, of offset 0, last.

    None when the payload cannot be read.
    """
    heads: list[tuple[int, int]] = []
    while True:
        if at >= end:
            return None
        if not payload[at] & 0x80:
            at += 1
            break
        if at + 4 > end or len(heads) == MOST_BLOCKS:
            return None
        word = _WORD.unpack_from(payload, at)[0]
        heads.append((word >> 10 & _MOST_OFFSET, word & _MOST_LENGTH))
        at += 4
    blocks = []
    for offset, length in heads:
        if at + length > end:
            return None
        blocks.append((offset, at, at + length))
        at += length
    blocks.append((0, at, end))
    return blocks


def write(payload_type: int, timestamp: int, primary: Octets, earlier: Sequence[tuple[int, Octets]]) -> bytes:
    """A payload of `primary` and what came before it as (timestamp, payload), the oldest first.

    What is too old or too long for its head is left out.
    """
    heads, bodies = b"", b""
    for before, body in earlier:
        offset = timestamp - before & 0xFFFFFFFF
        if 0 < offset <= _MOST_OFFSET and 0 < len(body) <= _MOST_LENGTH:
            heads += _WORD.pack(0x80000000 | payload_type << 24 | offset << 10 | len(body))
            bodies += body
    return heads + bytes((payload_type,)) + bodies + primary
