"""What import runs and their problems are called. Nothing here tells of a person."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from foundation.i18n import N_
from records_panel.embedded_book import NOT_A_RESOURCE, TOO_LARGE

PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        "too_deep": N_("Nested too deep: what lies below is not shown. The entry is kept as it came."),
        "duplicate_key": N_("A field stands twice: the last one is shown. The entry is kept as it came."),
        "not_a_number": N_("A number is none (NaN or infinite): it is left out. The entry is kept as it came."),
        "not_text": N_("Characters that are none were replaced. The entry is kept as it came."),
        "not_json": N_("The file is broken here: this is no JSON. What can be read around it was taken."),
        "xml": N_("This is XML. Import the same as JSON: FHIR servers give either."),
        "compressed": N_("The file is packed. Unpack it and import what is inside."),
        "no_resource": N_("There is no FHIR resource here."),
        "no_patient": N_("The entry names no patient, and the file has several or none."),
        "unknown_patient": N_("The entry names a patient who is in no file of this source so far."),
        "other_person": N_("The patient's number belongs to somebody of another name and birth date."),
        "demo_mixed": N_("A test patient (HTEST) and a real one have the same number."),
        "birth_date_incomplete": N_("The birth date is not whole: its first day is taken."),
        "patient.name_needed": N_("The patient has no name, so nothing of theirs was taken."),
        "patient.birth_date_needed": N_("The patient has no birth date, so nothing of theirs was taken."),
        "patient.cccd_form": N_("The citizen number has not its form and is left out of the register."),
        "patient.bhyt_form": N_("The insurance number has not its form and is left out of the register."),
        "patient.number_taken": N_("The patient's number is somebody else's already."),
        "book.resource": NOT_A_RESOURCE,
        "book.too_large": TOO_LARGE,
    }
)
"""A sentence for each code; a code that an old release wrote may have none."""
