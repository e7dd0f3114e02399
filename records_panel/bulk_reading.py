"""Bundles and NDJSON as others export them, resource by resource, however large and however odd. No database here.

A line of NDJSON and a file of ordinary size are read by Python's own parser. A larger file, and one that is nested
deeper than that parser likes, is read as a stream (ijson): memory is bounded by the largest resource, and what is
nested deeper than any FHIR is cut off and told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ijson  # type: ignore[import-untyped]  # has no types, and nobody publishes any

from records_panel.fhir_reading import Json, as_dict, dicts, word

ORDINARY_BYTES = 8 * 1024 * 1024
_MOST_DEEP = 60
"""FHIR's own resources are nested some fifteen levels; extensions of extensions a few more."""
_LONGEST_LINE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Read:
    """One entry of a file. `place` is such as `entry 3` or `line 12`; without a resource it says what was wrong."""

    place: str
    resource: Json | None
    full_url: str = ""
    problems: tuple[str, ...] = ()


def read_file(path: Path, *, ordinary: int = ORDINARY_BYTES) -> Iterator[Read]:
    """Every entry of a FHIR JSON or NDJSON file. What is no JSON is an entry with the problem `not_json`."""
    if path.suffix.lower() in (".ndjson", ".jsonl"):
        yield from _lines(path)
    elif path.stat().st_size > ordinary:
        yield from _stream(path)
    else:
        try:
            content, problems = _parsed(path.read_bytes())
        except RecursionError:
            yield from _stream(path)
        except ValueError:
            yield Read("file", None, problems=("not_json",))
        else:
            yield from _of(content, "", problems)


def _parsed(data: bytes) -> tuple[Any, tuple[str, ...]]:
    problems: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> Json:
        found = dict(items)
        if len(found) < len(items):
            problems.append("duplicate_key")
        return found

    def constant(_name: str) -> None:
        problems.append("not_a_number")

    content = json.loads(data.decode("utf-8-sig", "replace"), object_pairs_hook=pairs, parse_constant=constant)
    if _cut(content):
        problems.append("too_deep")
    return content, tuple(dict.fromkeys(problems))


def _cut(content: Any) -> bool:
    """Cut what is nested deeper than any FHIR, without recursion; whether there was any."""
    was_deep = False
    left = [(content, 0)]
    while left:
        value, depth = left.pop()
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in list(inner):
            if not isinstance(item, (dict, list)):
                continue
            if depth >= _MOST_DEEP:
                value[key] = type(item)()
                was_deep = True
            else:
                left.append((item, depth + 1))
    return was_deep


def _lines(path: Path) -> Iterator[Read]:
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
            if not line.strip():
                continue
            try:
                content, problems = _parsed(line)
            except RecursionError:
                yield Read(f"line {number}", None, problems=("too_deep",))
            except ValueError:
                yield Read(f"line {number}", None, problems=("not_json",))
            else:
                yield from _of(content, f"line {number}", problems)


def _of(content: Any, place: str, problems: tuple[str, ...]) -> Iterator[Read]:
    """The entries of a Bundle, or the resource itself."""
    if as_dict(content).get("resourceType") not in ("Bundle", "Parameters"):
        resource = content if word(as_dict(content).get("resourceType")) else None
        yield Read(place or "file", resource, problems=problems if resource else (*problems, "no_resource"))
        return
    for number, entry in enumerate(dicts(content.get("entry") or content.get("parameter")), 1):
        yield _entry(entry, f"{place} entry {number}".strip(), problems if number == 1 else ())


def _entry(entry: Json, place: str, problems: tuple[str, ...]) -> Read:
    resource = entry.get("resource")
    if not isinstance(resource, dict) or not word(resource.get("resourceType")):
        return Read(place, None, problems=(*problems, "no_resource"))
    return Read(place, resource, word(entry.get("fullUrl")), problems)


def _stream(path: Path) -> Iterator[Read]:
    """Entries of a Bundle as they come. A resource that stands alone is one entry."""
    number = 0
    with path.open("rb") as file:
        try:
            for prefix, builder in _entries(file):
                number += 1
                yield _entry(as_dict(builder.value), f"entry {number}" if prefix else "file", builder.problems)
        except (ijson.JSONError, UnicodeDecodeError):
            yield Read(f"after entry {number}", None, problems=("not_json",))


def _entries(file: Any) -> Iterator[tuple[str, _Builder]]:
    builder: _Builder | None = None
    for prefix, event, value in ijson.parse(file, use_float=True):
        if builder is None and prefix == "entry.item" and event == "start_map":
            builder = _Builder()
        if builder is not None:
            builder.take(event, value)
            if builder.is_whole:
                yield prefix, builder
                builder = None


class _Builder:
    """Builds one value from a parser's events without recursion, so that no depth harms it."""

    def __init__(self) -> None:
        self.value: Any = None
        self.is_whole = False
        self._open: list[Any] = []
        self._keys: list[str] = []
        self._cut = 0
        self._problems: dict[str, None] = {}

    @property
    def problems(self) -> tuple[str, ...]:
        """What was wrong inside."""
        return tuple(self._problems)

    def take(self, event: str, value: Any) -> None:
        """The next event of ijson."""
        if event in ("start_map", "start_array"):
            if self._cut or len(self._open) >= _MOST_DEEP:
                self._cut += 1
                self._problems["too_deep"] = None
                return
            made: Any = {} if event == "start_map" else []
            self._put(made)
            self._open.append(made)
            self._keys.append("")
        elif event in ("end_map", "end_array"):
            if self._cut:
                self._cut -= 1
                return
            self.value = self._open.pop()
            self._keys.pop()
            self.is_whole = not self._open
        elif self._cut:
            return
        elif event == "map_key":
            if value in self._open[-1]:
                self._problems["duplicate_key"] = None
            self._keys[-1] = value
        else:
            self._put(value)

    def _put(self, value: Any) -> None:
        if not self._open:
            return
        if isinstance(self._open[-1], dict):
            self._open[-1][self._keys[-1]] = value
        else:
            self._open[-1].append(value)
