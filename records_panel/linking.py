"""Which patient of another system is ours. Pure: a number alone is never enough, and in doubt it is nobody."""

from __future__ import annotations

from collections.abc import Iterable

from records_panel.citizens import Identity
from records_panel.fhir_reading import Json, as_list, dicts, line, when, word
from records_panel.identifier_systems import Systems
from records_panel.model import Precision
from records_panel.names import words
from records_panel.provenance import Reason
from records_panel.source_errors import SourceFailed


def ours(patients: Iterable[Json], identity: Identity, systems: Systems) -> Json | None:
    """The one FHIR Patient with our number that also has our name or our birth date; None when nobody has the number.

    Raises `SourceFailed` with `AMBIGUOUS` when several have the number, with `DISAGREES` when the one who has it has
    neither the name nor the birth date: two identifiers establish an identity, and one does not.
    """
    by_id = {word(patient.get("id")): patient for patient in patients if is_in_use(patient)}
    having = [patient for id_, patient in by_id.items() if id_ and systems.names(patient, identity)]
    if not having:
        return None
    if len(having) > 1:
        raise SourceFailed(Reason.AMBIGUOUS)
    if not _agrees(having[0], identity):
        raise SourceFailed(Reason.DISAGREES)
    return having[0]


def is_in_use(patient: Json) -> bool:
    """Whether it is a Patient that was not replaced by another one (R4 Patient.link) nor taken out of use."""
    replaced = any(link.get("type") == "replaced-by" for link in dicts(patient.get("link")))
    return patient.get("resourceType") == "Patient" and patient.get("active") is not False and not replaced


def _agrees(patient: Json, identity: Identity) -> bool:
    born = when(patient.get("birthDate"))
    if born is not None and born.precision is Precision.DAY and born.day == identity.birth_date:
        return True
    known = sorted(words(identity.name))
    return any(sorted(words(name)) == known for name in _names(patient))


def _names(patient: Json) -> Iterable[str]:
    for name in dicts(patient.get("name")):
        yield line(name.get("text"))
        yield " ".join([line(name.get("family")), *(line(part) for part in as_list(name.get("given")))])
