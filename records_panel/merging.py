"""Several sources' Bundles of one patient as one: each entry with its source, duplicates folded, nothing decided. Pure.

Ids of another source mean nothing here: its entries get new ones and its references follow, so that nothing of one
source ever points into another. A duplicate is what another source says of the same thing, at the same time, in the
same way (`records_panel.likeness`); it is shown once, with both sources. What differs stays side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from records_panel.answers import bundle_of, source_tags, tag_more, tagged
from records_panel.fhir_reading import Json, as_dict, dicts, word
from records_panel.likeness import said, same_time, share_identifier, tokens
from records_panel.provenance import SourceAnswer
from records_panel.sensitivity import labels

_MOST_DEEP = 60
_MOST_COMPARED = 300  # of what says the same; a hostile source must not make us compare for ever


@dataclass(frozen=True, slots=True)
class Part:
    """What one source gave: its Bundle, or None when it gave nothing, and how it answered."""

    answer: SourceAnswer
    bundle: Json | None = None
    own: bool = False
    """Whether it is this system's own book, whose ids stay."""


def merged(parts: Sequence[Part], made_at: datetime) -> Json:
    """One collection of all parts, in their order; the first Patient is the patient."""
    entries: list[Json] = []
    targets: dict[str, Json] = {}
    alike: dict[tuple[object, ...], list[Json]] = {}
    aliases: dict[str, str] = {}
    patient = ""
    # What one source says twice it means twice: only where two gave anything can there be a duplicate.
    several = sum(part.bundle is not None for part in parts) > 1
    for part in parts:
        resources = _moved(part, patient)
        targets |= {f"{resource['resourceType']}/{resource['id']}": resource for resource in resources}
        for resource in resources:
            kind = resource["resourceType"]
            if kind == "Patient" and not patient:
                patient = f"Patient/{resource['id']}"
            if (known := _folded(resource, alike, targets, part.answer.key) if several else None) is None:
                entries.append({"resource": resource})
            else:
                aliases[f"{kind}/{resource['id']}"] = f"{kind}/{known['id']}"
    if aliases:
        for entry in entries:
            _redirect(entry["resource"], aliases, 0)
    return bundle_of(entries, (part.answer for part in parts), made_at)


def _redirect(value: Any, aliases: Mapping[str, str], depth: int) -> None:
    """Lead references to a folded duplicate to the entry that stands for it."""
    if isinstance(value, dict):
        target = value.get("reference")
        if isinstance(target, str) and target in aliases:
            value["reference"] = aliases[target]
    if depth <= _MOST_DEEP and isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            _redirect(item, aliases, depth + 1)


def _moved(part: Part, patient: str) -> list[Json]:
    """The resources of a part, tagged; those of another source under ids of this merging."""
    key, name = part.answer.key, part.answer.name
    entries = [entry for entry in dicts(as_dict(part.bundle).get("entry")) if _kind(entry)]
    resources = [as_dict(entry.get("resource")) for entry in entries]
    if part.own:
        return [tagged(resource, key, name) for resource in resources if isinstance(resource.get("id"), str)]
    ids = {index: f"{key}-{index}" for index in range(len(resources))}
    names: dict[str, str] = {}
    for index, (entry, resource) in enumerate(zip(entries, resources, strict=True)):
        kind = resource["resourceType"]
        # Whoever the source calls its patient is ours: the source was asked for this one person.
        target = patient if kind == "Patient" and patient else f"{kind}/{ids[index]}"
        for old in (word(entry.get("fullUrl")), f"{kind}/{word(resource.get('id'))}"):
            if old and not old.endswith("/"):
                names.setdefault(old, target)
    return [
        tagged(_renamed(resource, names, key, 0) | {"id": ids[index]}, key, name)
        for index, resource in enumerate(resources)
    ]


def _kind(entry: Json) -> str:
    kind = word(as_dict(entry.get("resource")).get("resourceType"))
    return "" if kind in ("OperationOutcome", "Bundle") else kind


def _renamed(value: Any, names: Mapping[str, str], key: str, depth: int) -> Any:
    """The value with every Reference led to its new place; one that leads nowhere in its source leads nowhere here."""
    if depth > _MOST_DEEP:
        return None
    if isinstance(value, list):
        return [_renamed(item, names, key, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    moved = {name: _renamed(item, names, key, depth + 1) for name, item in value.items()}
    target = value.get("reference")
    if isinstance(target, str) and not target.startswith("#"):
        plain = target if target.startswith("urn:") else target.partition("/_history/")[0]
        moved["reference"] = names.get(plain) or f"urn:hoichan:elsewhere:{key}:{plain.replace('/', ':')}"
    return moved


def _folded(
    resource: Json, alike: dict[tuple[object, ...], list[Json]], targets: Mapping[str, Json], key: str
) -> Json | None:
    """The entry of another source that says just this, which now bears this source's name too; else None."""
    content = said(resource)
    if content is None:
        return None

    def named(reference: Json, _within: Json) -> Json:
        return targets.get(word(reference.get("reference")), {})

    group = alike.setdefault((*content, labels(resource)), [])
    about = tokens(resource, named)
    for known in group[:_MOST_COMPARED]:
        sources = {tag.get("code") for tag in source_tags(known)}
        # What one source says twice it means twice.
        if key in sources:
            continue
        is_same = bool(about & tokens(known, named)) and same_time(resource, known)
        if is_same or share_identifier(resource, known):
            tag_more(known, resource)
            return known
    group.append(resource)
    return None
