"""Scores and shared examinations of a consult: recorded by either side, read as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from consult_rooms import examinations, scores
from consult_rooms.examinations import Compared, Filled, agreement, compared
from consult_rooms.log import Data
from consult_rooms.log_entry import LogKind
from consult_rooms.roll_call import Side
from consult_rooms.scores import Scored
from consult_rooms.statements import Stated, Statement, StatementKind, Statements
from foundation.clock import Clock
from foundation.errors import NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Staff

AHEAD = timedelta(minutes=10)
"""How far a clinic's clock may be ahead of the server's."""
NO_SCORE = N_("There is no such score.")
NO_CHECKLIST = N_("There is no such examination.")


@dataclass(frozen=True, slots=True)
class Shown:
    """A score as it was recorded, and by whom; `earlier` are those of the same name before it, the latest first."""

    scored: Scored
    statement: Statement
    earlier: tuple[tuple[Scored, Statement], ...] = ()


@dataclass(frozen=True, slots=True)
class Examined:
    """A list as both sides filled it, item by item, and who filled it last on each side."""

    code: str
    sides: Mapping[Side, tuple[Filled, Statement]]
    rows: tuple[Compared, ...]

    @property
    def checklist(self) -> examinations.Checklist:
        """The list, of the clinic where both filled it."""
        return next(iter(self.sides.values()))[0].checklist

    @property
    def agreement(self) -> tuple[int, int]:
        """On how many items both agree, of how many that both judged."""
        return agreement(self.rows)


class Assessments:
    """Records them. `zone` is that in which people write times."""

    def __init__(self, statements: Statements, clock: Clock, zone: ZoneInfo) -> None:
        self._statements = statements
        self._clock = clock
        self._zone = zone

    async def score(self, staff: Staff, consult_id: ConsultId, code: str, given: Mapping[str, str]) -> Statement:
        """Record a score; one recorded before stays beside it. The same, assessed at the same minute, is kept once.

        Raises NotFound `score.unknown`, Invalid as `scores.scored`, and what `Statements.state` raises.
        """
        asked = scores.shipped().get(code)
        if asked is None:
            raise NotFound("score.unknown", NO_SCORE)
        now = self._clock.now().astimezone(self._zone)
        made = scores.scored(asked, given, until=now + AHEAD, now=now)
        return await self._statements.state(
            staff,
            consult_id,
            StatementKind.SCORE,
            code,
            made.json(),
            (LogKind.SCORED, {"score": code, "version": asked.version}),
        )

    async def examine(
        self, staff: Staff, consult_id: ConsultId, code: str, given: Mapping[str, str], *, seen: int
    ) -> Statement:
        """Record what the side of this person found; the other side's list is not touched. `seen` as in `state`.

        Raises NotFound `examination.unknown`, Invalid as `examinations.filled`, and what `Statements.state` raises.
        """
        asked = examinations.shipped().get(code)
        if asked is None:
            raise NotFound("examination.unknown", NO_CHECKLIST)
        made = examinations.filled(asked, given)
        side = (await self._statements.read(staff, consult_id)).side
        logged: Data = {"examination": code, "version": asked.version, "side": side.value}
        return await self._statements.state(
            staff,
            consult_id,
            StatementKind.EXAMINATION,
            place_of(code, side),
            made.json(),
            (LogKind.EXAMINED, logged),
            seen=seen,
        )


def scores_of(stated: Iterable[Statement]) -> tuple[Shown, ...]:
    """The scores of a consult, each name once with what was recorded last; the name recorded last stands first."""
    by_code: dict[str, list[tuple[Scored, Statement]]] = {}
    for one in stated:
        if one.kind is StatementKind.SCORE:
            by_code.setdefault(one.code, []).append((scores.recorded(one.document), one))
    shown = [Shown(*those[-1], tuple(reversed(those[:-1]))) for those in by_code.values()]
    return tuple(sorted(shown, key=lambda one: -one.statement.number))


def examinations_of(stated: Stated | Iterable[Statement]) -> tuple[Examined, ...]:
    """The lists that either side filled, in the order of the program's."""
    all_of = stated.statements if isinstance(stated, Stated) else stated
    held = {one.code: one for one in all_of if one.kind is StatementKind.EXAMINATION}
    by_code: dict[str, dict[Side, tuple[Filled, Statement]]] = {}
    for place, one in held.items():
        code, _, side = place.partition("/")
        made = examinations.recorded(one.document)
        if made.found:
            by_code.setdefault(code, {})[Side(side)] = (made, one)
    found = []
    for code, sides in by_code.items():
        ordered = {side: sides[side] for side in Side if side in sides}
        lists = (ordered[side][0] if side in ordered else None for side in Side)
        found.append(Examined(code, ordered, compared(*lists)))
    order = list(examinations.shipped())
    return tuple(sorted(found, key=lambda one: order.index(one.code) if one.code in order else len(order)))


def place_of(code: str, side: Side) -> str:
    """The code under which a side's list is stated."""
    return f"{code}/{side.value}"
