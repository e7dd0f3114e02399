"""When nobody offers times: public holidays, days that a hospital closes or opens, a person's leave. Pure.

Public holidays come from the library `holidays`, which knows Tết by the moon and the days given in exchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

import holidays

from foundation.ids import ExceptionId, FacilityId, StaffId


class ExceptionKind(StrEnum):
    """What is otherwise than the templates say."""

    LEAVE = "leave"
    """A person is away."""
    CLOSED = "closed"
    """The hospital offers nothing."""
    OPEN = "open"
    """The hospital offers as on any other day, though it is a public holiday."""


class Cause(StrEnum):
    """Why a time is not offered, or not any more."""

    HOLIDAY = "holiday"
    LEAVE = "leave"
    CLOSED = "closed"
    TEMPLATE = "template"
    """No template holds for it."""
    LEFT = "left"
    """The specialist does not work in this field here any more."""
    OCCUPIED = "occupied"
    """The specialist's time is held otherwise."""


@dataclass(frozen=True, slots=True)
class AvailabilityException:
    """One exception; `staff_id` is None when it is the whole hospital's. `ends_at` is not part of it."""

    id: ExceptionId
    facility_id: FacilityId
    staff_id: StaffId | None
    kind: ExceptionKind
    starts_at: datetime
    ends_at: datetime

    def overlaps(self, starts_at: datetime, ends_at: datetime) -> bool:
        """Whether any of that time lies in it."""
        return self.starts_at < ends_at and starts_at < self.ends_at


class Closures:
    """What closes the times of one specialist. `country` is of ISO 3166-1; empty: no public holidays."""

    def __init__(self, country: str, zone: ZoneInfo, exceptions: Iterable[AvailabilityException] = ()) -> None:
        self._country = country
        self._zone = zone
        found = tuple(exceptions)
        self._open = tuple(one for one in found if one.kind is ExceptionKind.OPEN)
        self._closed = tuple(one for one in found if one.kind is not ExceptionKind.OPEN)

    def holiday(self, day: date) -> bool:
        """Whether that day is a public holiday on which the hospital has not said that it opens."""
        if day not in public_holidays(self._country, day.year):
            return False
        starts = datetime.combine(day, time(), self._zone)
        ends = datetime.combine(day + timedelta(days=1), time(), self._zone)
        return not any(one.starts_at <= starts and ends <= one.ends_at for one in self._open)

    def away(self, starts_at: datetime, ends_at: datetime) -> tuple[Cause, ExceptionId] | None:
        """The leave or closing in which any of that time lies."""
        for one in self._closed:
            if one.overlaps(starts_at, ends_at):
                return (Cause.LEAVE if one.kind is ExceptionKind.LEAVE else Cause.CLOSED), one.id
        return None


@lru_cache(maxsize=64)
def public_holidays(country: str, year: int, language: str = "vi") -> Mapping[date, str]:
    """Names of a country's public holidays by day, days off in exchange included."""
    if not country:
        return MappingProxyType({})
    spoken = next(
        (one for one in holidays.country_holidays(country).supported_languages if one.startswith(language)), None
    )
    return MappingProxyType(dict(sorted(holidays.country_holidays(country, years=year, language=spoken).items())))
