"""Transport-wide congestion feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): which packets of a
connection arrived, and when. `Arrivals` writes it for a publisher, `read` takes apart what a viewer says.

Every packet of a connection carries a 16-bit number of its own in a header extension, whatever its stream. A feedback
names a first number, a status for each number from there on (run lengths or bit vectors, §3.1.3 and §3.1.4), and for
each packet that arrived its distance from the one before in units of 250 µs.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from operator import sub

from media import rtcp

URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
"""The header extension that carries the number."""
MOST_NOTES = 2_000
"""Arrivals kept between two feedbacks at most."""
MOST_STATUSES = 1_024
"""A feedback with more statuses is not read: without a bound, forty octets could claim 65,535 losses."""
CLOCK_S = (1 << 24) * 0.064
"""Feedback clocks start again after this time (12 days): the reference time has 24 bits of 64 ms."""

_STATUSES_WRITTEN = 400
"""With two octets a delta and a vector for each seven statuses this stays below 1,000 octets."""
_MOST_MISSING = 1_000
"""With more holes than this in one feedback, numbers that jump are a new beginning rather than losses."""
_MEMORY = 300
"""Packets that stay known after they were reported, so that a late one can be reported among its neighbours."""
_TICKS = 4_000
_REFERENCE_TICKS = 256
_LOST, _SMALL, _LARGE = 0, 1, 2
_RUN = struct.Struct("!H")
_HEAD = struct.Struct("!BBHLLHHL")


class Arrivals:
    """When the packets of one connection arrived, until the next feedback is written."""

    __slots__ = ("_feedbacks", "_highest", "_known", "_notes", "_told")

    def __init__(self) -> None:
        self._notes: deque[tuple[int, float]] = deque(maxlen=MOST_NOTES)
        self._told: deque[tuple[int, float]] = deque(maxlen=_MEMORY)
        """Notes of the recent past."""
        self._known: dict[int, int] = {}
        """Ticks of arrival by extended number, while a feedback is written that needs it."""
        self._highest: int | None = None
        """The highest extended number reported so far."""
        self._feedbacks = 0

    def note(self, number: int, now: float) -> None:
        """A packet with this 16-bit number arrived at `now` (monotonic seconds). Called for each packet."""
        self._notes.append((number, now))

    def packets(self, sender: int, source: int) -> list[bytes]:
        """RTCP packets about everything noted since the last call; none when nothing was.

        The first one begins where the last feedback ended, so that losses between two are told too, or at a packet that
        came late: its neighbours are then told again. `source` is the SSRC of any stream of the connection.
        """
        if not self._notes:
            return []
        overflown = len(self._notes) == MOST_NOTES
        notes = list(self._notes)
        self._notes.clear()
        if self._highest is None or overflown:
            # After an overflow nobody knows what arrived before, so nothing may be called lost.
            self._highest = self._restart(notes[0][0] - 1)
        written = self._write_plain(sender, source, notes)
        if written is None:
            begin, highest = self._order(notes)
            written = self._write(sender, source, begin, highest)
            self._highest = highest
            self._known = {}
        self._told += notes
        return written

    def _order(self, notes: list[tuple[int, float]]) -> tuple[int, int]:
        """Put notes into the order of their numbers (in `_known`): the first and the last number to tell of."""
        known = self._known
        highest = before = self._highest or 0
        begin = highest + 1
        missing = 0
        for number, now in notes:
            extended = highest + ((number - highest + 0x8000 & 0xFFFF) - 0x8000)
            if extended > highest:
                missing += extended - highest - 1
                if missing > _MOST_MISSING:
                    missing = 0
                    begin = extended = self._restart(number - 1) + 1
                highest = extended
            elif highest - extended > _MEMORY:
                continue
            if extended not in known:
                known[extended] = int(now * _TICKS)
                if extended < begin:
                    begin = extended
        if begin <= before:
            # A late packet is told among its neighbours, so what was told of them is needed again; what came first
            # counts.
            for number, now in self._told:
                extended = before + ((number - before + 0x8000 & 0xFFFF) - 0x8000)
                if begin <= extended <= before:
                    ticks = int(now * _TICKS)
                    known[extended] = min(known.get(extended, ticks), ticks)
        return begin, highest

    def _write_plain(self, sender: int, source: int, notes: list[tuple[int, float]]) -> list[bytes] | None:
        """Feedback about notes that came in a row and soon after each other, as most do: a single run."""
        highest, count = self._highest or 0, len(notes)
        first = highest + 1 & 0xFFFF
        if count > _STATUSES_WRITTEN or [number for number, _ in notes] != list(range(first, first + count)):
            return None
        ticks = [int(now * _TICKS) for _, now in notes]
        reference = ticks[0] // _REFERENCE_TICKS
        deltas = list(map(sub, ticks, [reference * _REFERENCE_TICKS, *ticks]))
        if min(deltas) < 0 or max(deltas) > 0xFF:
            return None
        self._highest = highest + count
        return [self._packet(sender, source, first, count, reference, _RUN.pack(_SMALL << 13 | count) + bytes(deltas))]

    def _packet(self, sender: int, source: int, begin: int, count: int, reference: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        feedbacks, self._feedbacks = self._feedbacks, self._feedbacks + 1 & 0xFF
        return _HEAD.pack(
            0x80 | rtcp.TRANSPORT_WIDE, rtcp.TRANSPORT_FEEDBACK, 4 + len(body) // 4, sender, source, begin & 0xFFFF,
            count, (reference & 0xFFFFFF) << 8 | feedbacks,
        ) + body  # fmt: skip

    def _restart(self, number: int) -> int:
        self._known.clear()
        self._told.clear()
        return number & 0xFFFF | 0x10000

    def _write(self, sender: int, source: int, begin: int, highest: int) -> list[bytes]:
        """Feedback about `begin` to `highest`, in as many packets as its size and its deltas need."""
        known, written = self._known, []
        while begin <= highest:
            first = known.get(begin)
            at = begin
            while first is None and at < highest:
                at += 1
                first = known.get(at)
            if first is None:
                break
            reference = first // _REFERENCE_TICKS
            last = reference * _REFERENCE_TICKS
            statuses: list[int] = []
            deltas = bytearray()
            for number in range(begin, min(highest, begin + _STATUSES_WRITTEN - 1) + 1):
                ticks = known.get(number)
                if ticks is None:
                    statuses.append(_LOST)
                    continue
                delta = ticks - last
                if 0 <= delta <= 255:
                    statuses.append(_SMALL)
                    deltas.append(delta)
                elif -0x8000 <= delta <= 0x7FFF:
                    statuses.append(_LARGE)
                    deltas += (delta & 0xFFFF).to_bytes(2, "big")
                else:
                    break
                last = ticks
            body = bytes(_chunks(statuses) + deltas)
            written.append(self._packet(sender, source, begin, len(statuses), reference, body))
            begin += len(statuses)
        return written


def _chunks(statuses: Sequence[int]) -> bytearray:
    """Packet status chunks (§3.1.3 and §3.1.4): a run where one is long, else a vector of one or two bits a status."""
    chunks = bytearray()
    at, end = 0, len(statuses)
    while at < end:
        status = statuses[at]
        run = at + 1
        while run < end and statuses[run] == status:
            run += 1
        # The last chunk is padded anyway, so a run never costs more there.
        if run - at >= 14 or run == end:
            chunk = status << 13 | run - at
            at = run
        elif _LARGE not in (fourteen := statuses[at : at + 14]):
            chunk = 0x8000
            for place, each in enumerate(fourteen):
                chunk |= each << 13 - place
            at += 14
        elif run - at >= 7:
            chunk = status << 13 | run - at
            at = run
        else:
            chunk = 0xC000
            for place, each in enumerate(statuses[at : at + 7]):
                chunk |= each << 12 - 2 * place
            at += 7
        chunks += chunk.to_bytes(2, "big")
    return chunks


def read(data: rtcp.Octets, packet: rtcp.Packet) -> list[tuple[int, float | None]]:
    """Each number that a feedback speaks of, with its arrival in seconds, or None when it did not arrive.

    Arrivals are on the clock of who wrote the feedback, which starts again every `CLOCK_S`. Empty for a feedback that
    is malformed: a status or a delta is missing or of no known kind, or there are more than `MOST_STATUSES`.
    """
    at, end = packet.start + 20, packet.end
    if end < at:
        return []
    head = packet.start
    number = data[head + 12] << 8 | data[head + 13]
    count = data[head + 14] << 8 | data[head + 15]
    if count > MOST_STATUSES:
        return []
    ticks = (data[head + 16] << 16 | data[head + 17] << 8 | data[head + 18]) * _REFERENCE_TICKS
    statuses: list[int] = []
    while len(statuses) < count:
        if at + 2 > end:
            return []
        chunk = data[at] << 8 | data[at + 1]
        at += 2
        if not chunk & 0x8000:
            statuses += [chunk >> 13] * min(chunk & 0x1FFF, count)
        elif chunk & 0x4000:
            statuses += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            statuses += [chunk >> shift & 1 for shift in range(13, -1, -1)]
    if len(statuses) == statuses.count(_SMALL) == count and number + count <= 0x10000 and at + count <= end:
        # As most are: everything has come, and evenly.
        times = [each / _TICKS for each in accumulate(data[at : at + count], initial=ticks)]
        return list(zip(range(number, number + count), times[1:], strict=True))
    report: list[tuple[int, float | None]] = []
    for status in statuses[:count]:
        if status == _SMALL:
            if at >= end:
                return []
            ticks += data[at]
            at += 1
            report.append((number, ticks / _TICKS))
        elif status == _LARGE:
            if at + 2 > end:
                return []
            delta = data[at] << 8 | data[at + 1]
            ticks += delta - 0x10000 if delta & 0x8000 else delta
            at += 2
            report.append((number, ticks / _TICKS))
        elif status == _LOST:
            report.append((number, None))
        else:
            return []
        number = number + 1 & 0xFFFF
    return report
