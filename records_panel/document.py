"""A bundle taken apart: resources by type without the restricted ones, and what its sections say of their emptiness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from records_panel.fhir_reading import Json, any_codes, as_dict, codes, dicts, is_restricted, is_test, when, word
from records_panel.model import Absence, AbsenceKind
from records_panel.references import References
from records_panel.sections import Part, parts

_MOST_DEEP = 3
VITAL_SIGNS = "Observation, vital-signs"
"""The type under which restricted vital signs are counted, apart from laboratory results."""
NO_INFORMATION = Absence(AbsenceKind.NO_INFORMATION)
_VOID = frozenset({"entered-in-error", "cancelled", "nullified"})
# Clinical content may be contained in these alone: a laboratory's values in their report, all of a small summary.
_HOLDERS = frozenset({"Composition", "DiagnosticReport", "Observation", "List"})
_OF_PATIENT = ("subject", "patient", "beneficiary")


class Document:
    """What one bundle holds. `withheld` counts restricted resources by type; they are nowhere else in here."""

    def __init__(self, bundle: Json) -> None:
        entries = _entries(bundle, 0)
        self.references = References(entries)
        self.withheld: Counter[str] = Counter()
        self.is_test = False
        self._of_type: dict[str, list[Json]] = {}
        self._valid_of_type: dict[str, list[Json]] = {}
        for entry in entries:
            self._take(as_dict(entry.get("resource")))
        compositions = self.all("Composition")
        self.patient = self._whose(compositions)
        self._drop_other_people()
        self._parts = [part for composition in compositions for part in parts(composition, self.references)]
        self._in_section: dict[str, list[Json]] = {}
        self._by_id: dict[str, frozenset[int]] = {}

    def all(self, *kinds: str) -> list[Json]:
        """Every readable resource of these types that was not entered in error."""
        if len(kinds) == 1:
            return self._valid(kinds[0]).copy()
        return [resource for kind in kinds for resource in self._valid(kind)]

    def _valid(self, kind: str) -> list[Json]:
        if kind not in self._valid_of_type:
            self._valid_of_type[kind] = [one for one in self._of_type.get(kind, ()) if not _is_void(one)]
        return self._valid_of_type[kind]

    def in_section(self, loinc: str) -> list[Json]:
        """The readable resources that a section of this LOINC code refers to."""
        if loinc not in self._in_section:
            named = [resource for part in self._parts if part.code == loinc for resource in self.readable(part)]
            self._in_section[loinc] = named
        return self._in_section[loinc].copy()

    def ids_in(self, loinc: str) -> frozenset[int]:
        """The `id()` of each resource of a section, for asking whether one belongs there."""
        if loinc not in self._by_id:
            self._by_id[loinc] = frozenset(map(id, self.in_section(loinc)))
        return self._by_id[loinc]

    def besides(self, loinc: str, *kinds: str) -> list[Json]:
        """What a section refers to that is of none of these types."""
        return [resource for resource in self.in_section(loinc) if resource.get("resourceType") not in kinds]

    def narrative(self, loinc: str, *kinds: str) -> str:
        """The words of a section that has no entry here to read; empty where it has, or something is withheld."""
        # A narrative might tell what a label withholds, so it is shown only where nothing is withheld.
        if any(self.withheld[kind] for kind in kinds):
            return ""
        texts = (part.narrative for part in self._parts if part.code == loinc and self._in_words_alone(part))
        return " ".join(filter(None, texts))

    def own_words(self, loinc: str) -> str:
        """The words of a section whatever it refers to."""
        return " ".join(
            filter(None, (part.narrative for part in self._parts if part.code == loinc and not part.restricted))
        )

    def readable(self, part: Part) -> list[Json]:
        """What a section refers to, without what is restricted or entered in error."""
        return [one for one in part.resources if not is_restricted(one) and not _is_void(one)]

    def silence(self, loinc: str) -> tuple[Absence, ...]:
        """Why a section has no entry: its empty reason, or nothing written about it at all."""
        reasons = (part.reason for part in self._parts if part.code == loinc and part.reason is not None)
        return tuple(Absence(reason) for reason in dict.fromkeys(reasons)) or (NO_INFORMATION,)

    def unplaced(self) -> list[Part]:
        """The sections that are none of the known ones."""
        return [part for part in self._parts if not part.code and not part.restricted]

    def held_back(self, *kinds: str) -> tuple[Absence, ...]:
        """The marker of restricted resources of these types."""
        count = sum(self.withheld[kind] for kind in kinds)
        return (Absence(AbsenceKind.WITHHELD, count=count),) if count else ()

    def of_other_person(self, resource: Json) -> bool:
        """Whether it is about another Patient of this bundle, such as a newborn's mother."""
        for field in _OF_PATIENT:
            subject = self.references.resolve(resource.get(field), resource)
            if subject.get("resourceType") == "Patient":
                return is_other(subject, self.patient)
        return False

    def _take(self, resource: Json) -> None:
        kind = resource.get("resourceType")
        if not isinstance(kind, str):
            return
        self.is_test = self.is_test or is_test(resource)
        if is_restricted(resource):
            self.withheld[VITAL_SIGNS if "vital-signs" in categories(resource) else kind] += 1
            return
        self._of_type.setdefault(kind, []).append(resource)
        if kind in _HOLDERS:
            for inner in dicts(resource.get("contained")):
                if isinstance(inner.get("resourceType"), str) and not is_restricted(inner):
                    self._of_type.setdefault(inner["resourceType"], []).append(inner)

    def _whose(self, compositions: Iterable[Json]) -> Json:
        """The person whom the document is about: its subject, else the first Patient."""
        for composition in compositions:
            subject = self.references.resolve(composition.get("subject"), composition)
            if subject.get("resourceType") == "Patient":
                return subject
        return next(iter(self.all("Patient")), {})

    def _drop_other_people(self) -> None:
        if not any(is_other(patient, self.patient) for patient in self._of_type.get("Patient", ())):
            return
        for kind, resources in self._of_type.items():
            self._of_type[kind] = [resource for resource in resources if not self.of_other_person(resource)]
        self._valid_of_type.clear()

    def _in_words_alone(self, part: Part) -> bool:
        return part.reason is None and not part.restricted and not self.readable(part)


def is_other(one: Json, patient: Json) -> bool:
    """Whether two Patient resources are certainly two people; the same person may stand in a bundle twice."""
    if one is patient:
        return False
    born, known = when(one.get("birthDate")), when(patient.get("birthDate"))
    return born is not None and known is not None and born.day != known.day


def categories(resource: Json) -> frozenset[str]:
    """All category codes of a resource."""
    return any_codes(resource.get("category"))


def _is_void(resource: Json) -> bool:
    return word(resource.get("status")) in _VOID or "entered-in-error" in codes(resource.get("verificationStatus"))


def _entries(bundle: Json, depth: int) -> list[Json]:
    """The entries of a Bundle, of those inside it and of Parameters; a resource on its own is one entry."""
    kind = bundle.get("resourceType")
    if kind is not None and kind not in ("Bundle", "Parameters"):
        return [{"resource": bundle}]
    found = []
    for entry in dicts(bundle.get("parameter" if kind == "Parameters" else "entry")):
        inner = as_dict(entry.get("resource"))
        if inner.get("resourceType") in ("Bundle", "Parameters"):
            found += _entries(inner, depth + 1) if depth < _MOST_DEEP else []
        elif not inner and "resourceType" in entry:
            found.append({"resource": entry})
        else:
            found.append(entry)
    return found
