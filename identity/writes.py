"""The statements that write facilities and staff, in lists, so that an import of thousands is a few of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Table, bindparam, delete, update

from foundation.database import Transaction
from foundation.ids import DepartmentId, FacilityId, SpecialtyId, StaffId, TerminalId, new_id
from identity.entries import DepartmentEntry, FacilityEntry, SpecialtyEntry, StaffEntry, TerminalEntry
from identity.tables import departments, facilities, specialties, staff, staff_specialties, terminals

_CHUNK = 500
"""Ids in one IN list; databases bound the parameters of a statement."""


@dataclass(frozen=True, slots=True)
class NewStaff:
    """A person to be written, with the hash of a first password."""

    entry: StaffEntry
    password_hash: str
    must_change_password: bool = True
    demo: bool = False


async def insert_facilities(
    tx: Transaction, entries: Sequence[FacilityEntry], *, demo: bool = False
) -> list[FacilityId]:
    """Write new facilities, in order."""
    ids = [FacilityId(new_id("fac")) for _ in entries]
    await _insert(
        tx, facilities, [asdict(e) | {"id": i, "active": True, "demo": demo} for i, e in zip(ids, entries, strict=True)]
    )
    return ids


async def update_facilities(tx: Transaction, changes: Sequence[tuple[FacilityId, FacilityEntry]]) -> None:
    """Overwrite facilities."""
    await _update(tx, facilities, [(facility_id, asdict(entry)) for facility_id, entry in changes])


async def insert_specialties(
    tx: Transaction, entries: Sequence[SpecialtyEntry], promised: Mapping[str, SpecialtyId] | None = None
) -> list[SpecialtyId]:
    """Write new specialties; ids in the order of the entries, by code those that were `promised`."""
    ids = [(promised or {}).get(entry.code) or SpecialtyId(new_id("spe")) for entry in entries]
    rows = [asdict(e) | {"id": i} for i, e in zip(ids, entries, strict=True)]
    # What stands above others comes first: a row points only at one that is there.
    await _insert(tx, specialties, sorted(rows, key=lambda row: row["parent_id"] is not None))
    return ids


async def update_specialties(tx: Transaction, changes: Sequence[tuple[SpecialtyId, SpecialtyEntry]]) -> None:
    """Overwrite specialties."""
    await _update(tx, specialties, [(specialty_id, asdict(entry)) for specialty_id, entry in changes])


async def insert_departments(tx: Transaction, entries: Sequence[DepartmentEntry]) -> list[DepartmentId]:
    """Write new departments, in order."""
    ids = [DepartmentId(new_id("dep")) for _ in entries]
    await _insert(tx, departments, [asdict(e) | {"id": i} for i, e in zip(ids, entries, strict=True)])
    return ids


async def insert_terminals(tx: Transaction, entries: Sequence[TerminalEntry]) -> list[TerminalId]:
    """Write new terminals, in order; none holds a credential yet."""
    ids = [TerminalId(new_id("ter")) for _ in entries]
    await _insert(tx, terminals, [asdict(e) | {"id": i, "active": True} for i, e in zip(ids, entries, strict=True)])
    return ids


async def update_terminals(tx: Transaction, changes: Sequence[tuple[TerminalId, TerminalEntry]]) -> None:
    """Overwrite terminals' codes and names."""
    await _update(tx, terminals, [(terminal_id, {"code": e.code, "name": e.name}) for terminal_id, e in changes])


async def insert_staff(tx: Transaction, people: Sequence[NewStaff]) -> list[StaffId]:
    """Write new people with their specialties, in order."""
    ids = [StaffId(new_id("stf")) for _ in people]
    now = await tx.now()
    await _insert(
        tx,
        staff,
        [
            _staff_values(person.entry)
            | {
                "id": staff_id,
                "password_hash": person.password_hash,
                "must_change_password": person.must_change_password,
                "active": True,
                "demo": person.demo,
                "created_at": now,
            }
            for staff_id, person in zip(ids, people, strict=True)
        ],
    )
    await _insert_specialties(tx, [(i, person.entry) for i, person in zip(ids, people, strict=True)])
    return ids


async def update_staff(tx: Transaction, changes: Sequence[tuple[StaffId, StaffEntry]]) -> None:
    """Overwrite people and their specialties; passwords and sessions stay."""
    await _update(tx, staff, [(staff_id, _staff_values(entry)) for staff_id, entry in changes])
    ids = [staff_id for staff_id, _ in changes]
    for start in range(0, len(ids), _CHUNK):
        await tx.execute(delete(staff_specialties).where(staff_specialties.c.staff_id.in_(ids[start : start + _CHUNK])))
    await _insert_specialties(tx, changes)


def _staff_values(entry: StaffEntry) -> dict[str, Any]:
    values = asdict(entry) | {"roles": sorted(entry.roles), "sensitivities": sorted(entry.sensitivities)}
    values["languages"] = sorted(entry.languages)
    del values["specialties"]
    return values


async def _insert_specialties(tx: Transaction, people: Sequence[tuple[StaffId, StaffEntry]]) -> None:
    pairs = [
        {"staff_id": staff_id, "specialty_id": specialty_id}
        for staff_id, entry in people
        for specialty_id in sorted(entry.specialties)
    ]
    await _insert(tx, staff_specialties, pairs)


async def _insert(tx: Transaction, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        await tx.execute(table.insert(), rows)


async def _update(tx: Transaction, table: Table, changes: list[tuple[Any, dict[str, Any]]]) -> None:
    if changes:
        statement = update(table).where(table.c.id == bindparam("of_id"))
        statement = statement.values({name: bindparam(f"new_{name}") for name in changes[0][1]})
        await tx.execute(
            statement,
            [{"of_id": key} | {f"new_{name}": value for name, value in values.items()} for key, values in changes],
        )
