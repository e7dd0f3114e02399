"""What every form that books or waits has in common: the clinic's doctor and terminal, patient, question, consent."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from consult_rooms.bookings import Order
from consult_rooms.model import Patient
from foundation.errors import Forbidden, Invalid
from foundation.i18n import N_
from foundation.ids import ResourceId, StaffId, TerminalId, is_id
from identity.model import Facility, Role, Staff, Terminal
from identity.policy import Action, may, require
from web.forms import Form
from web.services import SERVICES, Services
from web.views.requests import consent_of, question_of

NO_REQUESTER = N_("Choose the doctor who will present the patient.")
NO_PATIENT = N_("Find the patient and confirm two identifiers first.")


@dataclass(frozen=True, slots=True)
class Clinic:
    """Where a slot can be booked for: the doctors and the terminals of one facility."""

    facility: Facility
    doctors: tuple[Staff, ...]
    terminals: tuple[Terminal, ...]


def require_booking(staff: Staff) -> None:
    """Raise Forbidden for anybody but coordinators and clinics' doctors."""
    if not may(staff, Action.COORDINATE):
        require(staff, Action.REQUEST_CONSULT)


async def clinics_of(services: Services, staff: Staff) -> list[Clinic]:
    """For whom this person can book: a coordinator for the own facility and those linked to it, a doctor for theirs."""
    own = await services.directory.facility(staff.facility_id)
    if not may(staff, Action.COORDINATE):
        return [await _clinic(services, own, (staff,))]
    found = []
    for facility in [own, *await services.directory.spokes_of(own.id)]:
        people = await services.directory.staff_at(facility.id)
        if doctors := tuple(person for person in people if Role.RURAL_DOCTOR in person.roles):
            found.append(await _clinic(services, facility, doctors))
    return found


async def _clinic(services: Services, facility: Facility, doctors: tuple[Staff, ...]) -> Clinic:
    terminals = await services.directory.terminals_of(facility.id)
    return Clinic(facility, doctors, tuple(one for one in terminals if one.active))


async def read_case(request: web.Request, form: Form) -> tuple[Order | None, Patient | None]:
    """The form's order, or None when the form now says what is missing; and the patient, when one was confirmed."""
    services, staff = request.app[SERVICES], request["session"].staff
    patient = None
    try:
        if form.value("patient"):
            patient = await services.patients.confirmed(staff, form.value("patient"))
    except (Invalid, Forbidden) as error:
        form.refuse("patient", error.message, **error.parameters)
    if patient is None:
        form.refuse("patient", NO_PATIENT)
    requester_id, terminal_id = form.value("requester_id"), form.value("terminal_id")
    if not is_id(requester_id, "stf"):
        form.refuse("requester_id", NO_REQUESTER)
    question, consent = question_of(form), consent_of(form)
    if not form.valid or patient is None:
        return None, patient
    requester = await services.directory.staff(StaffId(requester_id))
    order = Order(
        staff.id,
        requester.facility_id,
        TerminalId(terminal_id) if is_id(terminal_id, "ter") else None,
        requester.id,
        patient,
        question,
        consent,
        form.value("idempotency_key"),
        resource_ids=frozenset(ResourceId(one) for one in form.values("resource_ids") if is_id(one, "res")),
    )
    return order, patient
