"""What a worker says of itself: nodes place rooms by it, and an operator reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """One worker's measure, a second or less old."""

    admits: bool = False
    """Whether it takes new rooms. People may come into the rooms that it has either way."""
    draining: bool = False
    """Whether it takes none because it is to end when the last of its rooms has."""
    load: float = 0.0
    """Share of one core that it uses, over some seconds."""
    rate: int = 0
    """Packets that it sends to viewers a second."""
    rooms: int = 0
    connections: int = 0
    """Peer connections, one or two a participant."""

    @classmethod
    def read(cls, message: Mapping[str, Any]) -> WorkerFacts:
        """From the wire; what an older or newer worker does not say stays at its default."""
        return cls(
            admits=bool(message.get("admits")),
            draining=bool(message.get("draining")),
            load=float(message.get("load", 0.0)),
            rate=int(message.get("rate", 0)),
            rooms=int(message.get("rooms", 0)),
            connections=int(message.get("connections", 0)),
        )

    def write(self) -> dict[str, Any]:
        """For the wire."""
        return asdict(self)
