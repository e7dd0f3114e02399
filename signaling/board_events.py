"""What coordinators send and are sent of their board. The docstrings here are printed in `docs/protocol.md`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from signaling.acks import Ack, BoardShown, Done
from signaling.board_shapes import AppointmentRef, SlotRef
from signaling.shapes import STRICT

APPOINTMENT = "apt_0198f3a1b0c17d2e8f90a1b2c3d4e5f6"
SLOT = "slo_0198f3a1b0c27d2e8f90a1b2c3d4e5f7"


@dataclass(frozen=True, slots=True, config=STRICT)
class WatchBoard:
    """Follow the coordinators' board: what is open at your clinics, and today's slots at their hospitals.

    Changes come as `board` until the socket closes. After a reconnect send the last `at` that you have: what changed
    since comes alone.
    """

    after: datetime | None = None
    """The last `at` that you have; null for everything."""
    name: ClassVar[str] = "watch_board"
    ack: ClassVar[type[Ack]] = BoardShown
    example: ClassVar[dict[str, Any]] = {"after": None}


@dataclass(frozen=True, slots=True, config=STRICT)
class MoveAppointment:
    """Give an appointment another slot. Refused with the reason: `slot.taken`, `slot.terminal_busy`, `slot.past`,
    `slot.other_specialty`, `slot.not_linked`, `appointment.stale`, or by the consult's state."""

    appointment_id: AppointmentRef
    """The appointment."""
    slot_id: SlotRef
    """A free slot of its specialty."""
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]
    """The appointment's version that you have seen."""
    name: ClassVar[str] = "move_appointment"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"appointment_id": APPOINTMENT, "slot_id": SLOT, "version": 1}


BoardEvent = WatchBoard | MoveAppointment
