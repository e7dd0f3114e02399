"""The VP8 payload descriptor (RFC 7741 §4.2) and the head of a key frame (RFC 6386 §9.1)."""

from __future__ import annotations

Octets = memoryview | bytes


class Descriptor:
    """Where the numbers of a payload stand that a decoder expects without gaps. -1: not there."""

    __slots__ = ("base_layer_at", "base_layer_index", "end", "picture_at", "picture_id", "wide")

    def __init__(self) -> None:
        self.picture_at = self.base_layer_at = -1
        self.picture_id = self.base_layer_index = 0
        self.wide = False
        """Whether the picture id has 15 bits; else 7."""
        self.end = 0
        """Where the VP8 payload itself begins."""


def read(payload: Octets, at: int, end: int) -> Descriptor | None:
    """The descriptor that begins at `at`, with places counted from there. None when it does not fit."""
    found = Descriptor()
    start = at
    if at >= end:
        return None
    extended = payload[at] & 0x80
    at += 1
    if extended:
        if at >= end:
            return None
        fields = payload[at]
        at += 1
        if fields & 0x80:
            if at + 1 >= end:
                return None
            found.picture_at = at - start
            found.wide = bool(payload[at] & 0x80)
            if found.wide:
                found.picture_id = (payload[at] & 0x7F) << 8 | payload[at + 1]
                at += 2
            else:
                found.picture_id = payload[at]
                at += 1
        if fields & 0x40:
            if at >= end:
                return None
            found.base_layer_at, found.base_layer_index = at - start, payload[at]
            at += 1
        if fields & 0x30:
            at += 1
    if at > end:
        return None
    found.end = at - start
    return found


def rewrite(payload: memoryview, at: int, descriptor: Descriptor, picture: int, base_layer: int) -> None:
    """Add to the picture id and the index of the base layer of a copied payload that begins at `at`."""
    if descriptor.picture_at >= 0:
        place = at + descriptor.picture_at
        if descriptor.wide:
            number = descriptor.picture_id + picture & 0x7FFF
            payload[place], payload[place + 1] = 0x80 | number >> 8, number & 0xFF
        else:
            payload[place] = descriptor.picture_id + picture & 0x7F
    if descriptor.base_layer_at >= 0:
        payload[at + descriptor.base_layer_at] = descriptor.base_layer_index + base_layer & 0xFF


def starts_key_frame(payload: Octets, at: int, end: int) -> bool:
    """Whether a key frame begins with the payload `payload[at:end]`."""
    if at >= end or payload[at] & 0x17 != 0x10:  # the start of partition 0
        return False
    found = read(payload, at, end)
    return found is not None and at + found.end < end and not payload[at + found.end] & 1


def height(payload: Octets, at: int, end: int) -> int:
    """Rows of the key frame that begins here; 0 when its head is not whole."""
    found = read(payload, at, end)
    if found is None or at + found.end + 10 > end:
        return 0
    head = at + found.end
    if payload[head + 3] != 0x9D or payload[head + 4] != 0x01 or payload[head + 5] != 0x2A:
        return 0
    return (payload[head + 8] | payload[head + 9] << 8) & 0x3FFF
