"""What entries of several people refer to and what is about none of them: medications, devices, staff, places.

A bulk export (FHIR Bulk Data Access) and a Bundle of several patients hold each of these once. Whoever's entry refers
to one gets it into their book too, with what it refers to itself, since a drug that is known by reference alone would
otherwise have no name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from records_panel.fhir_kinds import REFERRED_KINDS
from records_panel.fhir_reading import Json

if TYPE_CHECKING:
    from records_panel.import_runs import Outcome

KINDS = frozenset({*REFERRED_KINDS, "Location", "Substance"})
MOST_BYTES = 64 * 1024 * 1024
"""Of all that is held for the entries that are still to come; what is more is told as about nobody."""
_MOST_DEEP = 4


class SharedResources:
    """Resources about nobody, by their stored name `Type/id`."""

    def __init__(self) -> None:
        self.taken: dict[str, Outcome] = {}
        """What came into a book with somebody's entry, by name."""
        self._found: dict[str, Json] = {}
        self._bytes = 0

    def add(self, resource: Json) -> None:
        """Hold a resource that has its stored id, unless there are too many."""
        name = name_of(resource)
        if name in self._found:
            return
        size = len(json.dumps(resource))
        if self._bytes + size <= MOST_BYTES:
            self._found[name] = resource
            self._bytes += size

    def along(self, resources: Iterable[Json]) -> dict[str, Json]:
        """What these resources refer to, by name, and what that refers to in its turn."""
        found: dict[str, Json] = {}
        if not self._found:
            return found
        layer = list(resources)
        for _ in range(_MOST_DEEP):
            named = {name for resource in layer for name in _references(resource)} - found.keys()
            layer = [self._found[name] for name in sorted(named) if name in self._found]
            found.update((name_of(resource), resource) for resource in layer)
        return found


def name_of(resource: Json) -> str:
    """Type and id."""
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _references(content: Any) -> Iterator[str]:
    """Every reference in a resource, in whatever field. Without recursion."""
    left = [content]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if isinstance(reference := value.get("reference"), str):
                yield reference
            left += value.values()
        elif isinstance(value, list):
            left += value
