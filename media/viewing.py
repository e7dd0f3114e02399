"""What one viewer gets of each track: the line's estimate meets the viewer's wishes, and the layers follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Protocol

from media import switching
from media.allocation import AUDIO_BPS, STILL_EVERY_S, Choice, Layer, Wanted, allocate, enough
from media.api import Cause, Rung
from media.coming import comes
from media.connection import Connection
from media.tracks import DownTrack, UpLayer, UpTrack

Changes = list[tuple[str, Rung, Cause]]

_NOMINAL: Mapping[int, tuple[float, ...]] = {1: (600_000.0,), 2: (150_000.0, 600_000.0)}
_HEIGHTS = (180, 360, 720)
_THREE = (150_000.0, 500_000.0, 1_500_000.0)
"""What layers are thought to need before they have been measured."""
WAKING_S = 4.0
"""How long a layer that was asked for may take to come."""
_STANDING_S = 0.08
_LOSSY = 0.1
"""With less of a queue and fewer losses than these, what is sent is what the line carries at least."""
_EASY, _QUEUE_S = 1.1, 0.03
"""A line that carries this much more than is sent, or shows no queue, needs no pacing."""
_CALM_TOGETHER_S, _THIN_TOGETHER_S = 0.22, 0.055
"""How long the reports of a line that carries all wait for each other, and those of one that does not."""
_CALM_S, _THIN_S = 0.5, 0.1
"""Between looks at a line that carries all, and at one that does not."""
_STOOD_S = 0.3
"""A picture that has stood for this long is looked at as often as a thin line."""
_STILL_HORIZON_S = 4.0
_TROUBLE = 0.02
_ROUGH, _ROUGH_BPS = 0.13, 600_000.0


class Sender(Protocol):
    """What a viewing needs of `media.plane.Plane`."""

    def ask_key_frame(self, layer: UpLayer) -> None:
        """Ask the publisher for a key frame."""
        ...

    def replay(self, down: DownTrack, layer: UpLayer) -> bool:
        """Begin with the newest key frame, if it can be had."""
        ...

    def pace(self, connection: Connection, bitrate: float | None) -> None:
        """Send video evenly at that rate, or as it comes."""
        ...

    def probe(self, connection: Connection, down: DownTrack, octets: int, most: int, bitrate: float) -> None:
        """Send padding."""
        ...


class Viewing:
    """The choices for one subscribe connection."""

    def __init__(self, connection: Connection, plane: Sender) -> None:
        self._connection = connection
        self._plane = plane
        self._choices: dict[str, Choice] = {}
        self._told: dict[str, tuple[Rung, Cause]] = {}
        self._troubled = False
        """Whether a viewer who does not report each packet has ever had losses, or named a limit."""
        self.due_at = -inf
        """When to look again."""

    def govern(self, shown: Sequence[tuple[DownTrack, int | None]], now: float) -> Changes:
        """Choose anew; `shown` is each track that is sent, and how high the viewer shows it. Gives what has changed."""
        connection = self._connection
        estimate = connection.estimate
        estimate.tick(now)
        wanted = [_wanted(down.up, height, now) for down, height in shown if _known(down.up)]
        self._choices = allocate(self._budget(wanted), wanted, self._choices, now)
        self._overflow()
        sent, goal = 0.0, enough(wanted)
        changes: Changes = []
        for down, height in shown:
            up = down.up
            if not up.is_video:
                sent += 60_000.0
                if down.target is None:
                    switching.aim(down, up.layers[0])
                continue
            choice = self._choices.get(up.track.track_id)
            if choice is None:
                if down.target is None and height != 0:
                    switching.aim(down, up.layers[0])
                continue
            self._apply(down, choice, now)
            sent += down.layer.bitrate if down.layer is not None else 0.0
            if down.layer is not None and down.layer is not down.target and up.track.track_id in self._told:
                continue  # on its way up or down: told when it is there
            rung, cause = _seen(up, choice, now)
            if self._told.get(up.track.track_id) != (rung, cause):
                self._told[up.track.track_id] = (rung, cause)
                changes.append((up.track.track_id, rung, cause))
        calm = connection.pacer is None and (estimate.bitrate >= goal or not connection.numbered)
        stands = any(down.up.is_video and _stands(down, now) for down, _ in shown)
        self.due_at = now + (_CALM_S if calm and not stands else _THIN_S)
        estimate.together_s = _CALM_TOGETHER_S if calm else _THIN_TOGETHER_S
        stills = any(choice.rung is Rung.STILLS for choice in self._choices.values())
        self._pace(sent, stills=stills)
        if connection.numbered and (probe := estimate.probe(now, goal)) is not None:
            video = next((down for down, _ in shown if down.up.is_video and down.repair_ssrc), None)
            if video is not None:
                self._plane.probe(connection, video, probe.octets, probe.packet_octets, probe.bitrate)
        return changes

    def wants(self, up: UpTrack) -> set[int]:
        """Which layers of a track this viewer is fed from or waits for, or would have if the publisher's line carried
        them: of these the browser knows best when to try again.
        """
        wanted: set[int] = set()
        for down in self._connection.downs.values():
            if down.up is up:
                choice = self._choices.get(up.track.track_id)
                short = choice is not None and choice.cause is Cause.UPLINK
                wanted |= {
                    index for index, layer in enumerate(up.layers) if short or layer in (down.layer, down.target)
                }
        return wanted

    def _budget(self, wanted: Sequence[Wanted]) -> float:
        estimate = self._connection.estimate
        if not estimate.fed:
            # Nobody has said anything of this line yet. A stream that comes in one layer is given its chance.
            self._troubled = self._troubled or estimate.limited or estimate.loss_rate > _TROUBLE
            if not self._connection.numbered and not self._troubled:
                return inf
            return max(estimate.bitrate, 1.3 * sum(_lowest(each) for each in wanted) + 200_000.0)
        if estimate.loss_rate > _ROUGH:
            # Losses at random leave few large frames whole: fewer packets a frame make more of them pass.
            return min(estimate.bitrate, _ROUGH_BPS)
        pacer = self._connection.pacer
        standing_s = estimate.queue_s + (0.0 if pacer is None else pacer.wait_s)
        if standing_s < _STANDING_S and estimate.loss_rate < _LOSSY:
            # What passes without a queue is carried, whatever has been estimated so far.
            return max(estimate.bitrate, 1.05 * estimate.acknowledged, 1.05 * self._taken(wanted))
        return estimate.bitrate

    def _taken(self, wanted: Sequence[Wanted]) -> float:
        """What the choices made last take by the newest measure, bit/s."""
        taken = 0.0
        for each in wanted:
            choice = self._choices.get(each.track_id)
            if each.kind == "audio":
                taken += AUDIO_BPS
            elif choice is not None and choice.layer is not None and choice.rung is not Rung.STILLS:
                taken += each.layers[choice.layer].bitrate
        return taken

    def _apply(self, down: DownTrack, choice: Choice, now: float) -> None:
        if choice.rung is Rung.STILLS and choice.layer is not None:
            if not down.single and down.layer is not None:
                switching.aim(down, None)
            if now - down.still_at >= STILL_EVERY_S:
                down.still_at, down.single = now, True
                self._take(down, down.up.layers[choice.layer])
            return
        down.single = False
        if choice.layer is None:
            if down.target is not None:
                switching.aim(down, None)
        else:
            layer = down.up.layers[choice.layer]
            if down.layer is None:
                # A picture first: browsers send the smallest layer at once, the others when their line has shown it.
                coming = [one for one in down.up.layers[: choice.layer + 1] if comes(one, now)]
                layer = coming[-1] if coming else down.up.layers[0]
            if down.target is not layer:
                self._take(down, layer)

    def _take(self, down: DownTrack, layer: UpLayer) -> None:
        switching.aim(down, layer)
        if down.layer is not layer and not self._plane.replay(down, layer):
            self._plane.ask_key_frame(layer)

    def _pace(self, sent: float, *, stills: bool) -> None:
        connection = self._connection
        estimate = connection.estimate
        held = any(choice.cause is Cause.DOWNLINK for choice in self._choices.values())
        full = estimate.bitrate < _EASY * sent + 50_000.0 and estimate.queue_s > _QUEUE_S
        thin = connection.numbered and estimate.fed and (held or full)
        self._plane.pace(connection, estimate.bitrate if thin or stills else None)
        if connection.pacer is not None:
            connection.pacer.horizon_s = _STILL_HORIZON_S if stills else 0.4

    def _overflow(self) -> None:
        pacer = self._connection.pacer
        if pacer is None or not pacer.overflowing:
            return
        pacer.drop_video()
        for down in self._connection.downs.values():
            if down.up.is_video and (layer := down.target) is not None and not down.single:
                switching.aim(down, None)
                self._take(down, layer)


def _known(up: UpTrack) -> bool:
    """Whether anything has come of it yet."""
    return any(layer.reception.received for layer in up.layers)


def _wanted(up: UpTrack, height: int | None, now: float) -> Wanted:
    if not up.is_video:
        return Wanted(up.track.track_id, 0, None, (), "audio")
    layers = tuple(
        Layer(layer.rid, layer.height or _height(up, index), _bitrate(up, index), _is_alive(layer, now))
        for index, layer in enumerate(up.layers)
    )
    return Wanted(up.track.track_id, up.priority, height, layers)


def _height(up: UpTrack, index: int) -> int:
    """What a layer of several is taken for whose codec does not tell its size in a place that is quickly read."""
    return _HEIGHTS[min(index, len(_HEIGHTS) - 1)] if len(up.layers) > 1 else 0


def _stands(down: DownTrack, now: float) -> bool:
    """Whether the picture is about to be another one, or may be given up."""
    layer = down.layer
    return layer is not None and (
        down.target is not layer or layer.overflows or now - min(layer.frame_at, layer.stands_since) > _STOOD_S
    )


def _is_alive(layer: UpLayer, now: float) -> bool:
    return not layer.wanted or now - layer.wanted_at < WAKING_S or comes(layer, now)


def _bitrate(up: UpTrack, index: int) -> float:
    layer = up.layers[index]
    known = layer.bitrate or layer.known_bitrate
    if known:
        return known
    nominal = _NOMINAL.get(len(up.layers), _THREE)
    return nominal[min(index, len(nominal) - 1)]


def _lowest(wanted: Wanted) -> float:
    return 60_000.0 if wanted.kind == "audio" else min((layer.bitrate for layer in wanted.layers), default=0.0)


def _seen(up: UpTrack, choice: Choice, now: float) -> tuple[Rung, Cause]:
    """The choice as the viewer sees it: when the smallest layer brings a frame now and then, it is stills. A larger one
    that brings few has just begun."""
    if choice.layer is not None and choice.rung not in (Rung.STILLS, Rung.AUDIO):
        layer = up.layers[choice.layer]
        if choice.layer == 0 and now - layer.wanted_at > WAKING_S and 0 < layer.frame_rate < 1.0:
            return Rung.STILLS, Cause.UPLINK
    return choice.rung, choice.cause
