"""The board's rows and lanes, as the protocol says them in one language."""

from __future__ import annotations

from consult_rooms.board_rows import BoardRow, Lane, LaneSlot
from consult_rooms.model import ConsultState, OfferState
from foundation.i18n import Language
from signaling.board_shapes import BoardAnswerPart, BoardNotePart, BoardRowPart, LanePart, LaneSlotPart

NAMES = 6
"""Names of one kind that a row tells."""
QUESTION = 140
"""Characters of the question."""
_REFUSED = frozenset({OfferState.DECLINED, OfferState.BUSY, OfferState.LATER, OfferState.FORWARDED})


def row_part(row: BoardRow, language: Language) -> BoardRowPart:
    """A row. Who was rung is told while it rings."""
    consult = row.consult
    rung = row.people if consult.state is ConsultState.RINGING else ()
    refused = [one for one in rung if one.state in _REFUSED]
    line = consult.question.line
    return BoardRowPart(
        consult_id=consult.id,
        number=consult.log_number,
        code=consult.code,
        state=consult.state.value,
        urgency=consult.urgency,
        specialty_id=consult.specialty_id,
        specialty=row.specialty.name(language.code),
        facility=row.facility_name,
        requester_name=row.requester_name,
        age=row.age,
        sex=consult.patient.sex,
        question=line if len(line) <= QUESTION else line[: QUESTION - 1] + "…",
        owner_name=row.owner_name,
        coordinator_name=row.coordinator_name,
        specialist_name=row.specialist_name,
        created_at=consult.created_at,
        claimed_at=consult.claimed_at,
        starts_at=consult.starts_at,
        ends_at=consult.ends_at,
        due_at=row.due_at,
        step=consult.step,
        step_due_at=consult.step_due_at,
        ringing=[one.name for one in rung if one.state is OfferState.RINGING][:NAMES],
        rung=len(row.people),
        refused=[BoardAnswerPart(one.name, one.state.value, one.reason) for one in refused[-NAMES:]],
        notes=row.notes,
        note=None if row.note is None else BoardNotePart(row.note.author_name, row.note.text, row.note.at),
    )


def lane_part(lane: Lane, language: Language) -> LanePart:
    """A specialist's day."""
    return LanePart(
        specialist_id=lane.specialist_id,
        name=lane.name,
        facility=lane.facility_name,
        slots=[_slot_part(slot, language) for slot in lane.slots],
    )


def _slot_part(slot: LaneSlot, language: Language) -> LaneSlotPart:
    return LaneSlotPart(
        slot_id=slot.id,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        specialty_id=slot.specialty.id,
        specialty=slot.specialty.name(language.code),
        booked=slot.booked,
        consult_id=slot.consult_id,
        appointment_id=slot.appointment_id,
        version=slot.version,
        state=slot.state,
        urgency=slot.urgency,
        clinic=slot.clinic_name,
        terminal_id=slot.terminal_id,
        terminal=slot.terminal_name,
        displaced=slot.displaced,
    )
