"""From one layer to another in a viewer's stream, such that the decoder sees one stream without gaps.

A switch happens with the first packet of a key frame. Sequence numbers, timestamps and VP8's picture ids go on from
where the last layer left them (RFC 7667 §3.7 describes such a middlebox).
"""

from __future__ import annotations

from media import vp8
from media.rtcp import SenderReport
from media.tracks import DownTrack, Epoch, Tail, UpLayer

_LONGEST_PAUSE_S = 600.0
_NTP_SECOND = 1 << 32


def aim(down: DownTrack, layer: UpLayer | None) -> None:
    """Say which layer shall feed a viewer. None stops at once; a layer begins with its next key frame."""
    if down.target is not layer and down.target is not None:
        down.target.awaiting = tuple(other for other in down.target.awaiting if other is not down)
    down.target = layer
    if layer is None:
        leave(down)
    elif down.layer is not layer and down not in layer.awaiting:
        layer.awaiting = (*layer.awaiting, down)


def leave(down: DownTrack) -> None:
    """Stop feeding a viewer, and note where its stream stands."""
    layer = down.layer
    if layer is None:
        return
    layer.downs = tuple(other for other in layer.downs if other is not down)
    down.layer = None
    if not down.epochs or down.epochs[-1].layer is not layer:
        return
    highest = down.epochs[-1].last = layer.reception.highest
    picture_id = base_layer_index = 0
    kept = layer.history[highest & len(layer.history) - 1]
    if kept is not None and down.up.codec.name == "VP8":
        descriptor = vp8.read(kept[3], 0, len(kept[3]))
        if descriptor is not None:
            picture_id = descriptor.picture_id + down.picture_offset & 0x7FFF
            base_layer_index = descriptor.base_layer_index + down.base_layer_offset & 0xFF
    down.tail = Tail(
        highest + down.sequence_offset & 0xFFFF,
        layer.reception.timestamp + down.timestamp_offset & 0xFFFFFFFF,
        layer.reception.newest_at,
        picture_id,
        base_layer_index,
    )


def enter(
    down: DownTrack,
    layer: UpLayer,
    sequence: int,
    timestamp: int,
    payload: memoryview | bytes,
    start: int,
    end: int,
    now: float,
) -> None:
    """Feed a viewer from a layer, beginning with this packet of it."""
    before = down.epochs[-1] if down.epochs else None
    if down.layer is not None:
        leave(down)
    layer.awaiting = tuple(other for other in layer.awaiting if other is not down)
    tail = down.tail
    if tail is not None:
        down.sequence_offset = tail.sequence + 1 - sequence & 0xFFFF
        ahead = _ahead(tail, before, down, layer, timestamp, now)
        down.timestamp_offset = tail.timestamp + ahead - timestamp & 0xFFFFFFFF
        descriptor = vp8.read(payload, start, end) if down.up.codec.name == "VP8" else None
        if descriptor is not None:
            down.picture_offset = tail.picture_id + 1 - descriptor.picture_id & 0x7FFF
            down.base_layer_offset = tail.base_layer_index + 1 - descriptor.base_layer_index & 0xFF
    down.layer = layer
    down.epochs.append(Epoch(layer, sequence, down.sequence_offset, down.timestamp_offset))
    layer.downs = (*layer.downs, down)


def _ahead(tail: Tail, before: Epoch | None, down: DownTrack, layer: UpLayer, timestamp: int, now: float) -> int:
    """Clock units from the last timestamp of the stream to the one that begins now: by the sender's clock when both
    layers have reported it, else by the time of arrival."""
    rate = down.up.codec.clock_rate
    by_arrival = round(min(max(now - tail.at, 0.0), _LONGEST_PAUSE_S) * rate)
    if before is not None and before.layer.report is not None and layer.report is not None:
        old = _instant(before.layer.report, tail.timestamp - before.timestamp_offset, rate)
        elapsed = round((_instant(layer.report, timestamp, rate) - old) * rate)
        if abs(elapsed - by_arrival) < rate:  # the two clocks of one browser cannot be a second apart
            return max(elapsed, 1)
    return max(by_arrival, 1)


def _instant(report: SenderReport, timestamp: int, rate: int) -> float:
    """The sender's wall clock, in seconds, at a timestamp of its stream."""
    since = timestamp - report.rtp & 0xFFFFFFFF
    if since & 0x80000000:
        since -= 0x100000000
    return report.ntp / _NTP_SECOND + since / rate


def origin(down: DownTrack, sequence: int) -> tuple[Epoch, int] | None:
    """Where a viewer's sequence number came from: the stretch and the layer's own number; None after too long."""
    for epoch in reversed(down.epochs):
        number = sequence - epoch.sequence_offset & 0xFFFF
        if epoch.holds(number):
            return epoch, number
        if epoch.settled:
            return None  # what came before it is older than any history
    return None
