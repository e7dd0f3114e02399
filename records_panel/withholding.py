"""What leaves a fetched book for one reader: restricted entries stay marked, unless a decision shows them. Pure.

The mapping (`records_panel.document`) withholds and counts whatever bears a restricting label. So a mark is taken off
what this reader may read, and put on what a Consent withholds; all else of the bundle passes as it came.
"""

from __future__ import annotations

from records_panel.consents import Portion
from records_panel.fhir_reading import Json, any_codes, as_dict, as_list, dicts
from records_panel.grants import Decision
from records_panel.sensitivity import KINDS, kinds, labels

RESTRICTED: Json = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
_RESTRICTING = frozenset({"R", "V"}) | KINDS.keys()
# By these the mapping knows whose it is, where it counts, and that it counts at all.
_LEFT = ("resourceType", "id", "status", "verificationStatus", "category", "subject", "patient", "beneficiary")
_MOST_DEEP = 4


def released(bundle: Json, decision: Decision) -> Json:
    """The bundle as one reader's mapping may have it. Raises ValueError for a book that is closed to the reader."""
    if not decision.opens:
        raise ValueError("a closed book is not released")
    return _bundle(bundle, decision, 0)


def _bundle(bundle: Json, decision: Decision, depth: int) -> Json:
    entries = [
        {**entry, "resource": _resource(as_dict(entry.get("resource")), decision, depth)}
        if "resource" in entry
        else entry
        for entry in dicts(bundle.get("entry"))
    ]
    return {**bundle, "entry": entries}


def _resource(resource: Json, decision: Decision, depth: int) -> Json:
    if depth > _MOST_DEEP:
        return {}  # deeper than anybody means it, and so never looked at
    if resource.get("resourceType") == "Bundle":
        return _bundle(resource, decision, depth + 1)
    if contained := dicts(resource.get("contained")):
        resource = {**resource, "contained": [_resource(one, decision, depth + 1) for one in contained]}
    needed = kinds(resource)
    if not needed <= decision.kinds or any(_is_part(resource, portion) for portion in decision.portions):
        return _marked(resource)
    return _unmarked(resource) if needed else resource


def _is_part(resource: Json, portion: Portion) -> bool:
    kind = resource.get("resourceType")
    named = [resource.get("code"), *as_list(resource.get("type")), *as_list(resource.get("category"))]
    criteria = (
        (portion.labels, labels(resource)),
        (portion.types, {kind}),
        (portion.codes, any_codes(named)),
        (portion.references, {f"{kind}/{resource.get('id')}"}),
    )
    # A portion without any criterion (of a permission for a span of time) is no part of anything.
    return portion != Portion() and all(not wanted or wanted & has for wanted, has in criteria)


def _marked(resource: Json) -> Json:
    """What is left of a withheld resource: that there is one, of which type. No content is there to be referred to."""
    meta = as_dict(resource.get("meta"))
    left = {name: resource[name] for name in _LEFT if name in resource}
    return {**left, "meta": {"security": [*dicts(meta.get("security")), RESTRICTED]}}


def _unmarked(resource: Json) -> Json:
    meta = as_dict(resource.get("meta"))
    rest = [
        label for label in dicts(meta.get("security")) if str(label.get("code")).strip().upper() not in _RESTRICTING
    ]
    return {**resource, "meta": {**meta, "security": rest}}
