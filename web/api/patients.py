"""Patients: the look-up, and from a reference with evidence to the identity with which a consult is asked for.

What identifies a patient comes in bodies alone, never in an address, which proxies and logs keep.
"""

from __future__ import annotations

from typing import Any

from consult_rooms.model import Consent, IdentityState, Patient, Question
from foundation.ids import PatientId
from identity.model import Scope, Staff
from records_panel.citizens import Evidence, MaskedPatient
from web.api.answers import PatientRow, PatientRows
from web.api.bodies import (
    EstablishedPatient,
    FindByNumber,
    FindPatients,
    PatientConsent,
    SbarQuestion,
    TemporaryPatient,
)
from web.api.operation import Call, Nothing, Operation
from web.security import address_of


async def find(call: Call[FindPatients, Nothing]) -> PatientRows:
    """Masked rows: one for a number, at most ten for a name. Audited by the register too, before it looks."""
    asked, patients, address = call.body.root, call.services.patients, address_of(call.request)
    call.notes.details["by"] = asked.by
    if isinstance(asked, FindByNumber):
        found = await patients.look_up(call.token.id, asked.kind, asked.number, address=address)
        call.notes.patient_id = found.patient_id if found else None
        return PatientRows(items=[_row(found)] if found else [], more=False)
    staff = await call.acting(asked.requester_user_name, "requester_user_name")
    result = await patients.by_name(staff, asked.name, asked.birth_year, asked.commune, asked.sex, address=address)
    return PatientRows(items=[_row(row) for row in result.rows], more=result.more)


async def identified(call: Call[Any, Any], staff: Staff, given: EstablishedPatient | TemporaryPatient) -> Patient:
    """The patient for whom a person asks; an established one is proved by two identifiers, as on the page.

    Raises what `Patients.confirm` raises.
    """
    if isinstance(given, TemporaryPatient):
        return Patient(None, IdentityState.TEMPORARY, sex=given.sex, age_years=given.age_years)
    patient_id = PatientId(given.patient_id)
    call.notes.patient_id = patient_id
    evidence = {Evidence(kind): text for kind, text in given.evidence.model_dump().items() if text}
    return await call.services.patients.confirm(staff, patient_id, evidence, address=address_of(call.request))


def question_of(given: SbarQuestion) -> Question:
    """The question as the domain has it."""
    return Question(**given.model_dump())


def consent_of(given: PatientConsent | None) -> Consent | None:
    """The consent as the domain has it."""
    return None if given is None else Consent(given.consult, given.record_view, given.by, given.note)


def _row(patient: MaskedPatient) -> PatientRow:
    return PatientRow(
        patient_id=patient.patient_id,
        name=patient.name,
        sex=patient.sex,
        birth_year=patient.birth_year,
        commune=patient.commune,
        masked_cccd=patient.masked_cccd,
        masked_bhyt=patient.masked_bhyt,
    )


IDENTITY_ERRORS = (
    "patient.two_identifiers",
    "patient.cccd_form",
    "patient.bhyt_form",
    "patient.birth_date_form",
    "patient.not_established",
    "question.empty",
    "consent.missing",
    "consent.refused",
    "staff.unknown",
    "terminal.unknown",
)
"""Codes with status 422 of every operation that names a patient for a consult."""

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        "find_patients",
        "POST",
        "/patients/find",
        "Look up patients by an exact number, or by name and birth year; rows are masked",
        FindPatients,
        Nothing,
        PatientRows,
        find,
        "patients",
        Scope.PATIENTS_FIND,
        errors={
            403: ("policy.denied",),
            422: (
                "patient.cccd_form",
                "patient.bhyt_form",
                "patient.name_needed",
                "patient.birth_year_needed",
                "staff.unknown",
            ),
            429: ("patient.searches",),
        },
    ),
)
