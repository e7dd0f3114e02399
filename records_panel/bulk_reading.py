"""Bundles and NDJSON as others export them, resource by resource, however large and however odd. No database here.

A file of ordinary size and a line of NDJSON are parsed whole. A larger file, and one in which anything cannot be read
as it was written, is taken entry by entry (`entry_texts`): memory is bounded by the largest entry, each entry tells
what was wrong with it alone, and it brings its text along, so that nothing of it is lost. A Bundle within a Bundle (the
answer to a batch, or to `$summary` in Parameters) gives its own entries.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from records_panel.entry_texts import MOST_DEEP, Text, entry_texts, member_text, shallow
from records_panel.fhir_reading import Json, as_dict, dicts, word

ORDINARY_BYTES = 8 * 1024 * 1024
_LONGEST_LINE = 64 * 1024 * 1024
_BUNDLES = ("Bundle", "Parameters")
_MOST_WITHIN = 3
"""Bundles within Bundles that are opened."""
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ")
"""How gzip, zip, Zstandard, bzip2 and xz begin."""


@dataclass(frozen=True, slots=True)
class Read:
    """One entry of a file. `place` is such as `entry 3` or `line 12`; without a resource it says what was wrong.

    `original` is its text, when the resource does not hold all that stood there.
    """

    place: str
    resource: Json | None
    full_url: str = ""
    problems: tuple[str, ...] = ()
    original: bytes = b""


def read_file(path: Path, *, ordinary: int = ORDINARY_BYTES) -> Iterator[Read]:
    """Every entry of a FHIR JSON or NDJSON file. What is no JSON is an entry with the problem `not_json`.

    FHIR's XML (`xml`) and packed files (`compressed`) are told as what they are, and not read.
    """
    if problem := _foreign(path):
        yield Read("file", None, problems=(problem,))
    elif path.suffix.lower() in (".ndjson", ".jsonl"):
        yield from _lines(path)
    elif path.stat().st_size > ordinary:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as text:
            yield from _each(text, "")
    else:
        yield from _whole(path.read_bytes(), "")


def _foreign(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(_PACKED):
        return "compressed"
    text = head.decode("utf-16" if head.startswith(_UTF_16) else "utf-8-sig", "replace")
    return "xml" if text.lstrip().startswith("<") else ""


def _lines(path: Path) -> Iterator[Read]:
    with path.open("rb") as file:
        if file.read(2) in _UTF_16:
            # A line's end has two bytes there.
            text = TextIOWrapper(file, "utf-16", "replace")
            text.seek(0)
            lines = iter(lambda: text.readline(_LONGEST_LINE // 2).encode("utf-8", "replace"), b"")
            yield from _numbered(lines)
            return
        file.seek(0)
        yield from _numbered(iter(lambda: file.readline(_LONGEST_LINE), b""))


def _numbered(lines: Iterator[bytes]) -> Iterator[Read]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield from _whole(line, f"line {number}")


def _whole(text: bytes, place: str) -> Iterator[Read]:
    """A text in one go; entry by entry when that cannot be done without loss."""
    if text.startswith(_UTF_16):
        text = text.decode("utf-16", "replace").encode()
    try:
        content, problems = _parsed(text)
    except RecursionError:
        yield from _each(text, place)
    except ValueError:
        yield from _broken(text, place)
    else:
        if problems or _is_deep(content):
            yield from _each(text, place)
        else:
            yield from _of(content, place, 1)


def _broken(text: bytes, place: str) -> Iterator[Read]:
    """What can be read of a text that is no JSON as a whole, such as one that was cut off in sending."""
    was_told = False
    for read in _each(text, place):
        was_told = was_told or "not_json" in read.problems
        yield read
    if not was_told:
        yield Read(place or "file", None, problems=("not_json",))


def _parsed(text: bytes) -> tuple[Any, list[str]]:
    """The value, and what of the text it does not hold."""
    problems: dict[str, None] = {}

    def pairs(items: list[tuple[str, Any]]) -> Json:
        found = dict(items)
        if len(found) < len(items):
            problems["duplicate_key"] = None
        return found

    def constant(_name: str) -> None:
        problems["not_a_number"] = None

    try:
        plain = text.decode("utf-8-sig")
    except UnicodeDecodeError:
        problems["not_text"] = None
        plain = text.decode("utf-8-sig", "replace")
    content = json.loads(plain, object_pairs_hook=pairs, parse_constant=constant)
    if "\\ud" in plain or "\\uD" in plain:
        content, is_text = _as_text(content)
        if not is_text:
            problems["not_text"] = None
    return content, list(problems)


def _as_text(content: Any) -> tuple[Any, bool]:
    """The content without halves of surrogate pairs (RFC 8259 §8.2), and whether it had none."""
    written = json.dumps(content, ensure_ascii=False)
    try:
        written.encode()
    except UnicodeEncodeError:
        return json.loads(written.encode("utf-16", "surrogatepass").decode("utf-16", "replace")), False
    return content, True


def _is_deep(content: Any) -> bool:
    """Whether anything lies deeper than is read, below an entry of a Bundle. Without recursion."""
    left = [(content, 0)]
    while left:
        value, depth = left.pop()
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, (dict, list)):
                if depth > MOST_DEEP:
                    return True
                left.append((item, depth + 1))
    return False


def _of(content: Any, place: str, within: int) -> Iterator[Read]:
    """The entries of a Bundle, or the resource itself."""
    kind = word(as_dict(content).get("resourceType"))
    if kind not in _BUNDLES:
        yield Read(place or "file", content if kind else None, problems=() if kind else ("no_resource",))
        return
    for number, entry in enumerate(dicts(content.get("entry") or content.get("parameter")), 1):
        here = f"{place} entry {number}".strip()
        resource = as_dict(entry.get("resource"))
        if resource.get("resourceType") == "Bundle" and within < _MOST_WITHIN:
            yield from _of(resource, here, within + 1)
        elif word(resource.get("resourceType")):
            yield Read(here, resource, word(entry.get("fullUrl")))
        else:
            yield Read(here, None, problems=("no_resource",))


def _each(text: Text, place: str, within: int = 1) -> Iterator[Read]:
    """The entries of a text, each parsed alone; a resource that stands alone is one entry."""
    found = entry_texts(text)
    if found.kind not in _BUNDLES:
        yield _one(text[:], place or "file", is_entry=False)
        return
    for number, entry in enumerate(found, 1):
        here = f"{place} entry {number}".strip()
        inner = member_text(entry, "resource") if b'"Bundle"' in entry and within < _MOST_WITHIN else b""
        if inner and entry_texts(inner).kind == "Bundle":
            yield from _each(inner, here, within + 1)
        else:
            yield _one(entry, here, is_entry=True)
    if not found.is_whole:
        yield Read(f"{place} after entry {len(found)}".strip(), None, problems=("not_json",))


def _one(text: bytes, place: str, *, is_entry: bool) -> Read:
    near, was_deep = shallow(text)
    try:
        content, problems = _parsed(near)
    except ValueError:
        return Read(place, None, problems=("not_json",))
    if was_deep:
        problems.append("too_deep")
    entry = as_dict(content) if is_entry else {"resource": content}
    resource = as_dict(entry.get("resource"))
    if not word(resource.get("resourceType")):
        return Read(place, None, problems=(*problems, "no_resource"))
    return Read(place, resource, word(entry.get("fullUrl")), tuple(problems), text if problems else b"")
