"""What an import makes of entries before it writes: whose they are, under which ids, with which references. Pure.

Ids of other systems are unique only there, so a stored id carries a mark of its source: `123` of a hospital becomes
`123.1f2e3d4c`. The same entry of the same source gets the same id again, and so supersedes itself or changes nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from foundation.errors import Invalid
from records_panel.citizens import Identity
from records_panel.fhir_reading import Json, as_dict, dicts, line, when, word
from records_panel.identifier_systems import SYSTEMS
from records_panel.identifiers import NumberKind, read_bhyt, read_cccd
from records_panel.references import person_name

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_RELATIVE = re.compile(r"([A-Z][A-Za-z]{2,63})/([A-Za-z0-9\-.]{1,64})")
ORIGINAL = "original-"
"""How the id of a Binary begins that holds an entry as it came."""
_OF_PATIENT = ("subject", "patient", "beneficiary", "individual")
_SEXES = ("male", "female", "other", "unknown")


def identity_of(patient: Json) -> tuple[Identity, tuple[str, ...]]:
    """The person of a FHIR Patient and what was wrong with it.

    Raises `Invalid` (`patient.name_needed`, `patient.birth_date_needed`) when nobody can be told by it. A birth date
    of a year alone is taken as its first day, as papers in Viet Nam write it, and told as a problem.
    """
    problems: list[str] = []
    name = person_name(patient)
    if not name:
        raise Invalid("patient.name_needed", "the Patient has no name")
    born = when(patient.get("birthDate"))
    if born is None:
        raise Invalid("patient.birth_date_needed", "the Patient has no birth date")
    if len(str(patient["birthDate"])) < len("2000-01-01"):
        problems.append("birth_date_incomplete")
    sex = word(patient.get("gender"))
    address = next(iter(dicts(patient.get("address"))), {})
    phones = [line(one.get("value"), 40) for one in dicts(patient.get("telecom")) if one.get("system") == "phone"]
    numbers = _numbers(patient, problems)
    return (
        Identity(
            name=name,
            birth_date=date(born.day.year, born.day.month, born.day.day),
            sex=sex if sex in _SEXES else "unknown",
            commune_code="",
            commune=line(address.get("city"), 200),
            cccd=numbers.get(NumberKind.CCCD),
            bhyt=numbers.get(NumberKind.BHYT),
            address=line(address.get("text"), 200),
            telephone=next(iter(phones), ""),
        ),
        tuple(problems),
    )


def _numbers(patient: Json, problems: list[str]) -> Mapping[NumberKind, str]:
    """The citizen and insurance numbers by either Vietnamese namespace; what is out of form is told and left."""
    found: dict[NumberKind, str] = {}
    for identifier in dicts(patient.get("identifier")):
        value = line(identifier.get("value"), 40)
        for kind, systems in SYSTEMS.items():
            if identifier.get("system") not in systems or identifier.get("use") == "old" or not value:
                continue
            try:
                read = read_cccd(value).number if kind is NumberKind.CCCD else read_bhyt(value).number
            except Invalid as error:
                problems.append(error.code)
            else:
                found.setdefault(kind, read)
    return found


def same_person(one: Identity, other: Identity) -> bool:
    """Whether two identities may be one person: with the same number, the birth date or the name has to agree too."""
    return one.birth_date == other.birth_date or one.name.casefold() == other.name.casefold()


def is_same(one: Identity, other: Identity) -> bool:
    """Whether two identities without a number in common are one person: name, birth date, and no number against it."""
    pairs = ((one.cccd, other.cccd), (one.bhyt, other.bhyt))
    against = any(first and second and first != second for first, second in pairs)
    return one.name == other.name and one.birth_date == other.birth_date and not against


def subject_of(resource: Json) -> str:
    """The reference to the person whom a resource is about; empty when it names nobody."""
    for field in _OF_PATIENT:
        reference = as_dict(resource.get(field)).get("reference")
        # A subject may also be a Group, a Device or a Location, which is nobody's record.
        if isinstance(reference, str) and ("Patient/" in reference or reference[:4].lower() == "urn:"):
            return reference
    return ""


def is_of_another(resource: Json, identity: Identity | None) -> bool:
    """Whether a resource carries its own Patient (`contained`) as its subject, and that one was born another day."""
    for field in _OF_PATIENT:
        reference = as_dict(resource.get(field)).get("reference")
        for inner in dicts(resource.get("contained")):
            if inner.get("resourceType") == "Patient" and reference == f"#{inner.get('id')}":
                born = when(inner.get("birthDate"))
                return born is not None and identity is not None and born.day != identity.birth_date
    return False


def key_of(resource: Json, full_url: str) -> tuple[str, str]:
    """The type of a resource and its id as other entries name it."""
    identifier = resource.get("id")
    if not isinstance(identifier, str) or not identifier:
        identifier = full_url.rpartition(":" if full_url.startswith("urn:") else "/")[2]
    return word(resource.get("resourceType")), identifier


def stored_id(resource: Json, full_url: str, source: str) -> str:
    """The id under which a resource is stored: its own with a mark of its source, a UUID as it is."""
    _, identifier = key_of(resource, full_url)
    if not identifier:
        return "x" + _digest(resource)[:31]
    if _UUID.fullmatch(identifier):
        return identifier.lower()
    if not full_url.startswith("urn:") and (base := "/".join(full_url.split("/")[:-2])):
        source = f"{source}|{base}"
    mark = hashlib.sha256(source.encode()).hexdigest()[:8]
    marked = f"{identifier}.{mark}"
    return marked if _ID.fullmatch(marked) else hashlib.sha256(marked.encode()).hexdigest()[:40]


def original_of(resource: Json, text: bytes) -> Json:
    """A Binary (FHIR R4) of the text from which a resource was read, under an id that follows from the resource's.

    It is restricted as the resource is. It cannot be told from the Binary of another system by anything but its id.
    """
    name = f"{resource.get('resourceType')}/{resource.get('id')}"
    meta = {key: value for key, value in as_dict(resource.get("meta")).items() if key == "security"}
    return {
        "resourceType": "Binary",
        "id": ORIGINAL + hashlib.sha256(name.encode()).hexdigest()[:40],
        "meta": meta,
        "contentType": "application/fhir+json",
        "data": base64.b64encode(text).decode(),
    }


def with_references(value: Any, named: Callable[[str], str | None]) -> Any:
    """The same content with references to entries of the import under their stored names, as `named` tells them."""
    if isinstance(value, dict):
        changed = {key: with_references(item, named) for key, item in value.items()}
        reference = changed.get("reference")
        if isinstance(reference, str) and (name := named(plain(reference))):
            changed["reference"] = name
        return changed
    return [with_references(item, named) for item in value] if isinstance(value, list) else value


def name_elsewhere(reference: str, full_url: str, source: str) -> str | None:
    """The stored name of what an entry at `full_url` refers to in another file: a relative reference (R4 2.3.0.1)."""
    if not (parts := _RELATIVE.fullmatch(reference)) or parts[1] == "Patient":
        return None
    base = "" if full_url.startswith("urn:") else "/".join(full_url.split("/")[:-2])
    resource = {"resourceType": parts[1], "id": parts[2]}
    return f"{parts[1]}/{stored_id(resource, f'{base}/{reference}' if base else '', source)}"


def plain(reference: str) -> str:
    """A reference as a key: without a version; a URN in lower case, since UUIDs are written either way."""
    return reference.lower() if reference[:4].lower() == "urn:" else reference.partition("/_history/")[0]


def _digest(resource: Json) -> str:
    return hashlib.sha256(json.dumps(resource, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def digest(resource: Json) -> str:
    """What tells whether a stored resource is the same as one that comes; where it was filed does not count."""
    return _digest({key: value for key, value in resource.items() if key != "meta"})
