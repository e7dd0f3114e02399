"""Who may see and do what of one consult: tables, without a store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from consult_rooms.access import (
    Relation,
    knows_patient,
    reads_opinion,
    relation,
    require_claim,
    room_open,
    speaks,
)
from consult_rooms.model import Consult, ConsultState, Offer, OfferState, Participant, ParticipantRole, Step, Urgency
from foundation.errors import Forbidden
from foundation.ids import ConsultId, FacilityId, ParticipantId, SpecialtyId, StaffId
from identity.model import Role, Staff
from tests.consult_rooms.conftest import PATIENT, QUESTION

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
HUB = FacilityId("hub")
CLINIC = FacilityId("clinic")
FIELD = SpecialtyId("stroke")

CLAIMED = Consult(
    id=ConsultId("c"),
    code="HC-2611-0001",
    state=ConsultState.CLAIMED,
    urgency=Urgency.EMERGENCY,
    specialty_id=FIELD,
    requester_id=StaffId("lan"),
    requester_facility_id=CLINIC,
    owner_id=StaffId("ha"),
    terminal_id=None,
    patient=PATIENT,
    question=QUESTION,
    consent=None,
    created_at=NOW - timedelta(minutes=1),
    step=Step.ON_CALL,
    step_due_at=None,
    specialist_id=StaffId("ha"),
    specialist_facility_id=HUB,
    claimed_at=NOW,
    opens_at=None,
    ended_at=None,
    closed_at=None,
    log_number=3,
)
RINGING = replace(CLAIMED, state=ConsultState.RINGING, specialist_id=None, specialist_facility_id=None, claimed_at=None)
BOOKED = replace(
    CLAIMED,
    state=ConsultState.SCHEDULED,
    claimed_at=None,
    starts_at=NOW,
    ends_at=NOW + timedelta(minutes=30),
    opens_at=NOW - timedelta(minutes=15),
)
PLACE = Participant(
    ParticipantId("p"),
    CLAIMED.id,
    StaffId("ha"),
    ParticipantRole.SPECIALIST,
    sees_book=True,
    joined_at=None,
    left_at=None,
)
OBSERVER = replace(PLACE, role=ParticipantRole.OBSERVER, sees_book=False)
MINUTE = timedelta(minutes=1)


def member(
    name: str,
    facility: FacilityId = HUB,
    *roles: Role,
    fields: frozenset[SpecialtyId] = frozenset({FIELD}),
    licence: str | None = "1",
    expires: date | None = None,
    active: bool = True,
) -> Staff:
    return Staff(
        id=StaffId(name),
        user_name=name,
        full_name=name,
        facility_id=facility,
        roles=frozenset(roles or {Role.SPECIALIST}),
        specialties=fields,
        licence_number=licence,
        licence_expires=expires,
        active=active,
    )


def offer(state: OfferState = OfferState.RINGING) -> Offer:
    return Offer(CLAIMED.id, StaffId("x"), HUB, Step.ON_CALL, state, None, NOW, None)


@pytest.mark.parametrize(
    ("consult", "staff", "place", "rung", "expected"),
    [
        (CLAIMED, member("lan", CLINIC), None, None, Relation.REQUESTER),
        (CLAIMED, member("ha"), PLACE, offer(), Relation.SPECIALIST),
        (CLAIMED, member("x"), replace(PLACE, role=ParticipantRole.INVITED), None, Relation.INVITED),
        (CLAIMED, member("x"), OBSERVER, None, Relation.OBSERVER),
        (CLAIMED, member("x"), None, offer(OfferState.STOPPED), Relation.RUNG),
        (CLAIMED, member("x"), None, None, None),
        (RINGING, member("x"), None, None, Relation.CANDIDATE),
        (RINGING, member("x", FacilityId("foreign")), None, None, None),
        (RINGING, member("x", fields=frozenset()), None, None, None),
        (RINGING, member("x", HUB, Role.COORDINATOR), None, None, Relation.COORDINATOR),
        (RINGING, member("x", CLINIC, Role.COORDINATOR), None, None, Relation.COORDINATOR),
        (RINGING, member("x", FacilityId("foreign"), Role.COORDINATOR), None, None, None),
        (RINGING, member("x", HUB, Role.ADMINISTRATOR), None, None, None),
        (CLAIMED, member("lan", CLINIC, active=False), None, None, None),
    ],
)
def test_what_a_person_is_to_a_consult(
    consult: Consult, staff: Staff, place: Participant | None, rung: Offer | None, expected: Relation | None
) -> None:
    assert relation(consult, staff, participant=place, offer=rung, hub_ids={HUB}) is expected


@pytest.mark.parametrize(
    ("related", "named", "reads"),
    [
        (Relation.REQUESTER, True, True),
        (Relation.SPECIALIST, True, True),
        (Relation.INVITED, True, True),
        (Relation.OBSERVER, False, False),
        (Relation.RUNG, False, False),
        (Relation.CANDIDATE, False, False),
        (Relation.COORDINATOR, False, False),
    ],
)
def test_who_learns_the_name_and_the_opinion(related: Relation, named: bool, reads: bool) -> None:
    assert knows_patient(CLAIMED, related, OBSERVER) is named
    assert reads_opinion(related) is reads


def test_a_coordinator_knows_whom_they_booked_and_an_observer_whose_book_they_see() -> None:
    assert knows_patient(BOOKED, Relation.COORDINATOR, None)
    assert knows_patient(CLAIMED, Relation.OBSERVER, replace(OBSERVER, sees_book=True))


@pytest.mark.parametrize(
    ("staff", "rung", "code"),
    [
        (member("x", FacilityId("foreign"), fields=frozenset()), offer(), None),
        (member("x"), None, None),
        (member("x"), offer(OfferState.DECLINED), None),
        (member("x", FacilityId("foreign")), None, "consult.not_offered"),
        (member("x", fields=frozenset()), None, "consult.not_offered"),
        (member("lan"), None, "consult.not_offered"),
        (member("x", licence=None), offer(), "licence.expired"),
        (member("x", expires=date(2026, 11, 22)), offer(), "licence.expired"),
        (member("x", expires=date(2026, 11, 23)), offer(), None),
    ],
)
def test_who_may_claim(staff: Staff, rung: Offer | None, code: str | None) -> None:
    asked: dict[str, Any] = {"offer": rung, "hub_ids": {HUB}, "today": date(2026, 11, 23)}
    if code is None:
        require_claim(RINGING, staff, **asked, in_scope=True)
    with pytest.raises(Forbidden) as error:
        require_claim(RINGING, staff, **asked, in_scope=code is not None)
    assert error.value.code == (code or "licence.out_of_scope")


def test_when_the_room_is_open_and_who_speaks() -> None:
    assert room_open(CLAIMED, NOW)
    assert not room_open(RINGING, NOW)
    assert not room_open(replace(CLAIMED, state=ConsultState.ENDED), NOW)
    assert not room_open(BOOKED, NOW - timedelta(minutes=16))
    assert room_open(BOOKED, NOW - timedelta(minutes=15))
    assert speaks(PLACE)
    assert not speaks(OBSERVER)
    assert not speaks(None)
