"""Consults as they change, one whole consult with its timeline, and its answer, for the two facilities that hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from consult_rooms.exchange import ChangedConsult
from consult_rooms.model import ConsultState
from foundation.ids import ConsultId, SpecialtyId
from identity.model import Scope
from web.api.bodies import BySpecialist, ConsultsQuery, TimelineQuery, WrittenAnswer
from web.api.consult_answers import (
    ConsentAnswer,
    ConsultAnswer,
    ConsultPatient,
    ConsultRow,
    ConsultRows,
    Entry,
    OpinionAnswer,
    QuestionAnswer,
)
from web.api.cursor import cursor, position
from web.api.operation import Call, Nothing, Operation
from web.api.people import specialty_codes, staff_refs

MOST_ENTRIES = 500


async def changed(call: Call[Nothing, ConsultsQuery]) -> ConsultRows:
    """A page of the facility's consults; one row more is read to know whether a page follows."""
    asked, after = call.query, None
    if asked.cursor is not None:
        at, last_id = position(asked.cursor)
        after = (at, ConsultId(last_id))
    found = await call.services.exchange.changed(
        call.token.facility_id, since=asked.updated_since, after=after, limit=asked.limit + 1
    )
    page = found[: asked.limit]
    call.notes.details["rows"] = len(page)
    codes = await specialty_codes(call.services)
    return ConsultRows(
        items=[_row(one, codes) for one in page],
        next=cursor(page[-1].updated_at, page[-1].consult.id) if len(found) > len(page) else None,
    )


async def show(call: Call[Nothing, TimelineQuery]) -> ConsultAnswer:
    """The consult. The opinion is there once it is locked: until then it is the specialist's draft."""
    services, consult_id = call.services, ConsultId(call.path["consult_id"])
    found = await services.exchange.consult(call.token.facility_id, consult_id)
    consult = found.consult
    call.notes.patient_id = consult.patient.patient_id
    entries = await services.exchange.entries(consult_id, call.query.after, MOST_ENTRIES)
    opinion = await services.opinions.closed(consult_id) if consult.state is ConsultState.CLOSED else None
    people = await staff_refs(
        services,
        [
            consult.requester_id,
            consult.specialist_id,
            opinion.author_id if opinion else None,
            *(entry.actor for entry in entries),
        ],
    )
    return ConsultAnswer(
        consult=_row(found, await specialty_codes(services)),
        requester=people[consult.requester_id],
        specialist=people[consult.specialist_id] if consult.specialist_id else None,
        patient=ConsultPatient(**asdict(consult.patient)),
        question=QuestionAnswer(**asdict(consult.question)),
        consent=ConsentAnswer(**asdict(consult.consent)) if consult.consent else None,
        opinion=OpinionAnswer(
            author=people[opinion.author_id],
            text=opinion.text,
            version=opinion.version,
            closed_at=opinion.closed_at,
        )
        if opinion and opinion.closed_at
        else None,
        timeline=[
            Entry(
                number=entry.number,
                at=entry.at,
                kind=entry.kind,
                actor=people.get(entry.actor) if entry.actor else None,
                data=entry.data,
            )
            for entry in entries
        ],
    )


async def take(call: Call[BySpecialist, Nothing]) -> ConsultRow:
    """Take a written case that nobody has, as a specialist of the token's facility. Again by the same is no error."""
    services, consult_id = call.services, ConsultId(call.path["consult_id"])
    staff = await call.acting(call.body.specialist_user_name, "specialist_user_name")
    # Until it is taken the case is no consult of this hospital: whether this person may have it is decided there.
    consult = await services.desk.written.take(staff, consult_id)
    call.notes.patient_id = consult.patient.patient_id
    # Who was rung for another hospital takes it there.
    taken = await services.exchange.consult(consult.specialist_facility_id or staff.facility_id, consult_id)
    return _row(taken, await specialty_codes(services))


async def answer(call: Call[WrittenAnswer, Nothing]) -> ConsultRow:
    """Write the opinion and lock it, as the specialist; the consult is closed. The same text again is no error."""
    services, consult_id = call.services, ConsultId(call.path["consult_id"])
    found = await services.exchange.consult(call.token.facility_id, consult_id)
    call.notes.patient_id = found.consult.patient.patient_id
    staff = await call.acting(call.body.specialist_user_name, "specialist_user_name")
    await services.opinions.answer(staff, consult_id, call.body.text, call.body.version)
    answered = await services.exchange.consult(call.token.facility_id, consult_id)
    return _row(answered, await specialty_codes(services))


def _row(found: ChangedConsult, codes: Mapping[SpecialtyId, str]) -> ConsultRow:
    consult = found.consult
    return ConsultRow(
        id=consult.id,
        code=consult.code,
        state=consult.state,
        urgency=consult.urgency,
        specialty=codes[consult.specialty_id],
        requester_id=consult.requester_id,
        requester_facility_id=consult.requester_facility_id,
        specialist_id=consult.specialist_id,
        specialist_facility_id=consult.specialist_facility_id,
        patient_id=consult.patient.patient_id,
        created_at=consult.created_at,
        claimed_at=consult.claimed_at,
        starts_at=consult.starts_at,
        ended_at=consult.ended_at,
        closed_at=consult.closed_at,
        cancelled_at=consult.cancelled_at,
        updated_at=found.updated_at,
        log_number=consult.log_number,
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        "list_consults",
        "GET",
        "/consults",
        "Consults of the own facility, on either side, in the order of their last change",
        Nothing,
        ConsultsQuery,
        ConsultRows,
        changed,
        "consults",
        Scope.CONSULTS_READ,
        errors={422: ("cursor.unusable",)},
    ),
    Operation(
        "show_consult",
        "GET",
        "/consults/{consult_id}",
        "One consult with question, opinion and timeline",
        Nothing,
        TimelineQuery,
        ConsultAnswer,
        show,
        "consults",
        Scope.CONSULTS_READ,
        errors={404: ("consult.unknown",)},
    ),
    Operation(
        "take_consult",
        "POST",
        "/consults/{consult_id}/take",
        "Take a written case that nobody has, in a specialist's name, who owns it from then on",
        BySpecialist,
        Nothing,
        ConsultRow,
        take,
        "consults",
        Scope.CONSULTS_WRITE,
        errors={
            403: (
                "policy.denied",
                "consult.not_offered",
                "licence.expired",
                "licence.out_of_scope",
            ),
            404: ("consult.unknown",),
            409: (
                "consult.already_claimed",
                "consult.not_claimed",
                "consult.scheduled",
                "consult.ended",
                "consult.closed",
                "consult.cancelled",
            ),
            422: ("staff.unknown",),
        },
    ),
    Operation(
        "answer_consult",
        "POST",
        "/consults/{consult_id}/opinion",
        "Answer a written case, or write the opinion after a call: it is locked and the consult closed",
        WrittenAnswer,
        Nothing,
        ConsultRow,
        answer,
        "consults",
        Scope.CONSULTS_WRITE,
        errors={
            403: ("policy.denied", "consult.not_your_part"),
            404: ("consult.unknown",),
            409: (
                "consult.not_ended",
                "consult.not_claimed",
                "consult.scheduled",
                "consult.closed",
                "consult.cancelled",
                "opinion.stale",
                "opinion.closed",
            ),
            422: ("staff.unknown", "opinion.missing"),
        },
    ),
)
