"""Lost packets: asked of publishers, and answered to viewers from the history (RFC 4585, RFC 4588)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf

from media import rtcp, switching
from media.coming import let_go
from media.connection import Connection
from media.resending import Resender
from media.tracks import DownTrack, UpLayer

KEY_FRAME_INTERVAL_S = 0.5
"""One request for a key frame at most goes to a source in this time: each costs the publisher a large frame."""
LATE_KEY_FRAME_INTERVAL_S = 1.0
"""The same for all layers of a source together while its line is late: there a key frame takes as long to come, and
browsers make one of each layer. A second one would only stand in the way of the first."""
MOST_ASKED = 400
"""Missing packets of a layer that are waited for at once; with more, only a key frame helps."""
MOST_TIMES = 16
_WINDOW = 8
_OVERFLOW, _LATE_S = 0.3, 0.15
"""Of so many packets of a layer: the share of losses from which its publisher's line is taken for full, when those that
come were so long under way. A line that is merely bad loses as many, but delays none."""
_SHORTEST_WAIT_S = 0.03
_LONGEST_WAIT_S = 0.4
_AGAIN_S = 0.02
"""Each request is made twice, this far apart: on a line that loses packets it may be lost itself."""
TWICE_LOSS, TWICE_S = 0.02, 0.015
"""From this share of losses of a viewer's line's own on, what it asks for is repeated twice, the second time so much
later: a browser asks again after 0.1 s only, and a picture that lacks two repairs in a row stands still."""
_MOST_SECOND = 1_000
REPAIR_OCTETS = 100_000
"""Repeated to one viewer between two ticks at most: about a key frame and what follows it."""
LOOK_OCTETS = 64
"""What each number that a viewer asks for costs of that, whether it is there or not."""

SendRtcp = Callable[[Connection, bytes], None]


class Repair:
    """Asks publishers for what is missing and repeats to viewers what they miss."""

    def __init__(self, resender: Resender, send: SendRtcp, begun: Callable[[DownTrack, float], None]) -> None:
        self._resender = resender
        self._send = send
        self._begun = begun
        self._fresh: dict[UpLayer, list[int]] = {}
        """Gaps seen in this turn, to be asked for at its end."""
        self._second: deque[tuple[float, DownTrack, int]] = deque(maxlen=_MOST_SECOND)
        """What is to be repeated once more: when, to whom, and the viewer's number."""
        self._open: set[UpLayer] = set()
        """Layers of which something is waited for."""

    def forget(self, layer: UpLayer) -> None:
        """A layer has ended."""
        self._open.discard(layer)
        self._fresh.pop(layer, None)

    def gap(self, layer: UpLayer, first: int, count: int) -> None:
        """Called by the forwarder."""
        if layer.up.is_video:
            fresh = self._fresh.setdefault(layer, [])
            if len(fresh) <= MOST_ASKED:  # with more, none is asked for
                fresh.extend(first + more & 0xFFFF for more in range(min(count, MOST_ASKED + 1)))

    def key_frame_needed(self, layer: UpLayer, now: float) -> None:
        """Called by the forwarder."""
        self.ask_key_frame(layer, now)

    def begun(self, down: DownTrack, now: float) -> None:
        """Called by the forwarder."""
        self._begun(down, now)

    def flush(self, now: float) -> None:
        """Ask for what was found missing in this turn and has not come within it."""
        for layer, numbers in self._fresh.items():
            if not layer.watched:
                continue
            if self._overflows(layer, now):
                self._give_up(layer, now)
                continue
            if len(layer.asked) + len(numbers) > MOST_ASKED:
                layer.asked.clear()
                layer.broken_since = min(layer.broken_since, now)
                self.ask_key_frame(layer, now)
                continue
            history = layer.history
            missing = [
                number
                for number in numbers
                if (kept := history[number & len(history) - 1]) is None or kept[0] != number
            ]
            for number in missing:
                layer.asked[number] = (now, 1, now)
            self._ask(layer, missing)
        self._fresh.clear()

    def _overflows(self, layer: UpLayer, now: float) -> bool:
        """Whether most of a layer is lost: its publisher's line has grown thin. Repairs would then take, for seconds,
        the place of newer pictures and of smaller ones."""
        reception, (expected, received) = layer.reception, layer.window
        expected, received = reception.expected - expected, reception.received - received
        if expected >= _WINDOW:
            layer.window = reception.expected, reception.received
            late = reception.late_s > (_LATE_S / 2 if layer.overflows else _LATE_S)
            overflowed = layer.overflows
            layer.overflows = late and (overflowed or 1 - received / expected > _OVERFLOW)
            if layer.overflows and not overflowed:
                layer.overflown_at = now
                layer.up.connection.hurried = True
                for down in layer.downs:
                    down.connection.hurried = True
        return layer.overflows

    def _give_up(self, layer: UpLayer, now: float) -> None:
        """Ask for nothing that is missing. A key frame is asked for when the line has emptied: before, it would stand
        in the way of smaller layers, of which browsers then make key frames too."""
        layer.asked.clear()
        layer.broken_since = min(layer.broken_since, now)
        self._open.add(layer)

    def tick(self, now: float) -> None:
        """Ask again for what has not come; forget what no longer matters. Repeat a second time what was asked for."""
        second = self._second
        while second and second[0][0] <= now:
            _, down, number = second.popleft()
            if down.connection.srtp is not None:
                self._resender.repeat(down, number, now)
        for layer in list(self._open):
            if not layer.watched:
                let_go(layer, now)  # the line may have better to carry
                layer.key_wanted = False
            if layer.key_wanted and layer.ssrc is not None:
                self.ask_key_frame(layer, now)
            if layer.asked:
                self._ask_again(layer, now)
            if layer.overflows and not self._overflows(layer, now) and layer.watched and layer.broken_since < inf:
                self.ask_key_frame(layer, now)
            if not layer.asked and not layer.key_wanted and not layer.overflows:
                self._open.discard(layer)

    def _ask_again(self, layer: UpLayer, now: float) -> None:
        wait = min(max(1.1 * layer.up.connection.repair_s, _SHORTEST_WAIT_S), _LONGEST_WAIT_S)
        again = []
        for number, (asked_at, times, first_at) in list(layer.asked.items()):
            if times >= MOST_TIMES or (layer.reception.highest - number & 0xFFFF) >= len(layer.history):
                del layer.asked[number]
                layer.broken_since = min(layer.broken_since, first_at)
                layer.key_wanted = True
            elif now - asked_at >= (_AGAIN_S if times % 2 else wait):
                layer.asked[number] = (now, times + 1, first_at)
                again.append(number)
        self._ask(layer, again)

    def ask_key_frame(self, layer: UpLayer, now: float) -> None:
        """Ask the publisher for a key frame, now or as soon as the interval allows."""
        up = layer.up
        if not up.is_video:
            return
        asked_at, interval = layer.key_asked_at, KEY_FRAME_INTERVAL_S
        if any(other.overflows or other.reception.late_s > _LATE_S for other in up.layers):
            asked_at, interval = max(other.key_asked_at for other in up.layers), LATE_KEY_FRAME_INTERVAL_S
        if now - asked_at < interval or layer.ssrc is None or up.connection.srtp is None:
            layer.key_wanted = True
            self._open.add(layer)
            return
        layer.key_asked_at, layer.key_wanted = now, False
        self._send(up.connection, rtcp.write_picture_loss(up.connection.ssrc, layer.ssrc))

    def answer(self, down: DownTrack, numbers: list[int], now: float) -> None:
        """Repeat to a viewer what it misses. What the worker lacks itself has been asked of the publisher already."""
        connection = down.connection
        twice = bool(down.repair_ssrc) and connection.estimate.own_loss >= TWICE_LOSS
        for number in numbers:
            if connection.repair_budget <= 0:
                return
            connection.repair_budget -= LOOK_OCTETS
            found = switching.origin(down, number)
            if found is None:
                continue
            epoch, original = found
            kept = epoch.layer.history[original & len(epoch.layer.history) - 1]
            if kept is not None and kept[0] == original and kept[3]:
                connection.repair_budget -= len(kept[3]) << twice
                if self._resender.repeat(down, number, now) and twice:
                    self._second.append((now + TWICE_S, down, number))

    def _ask(self, layer: UpLayer, numbers: list[int]) -> None:
        if numbers and layer.ssrc is not None:
            self._open.add(layer)
            connection = layer.up.connection
            self._send(connection, rtcp.write_nack(connection.ssrc, layer.ssrc, numbers))
