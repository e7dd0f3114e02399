"""What the server knows for a consult's minutes: the case, who was in the room and when. Read in the caller's go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from consult_rooms import identities
from consult_rooms.advice import items_of
from consult_rooms.advice_model import ANSWERS, AdviceItem, AdviceState
from consult_rooms.case_summary import case_summary
from consult_rooms.identities import Person
from consult_rooms.log_entry import LogKind
from consult_rooms.minutes_document import Facts, Place
from consult_rooms.minutes_model import Advised, Attendee, Content, Seat, Task, Voice
from consult_rooms.model import Consult, Participant, ParticipantRole
from consult_rooms.roll_call import CAPACITIES, Side, people_of
from consult_rooms.statements import Statement, StatementKind, statements_of
from consult_rooms.store import ConsultStore
from consult_rooms.tables import consult_log
from foundation.database import Transaction
from foundation.errors import Conflict
from foundation.i18n import N_
from foundation.ids import FacilityId, StaffId
from identity.store import Directory


@dataclass(frozen=True, slots=True)
class Known:
    """A consult as its minutes need it. `people` have the seats that they get as long as nobody gives them others."""

    person: Person
    persons: tuple[Person, ...]
    facts: Facts
    people: tuple[Attendee, ...]
    summary: str = ""
    """What was answered before the consult about this person, to begin the case summary with."""


async def known(
    tx: Transaction, store: ConsultStore, directory: Directory, consult: Consult, person: int | None
) -> Known:
    """Everything, about that person of the consult, or whom it is about now. Raises `Conflict` for an unknown one."""
    persons, now = await identities.people(tx, store, consult.id)
    about = now if person is None else next((one for one in persons if one.number == person), None)
    if about is None:
        raise Conflict("minutes.no_such_person", NO_PERSON)
    there = [one for one in await store.participants(tx, consult.id) if _belongs(consult, one)]
    times = await _times(tx, consult)
    header_id = consult.specialist_facility_id or consult.requester_facility_id
    names, places = await directory.acquainted(
        {one.staff_id for one in there}, {header_id, consult.requester_facility_id}, tx=tx
    )
    specialty = await directory.specialty(consult.specialty_id, tx=tx)
    people = tuple(
        Attendee(
            seat=_seat(consult, one),
            name=names[one.staff_id].full_name,
            unit=places[names[one.staff_id].facility_id].name,
            staff_id=one.staff_id,
            came_at=times.get(one.staff_id, (None, None))[0],
            left_at=times.get(one.staff_id, (None, None))[1],
        )
        for one in sorted(there, key=lambda one: _order(consult, one))
    )
    came = [one.came_at for one in people if one.came_at is not None]
    asked = consult.question

    def place(facility_id: FacilityId) -> Place:
        return Place(places[facility_id].code, places[facility_id].name)

    facts = Facts(
        code=consult.code,
        specialty=specialty.name("vi"),
        header=place(header_id),
        clinic=place(consult.requester_facility_id),
        patient=about.patient,
        age=about.patient.age(consult.created_at.date()),
        # A question is one patient's: that of an earlier one stays with the opinion about them.
        question="\n".join(
            part for part in (asked.situation, asked.background, asked.assessment, asked.recommendation) if part
        )
        if about == now
        else "",
        starts_at=_whole(min(came, default=consult.claimed_at)),
        ends_at=_whole(consult.ended_at),
        advice=tuple(
            _advised(one) for one in await items_of(tx, store, directory, consult.id) if one.person == about.number
        ),
    )
    stated = await statements_of(tx, store.sealer, consult.id)
    people += _called(stated, names_of={Side.CLINIC: facts.clinic.name, Side.HOSPITAL: facts.header.name})
    return Known(about, persons, facts, people, case_summary(one for one in stated if one.person == about.number))


def suggested(about: Known, opinion: str) -> Content:
    """The minutes before anybody has written them: who was there, what was asked before, the specialist's opinion.

    What was advised and is still to be done begins the plan. Who said for the clinic that it will be done is
    responsible for it; the secretary, who asked, for what nobody has read back.
    """
    names = {one.seat: one.name for one in reversed(about.people)}
    clinic = names.get(Seat.SECRETARY, "")
    plan = tuple(
        Task(f"{one.text}: {one.dose}" if one.dose else one.text, one.answered_by or clinic)
        for one in about.facts.advice
        if one.state in (AdviceState.OPEN, AdviceState.WILL_DO)
    )
    voices = (Voice(names.get(Seat.CHAIR, ""), opinion),) if opinion else ()
    return Content(people=about.people, summary=about.summary, opinions=voices, plan=plan)


def _advised(one: AdviceItem) -> Advised:
    answered = one.state in ANSWERS
    return Advised(
        one.number,
        one.kind,
        one.text,
        one.dose,
        one.state,
        one.reason,
        one.author_name,
        one.changed_by_name if answered else "",
        _whole(one.changed_at) if answered else None,
    )


def _called(stated: Sequence[Statement], names_of: Mapping[Side, str]) -> tuple[Attendee, ...]:
    """Who was named in the roll-calls that hold, each as present, with what they were there as and in whose room."""
    held = {one.code: one for one in stated if one.kind is StatementKind.ROLL}
    return tuple(
        Attendee(Seat.PRESENT, one.name, f"{CAPACITIES[one.capacity].vi}, {names_of[side]}")
        for side in Side
        if side in held
        for one in people_of(held[side].document)
    )


async def _times(tx: Transaction, consult: Consult) -> dict[StaffId, tuple[datetime | None, datetime | None]]:
    """For each who entered the room: the first entry and the last leaving; who never left, left at the end."""
    c = consult_log.c
    found = await tx.execute(
        select(c.actor, c.kind, func.min(c.at), func.max(c.at))
        .where(c.consult_id == consult.id, c.kind.in_((LogKind.JOINED, LogKind.LEFT)))
        .group_by(c.actor, c.kind)
    )
    came: dict[StaffId, tuple[datetime, datetime]] = {}
    left: dict[StaffId, datetime] = {}
    for actor, kind, first, last in found:
        if kind == LogKind.JOINED:
            came[StaffId(actor)] = (first, last)
        else:
            left[StaffId(actor)] = last
    return {
        staff_id: (_whole(first), _whole(left[staff_id] if left.get(staff_id, first) > last else consult.ended_at))
        for staff_id, (first, last) in came.items()
    }


def _belongs(consult: Consult, one: Participant) -> bool:
    """Who was in the room stands in the minutes; of those who were not, requester and specialist alone."""
    return one.joined_at is not None or one.staff_id in (consult.requester_id, consult.specialist_id)


def _seat(consult: Consult, one: Participant) -> Seat:
    if one.staff_id == consult.specialist_id:
        return Seat.CHAIR
    if one.staff_id == consult.requester_id:
        return Seat.SECRETARY
    return Seat.PRESENT if one.role is ParticipantRole.OBSERVER else Seat.MEMBER


def _order(consult: Consult, one: Participant) -> tuple[int, str]:
    return list(Seat).index(_seat(consult, one)), one.id


def _whole(at: datetime | None) -> datetime | None:
    """Documents hold whole seconds."""
    return None if at is None else at.replace(microsecond=0)


NO_PERSON = N_("The room's turning to this patient was taken back. Open the minutes again.")
