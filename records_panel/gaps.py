"""What did not come, put into the view: a section that a source failed to give never reads as empty. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from records_panel.conflicts import blood_groups, conflicts
from records_panel.document import NO_INFORMATION, Document
from records_panel.model import Absence, AbsenceKind, BookView, Section
from records_panel.provenance import ALL_KINDS, SourceAnswer

_DRUGS = ("MedicationStatement", "MedicationRequest")
KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "red_line": ("AllergyIntolerance",),
        "past_allergies": ("AllergyIntolerance",),
        "problems": ("Condition",),
        "past_problems": ("Condition",),
        "drugs": _DRUGS,
        "stopped_drugs": _DRUGS,
        "vitals": ("Observation",),
        "measures": ("Observation",),
        "abnormal": ("Observation",),
        "results": ("Observation",),
        "reports": ("DiagnosticReport", "ImagingStudy"),
        "visits": ("Encounter",),
        "procedures": ("Procedure",),
        "vaccines": ("Immunization",),
        "devices": ("DeviceUseStatement",),
        "family": ("FamilyMemberHistory",),
        "social": ("Observation",),
        "pregnancies": ("Observation",),
        "functional": ("Observation", "Condition"),
        "directives": ("Consent", "DocumentReference"),
        "consents": ("Consent",),
        "documents": ("DocumentReference",),
        "plans": ("CarePlan",),
    }
)
"""Of which FHIR types the entries of each section of the view are."""


def with_sources(view: BookView, document: Document, answers: tuple[SourceAnswer, ...]) -> BookView:
    """The view with how its sources answered, what is missing where, and where they disagree."""
    if not answers:
        return view
    changed: dict[str, Any] = {}
    for name, kinds in KINDS.items():
        missing = tuple(
            Absence(AbsenceKind.LOADING if answer.is_loading else AbsenceKind.UNAVAILABLE, text=answer.name)
            for answer in answers
            if any(gap.kind in (ALL_KINDS, *kinds) for gap in answer.gaps)
        )
        if missing:
            changed[name] = _with(getattr(view, name), missing)
    groups = blood_groups(document)
    if len(groups) > 1:  # one of them alone would be a choice
        changed["banner"] = replace(view.banner, blood_group=" ≠ ".join(groups))
    told = () if len(answers) == 1 and not answers[0].gaps else answers
    return replace(view, sources=told, conflicts=conflicts(document, several=len(answers) > 1), **changed)


def _with(section: Section[Any], missing: tuple[Absence, ...]) -> Section[Any]:
    # “No information” is no longer true when it is not known what the source has.
    kept = tuple(absence for absence in section.absences if absence != NO_INFORMATION)
    return Section(section.items, (*kept, *missing))
