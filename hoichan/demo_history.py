"""Holds the demo's past consults and books its calendar through the real services, under a clock set to those days.

So the logs, opinions and timelines of the demo are what the program itself writes, not a picture of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta

from sqlalchemy import select, update

from consult_rooms.aftercare_model import Outcome
from consult_rooms.model import Consent, ConsentBy, ConsultState, IdentityState, Patient, Question, Urgency
from consult_rooms.tables import slots
from foundation.clock import FakeClock
from foundation.errors import Conflict
from foundation.ids import ConsultId, FacilityId, PatientId, SlotId, SpecialtyId, StaffId
from hoichan import demo
from hoichan.demo_books import patient_ids
from hoichan.wiring import Parts, opened
from identity.model import Role, Staff
from identity.tables import installation

_CONSENT = Consent(consult=True, record_view=True, by=ConsentBy.SELF)


async def load_history(parts: Parts) -> None:
    """Past consults once, and the calendar of the coming days once a day.

    The day is noted last. Until then a start after a kill goes through everything again and adds what is missing.
    """
    today = parts.clock.now().astimezone(parts.zone).date()
    async with parts.database.reading() as read:
        demo_day = (await read.execute(select(installation.c.demo_day))).scalar()
        if demo_day == today:
            return
        ids = await patient_ids(parts, read)
    if demo_day is None:
        await _hold_past_consults(parts, today, ids)
    await _book_calendar(parts, today, ids, first=demo_day is None)
    async with parts.database.transaction() as tx:
        await tx.execute(update(installation).values(demo_day=today))


async def _hold_past_consults(parts: Parts, today: date, ids: Mapping[str, PatientId]) -> None:
    clock = FakeClock()
    async with opened(parts.settings, clock=clock) as then:
        people, fields, citizens = await _people(then), await _fields(then), _citizens(today)
        advised: list[tuple[int, Staff, ConsultId]] = []
        for number, past in enumerate(sorted(demo.past_consults(), key=lambda past: (-past.days_ago, past.starts))):
            _set(clock, parts, today - timedelta(days=past.days_ago), past.starts)
            requester, specialist = people[past.requester], people[past.specialist]
            consult = await then.requests.create(
                requester,
                terminal_id=None,
                specialty_id=fields[past.specialty_code],
                urgency=Urgency(past.urgency),
                patient=_snapshot(citizens[past.citizen_key], ids[past.citizen_key]),
                question=Question(situation=past.question),
                consent=_CONSENT,
                idempotency_key=f"demo-past-{number}",
            )
            clock.advance(24)
            if consult.state in (ConsultState.RINGING, ConsultState.CLAIMED):
                await then.pairing.answers.accept(specialist, consult.id)
                clock.advance(3)
                await then.rooms.join(specialist, consult.id)
                clock.advance(1)
                await then.rooms.join(requester, consult.id)
                clock.advance(past.minutes * 60)
                await then.opinions.save(specialist, consult.id, past.opinion, 0)
                await then.rooms.end(specialist, consult.id)
            _set(clock, parts, today - timedelta(days=past.days_ago), past.starts)
            clock.advance((past.minutes + 2) * 60)
            if consult.state is not ConsultState.CLOSED:
                await then.opinions.close(specialist, consult.id)
            advised.append((past.days_ago, requester, consult.id))
        await _follow_up(then, clock, today, advised)


async def _follow_up(then: Parts, clock: FakeClock, today: date, advised: list[tuple[int, Staff, ConsultId]]) -> None:
    """What the clinics did after the advice, in the order of time; what is from yesterday nobody has read yet."""
    acts = [
        (days_ago - day, consult_id, day, requester)
        for days_ago, requester, consult_id in advised
        for day in (0, *then.settings.follow_ups)
        if day < days_ago and days_ago > 1
    ]
    for days_ago, consult_id, day, requester in sorted(acts, key=lambda act: (-act[0], act[1])):
        _set(clock, then, today - timedelta(days=days_ago), "16:30")
        if day:
            await then.aftercare.follow_ups.answer(requester, consult_id, 0, day, Outcome.BETTER)
        else:
            await then.aftercare.follow_ups.read(requester, consult_id, 0)


async def _book_calendar(parts: Parts, today: date, ids: Mapping[str, PatientId], *, first: bool) -> None:
    people, fields, citizens = await _people(parts), await _fields(parts), _citizens(today)
    keepers = _keepers(people)
    appointments = {appointment.slot: appointment for appointment in demo.appointments(today)}
    for slot in dict.fromkeys([*appointments, *demo.slots(today)]):
        keeper = keepers(people[slot.user_name].facility_id)
        starts = _moment(parts, today + timedelta(days=slot.offset_days), slot.starts)
        appointment, specialist_id = appointments.get(slot), people[slot.user_name].id
        try:
            [published] = await parts.scheduling.publish(
                keeper,
                specialist_id,
                fields[slot.specialty_code],
                starts,
                starts + timedelta(minutes=slot.minutes),
                slot.minutes,
            )
            slot_id = published.id
        except Conflict:
            if not first:
                continue  # an earlier demo day published this time already
            slot_id = await _slot(parts, specialist_id, starts)
        if appointment is None:
            continue
        requester = people[appointment.requester]
        [coordinator, *_] = await parts.directory.coordinators_of(requester.facility_id)
        await parts.scheduling.book(
            coordinator,
            slot_id,
            clinic_id=requester.facility_id,
            terminal_id=None,
            requester_id=requester.id,
            patient=_snapshot(citizens[appointment.citizen_key], ids[appointment.citizen_key]),
            question=Question(situation=appointment.reason),
            consent=_CONSENT,
            idempotency_key=f"demo-{starts.isoformat()}-{requester.id}",
        )


def _keepers(people: Mapping[str, Staff]) -> Callable[[FacilityId], Staff]:
    """Who publishes for a hospital: its coordinator, or where there is none an administrator of the installation."""
    coordinators = {p.facility_id: p for p in people.values() if Role.COORDINATOR in p.roles}
    chief = next(p for p in people.values() if Role.ADMINISTRATOR in p.roles and p.installation_wide)
    return lambda facility_id: coordinators.get(facility_id, chief)


async def _slot(parts: Parts, specialist_id: StaffId, starts: datetime) -> SlotId:
    """The slot that a start which was killed afterwards published."""
    async with parts.database.reading() as read:
        found = select(slots.c.id).where(slots.c.specialist_id == specialist_id, slots.c.starts_at == starts)
        return SlotId((await read.execute(found)).scalar_one())


async def _people(parts: Parts) -> dict[str, Staff]:
    people = {}
    for person in demo.staff(parts.clock.now().date()):
        if stored := await parts.directory.staff_by_user_name(person.user_name):
            people[person.user_name] = stored
    return people


async def _fields(parts: Parts) -> dict[str, SpecialtyId]:
    stored = {specialty.code: specialty.id for specialty in await parts.directory.specialties()}
    return {field.code: stored[field.code.replace("-", "_")] for field in demo.specialties()}


def _citizens(today: date) -> dict[str, demo.DemoCitizen]:
    return {citizen.key: citizen for citizen in demo.citizens(today)}


def _snapshot(citizen: demo.DemoCitizen, patient_id: PatientId) -> Patient:
    return Patient(
        patient_id=patient_id,
        identity=IdentityState.ESTABLISHED,
        name=citizen.name,
        birth_date=citizen.birth_date,
        sex=citizen.sex,
        masked_number=f"••••{citizen.cccd[-4:]}",
    )


def _moment(parts: Parts, day: date, starts: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(starts), parts.zone)


def _set(clock: FakeClock, parts: Parts, day: date, starts: str) -> None:
    clock.advance((_moment(parts, day, starts) - clock.now()).total_seconds())
