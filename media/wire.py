"""What runs between a web node and a worker: JSON, one message a line, bounded, after both have proved the token."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from foundation import errors
from foundation.errors import HoichanError
from media.api import (
    Cause,
    ConnectionChanged,
    ConnectionState,
    Direction,
    LayersWanted,
    MediaEvent,
    QualityChanged,
    RoomLost,
    Rung,
    SpeakersChanged,
    SubscribeOffer,
    SubscribeOffered,
    Track,
    UplinkChanged,
)

LIMIT = 512 * 1024
"""Bytes of a line: an SDP of 64 kB, with its line ends escaped, and the tracks of a full room."""
HANDSHAKE_S = 5.0

Message = dict[str, Any]


class WireError(Exception):
    """The other side does not speak this protocol, or does not know the token."""


async def read(reader: asyncio.StreamReader) -> Message | None:
    """The next message, or None at the end. Raises WireError for anything else."""
    try:
        line = await reader.readline()
    except (ValueError, ConnectionError, asyncio.IncompleteReadError) as error:
        raise WireError("no message of a fit size") from error
    if not line.endswith(b"\n"):
        return None
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError("not JSON") from error
    if not isinstance(message, dict):
        raise WireError("not an object")
    return message


def encode(message: Mapping[str, Any]) -> bytes:
    """One line."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


async def admit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str, facts: Message) -> None:
    """The worker's half of the handshake; `facts` go to the node once it has proved the token."""
    ours = secrets.token_hex(16)
    writer.write(encode({"nonce": ours}))
    hello = await _expect(reader)
    theirs, proof = hello.get("nonce"), hello.get("proof")
    if not isinstance(theirs, str) or not isinstance(proof, str):
        raise WireError("no proof")
    if not _same(proof, _proof(token, "node", ours, theirs)):
        raise WireError("wrong token")
    writer.write(encode({"proof": _proof(token, "worker", ours, theirs), **facts}))
    await writer.drain()


async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> Message:
    """The node's half of the handshake: the worker's facts."""
    theirs = (await _expect(reader)).get("nonce")
    if not isinstance(theirs, str):
        raise WireError("no nonce")
    ours = secrets.token_hex(16)
    writer.write(encode({"nonce": ours, "proof": _proof(token, "node", theirs, ours)}))
    await writer.drain()
    facts = await _expect(reader)
    proof = facts.get("proof")
    if not isinstance(proof, str) or not _same(proof, _proof(token, "worker", theirs, ours)):
        raise WireError("wrong token")
    return facts


async def _expect(reader: asyncio.StreamReader) -> Message:
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            message = await read(reader)
    except TimeoutError as error:
        raise WireError("no answer") from error
    if message is None:
        raise WireError("closed")
    return message


def _proof(token: str, role: str, first: str, second: str) -> str:
    text = f"{role} {first} {second}".encode("utf-8", "replace")  # JSON may hold halves of characters
    return hmac.new(token.encode(), text, hashlib.sha256).hexdigest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def write_error(error: HoichanError) -> Message:
    """An error as the wire carries it."""
    return {"class": type(error).__name__, "code": error.code, "message": error.message, **_known(error.parameters)}


def _known(parameters: Mapping[str, object]) -> Message:
    return {key: value for key, value in parameters.items() if key == "reason" and isinstance(value, str)}


_ERRORS: dict[str, type[HoichanError]] = {
    "Invalid": errors.Invalid,
    "Conflict": errors.Conflict,
    "NotFound": errors.NotFound,
    "Unavailable": errors.Unavailable,
}


def read_error(message: Message) -> HoichanError:
    """The error that the wire carried."""
    kind = _ERRORS.get(message.get("class", ""), errors.Unavailable)
    parameters = {"reason": message["reason"]} if "reason" in message else {}
    return kind(str(message.get("code", "media.unavailable")), str(message.get("message", "")), **parameters)


def write_offer(offer: SubscribeOffer) -> Message:
    """An offer as the wire carries it."""
    return {"sdp": offer.sdp, "revision": offer.revision, "tracks": [asdict(track) for track in offer.tracks]}


def read_offer(message: Message) -> SubscribeOffer:
    """The offer that the wire carried."""
    return SubscribeOffer(
        sdp=message["sdp"],
        revision=message["revision"],
        tracks=tuple(Track(**track) for track in message["tracks"]),
    )


def write_event(event: MediaEvent) -> Message:
    """An event as the wire carries it."""
    match event:
        case SubscribeOffered():
            return {
                "event": "offered",
                "room": event.room_id,
                "participant": event.participant_id,
                "offer": write_offer(event.offer),
            }
        case ConnectionChanged():
            return {
                "event": "connection",
                "room": event.room_id,
                "participant": event.participant_id,
                "direction": event.direction,
                "state": event.state,
            }
        case QualityChanged():
            return {
                "event": "quality",
                "room": event.room_id,
                "participant": event.participant_id,
                "track": event.track_id,
                "rung": event.rung,
                "cause": event.cause,
            }
        case UplinkChanged():
            return {
                "event": "uplink",
                "room": event.room_id,
                "participant": event.participant_id,
                "rung": event.rung,
            }
        case LayersWanted():
            return {
                "event": "layers",
                "room": event.room_id,
                "participant": event.participant_id,
                "track": event.track_id,
                "mid": event.mid,
                "rids": list(event.rids),
            }
        case SpeakersChanged():
            return {"event": "speakers", "room": event.room_id, "participants": list(event.participant_ids)}
        case RoomLost():
            return {"event": "lost", "room": event.room_id}


def read_event(message: Message) -> MediaEvent | None:
    """The event that the wire carried, or None for one of a newer worker."""
    match message["event"]:
        case "offered":
            return SubscribeOffered(message["room"], message["participant"], read_offer(message["offer"]))
        case "connection":
            return ConnectionChanged(
                message["room"],
                message["participant"],
                Direction(message["direction"]),
                ConnectionState(message["state"]),
            )
        case "quality":
            return QualityChanged(
                message["room"],
                message["participant"],
                message["track"],
                Rung(message["rung"]),
                Cause(message["cause"]),
            )
        case "uplink":
            return UplinkChanged(message["room"], message["participant"], Rung(message["rung"]))
        case "layers":
            return LayersWanted(
                message["room"],
                message["participant"],
                message["track"],
                message["mid"],
                tuple(message["rids"]),
            )
        case "speakers":
            return SpeakersChanged(message["room"], tuple(message["participants"]))
        case "lost":
            return RoomLost(message["room"])
    return None
