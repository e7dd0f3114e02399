"""The statements of figures, alike on both stores. Each reads the consults of a hospital's clinics, or its slots, by an
index that begins with the facility, so that it costs what these clinics asked in that time, not what the country did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    String,
    and_,
    case,
    cast,
    extract,
    func,
    literal,
    or_,
    select,
    union,
    union_all,
)

from consult_rooms.aftercare_model import LineFelt, Usefulness
from consult_rooms.aftercare_tables import consult_ratings
from consult_rooms.model import CancelReason, ConsultState, Urgency
from consult_rooms.tables import consults, slots
from foundation.ids import FacilityId
from identity.tables import links

BOOKED_AHEAD = timedelta(days=400)
"""How long before its time a consult was booked at most; it bounds what is read."""
GIVEN_UP = timedelta(hours=12)
"""A booked consult that nobody began so long after its end was not held."""


@dataclass(frozen=True, slots=True)
class Span:
    """A facility's weeks: `starts` holds each week's first moment, and the moment after the last."""

    facility_id: FacilityId
    starts: tuple[datetime, ...]
    targets: Mapping[Urgency, int]
    """In seconds."""
    sqlite: bool

    @property
    def clinics(self) -> ColumnElement[bool]:
        """Consults of the facility itself and of the clinics for which it consults."""
        spokes = select(links.c.spoke_id).where(links.c.hub_id == self.facility_id)
        return consults.c.requester_facility_id.in_(union(spokes, select(literal(self.facility_id))))

    def within(self, at: Any) -> ColumnElement[bool]:
        """Whether an instant is in these weeks."""
        return and_(at >= self.starts[0], at < self.starts[-1])

    def week(self, at: Any) -> ColumnElement[int]:
        """Which of the weeks an instant is in, 0 the first. By comparing: weeks with a change of clocks are longer."""
        return case(*((at < end, number) for number, end in enumerate(self.starts[1:])))


def requests(span: Span) -> Select[Any]:
    """Counts of requests by specialty, hospital, facility and week."""
    asked = _asked(span)
    keys = asked.c.specialty, asked.c.hospital, asked.c.facility, asked.c.week
    return select(
        *keys,
        func.count().label("requests"),
        func.count(asked.c.waited).label("answered"),
        func.coalesce(func.sum(asked.c.in_time), 0).label("in_time"),
        func.coalesce(func.sum(asked.c.cancelled), 0).label("cancelled"),
    ).group_by(*keys)


def waits(span: Span, dimensions: Iterable[str]) -> CompoundSelect[Any]:
    """Median and ninetieth percentile of the seconds to the answer, by the nearest rank: of all, where `dimension` is
    empty, and for each `key` of each dimension. One statement, so that the requests are read once for all of them."""
    asked = _asked(span)
    return union_all(_waits(asked, ""), *(_waits(asked, dimension) for dimension in dimensions))


def _waits(asked: CTE, dimension: str) -> Select[Any]:
    key = cast(asked.c[dimension], String) if dimension else literal("", String)
    ranked = (
        select(
            key.label("key"),
            asked.c.waited,
            func.row_number().over(partition_by=key, order_by=asked.c.waited).label("place"),
            func.count().over(partition_by=key).label("many"),
        )
        .where(asked.c.waited.is_not(None))
        .subquery()
    )

    def at(place: ColumnElement[int]) -> ColumnElement[int]:
        return func.max(case((ranked.c.place == place, ranked.c.waited)))

    return select(
        literal(dimension, String).label("dimension"),
        ranked.c.key,
        at((ranked.c.many + 1) // 2).label("median"),
        at((ranked.c.many * 9 + 9) // 10).label("ninetieth"),
    ).group_by(ranked.c.key)


def bookings(span: Span, now: datetime) -> Select[Any]:
    """Counts of booked consults by specialty, hospital, facility and week."""
    kept = (
        select(
            consults.c.specialty_id.label("specialty"),
            consults.c.specialist_facility_id.label("hospital"),
            consults.c.requester_facility_id.label("facility"),
            span.week(consults.c.starts_at).label("week"),
            case((_missed(now), 1), else_=0).label("missed"),
        )
        .where(*_booked(span), or_(consults.c.state != ConsultState.CANCELLED, _missed(now)))
        .cte("kept")
    )
    keys = kept.c.specialty, kept.c.hospital, kept.c.facility, kept.c.week
    return select(*keys, func.count().label("booked"), func.sum(kept.c.missed).label("missed")).group_by(*keys)


def times(span: Span) -> Select[Any]:
    """Seconds that the hospital's specialists offered and that were booked, by specialty, hospital and week."""
    lasts = seconds(slots.c.starts_at, slots.c.ends_at, sqlite=span.sqlite)
    own = (
        select(
            slots.c.specialty_id.label("specialty"),
            slots.c.facility_id.label("hospital"),
            span.week(slots.c.starts_at).label("week"),
            lasts.label("offered"),
            case((slots.c.appointment_id.is_not(None), lasts), else_=0).label("used"),
        )
        .where(slots.c.facility_id == span.facility_id, span.within(slots.c.starts_at), slots.c.withdrawn_at.is_(None))
        .cte("own")
    )
    keys = own.c.specialty, own.c.hospital, own.c.week
    return select(*keys, func.sum(own.c.offered).label("offered"), func.sum(own.c.used).label("used")).group_by(*keys)


def ratings(span: Span) -> Select[Any]:
    """How many words of both sides there are on use and line, and how many good ones, by specialty, hospital, facility
    and week of the request, or of the booked time. Who said it is not read."""

    def words(week: ColumnElement[int], *which: ColumnElement[bool]) -> Select[Any]:
        return (
            select(
                consults.c.specialty_id.label("specialty"),
                consults.c.specialist_facility_id.label("hospital"),
                consults.c.requester_facility_id.label("facility"),
                week.label("week"),
                consult_ratings.c.usefulness,
                consult_ratings.c.line,
            )
            .join(consult_ratings, consult_ratings.c.consult_id == consults.c.id)
            .where(*which)
        )

    said = union_all(
        words(span.week(consults.c.created_at), *_requested(span)),
        words(span.week(consults.c.starts_at), *_booked(span)),
    ).cte("said")
    keys = said.c.specialty, said.c.hospital, said.c.facility, said.c.week
    return select(
        *keys,
        func.count(said.c.usefulness).label("of_use"),
        func.count(case((said.c.usefulness == Usefulness.YES.value, 1))).label("useful"),
        func.count(said.c.line).label("of_line"),
        func.count(case((said.c.line == LineFelt.GOOD.value, 1))).label("good_line"),
    ).group_by(*keys)


def cases(span: Span, now: datetime, *, missed: bool, late: bool) -> Select[Any]:
    """Single consults, the newest first: requests, or with `missed` the booked ones that were not held."""
    waited = _waited(span.sqlite)
    query = select(*_CASE, waited.label("waited"))
    if missed:
        return query.where(*_booked(span), _missed(now)).order_by(consults.c.starts_at.desc())
    query = query.where(*_requested(span))
    if late:
        given_up = and_(consults.c.state == ConsultState.CANCELLED, consults.c.claimed_at.is_(None))
        query = query.where(or_(waited.is_(None), waited > _target(span)), ~given_up)
    return query.order_by(consults.c.created_at.desc())


def seconds(earlier: Any, later: Any, *, sqlite: bool) -> ColumnElement[int]:
    """Whole seconds from one instant to another; NULL when one is."""
    if sqlite:
        return cast(func.round((func.julianday(later) - func.julianday(earlier)) * 86_400), Integer)
    return cast(extract("epoch", later - earlier), Integer)


_CASE = (
    consults.c.id,
    consults.c.code,
    consults.c.urgency,
    consults.c.state,
    consults.c.specialty_id,
    consults.c.requester_facility_id,
    consults.c.specialist_facility_id,
    consults.c.created_at,
    consults.c.starts_at,
)


def _asked(span: Span) -> CTE:
    """A row for each request: its keys, how long it waited, whether in time, whether given up before."""
    waited = _waited(span.sqlite)
    given_up = and_(consults.c.state == ConsultState.CANCELLED, consults.c.claimed_at.is_(None))
    return (
        select(
            consults.c.specialty_id.label("specialty"),
            consults.c.specialist_facility_id.label("hospital"),
            consults.c.requester_facility_id.label("facility"),
            span.week(consults.c.created_at).label("week"),
            waited.label("waited"),
            case((waited <= _target(span), 1), else_=0).label("in_time"),
            case((given_up, 1), else_=0).label("cancelled"),
        )
        .where(*_requested(span))
        .cte("asked")
    )


def _requested(span: Span) -> tuple[ColumnElement[bool], ...]:
    return span.clinics, consults.c.starts_at.is_(None), span.within(consults.c.created_at)


def _booked(span: Span) -> tuple[ColumnElement[bool], ...]:
    known = consults.c.created_at >= span.starts[0] - BOOKED_AHEAD, consults.c.created_at < span.starts[-1]
    return (span.clinics, *known, span.within(consults.c.starts_at))


def _missed(now: datetime) -> ColumnElement[bool]:
    recorded = consults.c.cancel_reason == CancelReason.NO_SHOW
    return or_(
        func.coalesce(recorded, literal(value=False)),
        and_(consults.c.state == ConsultState.SCHEDULED, consults.c.ends_at < now - GIVEN_UP),
    )


def _waited(sqlite: bool) -> ColumnElement[int]:
    return seconds(consults.c.created_at, consults.c.claimed_at, sqlite=sqlite)


def _target(span: Span) -> ColumnElement[int]:
    return case(*((consults.c.urgency == urgency.value, target) for urgency, target in span.targets.items()), else_=0)
