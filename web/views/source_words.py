"""How sources answered and where they disagree, in words. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from zoneinfo import ZoneInfo

from foundation.i18n import N_, Language
from records_panel.model import When
from records_panel.provenance import Conflict, ConflictKind, Reason, Side, SourceAnswer
from records_panel.source_errors import REASONS

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "AllergyIntolerance": N_("Allergies"),
        "Condition": N_("Problems"),
        "MedicationStatement": N_("Drugs"),
        "MedicationRequest": N_("Drugs"),
        "Observation": N_("Vital signs and results"),
        "DeviceUseStatement": N_("Implants and devices"),
        "Flag": N_("Alerts"),
        "Consent": N_("Directives and consents"),
        "Coverage": N_("Insurance"),
        "DiagnosticReport": N_("Imaging and reports"),
        "ImagingStudy": N_("Imaging and reports"),
        "Encounter": N_("Visits"),
        "Immunization": N_("Vaccinations"),
        "Procedure": N_("Procedures and operations"),
        "DocumentReference": N_("Documents"),
        "CarePlan": N_("Plans of care"),
        "FamilyMemberHistory": N_("Family history"),
    }
)
"""Names of what a source gives, by FHIR resource type."""
CONFLICTS: Mapping[ConflictKind, str] = MappingProxyType(
    {
        ConflictKind.ALLERGY: N_("Allergy"),
        ConflictKind.DRUG: N_("Drug"),
        ConflictKind.PROBLEM: N_("Problem"),
        ConflictKind.BLOOD_GROUP: N_("Blood group"),
        ConflictKind.RESULT: N_("Result"),
        ConflictKind.PREGNANCY: N_("Pregnancy"),
        ConflictKind.IDENTITY: N_("Patient"),
    }
)


class SourceWords:
    """Writes them in one language. `date` writes a date as precise as it is known."""

    def __init__(self, language: Language, zone: ZoneInfo, date: Callable[[When | None], str]) -> None:
        self._language = language
        self._zone = zone
        self._date = date

    def answer(self, answer: SourceAnswer) -> str:
        """`BV Sông Trà: fetched at 14:02`, or that it knows nobody, or why nothing came."""
        say = self._language
        if answer.failed is not None:
            told = say.text(REASONS[answer.failed])
        elif not answer.knows_patient:
            told = say.text(N_("has nobody with this patient's numbers"))
        else:
            told = say.text(N_("fetched at %(time)s"), time=say.time(answer.as_of, self._zone))
        return f"{self.name(answer.name)}: {told}"

    def missing(self, answer: SourceAnswer) -> str:
        """What of a source did not come and why; empty when all came."""
        if not answer.gaps:
            return ""
        if answer.is_loading:
            return self._language.text(N_("Still loading: %(source)s"), source=self.name(answer.name))
        if answer.failed is not None:
            return self._language.text(N_("Nothing came from %(answer)s"), answer=self.answer(answer))
        told = []
        for reason in Reason:
            kinds = [self._kind(gap.kind) for gap in answer.gaps if gap.reason is reason]
            if kinds:
                told.append(f"{', '.join(dict.fromkeys(kinds))} ({self._language.text(REASONS[reason])})")
        return self._language.text(
            N_("Incomplete from %(source)s: %(kinds)s"), source=self.name(answer.name), kinds="; ".join(told)
        )

    def title(self, conflict: Conflict) -> str:
        """`Drug: Metformin`."""
        kind, subject = self._language.text(CONFLICTS[conflict.kind]), conflict.subject
        if conflict.kind is ConflictKind.IDENTITY:  # its subject is a word of ours
            subject = self._language.text(subject)
        return f"{kind}: {subject}" if subject else kind

    def side(self, side: Side) -> str:
        """What one source says: `in use, 500 mg (18/11/2026)`."""
        told = ", ".join(part for part in (*map(self._language.text, side.words), side.text) if part)
        at = self._date(side.when)
        return f"{told} ({at})" if told and at else told or at

    def name(self, name: str) -> str:
        """The name of a source; this system's own is in the reader's language."""
        return self._language.text(name)

    def _kind(self, kind: str) -> str:
        return self._language.text(KINDS[kind]) if kind in KINDS else kind
