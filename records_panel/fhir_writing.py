"""A consult written to a FHIR R4 server: one conditional create a resource (R4 3.1.0.8.1), in the order of references.

`If-None-Exist` by identifier lets each call be made again after a cut: what is there stays one, and is only brought up
to date. People and facilities that the server knows are left as it has them. Not one transaction: servers bound the
conditional entries of those (Medplum: eight), and a consult has more. The document comes last, so that whoever finds
it finds everything that it names.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from records_panel.fhir_reading import Json, as_dict, as_list, dicts, line, word
from records_panel.fhir_search import search
from records_panel.fhir_server import Budget, FhirServer
from records_panel.importing import with_references
from records_panel.provenance import Reason
from records_panel.source_errors import SourceFailed

_MOST_ISSUES = 8
_THEIRS = ("Organization", "Practitioner")
"""What the server may know better than a consult does."""
_LATER = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Issue:
    """One line of an OperationOutcome: what it is about (`expression`), its code, and the server's own words."""

    code: str
    expression: str
    diagnostics: str


class Rejected(Exception):
    """The server took something not, and never will as it is. `kind` is the resource type that it was about."""

    def __init__(self, kind: str, status: int, issues: tuple[Issue, ...]) -> None:
        super().__init__(f"{kind} was refused with {status}")
        self.kind = kind
        self.status = status
        self.issues = issues


async def write(server: FhirServer, patient_id: str, theirs: str, resources: Sequence[Json]) -> None:
    """Write them; `theirs` is the id under which the server knows our patient. Raises `SourceFailed`, `Rejected`."""
    names = {f"Patient/{patient_id}": f"Patient/{theirs}"}
    for resource in resources:
        kind = resource["resourceType"]
        ours = f"{kind}/{resource.get('id', '')}"
        sent = with_references({key: value for key, value in resource.items() if key != "id"}, names.get)
        condition = _condition(sent)
        status, id_ = await _created(server, sent, condition)
        if not id_:
            id_ = await _found(server, kind, condition)
        names[ours] = f"{kind}/{id_}"
        if status == 200 and kind not in _THEIRS and kind != "Bundle":
            await _sent(server, "PUT", f"{kind}/{quote(id_, safe='')}", sent | {"id": id_}, {})


def _condition(resource: Json) -> dict[str, str]:
    """What tells whether it is there: its first identifier; of a Provenance, which has none, what it is about."""
    if resource["resourceType"] == "Provenance":
        return {"target": word(as_dict(dicts(resource["target"])[0]).get("reference"))}
    found = as_dict(as_list(resource["identifier"])[0])
    return {"identifier": f"{found['system']}|{found['value']}"}


async def _created(server: FhirServer, resource: Json, condition: dict[str, str]) -> tuple[int, str]:
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in condition.items())
    return await _sent(server, "POST", resource["resourceType"], resource, {"If-None-Exist": asked})


async def _sent(server: FhirServer, method: str, path: str, resource: Json, headers: dict[str, str]) -> tuple[int, str]:
    """The status and the id that it has there; no id where the server told none."""
    answer = await server.send(method, path, json.dumps(resource, ensure_ascii=False).encode(), headers)
    kind = resource["resourceType"]
    try:
        body = as_dict(json.loads(answer.body)) if answer.body else {}
    except ValueError:
        body = {}
    if answer.status in (200, 201):
        if body.get("resourceType") == kind and (id_ := word(body.get("id"))):
            return answer.status, id_
        parts = answer.headers.get("Location", "").partition("/_history/")[0].rstrip("/").rsplit("/", 2)
        return answer.status, parts[-1] if len(parts) > 1 and parts[-2] == kind else ""
    if answer.status in _LATER:
        raise SourceFailed(Reason.FAILING, http_status=answer.status)
    raise Rejected(kind, answer.status, _issues(body))


async def _found(server: FhirServer, kind: str, condition: dict[str, str]) -> str:
    found = (await search(server, kind, condition, Budget())).of(kind)
    if len(found) != 1 or not (id_ := word(found[0].get("id"))):
        raise SourceFailed(Reason.MALFORMED)
    return id_


def _issues(outcome: Json) -> tuple[Issue, ...]:
    found = []
    for issue in dicts(outcome.get("issue"))[:_MOST_ISSUES]:
        places = [line(one, 200) for one in as_list(issue.get("expression")) if isinstance(one, str)][:4]
        said = line(issue.get("diagnostics"), 500) or line(as_dict(issue.get("details")).get("text"), 500)
        found.append(Issue(line(issue.get("code"), 40), ", ".join(places), said))
    return tuple(found)
