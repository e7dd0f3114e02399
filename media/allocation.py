"""Who gets what of a viewer's line: which layer of each track, or a still now and then, or no picture at all.

Audio comes first and is never lowered. Then each video gets its smallest layer, the most important first, and what is
left raises them in the same order. Down at once, up with patience: a step up must have fitted with room to spare for a
while, and a step that had to be taken back makes the next one wait twice as long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from media.api import Cause, Rung

AUDIO_BPS = 40_000.0
"""Kept for each audio stream, headers included."""
STILLS_BPS = 25_000.0
"""Below this a still would take too long to be worth its bits."""
STILLS_STAY_BPS = 20_000.0
"""Stills that pass already are kept down to this."""
STILLS_MOST_BPS = 60_000.0
STILL_EVERY_S = 5.0
MARGIN = 1.15
"""A step up has to fit this often into the budget."""
PATIENCE_S = 1.0
MOST_PATIENCE_S = 16.0
TAKEN_BACK_S = 8.0
"""A step down this soon after a step up takes it back."""
FORGIVEN_S = 30.0
"""A step up that held for this long was right, and what came before is forgotten."""

_KEY_FRAME_S = 0.35
"""A key frame has about as many bits as this much of its layer."""
_TALL_ENOUGH = 0.85
_GUESSES = ((240, 150_000.0), (480, 500_000.0), (100_000, 1_500_000.0))
_UNKNOWN_BPS = 500_000.0
_AUDIO_ONLY, _STILLS = -2, -1


@dataclass(frozen=True, slots=True)
class Layer:
    """One simulcast layer of a track, or its only stream."""

    rid: str
    """Empty for a track without simulcast."""
    height: int
    """Pixels; 0 when unknown."""
    bitrate: float
    """Bit/s as measured over a second or more, headers included; 0 when it never was."""
    alive: bool = True
    """Whether packets come, or would come if they were asked for: a layer stopped for want of viewers is alive."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A track that a viewer subscribes to."""

    track_id: str
    priority: int
    """The smallest number goes first."""
    height: int | None
    """Device pixels in which the viewer shows it; 0: not at all, None: as high as it comes."""
    layers: tuple[Layer, ...]
    """From the smallest to the largest; those that the publisher has announced, alive or not."""
    kind: str = "video"
    """Audio takes its reserve, and no choice is made for it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a viewer gets of a track. Two are equal when they say the same to the viewer."""

    layer: int | None
    """Index of the layer; for stills the one that they are taken from; None when no video passes."""
    rung: Rung
    cause: Cause
    raised_at: float = field(default=-inf, compare=False)
    patience_s: float = field(default=PATIENCE_S, compare=False)
    fits_since: float = field(default=inf, compare=False)
    """Since when a higher layer has fitted without a break; infinite when none does."""
    fits: int = field(default=_AUDIO_ONLY, compare=False)
    """The highest layer that has fitted all that time."""


def allocate(
    budget_bps: float, wanted: Sequence[Wanted], current: Mapping[str, Choice], now: float
) -> dict[str, Choice]:
    """The choice for each video, given the choices so far (`current`, as the last call returned them).

    `budget_bps` is all that the line carries, bit/s; `now` is in monotonic seconds. Pure: what it must remember is in
    the choices.
    """
    budget = budget_bps - AUDIO_BPS * sum(each.kind == "audio" for each in wanted)
    videos = sorted((each for each in wanted if each.kind != "audio"), key=lambda each: each.priority)
    ladders = [_Ladder(each, current.get(each.track_id)) for each in videos]
    tops = [ladder.top for ladder in ladders]
    held = [_held(ladder, current.get(ladder.wanted.track_id)) for ladder in ladders]

    # What must go goes now; what nobody's line has held back so far need not wait.
    caps = [ladder.top if _free(ladder, current) else rung for ladder, rung in zip(ladders, held, strict=True)]
    levels = held
    if caps != held or _need(ladders, held) > budget:
        levels = _fill(ladders, caps, budget)

    # What could rise with room to spare, and for how long it could.
    higher = _fill(ladders, tops, budget / MARGIN)
    chosen: list[Choice] = []
    caps = list(levels)
    for place, ladder in enumerate(ladders):
        choice = current.get(ladder.wanted.track_id) or Choice(None, Rung.AUDIO, Cause.NONE)
        if levels[place] < held[place]:
            choice = _lowered(choice, now)
        elif higher[place] > levels[place]:
            if choice.fits_since < inf and choice.fits > levels[place]:
                choice = replace(choice, fits=min(choice.fits, higher[place]))
            else:
                choice = replace(choice, fits=higher[place], fits_since=now)
            if now - choice.fits_since >= choice.patience_s:
                caps[place] = choice.fits
        else:
            choice = replace(choice, fits_since=inf, fits=_AUDIO_ONLY)
        chosen.append(choice)
    if caps != levels:
        levels = _fill(ladders, caps, budget)

    left = max(0.0, budget - _need(ladders, levels))
    choices: dict[str, Choice] = {}
    for ladder, choice, before, level in zip(ladders, chosen, held, levels, strict=True):
        new = ladder.choice(level, left)
        track_id = ladder.wanted.track_id
        if level > before and track_id in current and not _free(ladder, current):
            choice = Choice(None, new.rung, new.cause, now, choice.patience_s)
        choices[track_id] = replace(choice, layer=new.layer, rung=new.rung, cause=new.cause)
    return choices


def enough(wanted: Sequence[Wanted]) -> float:
    """Bit/s with which every wish would be granted, and steps up to it taken: what probes of a line aim at."""
    audio = AUDIO_BPS * sum(each.kind == "audio" for each in wanted)
    ladders = [_Ladder(each) for each in wanted if each.kind != "audio"]
    return audio + MARGIN * _need(ladders, [ladder.top for ladder in ladders])


class _Ladder:
    """What a track could be given. A level is a layer's index, or one of the two rungs below all layers."""

    def __init__(self, wanted: Wanted, current: Choice | None = None) -> None:
        self.wanted = wanted
        self.wish = _wish(wanted)
        alive = [index for index, layer in enumerate(wanted.layers) if layer.alive]
        useful = [index for index in alive if index <= self.wish]
        # A tile smaller than every living layer gets the smallest of them rather than nothing.
        useful = useful or (alive[:1] if self.wish >= 0 else [])
        self.needs = {_AUDIO_ONLY: 0.0}
        if useful:
            stills = current is not None and current.rung is Rung.STILLS
            self.needs[_STILLS] = STILLS_STAY_BPS if stills else STILLS_BPS
        for index in useful:
            self.needs[index] = _bitrate(wanted.layers[index])
        self.top = max(self.needs)

    def best(self, budget: float, cap: int, lowest: bool = False) -> int:
        """The highest level up to `cap` that fits; with `lowest`, the smallest layer counts as the highest."""
        if lowest:
            cap = min(cap, next((level for level in self.needs if level >= 0), cap))
        return max(
            (level for level, need in self.needs.items() if level <= cap and need <= budget), default=_AUDIO_ONLY
        )

    def choice(self, level: int, left: float) -> Choice:
        """A level in the viewer's terms; `left` is what nobody uses (bit/s)."""
        layers = self.wanted.layers
        top = len(layers) - 1
        if self.wish < 0:
            return Choice(None, Rung.AUDIO, Cause.WISH)
        if self.top < 0:
            return Choice(None, Rung.AUDIO, Cause.UPLINK)
        if level == _AUDIO_ONLY:
            return Choice(None, Rung.AUDIO, Cause.DOWNLINK)
        if level == _STILLS:
            return Choice(self._still(left), Rung.STILLS, Cause.DOWNLINK)
        rung = Rung.HD if level == top else Rung.LOW if level == 0 else Rung.REDUCED
        if level < self.top:
            cause = Cause.DOWNLINK
        elif level < self.wish:
            cause = Cause.UPLINK
        else:
            cause = Cause.NONE if level == top else Cause.WISH
        return Choice(level, rung, cause)

    def _still(self, left: float) -> int:
        """The sharpest layer whose key frames pass often enough."""
        budget = min(STILLS_MOST_BPS, self.needs[_STILLS] + left)
        indices = [level for level in self.needs if level >= 0]
        passing = [index for index in indices if self.needs[index] * _KEY_FRAME_S <= budget * STILL_EVERY_S]
        return max(passing, default=indices[0])


def _wish(wanted: Wanted) -> int:
    """The smallest layer that fills the tile; -1 when none is shown."""
    top = len(wanted.layers) - 1
    if wanted.height is None:
        return top
    if wanted.height <= 0:
        return -1
    for index, layer in enumerate(wanted.layers):
        if layer.height and layer.height >= _TALL_ENOUGH * wanted.height:
            return index
    return top


def _bitrate(layer: Layer) -> float:
    if layer.bitrate > 0:
        return layer.bitrate
    return next((bitrate for height, bitrate in _GUESSES if 0 < layer.height <= height), _UNKNOWN_BPS)


def _held(ladder: _Ladder, choice: Choice | None) -> int:
    """The level of a choice, as far as it can still be had."""
    if choice is None or choice.rung is Rung.AUDIO or choice.layer is None:
        return _AUDIO_ONLY
    level = _STILLS if choice.rung is Rung.STILLS else choice.layer
    return max((each for each in ladder.needs if each <= level), default=_AUDIO_ONLY)


def _free(ladder: _Ladder, current: Mapping[str, Choice]) -> bool:
    """Whether a track is new, or was held back by something else than the viewer's line."""
    choice = current.get(ladder.wanted.track_id)
    return choice is None or choice.cause is not Cause.DOWNLINK


def _need(ladders: Sequence[_Ladder], levels: Sequence[int]) -> float:
    return sum(ladder.needs[level] for ladder, level in zip(ladders, levels, strict=True))


def _fill(ladders: Sequence[_Ladder], caps: Sequence[int], budget: float) -> list[int]:
    """Levels up to the caps that fit: first something for each, then more, the most important first."""
    levels: list[int] = []
    for ladder, cap in zip(ladders, caps, strict=True):
        level = ladder.best(budget, cap, lowest=True)
        budget -= ladder.needs[level]
        levels.append(level)
    for place, (ladder, cap) in enumerate(zip(ladders, caps, strict=True)):
        budget += ladder.needs[levels[place]]
        levels[place] = ladder.best(budget, cap)
        budget -= ladder.needs[levels[place]]
    return levels


def _lowered(choice: Choice, now: float) -> Choice:
    """Remember a step down: soon after a step up, it makes the next one wait for longer."""
    held_s = now - choice.raised_at
    if held_s < TAKEN_BACK_S:
        # The next step down belongs to the same fall, and is not counted again.
        patience_s, raised_at = min(MOST_PATIENCE_S, 2 * choice.patience_s), now - TAKEN_BACK_S
    else:
        patience_s, raised_at = PATIENCE_S if held_s > FORGIVEN_S else choice.patience_s, choice.raised_at
    return Choice(None, choice.rung, choice.cause, raised_at, patience_s)
