"""Imports tables of facilities, links, departments, specialties, staff and terminals (CSV, XLSX): dry run, then apply.

The file is read against what exists, each row's errors are told with row and column, and what is right is written in
one transaction: all of it or, unless `all_or_nothing`, the rows without errors. Importing a file twice changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from foundation.audit import Audit, AuditEntry, audit_entries
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import StaffId
from foundation.sheets import Row, read
from foundation.text import fold
from identity.accounts import OWN_RIGHTS
from identity.csv_cells import Existing, Planned
from identity.csv_columns import COLUMNS, ImportKind
from identity.csv_rows import plan
from identity.entries import (
    PARENT,
    DepartmentEntry,
    FacilityEntry,
    LinkEntry,
    SpecialtyEntry,
    StaffEntry,
    TerminalEntry,
    staff_entry,
)
from identity.guard import Actor, allowed
from identity.model import Facility, Specialty, Staff, Terminal
from identity.passwords import Passwords, random_password
from identity.policy import DENIED
from identity.rows import department_of, facility_of, link_of, specialty_list, specialty_of, staff_of, terminal_of
from identity.sessions import Sessions
from identity.specialty_tree import PARENT_CODE, misplaced, tree_after
from identity.tables import departments, facilities, links, specialties, staff, terminals
from identity.writes import (
    NewStaff,
    insert_departments,
    insert_facilities,
    insert_specialties,
    insert_staff,
    insert_terminals,
    update_facilities,
    update_specialties,
    update_staff,
    update_terminals,
)

E = TypeVar("E")
_BREATH = 200
"""Rows planned, or passwords hashed, before others get their turn."""
_COLUMN_OF_FIELD = {"facility_id": "facility_code", "department_id": "department"}


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a row. `message` and `parameters` are as in an error, to be told in the person's language."""

    row: int
    column: str | None
    code: str
    message: str
    parameters: dict[str, object]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did, or would do when `applied` is False. Counts leave out rows with errors."""

    kind: ImportKind
    rows: int
    created: int
    changed: int
    unchanged: int
    errors: tuple[RowError, ...]
    applied: bool
    first_passwords: tuple[tuple[str, str], ...] = ()
    """User name and random first password of each new person; to be shown once."""


class CsvImport:
    """Reads, judges and applies files."""

    def __init__(self, database: Database, audit: Audit, passwords: Passwords, sessions: Sessions) -> None:
        self._database = database
        self._audit = audit
        self._passwords = passwords
        self._sessions = sessions

    async def run(
        self, actor: Actor, kind: ImportKind, data: bytes, *, apply: bool, all_or_nothing: bool = True
    ) -> ImportResult:
        """Judge a file and, with `apply`, write it.

        Raises `Invalid` for a file that cannot be used as a whole (see `foundation.sheets.read`), and
        `Conflict("import.overtaken")` when somebody changed the same things meanwhile; nothing is written then.
        """
        sheet = await asyncio.to_thread(read, data, COLUMNS[kind])
        rows = sheet.rows
        async with self._database.reading() as tx:
            existing = await _existing(tx, kind)
        if kind is ImportKind.SPECIALTIES:
            existing = replace(existing, tree=tree_after(rows, existing.specialties))
        errors = [_row_error(number, problem) for number, problem in sheet.problems]
        right: list[tuple[Row, Planned]] = []
        seen: dict[Hashable, int] = {}
        for done, row in enumerate(rows, 1):
            if done % _BREATH == 0:
                await asyncio.sleep(0)
            planned = plan(kind, row, existing)
            problems = planned if isinstance(planned, list) else _judged(actor, planned, row, seen)
            errors.extend(_row_error(row.number, problem) for problem in problems)
            if not problems and isinstance(planned, Planned):
                right.append((row, planned))
        if kind is ImportKind.SPECIALTIES and errors:
            lost = misplaced([row for row, _ in right], existing.specialties)
            problem = Invalid("specialty.parent", PARENT, field=PARENT_CODE)
            errors.extend(_row_error(row.number, problem) for row, _ in right if row.number in lost)
            right = [(row, planned) for row, planned in right if row.number not in lost]
        good = [planned for _, planned in right]
        if any(error.code == "policy.denied" for error in errors):
            await self._audit.commit(AuditEntry(actor=actor.id, action=f"import.{kind}", outcome="denied"))
        new = [one for one in good if one.before is None]
        changed = [one for one in good if one.before is not None and not one.unchanged]
        applied = apply and bool(new or changed) and not (errors and all_or_nothing)
        first_passwords: tuple[tuple[str, str], ...] = ()
        if applied:
            try:
                first_passwords = await self._apply(actor, kind, new, changed, data, existing)
            except IntegrityError as error:
                raise Conflict("import.overtaken", OVERTAKEN) from error
        return ImportResult(
            kind=kind,
            rows=len(rows) + len(sheet.problems),
            created=len(new),
            changed=len(changed),
            unchanged=len(good) - len(new) - len(changed),
            errors=tuple(sorted(errors, key=lambda error: error.row)),
            applied=applied,
            first_passwords=first_passwords,
        )

    async def _apply(
        self,
        actor: Actor,
        kind: ImportKind,
        new: list[Planned],
        changed: list[Planned],
        data: bytes,
        existing: Existing,
    ) -> tuple[tuple[str, str], ...]:
        people = _entries(new, StaffEntry)
        passwords = [random_password() for _ in people]
        hashes: list[str] = []
        for start in range(0, len(passwords), _BREATH):
            hashes += await self._passwords.hash_random(passwords[start : start + _BREATH])
        async with self._database.transaction() as tx:
            await insert_facilities(tx, _entries(new, FacilityEntry))
            await insert_departments(tx, _entries(new, DepartmentEntry))
            await insert_specialties(tx, _entries(new, SpecialtyEntry), existing.tree.ids)
            await insert_terminals(tx, _entries(new, TerminalEntry))
            if pairs := _entries(new, LinkEntry):
                await tx.execute(links.insert(), [asdict(pair) for pair in pairs])
            ids = await insert_staff(
                tx, [NewStaff(entry, hashed) for entry, hashed in zip(people, hashes, strict=True)]
            )
            await _record_rights(tx, actor, "staff.create", list(zip(ids, people, strict=True)))
            await self._change(tx, actor, changed)
            await self._audit.record(
                tx,
                AuditEntry(
                    actor=actor.id,
                    action=f"import.{kind}",
                    details={
                        "created": len(new),
                        "changed": len(changed),
                        "sha256": hashlib.sha256(data).hexdigest(),
                    },
                ),
            )
        return tuple((entry.user_name, password) for entry, password in zip(people, passwords, strict=True))

    async def _change(self, tx: Transaction, actor: Actor, changed: list[Planned]) -> None:
        found: dict[type, list[tuple[Any, Any]]] = {Facility: [], Specialty: [], Terminal: [], Staff: []}
        for one in changed:
            if isinstance(one.before, (Facility, Specialty, Terminal, Staff)):
                found[type(one.before)].append((one.before.id, one.entry))
            elif isinstance(one.entry, LinkEntry):
                here = (links.c.spoke_id == one.entry.spoke_id) & (links.c.hub_id == one.entry.hub_id)
                await tx.execute(update(links).where(here).values(rank=one.entry.rank, hours=one.entry.hours))
        await update_facilities(tx, found[Facility])
        await update_specialties(tx, found[Specialty])
        await update_terminals(tx, found[Terminal])
        await update_staff(tx, found[Staff])
        people = [
            (one.before, one.entry)
            for one in changed
            if isinstance(one.before, Staff) and isinstance(one.entry, StaffEntry)
        ]
        await _record_rights(tx, actor, "staff.change", [(before.id, entry) for before, entry in people])
        for before, entry in people:
            if entry.takes_from(before):
                await self._sessions.end_all(before.id, "rights_changed", actor=actor.id, tx=tx)


async def _record_rights(tx: Transaction, actor: Actor, act: str, people: Sequence[tuple[StaffId, StaffEntry]]) -> None:
    """Audit who got which roles, in one statement: one by one, thousands would hold up everybody who writes."""
    if people:
        now = await tx.now()
        await tx.execute(
            audit_entries.insert(),
            [
                {
                    "at": now,
                    "actor": actor.id,
                    "action": act,
                    "target": staff_id,
                    "outcome": "success",
                    "details": {"roles": ",".join(sorted(entry.roles)), "imported": True},
                }
                for staff_id, entry in people
            ],
        )


def _judged(actor: Actor, planned: Planned, row: Row, seen: dict[Hashable, int]) -> list[Invalid]:
    """The row's own problems, and those that it has with the actor or with an earlier row."""
    problems = list(planned.problems)
    if earlier := seen.get(planned.key):
        problems.append(Invalid("import.repeated_row", REPEATED_ROW, field=planned.key_column, other=earlier))
    seen.setdefault(planned.key, row.number)
    if not all(allowed(actor, planned.action, target) for target in planned.targets):
        problems.append(Invalid("policy.denied", DENIED))
    before, entry = planned.before, planned.entry
    if (
        isinstance(before, Staff)
        and isinstance(entry, StaffEntry)
        and before.id == actor.id
        and entry.rights != staff_entry(before).rights
    ):
        problems.append(Invalid("staff.own_rights", OWN_RIGHTS, field="roles"))
    return problems


def _row_error(row: int, problem: Invalid) -> RowError:
    column = _COLUMN_OF_FIELD.get(problem.field or "", problem.field)
    return RowError(row, column, problem.code, problem.message, problem.parameters)


def _entries(planned: Sequence[Planned], kind: type[E]) -> list[E]:
    return [one.entry for one in planned if isinstance(one.entry, kind)]


async def _existing(tx: Transaction, kind: ImportKind) -> Existing:
    """What a file of that kind is compared with."""

    async def rows(statement: Any) -> Any:
        return (await tx.execute(statement)).mappings()

    found_facilities = {row[facilities.c.code]: facility_of(row) for row in await rows(select(facilities))}
    if kind is ImportKind.LINKS:
        pairs = {(one.spoke_id, one.hub_id): one for one in map(link_of, await rows(select(links)))}
        return Existing(found_facilities, links=pairs)
    if kind is ImportKind.TERMINALS:
        computers = [terminal_of(row) for row in await rows(select(terminals))]
        return Existing(found_facilities, terminals={(one.facility_id, one.code): one for one in computers})
    fields = {row[specialties.c.code]: specialty_of(row) for row in await rows(select(specialties))}
    parts = [department_of(row) for row in await rows(select(departments))]
    people = [staff_of(row) for row in await rows(select(staff, specialty_list))] if kind is ImportKind.STAFF else []
    return Existing(
        found_facilities,
        specialties=fields,
        departments={(one.facility_id, fold(one.name)): one.id for one in parts},
        staff={person.user_name: person for person in people},
    )


REPEATED_ROW = N_("This is the same as row %(other)s.")
OVERTAKEN = N_("Somebody changed the same data at this moment. Nothing was imported; try again.")
