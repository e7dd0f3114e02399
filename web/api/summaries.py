"""The patient summary of a consult, as FHIR (IPS 2.0.0). Named by the consult, which alone opens the book."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, RootModel

from foundation.ids import ConsultId
from identity.model import Scope
from web.api.bodies import Strict, UserName
from web.api.operation import Call, Nothing, Operation
from web.security import address_of


class SummaryFor(Strict):
    """Who reads: a person of the token's facility to whom the consult opens the book now."""

    reader_user_name: UserName


class SummaryDocument(RootModel[Annotated[dict[str, Any], Field(json_schema_extra={"required": ["resourceType"]})]]):
    """A FHIR R4 Bundle of type `document` (International Patient Summary 2.0.0)."""


async def summary(call: Call[SummaryFor, Nothing]) -> SummaryDocument:
    """The whole embedded book as this person may read it, audited as their reading before it is fetched."""
    staff = await call.acting(call.body.reader_user_name, "reader_user_name")
    facility = await call.services.directory.facility(staff.facility_id)
    made, call.notes.patient_id = await call.services.summary_export.of_consult(
        staff, ConsultId(call.path["consult_id"]), facility.code, address=address_of(call.request)
    )
    return SummaryDocument(made)


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        "patient_summary",
        "POST",
        "/consults/{consult_id}/$summary",
        "The patient's book as an International Patient Summary, in the name of a person of the consult",
        SummaryFor,
        Nothing,
        SummaryDocument,
        summary,
        "patients",
        Scope.PATIENTS_SUMMARY,
        media_type="application/fhir+json",
        errors={
            403: (
                "book.denied",
                "book.identity_not_established",
                "book.not_yet",
                "book.over",
                "book.refused",
                "book.consent_denies",
            ),
            404: ("consult.unknown", "patient.unknown"),
            422: ("staff.unknown",),
            503: ("book.unavailable", "book.unreadable", "sealing.unreadable"),
        },
    ),
)
