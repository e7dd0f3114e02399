"""Who is accountable for a consult at each moment, read from its log alone. Pure.

The requester from the request on; a coordinator who took charge of it; whoever claimed it; whoever a handover was
accepted by; after a lost claim the coordinator in charge, else the requester again. Never two, never none.
"""

from __future__ import annotations

from collections.abc import Iterable

from consult_rooms.log_entry import LogEntry, LogKind
from foundation.ids import StaffId

_BY_ACTOR = frozenset({LogKind.REQUESTED, LogKind.SCHEDULED, LogKind.CLAIMED, LogKind.TAKEN})
"""Kinds whose actor owns the consult from there on, unless `data` names somebody else."""


def owner_after(before: StaffId | None, entry: LogEntry) -> StaffId | None:
    """The owner once `entry` was written, given the one before it."""
    named = entry.data.get("owner")
    if named is not None:
        return StaffId(str(named))
    return entry.actor if entry.kind in _BY_ACTOR else before


def owner_at(entries: Iterable[LogEntry], number: int | None = None) -> StaffId | None:
    """The owner after the entry of that number, or after the last; None before the first. `entries` are in order."""
    owner: StaffId | None = None
    for entry in entries:
        if number is not None and entry.number > number:
            break
        owner = owner_after(owner, entry)
    return owner
