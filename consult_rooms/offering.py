"""What a specialist's templates offer, and what has to change for it: slots to make, to take back, and contradictions.

Pure, so that the preview of a template and the making of its slots cannot differ. A booked slot is never moved nor
removed: what no longer backs it is said, and somebody decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from consult_rooms import calendar
from consult_rooms.appointment import Slot, VisitType
from consult_rooms.closures import Cause, Closures
from consult_rooms.pattern import Pattern, days, times
from foundation.ids import SlotId, SpecialtyId, StaffId, TemplateId


@dataclass(frozen=True, slots=True)
class Template:
    """A template as it holds for one specialist. `of_person`: the own one, which goes before the department's."""

    id: TemplateId
    version: int
    of_person: bool
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Time:
    """One time that is offered; `before` and `after` are minutes."""

    starts_at: datetime
    ends_at: datetime
    specialty_id: SpecialtyId
    visit_type: VisitType
    template_id: TemplateId | None
    before: int = 0
    after: int = 0

    @property
    def quarters(self) -> range:
        """The quarters of the specialist's time that it takes, buffers and all."""
        starts, ends = timedelta(minutes=self.before), timedelta(minutes=self.after)
        return calendar.quarters(self.starts_at - starts, self.ends_at + ends)


@dataclass(frozen=True, slots=True)
class Standing:
    """A slot as it stands, with its buffers. `at_table` is a conference's case at which the person only sits."""

    slot: Slot
    before: int = 0
    after: int = 0
    at_table: bool = False

    @property
    def time(self) -> Time:
        """The time that it offers."""
        slot = self.slot
        return Time(
            slot.starts_at,
            slot.ends_at,
            slot.specialty_id,
            slot.visit_type,
            slot.template_id,
            self.before,
            self.after,
        )


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A booked slot that availability does not back; `source` names what took it away."""

    slot: Slot
    cause: Cause
    source: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A day's session, or one time of it, that is not offered, and why."""

    day: date
    cause: Cause
    template_id: TemplateId


@dataclass
class Plan:
    """What there is to do for one specialist."""

    make: list[Time] = field(default_factory=list)
    withdraw: list[SlotId] = field(default_factory=list)
    held: bool = False
    """Whether one to withdraw is kept for somebody at this moment, and has to be looked at again."""
    adopt: dict[SlotId, TemplateId] = field(default_factory=dict)
    """Booked slots that another template backs now."""
    contradictions: list[Contradiction] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    offered: list[Time] = field(default_factory=list)
    """Every time that stands or will, booked ones too, by its start."""


def plan(
    templates: Sequence[Template],
    standing: Collection[Standing],
    taken: Mapping[int, str],
    closures: Closures,
    zone: ZoneInfo,
    now: datetime,
    until: datetime,
    *,
    works_here: bool = True,
) -> Plan:
    """The plan for one specialist. `taken` says who holds which quarter of this person's time.

    `until` is the horizon. What starts by now is past and stays as it is.
    """
    found = Plan()
    wanted = _wanted(templates, closures, zone, now, until, found)
    by_time = {(one.starts_at, one.ends_at, one.specialty_id): one for one in wanted}
    met: set[tuple[datetime, datetime, SpecialtyId]] = set()
    versions = {one.id: one.version for one in templates}
    patterns = {one.id: one.pattern for one in templates}
    for stood in sorted(standing, key=lambda one: one.slot.starts_at):
        slot = stood.slot
        if not now < slot.starts_at:
            continue
        key = (slot.starts_at, slot.ends_at, slot.specialty_id)
        away = closures.away(slot.starts_at, slot.ends_at)
        backing = by_time.get(key)
        # Published by hand, or made when the horizon was farther: only what is known of that day speaks against it.
        by_hand = slot.template_id is None or slot.starts_at >= until
        backed = works_here and not away if by_hand else backing is not None
        if slot.appointment_id is None:
            if stood.at_table or slot.conference_id is not None:
                continue
            if (backed and by_hand) or backing == stood.time:
                met.add(key)
                found.offered.append(stood.time)
            elif slot.held(now):
                found.held = True
            else:
                found.withdraw.append(slot.id)
            continue
        if backed:
            met.add(key)
            found.offered.append(stood.time)
            if backing is not None and slot.template_id != backing.template_id and backing.template_id is not None:
                found.adopt[slot.id] = backing.template_id
            continue
        found.contradictions.append(_why(slot, away, closures, zone, versions, patterns, works_here=works_here))
    gone = set(found.withdraw)
    held = {quarter for quarter, holder in taken.items() if holder not in gone}
    for one in wanted:
        if (one.starts_at, one.ends_at, one.specialty_id) in met:
            continue
        if held.isdisjoint(one.quarters):
            held.update(one.quarters)
            found.make.append(one)
            found.offered.append(one)
        elif one.template_id is not None:
            found.skipped.append(Skipped(one.starts_at.astimezone(zone).date(), Cause.OCCUPIED, one.template_id))
    found.offered.sort(key=lambda one: one.starts_at)
    return found


def _wanted(
    templates: Sequence[Template], closures: Closures, zone: ZoneInfo, now: datetime, until: datetime, told: Plan
) -> list[Time]:
    """Every time that the templates offer; where two want the same quarter, the person's own goes first."""
    first, last = now.astimezone(zone).date(), until.astimezone(zone).date()
    held: set[int] = set()
    found: list[Time] = []
    for one in sorted(templates, key=lambda one: (not one.of_person, one.id)):
        pattern = one.pattern
        for day in days(pattern, first, last):
            if not (pattern.on_holidays or pattern.once) and closures.holiday(day):
                told.skipped.append(Skipped(day, Cause.HOLIDAY, one.id))
                continue
            causes = set()
            for starts_at, ends_at in times(pattern, day, zone):
                if not now < starts_at < until:
                    continue
                time = Time(
                    starts_at,
                    ends_at,
                    pattern.specialty_id,
                    pattern.visit_type,
                    one.id,
                    pattern.before,
                    pattern.after,
                )
                if away := closures.away(starts_at, ends_at):
                    causes.add(away[0])
                elif not held.isdisjoint(time.quarters):
                    causes.add(Cause.OCCUPIED)
                else:
                    held.update(time.quarters)
                    found.append(time)
            told.skipped.extend(Skipped(day, cause, one.id) for cause in sorted(causes))
    return found


def _why(
    slot: Slot,
    away: tuple[Cause, str] | None,
    closures: Closures,
    zone: ZoneInfo,
    versions: Mapping[TemplateId, int],
    patterns: Mapping[TemplateId, Pattern],
    *,
    works_here: bool,
) -> Contradiction:
    if away:
        return Contradiction(slot, away[0], away[1])
    if not works_here or slot.template_id is None:
        return Contradiction(slot, Cause.LEFT, slot.specialist_id)
    day = slot.starts_at.astimezone(zone).date()
    pattern = patterns.get(slot.template_id)
    if pattern is not None and not (pattern.on_holidays or pattern.once) and closures.holiday(day):
        return Contradiction(slot, Cause.HOLIDAY, day.isoformat())
    version = versions.get(slot.template_id)
    return Contradiction(slot, Cause.TEMPLATE, f"{slot.template_id}:{'ended' if version is None else version}")


def applies(staff_id: StaffId | None, of: StaffId, pattern: Pattern, specialties: Collection[SpecialtyId]) -> bool:
    """Whether a template, of that person or (None) of the own department, offers times of this specialist."""
    return (staff_id is None or staff_id == of) and pattern.specialty_id in specialties
