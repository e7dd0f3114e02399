"""A consult as one FHIR R4 document (R4 3.3): the Composition first, everything that it names after it. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from records_panel.consult_report import Report
from records_panel.consult_resources import identifier
from records_panel.fhir_reading import Json
from records_panel.importing import with_references

DOCUMENT = "urn:hoichan:document"
_NAMESPACE = uuid.UUID("0b7a3f6e-6f59-4f1e-9a8b-6f0e5d1c2a77")
"""Of the `urn:uuid:` names, so that the same version of a consult gives the same document."""


def document_identifier(report: Report) -> Json:
    """The identifier of this version of the document; a document is never changed, only followed by another."""
    return {"system": DOCUMENT, "value": f"{identifier(report, 'document')['value']}.{report.number}"}


def document(report: Report, patient: Json, made: Iterable[Json]) -> Json:
    """The document Bundle of these resources (`consult_resources.resources`) and their Patient."""
    # Ids of this system are no FHIR ids: those hold no underscore.
    known = f"Patient/{patient['id']}"
    named = patient | {"id": patient["id"].replace("_", "-")}
    resources = [named, *made]
    first = next(one for one in resources if one["resourceType"] == "Composition")
    ordered = [first, *(one for one in resources if one is not first)]
    seed = document_identifier(report)["value"]
    names = {_key(one): f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{seed}/{_key(one)}')}" for one in ordered}
    names[known] = names[_key(named)]
    return {
        "resourceType": "Bundle",
        "identifier": document_identifier(report),
        "type": "document",
        "timestamp": first["date"],
        "entry": [{"fullUrl": names[_key(one)], "resource": with_references(one, names.get)} for one in ordered],
    }


def _key(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"
