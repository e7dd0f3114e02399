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

from media import rtcp

FORMAT = 15
"""The feedback message type among transport feedback (RFC 4585 §6.2)."""
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
_MEMORY = 500
"""Numbers that stay known after they were reported, so that a late packet can be reported among its neighbours."""
_TICKS = 4_000
_REFERENCE_TICKS = 256
_LOST, _SMALL, _LARGE = 0, 1, 2
_HEAD = struct.Struct("!BBHLLHHL")


class Arrivals:
    """When the packets of one connection arrived, until the next feedback is written."""

    __slots__ = ("_feedbacks", "_highest", "_known", "_notes")

    def __init__(self) -> None:
        self._notes: deque[tuple[int, float]] = deque(maxlen=MOST_NOTES)
        self._known: dict[int, int] = {}
        """Ticks of arrival by extended number, of the recent past."""
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
        notes = self._notes
        if not notes:
            return []
        overflown = len(notes) == MOST_NOTES
        known, highest = self._known, self._highest
        if highest is None or overflown:
            # After an overflow nobody knows what arrived before, so nothing may be called lost.
            highest = self._restart(notes[0][0] - 1)
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
        notes.clear()
        written = self._write(sender, source, begin, highest)
        self._highest = highest
        if len(known) > 2 * _MEMORY:
            self._known = {number: ticks for number, ticks in known.items() if number > highest - _MEMORY}
        return written

    def _restart(self, number: int) -> int:
        self._known.clear()
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
            body = _chunks(statuses) + deltas
            body += bytes(-len(body) % 4)
            written.append(
                _HEAD.pack(
                    0x80 | FORMAT, rtcp.TRANSPORT_FEEDBACK, 4 + len(body) // 4, sender, source, begin & 0xFFFF,
                    len(statuses), (reference & 0xFFFFFF) << 8 | self._feedbacks,
                ) + body
            )  # fmt: skip
            self._feedbacks = self._feedbacks + 1 & 0xFF
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
