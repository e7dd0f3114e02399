"""How sources answered, carried inside a Bundle: one OperationOutcome a source (R4 Bundle, `search.mode` outcome).

Only this program writes them: a Bundle says by its own tag that its outcomes may be believed, and that tag is never
taken over from anybody else's Bundle.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from records_panel.fhir_reading import Json, as_dict, as_list, dicts, when
from records_panel.provenance import Gap, Reason, SourceAnswer

SOURCE = "urn:hoichan:source"
_REASON = "urn:hoichan:reason"
_OURS = "answers"
_ISSUES = {
    Reason.TIMEOUT: "timeout",
    Reason.UNREACHABLE: "transient",
    Reason.REFUSED: "forbidden",
    Reason.THROTTLED: "throttled",
    Reason.FAILING: "exception",
    Reason.MALFORMED: "structure",
    Reason.WRONG_PATIENT: "security",
    Reason.TOO_MUCH: "too-costly",
    Reason.AMBIGUOUS: "multiple-matches",
    Reason.DISAGREES: "conflict",
    Reason.RESTING: "transient",
    Reason.LOADING: "incomplete",
}


def bundle_of(entries: Iterable[Json], answers: Iterable[SourceAnswer], made_at: datetime) -> Json:
    """A collection of these entries that says how its sources answered."""
    outcomes = [{"resource": _outcome(answer), "search": {"mode": "outcome"}} for answer in answers]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "meta": {"tag": [{"system": SOURCE, "code": _OURS}]},
        "timestamp": made_at.isoformat(),
        "entry": [*entries, *outcomes],
    }


def answers_of(bundle: Json) -> tuple[SourceAnswer, ...]:
    """What `bundle_of` wrote; nothing for a Bundle of anybody else."""
    tags = dicts(as_dict(bundle.get("meta")).get("tag"))
    if not any(tag.get("system") == SOURCE and tag.get("code") == _OURS for tag in tags):
        return ()
    found = (as_dict(entry.get("resource")) for entry in dicts(bundle.get("entry")))
    read = (_answer(resource) for resource in found if resource.get("resourceType") == "OperationOutcome")
    return tuple(answer for answer in read if answer is not None)


def tagged(resource: Json, key: str, name: str) -> Json:
    """The resource with the tag of the source that it came from; a tag of that kind it came with is gone."""
    meta = as_dict(resource.get("meta"))
    tags = [tag for tag in dicts(meta.get("tag")) if tag.get("system") != SOURCE]
    return resource | {"meta": meta | {"tag": [*tags, {"system": SOURCE, "code": key, "display": name}]}}


def tag_more(resource: Json, other: Json) -> None:
    """Give a resource the source tags of another one that says the same."""
    known = {tag.get("code") for tag in source_tags(resource)}
    resource["meta"]["tag"] += [tag for tag in source_tags(other) if tag.get("code") not in known]


def source_tags(resource: Json) -> list[Json]:
    """The tags of the sources that a resource came from."""
    return [tag for tag in dicts(as_dict(resource.get("meta")).get("tag")) if tag.get("system") == SOURCE]


def _outcome(answer: SourceAnswer) -> Json:
    issues: list[Json] = [
        {
            "severity": "warning",
            "code": _ISSUES[gap.reason],
            "details": {"coding": [{"system": _REASON, "code": gap.reason.value}]},
            "expression": [gap.kind],
        }
        for gap in answer.gaps
    ]
    if not issues:
        code = "informational" if answer.knows_patient else "not-found"
        issues = [{"severity": "information", "code": code}]
    tag = {"system": SOURCE, "code": answer.key, "display": answer.name}
    return {
        "resourceType": "OperationOutcome",
        "id": answer.key,
        "meta": {"lastUpdated": answer.as_of.isoformat(), "tag": [tag]},
        "issue": issues,
    }


def _answer(outcome: Json) -> SourceAnswer | None:
    moment = when(as_dict(outcome.get("meta")).get("lastUpdated"))
    tag = next(iter(source_tags(outcome)), None)
    if tag is None or moment is None or moment.instant is None:
        return None
    gaps = []
    for issue in dicts(outcome.get("issue")):
        for coding in dicts(as_dict(issue.get("details")).get("coding")):
            if coding.get("system") == _REASON:
                gaps += [Gap(str(kind), Reason(coding["code"])) for kind in as_list(issue.get("expression"))]
    knows = all(issue.get("code") != "not-found" for issue in dicts(outcome.get("issue")))
    return SourceAnswer(str(tag["code"]), str(tag["display"]), moment.instant, knows_patient=knows, gaps=tuple(gaps))
