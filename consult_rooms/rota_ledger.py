"""What was changed in a hospital's rota, by whom, in order: the rota's version, its history, and its optimistic lock.

Whoever changes it says which version they have seen. What others changed since then in the same specialty refuses the
change, and is told; changes of another specialty are no matter.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, func, select

from consult_rooms.appointment import Shift
from consult_rooms.model import Level
from consult_rooms.rota_tables import rota_changes
from foundation.database import Transaction
from foundation.errors import Conflict
from foundation.i18n import N_
from foundation.ids import FacilityId, SpecialtyId, StaffId

STALE = N_("Somebody changed this specialty's rota meanwhile. Look at what changed, then send it again.")
SHOWN = 20
"""Changes that one reading returns at most."""
_LOCKS = 1 << 30
"""Locks of rotas begin there, so that they are nobody else's."""


class ChangeKind(StrEnum):
    """What was done to a turn."""

    ADDED = "added"
    REMOVED = "removed"
    LIFTED = "lifted"
    """Does not hold on one date."""
    RESTORED = "restored"
    """Holds on that date after all."""
    SWAPPED = "swapped"
    """Somebody else has it on that date, as both agreed."""


@dataclass(frozen=True, slots=True)
class Change:
    """One turn changed. `day` is the date that it is about; None: every week."""

    kind: ChangeKind
    shift: Shift
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A change with its number, who made it and when."""

    version: int
    at: datetime
    actor: StaffId
    change: Change


async def locked(tx: Transaction, facility_id: FacilityId) -> None:
    """Let nobody else change this hospital's rota until the transaction ends."""
    await tx.lock(_LOCKS + zlib.crc32(facility_id.encode()) % _LOCKS)


async def record(
    tx: Transaction, facility_id: FacilityId, actor: StaffId, changes: Sequence[Change], seen: int | None = None
) -> None:
    """Number the changes and keep them, in the transaction that makes them and after `locked`.

    Raises Conflict `rota.stale` when somebody else changed one of these specialties after the version `seen`.
    """
    if not changes:
        return
    fields = {change.shift.specialty_id for change in changes}
    if seen is not None and any(
        one.actor != actor and one.change.shift.specialty_id in fields for one in await since(tx, facility_id, seen)
    ):
        raise Conflict("rota.stale", STALE)
    version, at = await version_of(tx, facility_id), await tx.now()
    await tx.execute(
        rota_changes.insert(),
        [
            {
                "facility_id": facility_id,
                "version": number,
                "at": at,
                "actor": actor,
                "kind": change.kind,
                "specialty_id": change.shift.specialty_id,
                "staff_id": change.shift.staff_id,
                "turn": packed(change.shift, change.day),
            }
            for number, change in enumerate(changes, version + 1)
        ],
    )


async def version_of(tx: Transaction, facility_id: FacilityId) -> int:
    """The number of the last change; 0 for a rota that nobody has changed yet."""
    query = select(func.max(rota_changes.c.version)).where(rota_changes.c.facility_id == facility_id)
    return (await tx.execute(query)).scalar_one() or 0


async def since(tx: Transaction, facility_id: FacilityId, seen: int) -> list[Recorded]:
    """The changes after that version, in order."""
    query = (
        select(rota_changes)
        .where(rota_changes.c.facility_id == facility_id, rota_changes.c.version > seen)
        .order_by(rota_changes.c.version)
    )
    return [_recorded(row) for row in await tx.execute(query)]


async def latest(tx: Transaction, facility_id: FacilityId) -> list[Recorded]:
    """The last changes, the newest first."""
    query = (
        select(rota_changes)
        .where(rota_changes.c.facility_id == facility_id)
        .order_by(rota_changes.c.version.desc())
        .limit(SHOWN)
    )
    return [_recorded(row) for row in await tx.execute(query)]


def packed(shift: Shift, day: date | None = None) -> dict[str, str | int]:
    """A turn as JSON; `day` is the date that is meant of a weekly one."""
    on = day or shift.day
    return {
        "id": shift.id,
        "weekday": shift.weekday,
        "starts": shift.starts.isoformat("minutes"),
        "ends": shift.ends.isoformat("minutes"),
        "level": shift.level.value,
        "day": "" if on is None else on.isoformat(),
        "dated": int(shift.day is not None),
    }


def unpacked(
    turn: dict[str, Any], staff_id: StaffId, specialty_id: SpecialtyId, facility_id: FacilityId
) -> tuple[Shift, date | None]:
    """What `packed` made, and the date."""
    day = date.fromisoformat(turn["day"]) if turn["day"] else None
    return (
        Shift(
            id=turn["id"],
            staff_id=staff_id,
            specialty_id=specialty_id,
            facility_id=facility_id,
            weekday=turn["weekday"],
            starts=time.fromisoformat(turn["starts"]),
            ends=time.fromisoformat(turn["ends"]),
            level=Level(turn["level"]),
            day=day if turn["dated"] else None,
        ),
        day,
    )


def _recorded(row: Row[Any]) -> Recorded:
    shift, day = unpacked(row.turn, StaffId(row.staff_id), SpecialtyId(row.specialty_id), FacilityId(row.facility_id))
    return Recorded(row.version, row.at, StaffId(row.actor), Change(ChangeKind(row.kind), shift, day))
