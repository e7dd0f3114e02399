"""References inside one bundle, and who stands behind an entry. Tolerant: what cannot be found is simply not there."""

from __future__ import annotations

from collections.abc import Iterator

from records_panel.answers import source_tags
from records_panel.fhir_reading import Json, as_dict, as_list, dicts, line, told
from records_panel.model import Origin, When

SOURCE_PREFIX = "urn:vn:cskcb:"
SOURCES_JOIN = "\n"
"""Between the names in `Origin.source`: no name has a line end."""
_MOST_DEEP = 4
_WRITERS = (
    "performer",
    "recorder",
    "asserter",
    "serviceProvider",
    "informationSource",
    "source",
    "reporter",
    "author",
    "custodian",
    "requester",
    "prescriber",
    "assessor",
    "participant",
)


class References:
    """Resolves references by full URL, `Type/id` (relative, absolute, versioned), `urn:uuid:`, `#id` of contained."""

    def __init__(self, entries: list[Json]) -> None:
        self._found: dict[str, Json] = {}
        self._containers: dict[int, Json] = {}
        for entry in entries:
            resource = as_dict(entry.get("resource"))
            url = entry.get("fullUrl")
            if isinstance(url, str):
                self._found[_plain(url)] = resource
            kind, identifier = resource.get("resourceType"), resource.get("id")
            if isinstance(kind, str) and isinstance(identifier, str):
                self._found.setdefault(f"{kind}/{identifier}", resource)
                self._found.setdefault(f"urn:uuid:{identifier.lower()}", resource)
            if isinstance(kind, str) and isinstance(url, str) and url.startswith("urn:"):
                self._found.setdefault(f"{kind}/{url.rpartition(':')[2]}", resource)
            for inner in dicts(resource.get("contained")):
                self._containers[id(inner)] = resource

    def resolve(self, reference: object, within: Json) -> Json:
        """The resource that a Reference names, or an empty one. `within` is the resource that refers."""
        target = as_dict(reference).get("reference")
        # R5 puts a Reference into a CodeableReference.
        if isinstance(target, dict):
            target = target.get("reference")
        if not isinstance(target, str):
            return {}
        if target.startswith("#"):
            # Contained resources refer to each other, and `#` alone names the one that contains them.
            container = self._containers.get(id(within), within)
            if target == "#":
                return container
            return next((item for item in dicts(container.get("contained")) if item.get("id") == target[1:]), {})
        target = _plain(target)
        return self._found.get(target) or self._found.get("/".join(target.rsplit("/", 2)[-2:])) or {}

    def container(self, resource: Json) -> Json:
        """The resource that contains this one; itself when none does."""
        return self._containers.get(id(resource), resource)

    def name(self, reference: object, within: Json, depth: int = 0) -> str:
        """How a Reference is called: its display, else the name of what it names, its organisation first."""
        if text := told(as_dict(reference), "display"):
            return text
        resource = self.resolve(reference, within)
        if not resource:
            return ""
        # Records may refer in circles.
        for field in ("organization", "managingOrganization", "practitioner"):
            further = resource.get(field)
            if further and depth < _MOST_DEEP and (text := self.name(further, resource, depth + 1)):
                return text
        named = resource.get("name")
        if isinstance(named, str):
            return line(named)
        return person_name(resource) or ""

    def origin(self, resource: Json, moment: When | None) -> Origin:
        """Who stands behind an entry: the facility or person that it names, and the facility code of its source."""
        source = as_dict(resource.get("meta")).get("source")
        code = (
            source.removeprefix(SOURCE_PREFIX) if isinstance(source, str) and source.startswith(SOURCE_PREFIX) else None
        )
        facility = None
        for writer in self._writers(resource):
            if facility := self.name(writer, resource) or None:
                break
        sources = dict.fromkeys([line(tag.get("display"), 100) for tag in source_tags(self.container(resource))])
        return Origin(facility, code, moment, SOURCES_JOIN.join(sources))

    def _writers(self, resource: Json) -> Iterator[Json]:
        for field in _WRITERS:
            if field not in resource:
                continue
            for writer in dicts(resource[field])[:_MOST_DEEP]:
                # R4 Procedure.performer.actor, R5 AllergyIntolerance.participant.actor, STU3 requester.agent
                yield as_dict(writer.get("actor")) or as_dict(writer.get("agent")) or writer


def _plain(target: str) -> str:
    """Without a version, and a UUID in lower case."""
    if target[:4].lower() == "urn:":
        return target.lower()
    return target.partition("/_history/")[0]


def person_name(resource: Json) -> str | None:
    """A name as written: `text`, never rebuilt when there is one; else family and given names in Vietnamese order."""
    for name in dicts(resource.get("name")):
        if text := told(name, "text"):
            return text
    for name in dicts(resource.get("name")):
        # DSTU2 has several family names.
        said = [*as_list(name.get("family")), *as_list(name.get("given"))]
        if parts := [part for item in said[:12] if (part := line(item))]:
            return " ".join(parts)
    for name in as_list(resource.get("name")):
        if isinstance(name, str) and (text := line(name)):
            return text
    return None
