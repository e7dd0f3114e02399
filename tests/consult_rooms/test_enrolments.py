"""Patients who are followed up over years: enrolled, checked, moved, ended, the overdue first; on both stores."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from consult_rooms.aftercare import Aftercare
from consult_rooms.enrolment_model import INTERVALS, Check, Condition, EndReason, next_due
from foundation.audit import Audit
from foundation.audit import audit_entries as audit
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.ids import PatientId
from tests.consult_rooms.conftest import PATIENT, UNKNOWN_WOMAN, ZONE, World

OTHER = replace(PATIENT, patient_id=PatientId("pat_" + "b" * 32), name="Trần Văn Bình")


@pytest.fixture
def care(world: World) -> Aftercare:
    parts = (world.database, world.store, world.log, world.directory, world.requests, ZONE)
    return Aftercare.over(*parts, audit=Audit(world.database))


def day_of(world: World) -> date:
    return world.clock.now().astimezone(ZONE).date()


def test_months_end_where_a_month_has_no_such_day() -> None:
    assert next_due(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert next_due(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert set(INTERVALS) == set(Condition)


async def test_a_check_is_planned_done_moved_and_ended(world: World, care: Aftercare) -> None:
    lan, day = world["lan"], day_of(world)
    enrolled = await care.enrolments.enrol(lan, PATIENT, "diabetes", "self")
    assert await care.enrolments.enrol(lan, PATIENT, "diabetes", "self") == enrolled, "twice is once"
    whole = await care.enrolled.open(lan, enrolled)
    assert (whole.patient, whole.enrolled_by, {one.due_on for one in whole.planned}) == (PATIENT, "BS. Lan", {day})
    await care.enrolments.mark(lan, enrolled, "hba1c", day, day, "7,2 %")
    await care.enrolments.mark(lan, enrolled, "hba1c", day, day, "7,2 %")
    later = next_due(day, 3)
    await care.enrolments.move(lan, enrolled, "hba1c", later, later + timedelta(days=4))
    await care.enrolments.move(lan, enrolled, "hba1c", later, later + timedelta(days=4))
    whole = await care.enrolled.open(lan, enrolled)
    assert [(one.check, one.note, one.by_name) for one in whole.done] == [(Check.HBA1C, "7,2 %", "BS. Lan")]
    assert {one.check: one.due_on for one in whole.planned}[Check.HBA1C] == later + timedelta(days=4)
    with pytest.raises(Conflict, match=r"check.changed"):
        await care.enrolments.move(lan, enrolled, "hba1c", day, day + timedelta(days=1))
    with pytest.raises(Conflict, match=r"check.changed"):
        await care.enrolments.mark(lan, enrolled, "hba1c", day, day - timedelta(days=1))
    with pytest.raises(Invalid, match=r"day.impossible"):
        await care.enrolments.mark(lan, enrolled, "eyes", day, day + timedelta(days=1))
    with pytest.raises(Invalid, match=r"day.impossible"):
        await care.enrolments.move(lan, enrolled, "eyes", day, day - timedelta(days=1))
    await care.enrolments.end(lan, enrolled, "moved", "Về Vinh")
    await care.enrolments.end(lan, enrolled, "moved")
    over = await care.enrolled.open(lan, enrolled)
    assert (over.planned, over.end_reason, over.end_note) == ((), EndReason.MOVED, "Về Vinh")
    assert await care.enrolled.listed(lan) == ([], False)
    with pytest.raises(Conflict, match=r"enrolment.over"):
        await care.enrolments.mark(lan, enrolled, "eyes", day, day)
    assert await care.enrolments.enrol(lan, PATIENT, "diabetes", "self") != enrolled, "begun anew"


async def test_the_overdue_stand_first_and_only_at_the_clinic_that_enrolled(world: World, care: Aftercare) -> None:
    lan, day = world["lan"], day_of(world)
    later = await care.enrolments.enrol(lan, OTHER, "frailty", "proxy", day + timedelta(days=10))
    soon = await care.enrolments.enrol(lan, PATIENT, "stroke", "self")
    last = await care.enrolments.enrol(lan, OTHER, "lung", "proxy", day + timedelta(days=20))
    rows, more = await care.enrolled.listed(lan)
    assert ([row.id for row in rows], more) == ([soon, later, last], False)
    assert not rows[0].overdue(day)
    assert rows[0].overdue(day + timedelta(days=1))
    assert (await care.enrolled.listed(lan, overdue_only=True))[0] == []
    world.clock.advance(2 * 86_400)
    assert [row.id for row in (await care.enrolled.listed(lan, overdue_only=True))[0]] == [soon]
    assert [row.id for row in (await care.enrolled.listed(lan, condition=Condition.FRAILTY))[0]] == [later]
    mai = world["mai"]
    assert await care.enrolled.listed(mai) == ([], False)
    for refused in (
        care.enrolled.open(mai, soon),
        care.enrolments.mark(mai, soon, "recovery", day, day),
        care.enrolments.end(mai, soon, "lost"),
    ):
        with pytest.raises(NotFound, match=r"enrolment.unknown"):
            await refused
    with pytest.raises(Forbidden):
        await care.enrolled.listed(world["ha"])
    async with world.database.reading() as tx:
        acts = select(audit.c.action, audit.c.outcome).where(audit.c.action.like("enrolment.%"))
        told = {(row.action, row.outcome) for row in await tx.execute(acts)}
    assert told >= {("enrolment.begin", "success"), ("enrolment.list", "success"), ("enrolment.read", "denied")}


async def test_who_is_not_known_or_does_not_agree_is_not_followed_up(world: World, care: Aftercare) -> None:
    lan = world["lan"]
    for patient, agreed, code in (
        (UNKNOWN_WOMAN, "self", "patient.unusable"),
        (PATIENT, "not_possible", "enrolment.not_agreed"),
    ):
        with pytest.raises(Invalid, match=code):
            await care.enrolments.enrol(lan, patient, "lung", agreed)
    many = await asyncio.gather(*(care.enrolments.enrol(lan, PATIENT, "lung", "self") for _ in range(4)))
    assert len(set(many)) == 1, "enrolled at once by several is once"


async def test_a_clinic_says_how_often(world: World, care: Aftercare) -> None:
    lan, day = world["lan"], day_of(world)
    await care.intervals.change(lan, Condition.LUNG, {Check.INHALER: 1, Check.SPIROMETRY: 0})
    assert (await care.intervals.all(lan))[Condition.LUNG] == {Check.INHALER: 1, Check.SPIROMETRY: 0}
    assert (await care.intervals.all(world["mai"]))[Condition.LUNG] == INTERVALS[Condition.LUNG]
    enrolled = await care.enrolments.enrol(lan, PATIENT, "lung", "self")
    await care.enrolments.mark(lan, enrolled, "inhaler", day, day)
    planned = (await care.enrolled.open(lan, enrolled)).planned
    assert [(one.check, one.due_on) for one in planned] == [(Check.INHALER, next_due(day, 1))]
    with pytest.raises(Invalid, match=r"interval.out_of_range"):
        await care.intervals.change(lan, Condition.LUNG, {Check.INHALER: 61})
