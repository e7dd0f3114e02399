"""What an import did, for the administrator: runs, how many entries came to what, and each problem by its place.

Nothing here tells of a person: an entry is named by where it stands in its file, by its type and by a code.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, insert, select, update

from foundation.database import Database, Transaction
from foundation.errors import NotFound
from foundation.i18n import N_
from foundation.ids import ImportRunId, new_id
from identity.model import Staff
from identity.policy import Action, require
from records_panel.bulk_reading import Read
from records_panel.fhir_reading import word
from records_panel.import_people import Person
from records_panel.tables import import_problems, import_runs

MOST = 50
"""Runs or problems of a page."""
# A type is written by strangers, too: what has not its form may be anything, even a name.
_TYPE = re.compile(r"[A-Z][A-Za-z]{2,63}")


class Outcome(StrEnum):
    """What became of an entry."""

    ACCEPTED = "accepted"
    SUPERSEDED = "superseded"
    """A newer version of one that was there."""
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of one entry, and what was wrong with it. `file` is the number of its file in the run."""

    file: int
    place: str
    outcome: Outcome
    problems: tuple[str, ...] = ()
    resource_type: str = ""

    @classmethod
    def of(
        cls, file: int, entry: Read, outcome: Outcome, problem: str = "", *, person: Person | None = None
    ) -> Reported:
        """The report of an entry; a Patient's also tells what was wrong with the person's own data."""
        kind = word((entry.resource or {}).get("resourceType"))
        theirs = person.problems if person is not None and kind == "Patient" else ()
        problems = dict.fromkeys(code for code in (*entry.problems, *theirs, problem) if code)
        return cls(file, entry.place, outcome, tuple(problems), kind if _TYPE.fullmatch(kind) else "")


@dataclass(frozen=True, slots=True)
class ImportRun:
    """One run of the command. `ended_at` is None while it works, and for good when it was killed."""

    id: ImportRunId
    started_at: datetime
    ended_at: datetime | None
    facility_code: str
    files: int
    counts: dict[Outcome, int]
    problems: int


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """One problem. `number` orders them; `place` such as `entry 3`; `resource_type` is empty when it has none."""

    number: int
    file: int
    place: str
    resource_type: str
    code: str


class RunLog:
    """Writes a run inside the transactions of the import."""

    def __init__(self, facility_code: str) -> None:
        self._facility_code = facility_code[:16]

    async def begin(self, tx: Transaction) -> ImportRunId:
        """A new run."""
        run_id = ImportRunId(new_id("imr"))
        values = {"id": run_id, "started_at": await tx.now(), "facility_code": self._facility_code}
        await tx.execute(insert(import_runs).values(values))
        return run_id

    async def note(self, tx: Transaction, run_id: ImportRunId, mark: bytes, reported: list[Reported]) -> None:
        """Add what became of some entries of a file."""
        rows = [
            {
                "run_id": run_id,
                "mark": mark,
                "file": one.file,
                "place": one.place[:64],
                "resource_type": one.resource_type,
                "code": code[:64],
                "at": await tx.now(),
            }
            for one in reported
            for code in one.problems
        ]
        if rows:
            await tx.execute(insert(import_problems), rows)
        counted = Counter(one.outcome.value for one in reported) | {"problems": len(rows)}
        more = {name: import_runs.c[name] + count for name, count in counted.items() if count}
        if more:
            await tx.execute(update(import_runs).where(import_runs.c.id == run_id).values(more))

    async def end(self, tx: Transaction, run_id: ImportRunId, files: int) -> None:
        """All files are done."""
        values = {"ended_at": await tx.now(), "files": files}
        await tx.execute(update(import_runs).where(import_runs.c.id == run_id).values(values))


class ImportRuns:
    """Reads them, for administrators of the whole installation: an import may bring patients of any facility."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(self, staff: Staff, before: str = "") -> list[ImportRun]:
        """A page of runs, the latest first. Raises `Forbidden("policy.denied")`."""
        require(staff, Action.ADMINISTER_ALL)
        query = select(import_runs).order_by(import_runs.c.id.desc()).limit(MOST)
        if before:
            query = query.where(import_runs.c.id < before)
        async with self._database.reading() as tx:
            return [_run(row) for row in await tx.execute(query)]

    async def problems(
        self, staff: Staff, run_id: ImportRunId, after: int = 0
    ) -> tuple[ImportRun, dict[str, int], list[ImportProblem]]:
        """A run, how often each code came, and a page of its problems in the order of the files.

        Raises `Forbidden("policy.denied")`, `NotFound("import.unknown")`.
        """
        require(staff, Action.ADMINISTER_ALL)
        theirs = import_problems.c.run_id == run_id
        page = select(import_problems).where(theirs, import_problems.c.number > after)
        counted = select(import_problems.c.code, func.count().label("count")).where(theirs)
        async with self._database.reading() as tx:
            row = (await tx.execute(select(import_runs).where(import_runs.c.id == run_id))).first()
            if row is None:
                raise NotFound("import.unknown", N_("There is no such import."))
            counts = await tx.execute(counted.group_by(import_problems.c.code))
            codes = {one.code: int(one.count) for one in counts}
            rows = await tx.execute(page.order_by(import_problems.c.number).limit(MOST))
            found = [ImportProblem(one.number, one.file, one.place, one.resource_type, one.code) for one in rows]
        return _run(row), dict(sorted(codes.items(), key=lambda pair: -pair[1])), found


def _run(row: Any) -> ImportRun:
    counts = {outcome: int(getattr(row, outcome.value)) for outcome in Outcome}
    return ImportRun(
        ImportRunId(row.id), row.started_at, row.ended_at, row.facility_code, row.files, counts, row.problems
    )


def totals(reported: Iterable[Reported]) -> Counter[str]:
    """How many entries came to which outcome."""
    return Counter(one.outcome.value for one in reported)
