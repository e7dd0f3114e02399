"""Who may do and see what of one consult. Pure: given the consult, what the person is to it, and the time.

Role and licence in general are `identity.policy`'s; this page speaks of one consult and the people in it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from enum import StrEnum

from consult_rooms.model import Consult, ConsultState, Offer, Participant, ParticipantRole
from foundation.errors import Forbidden
from foundation.i18n import N_
from foundation.ids import FacilityId
from identity.model import Role, Staff

NOT_YOURS = N_("This case is not for you to take: it was not offered to you and is outside your specialty or hospital.")
LICENCE = N_("Your licence to practise is not valid today. Ask your facility's administrator.")
SCOPE = N_("This case is outside your licence's scope. Ask your facility's administrator.")
NOT_IN_ROOM = N_("You are not part of this consult.")


class Relation(StrEnum):
    """What a person is to a consult; the first that holds, in this order."""

    REQUESTER = "requester"
    SPECIALIST = "specialist"
    INVITED = "invited"
    OBSERVER = "observer"
    RUNG = "rung"
    """Somebody who was rung."""
    CANDIDATE = "candidate"
    """Of its specialty at a linked hospital while nobody has it: may take it without having been rung."""
    COORDINATOR = "coordinator"


def relation(
    consult: Consult,
    staff: Staff,
    *,
    participant: Participant | None,
    offer: Offer | None,
    hub_ids: Collection[FacilityId],
) -> Relation | None:
    """What `staff` is to the consult; None: nothing. `hub_ids` are the hospitals linked to the requesting facility."""
    if not staff.active:
        return None
    if staff.id == consult.requester_id:
        return Relation.REQUESTER
    if staff.id == consult.specialist_id:
        return Relation.SPECIALIST
    if participant is not None:
        return Relation.OBSERVER if participant.role is ParticipantRole.OBSERVER else Relation.INVITED
    if coordinates(consult, staff, hub_ids):
        return Relation.COORDINATOR
    if offer is not None:
        return Relation.RUNG
    if untaken(consult) and _in_field(consult, staff, hub_ids):
        return Relation.CANDIDATE
    return None


def untaken(consult: Consult) -> bool:
    """Whether it waits for somebody to take it, ringing or in writing."""
    if consult.state is ConsultState.WRITTEN:
        return consult.specialist_id is None
    return consult.state is ConsultState.RINGING


def coordinates(consult: Consult, staff: Staff, hub_ids: Collection[FacilityId]) -> bool:
    """Whether this is a coordinator in charge: of the requesting facility or of a hospital linked to it."""
    return (
        staff.active
        and Role.COORDINATOR in staff.roles
        and (staff.facility_id == consult.requester_facility_id or staff.facility_id in hub_ids)
    )


def knows_patient(consult: Consult, related: Relation, participant: Participant | None) -> bool:
    """Whether name and number of the patient may be shown. A ring never shows them, nor does the queue.

    A coordinator books a named patient, and so knows the one of a booked consult.
    """
    match related:
        case Relation.REQUESTER | Relation.SPECIALIST | Relation.INVITED:
            return True
        case Relation.OBSERVER:
            return participant is not None and participant.sees_book
        case Relation.COORDINATOR:
            return consult.starts_at is not None
        case _:
            return False


def reads_opinion(related: Relation) -> bool:
    """Whether the opinion may be read: by those who hold the consult together."""
    return related in (Relation.REQUESTER, Relation.SPECIALIST, Relation.INVITED)


def require_claim(
    consult: Consult,
    staff: Staff,
    *,
    offer: Offer | None,
    hub_ids: Collection[FacilityId],
    today: date,
    in_scope: bool,
) -> None:
    """Raise Forbidden as `require_licence` or `consult.not_offered` unless this person may take the case.

    Whoever was rung may, also after having declined; so may everybody of the specialty at a linked hospital.
    """
    require_licence(staff, today=today, in_scope=in_scope)
    if staff.id == consult.requester_id or (offer is None and not _in_field(consult, staff, hub_ids)):
        raise Forbidden("consult.not_offered", NOT_YOURS)


def require_licence(staff: Staff, *, today: date, in_scope: bool) -> None:
    """Raise Forbidden `licence.expired` or `licence.out_of_scope`. What is in scope `licences` says."""
    if not staff.licence_valid(today):
        raise Forbidden("licence.expired", LICENCE)
    if not in_scope:
        raise Forbidden("licence.out_of_scope", SCOPE)


def _in_field(consult: Consult, staff: Staff, hub_ids: Collection[FacilityId]) -> bool:
    return (
        staff.active
        and Role.SPECIALIST in staff.roles
        and consult.specialty_id in staff.specialties
        and staff.facility_id in hub_ids
    )


def room_open(consult: Consult, now: datetime) -> bool:
    """Whether people may be in the room: from the claim to the end; a booked one from `opens_at`."""
    if consult.state is ConsultState.CLAIMED:
        return True
    return consult.state is ConsultState.SCHEDULED and consult.opens_at is not None and now >= consult.opens_at


def speaks(participant: Participant | None) -> bool:
    """Whether this person may send sound, picture and chat. An observer only receives."""
    return participant is not None and participant.role is not ParticipantRole.OBSERVER
