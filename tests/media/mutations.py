"""Valid messages, and what becomes of them when somebody tampers: octets turned, cut, doubled; lengths that lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"
_TELLING = (0, 1, 2, 3, 4, 15, 16, 31, 63, 64, 96, 127, 128, 144, 191, 192, 200, 205, 206, 224, 254, 255)
"""Octets at which something changes in one of the formats."""
_LONGEST = 1 << 16


def seeds(suffix: str = "") -> list[bytes]:
    """The hand-made inputs, of one kind or all."""
    return [path.read_bytes() for path in sorted(CORPUS.glob(f"*{suffix}")) if path.is_file()]


@st.composite
def tampered(draw: st.DrawFn, whole: Sequence[bytes], *, most: int = 6) -> bytes:
    """One of the messages after a few mutations."""
    data = draw(st.sampled_from(whole))
    for _ in range(draw(st.integers(0, most))):
        data = draw(st.sampled_from(_WAYS))(draw, data, whole)[:_LONGEST]
    return data


def _place(draw: st.DrawFn, data: bytes) -> int:
    return draw(st.integers(0, len(data)))


def _turn(draw: st.DrawFn, data: bytes, _whole: Sequence[bytes]) -> bytes:
    at = _place(draw, data)
    return data[:at] + bytes((draw(st.sampled_from(_TELLING)),)) + data[at + 1 :]


def _flip(draw: st.DrawFn, data: bytes, _whole: Sequence[bytes]) -> bytes:
    at = _place(draw, data)
    if at == len(data):
        return data
    return data[:at] + bytes((data[at] ^ 1 << draw(st.integers(0, 7)),)) + data[at + 1 :]


def _lie(draw: st.DrawFn, data: bytes, _whole: Sequence[bytes]) -> bytes:
    at = _place(draw, data)
    value = draw(st.sampled_from((0, 1, 0x7FFF, 0x8000, 0xFFFF)) | st.integers(0, 64))
    return data[:at] + value.to_bytes(2, "big") + data[at + 2 :]


def _cut(draw: st.DrawFn, data: bytes, _whole: Sequence[bytes]) -> bytes:
    return data[: _place(draw, data)]


def _drop(draw: st.DrawFn, data: bytes, _whole: Sequence[bytes]) -> bytes:
    one, other = _place(draw, data), _place(draw, data)
    return data[: min(one, other)] + data[max(one, other) :]


def _double(draw: st.DrawFn, data: bytes, _whole: Sequence[bytes]) -> bytes:
    one, other = _place(draw, data), _place(draw, data)
    part = data[min(one, other) : max(one, other)]
    return data[: max(one, other)] + part * draw(st.integers(1, 20)) + data[max(one, other) :]


def _join(draw: st.DrawFn, data: bytes, whole: Sequence[bytes]) -> bytes:
    other = draw(st.sampled_from(whole))
    return data[: _place(draw, data)] + other[_place(draw, other) :]


def _insert(draw: st.DrawFn, data: bytes, _whole: Sequence[bytes]) -> bytes:
    at = _place(draw, data)
    return data[:at] + draw(st.binary(max_size=12)) + data[at:]


_WAYS: tuple[Callable[[st.DrawFn, bytes, Sequence[bytes]], bytes], ...] = (
    _turn, _flip, _lie, _cut, _drop, _double, _join, _insert,
)  # fmt: skip
