"""Writes `docs/protocol.md` from the protocol's types and the frame in `protocol_document.md`.

`python -m signaling.protocol_document` writes it; with `--check` its exit status says whether it is current.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from string import Template
from typing import Any

from pydantic import TypeAdapter

from signaling import connections, engineio_seam, gateway, room_members
from signaling.acks import Ack, Done
from signaling.protocol import CLIENT_EVENTS, SERVER_EVENTS
from signaling.shapes import STAFF

FRAME = Path(__file__).with_suffix(".md")
PAGE = Path(__file__).parents[1] / "docs" / "protocol.md"

_FORMATS = {"date-time": "time"}


def document() -> str:
    """The whole page."""
    parts: dict[str, dict[str, Any]] = {}
    client = "".join(
        f"### `{name}`\n\n{_text(event)}\n\n{_fields(event, parts)}{_example('Example', event.example)}"
        f"{_acknowledgement(event.ack, parts)}"
        for name, event in CLIENT_EVENTS.items()
    )
    server = "".join(
        f"### `{name}`\n\n{_text(event)}\n\n{_fields(event, parts)}{_example('Example', event.example)}"
        for name, event in SERVER_EVENTS.items()
    )
    objects = "".join(
        f"### {name}\n\n{_flat(schema['description'])}\n\n{_table(schema, parts)}"
        for name, schema in sorted(parts.items())
        if schema["type"] == "object"
    )
    return (
        Template(FRAME.read_text())
        .substitute(
            STAFF=STAFF,
            PER_PERSON=connections.PER_PERSON,
            RATE_PER_S=f"{connections.RATE_PER_S:.0f}",
            BURST=f"{connections.BURST:.0f}",
            PING_S=gateway.PING_S,
            PING_TIMEOUT_S=gateway.PING_TIMEOUT_S,
            MESSAGE_BYTES=f"{gateway.MESSAGE_BYTES:,}",
            BACKLOG=f"{engineio_seam.BACKLOG_BYTES:,}",
            GRACE_S=f"{room_members.GRACE_S:.0f}",
            CLIENT_EVENTS=client,
            SERVER_EVENTS=server,
            PARTS=objects.rstrip("\n"),
        )
        .rstrip("\n")
        + "\n"
    )


def _acknowledgement(kind: type[Ack], parts: dict[str, dict[str, Any]]) -> str:
    if kind is Done:
        return "**Acknowledgement**: nothing further.\n\n"
    example = _example("Example", {"ok": True, **kind.example})
    return f"**Acknowledgement**: {_text(kind)}\n\n{_fields(kind, parts)}{example}"


def _text(kind: type) -> str:
    return _flat(kind.__doc__ or "")


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _fields(kind: type, parts: dict[str, dict[str, Any]]) -> str:
    schema = TypeAdapter(kind).json_schema()
    parts.update(schema.get("$defs", {}))
    return _table(schema, schema.get("$defs", {}))


def _table(schema: dict[str, Any], known: dict[str, Any]) -> str:
    fields = schema.get("properties", {})
    if not fields:
        return ""
    required = set(schema.get("required", ()))
    rows = ["| Field | Type | Meaning |", "|---|---|---|"]
    for name, field in fields.items():
        optional = "" if name in required else ", may be left out"
        kind = _kind(field, known) + optional
        rows.append(f"| `{name}` | {kind} | {_flat(field.get('description', '')).replace('|', '/')} |")
    return "\n".join(rows) + "\n\n"


def _kind(field: dict[str, Any], known: dict[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "anyOf" in field:
        return " or ".join(_kind(choice, known) for choice in field["anyOf"])
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        words = known.get(name, {}).get("enum")
        return _words(words) if words else f"[{name}](#{name.lower()})"
    if "enum" in field:
        return _words(field["enum"])
    if "const" in field:
        return _words([field["const"]])
    kind = str(field.get("type", "any"))
    if kind == "array":
        return f"array of {_kind(field['items'], known)}"
    if kind == "object":
        inner = field.get("additionalProperties")
        return f"object of {_kind(inner, known)}{_bounds(field)}" if isinstance(inner, dict) else "object"
    return _FORMATS.get(field.get("format", ""), kind) + _bounds(field)


def _words(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _bounds(field: dict[str, Any]) -> str:
    told = []
    if "pattern" in field:
        told.append("`" + field["pattern"].replace("|", "\\|") + "`")
    for low, high, unit in (
        ("minLength", "maxLength", " characters"),
        ("minimum", "maximum", ""),
        ("minProperties", "maxProperties", " entries"),
    ):
        if high in field:
            told.append(f"{field.get(low, 0)} to {field[high]}{unit}")
    return f" ({'; '.join(told)})" if told else ""


def _example(title: str, payload: dict[str, Any]) -> str:
    return f"{title}:\n\n```json\n{json.dumps(payload, ensure_ascii=False, indent=2)}\n```\n\n"


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` return 1 when it is not what would be written."""
    fresh = document()
    if "--check" in arguments:
        if PAGE.exists() and PAGE.read_text() == fresh:
            return 0
        sys.stderr.write("docs/protocol.md is not current: run python -m signaling.protocol_document\n")
        return 1
    PAGE.write_text(fresh)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
