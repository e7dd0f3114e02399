"""The book of the ladder's rules: read, change, look back. Every version stays; the highest holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from consult_rooms.ladder_rules import Rules, checked, of_json
from consult_rooms.tables import ladder_rules
from foundation.audit import Audit, AuditEntry
from foundation.database import Database
from foundation.errors import Conflict
from foundation.i18n import N_
from foundation.text import clean_line
from identity.model import Staff
from identity.policy import Action, require
from identity.tables import staff

HISTORY = 50
"""Versions shown at most."""
NOTE = 200
"""Characters of a note at most."""
CHANGED = N_("Somebody changed the rules meanwhile. Look at them as they are now, and change them again.")


@dataclass(frozen=True, slots=True)
class Edition:
    """One version: who made it, when, and why."""

    rules: Rules
    by: str
    at: datetime
    note: str


def newest() -> Select[Any]:
    """Selects version and rules that hold now; nothing while nobody has edited any."""
    query = select(ladder_rules.c.version, ladder_rules.c.rules)
    return query.order_by(ladder_rules.c.version.desc()).limit(1)


def rules_of(row: Any, defaults: Rules) -> Rules:
    """The rules of a row that `newest` selected."""
    if row is None:
        return defaults
    found = row if isinstance(row, Mapping) else row._mapping
    return defaults if found["rules"] is None else of_json(found["rules"], found["version"], defaults)


class Rulebook:
    """Reads and changes the rules of the installation. `defaults` hold while nobody has edited any."""

    def __init__(self, database: Database, audit: Audit, defaults: Rules) -> None:
        self._database = database
        self._audit = audit
        self.defaults = defaults

    async def rules(self) -> Rules:
        """The rules that hold now."""
        async with self._database.reading() as tx:
            return rules_of((await tx.execute(newest())).first(), self.defaults)

    async def editions(self) -> list[Edition]:
        """The last versions, newest first."""
        async with self._database.reading() as tx:
            query = (
                select(ladder_rules, staff.c.full_name)
                .join(staff, staff.c.id == ladder_rules.c.changed_by)
                .order_by(ladder_rules.c.version.desc())
                .limit(HISTORY)
            )
            return [
                Edition(of_json(row.rules, row.version, self.defaults), row.full_name, row.changed_at, row.note)
                for row in await tx.execute(query)
            ]

    async def change(self, actor: Staff, rules: Rules, note: str) -> Rules:
        """Write the version after `rules.version`, which is the one that was looked at; the next ring follows it.

        Raises Forbidden, Invalid `rules.range`, Conflict `rules.changed` when somebody was first.
        """
        require(actor, Action.ADMINISTER_ALL)
        new = replace(checked(rules), version=rules.version + 1)
        async with self._database.transaction() as tx:
            held = rules_of((await tx.execute(newest())).first(), self.defaults)
            if held.version != rules.version:
                raise Conflict("rules.changed", CHANGED)
            try:
                await tx.execute(
                    ladder_rules.insert().values(
                        version=new.version,
                        rules=new.json(),
                        changed_by=actor.id,
                        changed_at=await tx.now(),
                        note=clean_line(note)[:NOTE],
                    )
                )
            except IntegrityError as error:
                raise Conflict("rules.changed", CHANGED) from error
            await self._audit.record(tx, AuditEntry(actor=actor.id, action="ladder.rules", details=_changes(held, new)))
        return new


def _changes(before: Rules, after: Rules) -> dict[str, str | int | bool | None]:
    """What the audit keeps: the version, and each value that is another now."""
    flat_before, flat_after = _flat(before.json()), _flat(after.json())
    changed = {key: f"{flat_before[key]} → {value}" for key, value in flat_after.items() if flat_before[key] != value}
    return {"version": after.version, **changed}


def _flat(data: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = value
    return found
