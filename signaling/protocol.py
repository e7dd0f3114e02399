"""The Socket.IO protocol as types: one dataclass an event, both ways, with meaning, fields and bounds.

The classes stand in `pairing_events`, `answer_events`, `written_events`, `room_events`, `drawing_events`,
`terminal_events`, `board_events`, `server_events` and `acks`; this page is the way in and out.
`docs/protocol.md` is generated from them by `signaling.protocol_document`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from foundation.errors import Invalid
from foundation.i18n import N_
from signaling.acks import Ack
from signaling.answer_events import AnswerEvent
from signaling.board_events import BoardEvent
from signaling.drawing_events import DrawingEvent
from signaling.pairing_events import PairingEvent
from signaling.room_events import RoomEvent
from signaling.server_events import ServerEvent
from signaling.terminal_events import TerminalEvent
from signaling.written_events import WrittenEvent

ClientEvent = PairingEvent | AnswerEvent | WrittenEvent | RoomEvent | DrawingEvent | TerminalEvent | BoardEvent

CLIENT_EVENTS: Mapping[str, type[ClientEvent]] = MappingProxyType(
    {event.name: event for event in get_args(ClientEvent)}
)
"""What a client may send, by name."""
SERVER_EVENTS: Mapping[str, type[ServerEvent]] = MappingProxyType(
    {event.name: event for event in get_args(ServerEvent)}
)
"""What the server sends, by name."""

_ADAPTERS: Mapping[type, TypeAdapter[Any]] = MappingProxyType(
    {kind: TypeAdapter(kind) for kind in (*CLIENT_EVENTS.values(), *SERVER_EVENTS.values(), *get_args(Ack))}
)


def parse(name: object, arguments: tuple[object, ...]) -> ClientEvent:
    """The event of that name from what came with it: one JSON object, or nothing at all for no fields.

    Raises Invalid `event.unknown`, or `event.malformed` with the first field that does not fit, such as
    `question.situation`.
    """
    kind = CLIENT_EVENTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise Invalid("event.unknown", UNKNOWN)
    payload: object = arguments[0] if arguments else {}
    if len(arguments) > 1 or not isinstance(payload, dict):
        raise Invalid("event.malformed", NOT_AN_OBJECT)
    try:
        # Back to JSON, since pydantic reads words and instants strictly from text alone. Bytes, NaN and half
        # surrogates do not survive that, as they should not.
        event: ClientEvent = _ADAPTERS[kind].validate_json(json.dumps(payload, allow_nan=False))
    except ValidationError as error:
        # Only the place is told: what was sent may name a patient.
        place = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])[:100]
        raise Invalid("event.malformed", MALFORMED, field=place or None, place=place) from None
    except (TypeError, ValueError, RecursionError):
        raise Invalid("event.malformed", NOT_AN_OBJECT) from None
    return event


def wire(message: ServerEvent | Ack) -> dict[str, Any]:
    """An event or acknowledgement as the JSON object that goes out; instants are RFC 3339 in UTC."""
    sent: dict[str, Any] = _ADAPTERS[type(message)].dump_python(message, mode="json")
    return sent


UNKNOWN = N_("The server does not know this event.")
NOT_AN_OBJECT = N_("An event carries one JSON object.")
MALFORMED = N_("The event cannot be read: see %(place)s.")
