"""Whom the acts of the calendar tell what they did, inside their own transaction: notices, or nobody."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from foundation.database import Transaction
from foundation.ids import AppointmentId, SlotId, StaffId


class Told(Protocol):
    """What is told of an appointment; each is called once, after all else of the act was written."""

    async def booked(self, tx: Transaction, appointment_id: AppointmentId) -> None:
        """It stands."""

    async def moved(self, tx: Transaction, appointment_id: AppointmentId, former_id: StaffId | None = None) -> None:
        """It has another time; `former_id` is the specialist who had it."""

    async def cancelled(self, tx: Transaction, appointment_id: AppointmentId) -> None:
        """Nobody comes any more."""

    async def displaced(self, tx: Transaction, appointment_id: AppointmentId) -> None:
        """Its specialist is elsewhere."""

    async def offered(
        self, tx: Transaction, entry_id: str, number: int, slot_id: SlotId, people: Collection[StaffId], until: datetime
    ) -> None:
        """A slot is kept for somebody of the waiting list; `number` counts that entry's offers."""


class Nobody:
    """Where no notices are sent."""

    async def booked(self, tx: Transaction, appointment_id: AppointmentId) -> None:
        """Nothing."""

    async def moved(self, tx: Transaction, appointment_id: AppointmentId, former_id: StaffId | None = None) -> None:
        """Nothing."""

    async def cancelled(self, tx: Transaction, appointment_id: AppointmentId) -> None:
        """Nothing."""

    async def displaced(self, tx: Transaction, appointment_id: AppointmentId) -> None:
        """Nothing."""

    async def offered(
        self, tx: Transaction, entry_id: str, number: int, slot_id: SlotId, people: Collection[StaffId], until: datetime
    ) -> None:
        """Nothing."""
