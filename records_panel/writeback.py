"""Writes closed consults into their patients' books: the own one first, then every source that is written to.

Rows of `outgoing` are taken by a compare-and-set that puts them off by a lease of the store's time: one node alone
writes one, and another does when that one dies. The own book is written in the transaction that says so, so exactly
once. A server is written to by conditional creates (`fhir_writing`), which may be made again after a cut. What fails
is tried until it is accepted, later and later; what is refused waits for a person (`writeback_desk`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from secrets import SystemRandom
from typing import Any

from sqlalchemy import ColumnElement, Row, insert, select, update

from consult_rooms.outgoing import OWN, OutgoingState
from consult_rooms.outgoing_tables import outgoing
from consult_rooms.store import ConsultStore
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import HoichanError, NotFound
from foundation.ids import ConsultId, PatientId
from identity.store import Directory
from records_panel.consult_bundle import document
from records_panel.consult_report import Report, report
from records_panel.consult_resources import resources, voided
from records_panel.embedded_book import EmbeddedBook
from records_panel.fhir_client import FhirBook
from records_panel.fhir_reading import Json
from records_panel.fhir_writing import Rejected, write
from records_panel.register import Register
from records_panel.source_errors import SourceFailed
from records_panel.summary import patient_resource
from records_panel.tables import patients

log = logging.getLogger(__name__)

BATCH = 10
LEASE = timedelta(minutes=10)
"""How long a node has for one try: a consult is some twenty calls of at most 15 seconds, of which most take none."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
ACTOR = "writeback"
"""Who writes, as trail and book have it: nobody of the people, who wrote before."""
PATIENT_UNKNOWN = "patient_unknown"
NO_TARGET = "no_target"
"""The source is no longer in the settings, or no longer written to."""


def wait(tries: int, chance: float) -> timedelta:
    """How long after that many tries the next one is; `chance` (0 to 1) spreads those that failed together."""
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << min(tries - 1, 10))) * (0.5 + chance / 2)


def answer_place(consult_id: str, person: int, target: str) -> str:
    """Where an answer says that it stands (`Sealer.seal`)."""
    return f"outgoing.answer:{consult_id}:{person}:{target}"


class Writeback:
    """Carries what is due. `sources` are the servers that are written to."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        directory: Directory,
        audit: Audit,
        book: EmbeddedBook,
        sources: Sequence[FhirBook],
        chance: Callable[[], float] | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._directory = directory
        self._audit = audit
        self._book = book
        self._register = Register(store.sealer)
        self._sources = {one.key: one for one in sources}
        self._chance = chance or SystemRandom().random

    async def run_due(self) -> None:
        """Write a batch of what is due, one after the other: nobody waits for it."""
        async with self._database.reading() as tx:
            query = (
                select(outgoing)
                .where(outgoing.c.state == OutgoingState.WAITING, outgoing.c.due_at <= await tx.now())
                .order_by(outgoing.c.due_at, outgoing.c.consult_id)
                .limit(BATCH)
            )
            rows = (await tx.execute(query)).all()
        for row in rows:
            if await self._taken(row):
                await self._carried(row)

    async def _taken(self, row: Row[Any]) -> bool:
        async with self._database.transaction() as tx:
            now = await tx.now()
            mine = (*_as_taken(row), outgoing.c.tries == row.tries, outgoing.c.due_at <= now)
            taken = update(outgoing).where(*mine).values(tries=row.tries + 1, due_at=now + LEASE)
            return bool((await tx.execute(taken)).rowcount)

    async def _carried(self, row: Row[Any]) -> None:
        try:
            if row.target == OWN:
                await self._to_own(row)
            else:
                await self._to_source(row)
        except Rejected as error:
            told = json.dumps([asdict(one) | {"kind": error.kind} for one in error.issues])
            await self._dead(row, f"rejected_{error.status}", told)
        except SourceFailed as error:
            await self._later(row, error.reason.value)
        except NotFound:
            await self._dead(row, PATIENT_UNKNOWN)
        except HoichanError as error:
            await self._later(row, error.code[:40])
        except Exception:  # a task root for this row: the others are not to wait for it, and it is tried again
            log.exception("a consult could not be written to %s", row.target)
            await self._later(row, "failed")

    async def _to_own(self, row: Row[Any]) -> None:
        async with self._database.transaction() as tx:
            found = await self._report(tx, row)
            patient_id = found.patient.patient_id if found is not None else None
            if row.patient_id is not None and row.patient_id != patient_id:
                await self._taken_back(tx, row, found)
            if found is not None and patient_id is not None:
                made = resources(found)
                await self._append(tx, row, patient_id, made, found.specialist.facility_code)
                await self._follow(tx, row)
            await self._written(tx, row, patient_id)

    async def _append(
        self, tx: Transaction, row: Row[Any], patient_id: PatientId, made: Sequence[Json], facility_code: str
    ) -> None:
        await self._book.append(tx, patient_id, made, author=ACTOR, facility_code=facility_code, imported=True)
        await self._audit.record(tx, self._entry(row, "book.write_back", patient_id, len(made)))

    async def _taken_back(self, tx: Transaction, row: Row[Any], found: Report | None) -> None:
        """What stands in the book of somebody whom the consult turned out not to be about becomes an error."""
        patient_id = PatientId(row.patient_id)
        prefix = f"{row.consult_id.rpartition('_')[2]}-{row.person}-"
        there = [one for one in await self._book.resources(tx, patient_id) if str(one.get("id")).startswith(prefix)]
        code = found.specialist.facility_code if found is not None else ""
        await self._append(tx, row, patient_id, voided(there), code)

    async def _follow(self, tx: Transaction, row: Row[Any]) -> None:
        """Let the sources have it too: those that are asked for the first time."""
        of_consult = (outgoing.c.consult_id == row.consult_id, outgoing.c.person == row.person)
        known = set((await tx.execute(select(outgoing.c.target).where(*of_consult))).scalars())
        now = await tx.now()
        new = [
            {
                "consult_id": row.consult_id,
                "person": row.person,
                "target": key,
                "wanted": row.wanted,
                "written": 0,
                "state": OutgoingState.WAITING,
                "tries": 0,
                "due_at": now,
                "created_at": now,
            }
            for key in self._sources
            if key not in known
        ]
        if new:
            await tx.execute(insert(outgoing), new)

    async def _to_source(self, row: Row[Any]) -> None:
        book = self._sources.get(row.target)
        if book is None:
            await self._dead(row, NO_TARGET)
            return
        async with self._database.reading() as tx:
            found = await self._report(tx, row)
            patient_id = found.patient.patient_id if found is not None else None
            person = await self._person(tx, patient_id) if patient_id is not None else None
            stood = await self._book.resources(tx, row.patient_id) if _moved(row, patient_id) else []
        if _moved(row, patient_id):
            prefix = f"{row.consult_id.rpartition('_')[2]}-{row.person}-"
            wrong = voided([one for one in stood if str(one.get("id")).startswith(prefix)])
            await self._sent(row, book, PatientId(row.patient_id), wrong)
        if found is not None and patient_id is not None and person is not None:
            made = resources(found)
            await self._sent(row, book, patient_id, [*made, document(found, person, made)])
        async with self._database.transaction() as tx:
            await self._written(tx, row, patient_id)

    async def _sent(self, row: Row[Any], book: FhirBook, patient_id: PatientId, made: Sequence[Json]) -> None:
        theirs = await book.known_as(patient_id)
        await self._audit.commit(self._entry(row, "book.write_to_source", patient_id, len(made)))
        await write(book.server, patient_id, theirs, made)

    async def _person(self, tx: Transaction, patient_id: PatientId) -> Json:
        demo = (await tx.execute(select(patients.c.demo).where(patients.c.id == patient_id))).scalar_one_or_none()
        return patient_resource(patient_id, await self._register.read(tx, patient_id), demo=bool(demo))

    async def _report(self, tx: Transaction, row: Row[Any]) -> Report | None:
        return await report(tx, self._store, self._directory, ConsultId(row.consult_id), row.person, row.wanted)

    async def _written(self, tx: Transaction, row: Row[Any], patient_id: PatientId | None) -> None:
        """Note what was taken; what has changed meanwhile stays due."""
        now = await tx.now()
        held = OutgoingState.HELD if patient_id is None else OutgoingState.WRITTEN
        values: dict[str, Any] = {"written": row.wanted, "patient_id": patient_id, "fault": None, "answer_sealed": None}
        rows = (outgoing.c.consult_id == row.consult_id, outgoing.c.person == row.person)
        await tx.execute(update(outgoing).where(*rows, outgoing.c.target == row.target).values(values))
        await tx.execute(update(outgoing).where(*_as_taken(row)).values(state=held, tries=0, ended_at=now))

    async def _later(self, row: Row[Any], fault: str) -> None:
        async with self._database.transaction() as tx:
            due_at = await tx.now() + wait(row.tries + 1, self._chance())
            await tx.execute(update(outgoing).where(*_as_taken(row)).values(due_at=due_at, fault=fault))
        log.warning("a consult was not written to %s (%s), try %d", row.target, fault, row.tries + 1)

    async def _dead(self, row: Row[Any], fault: str, told: str = "") -> None:
        place = answer_place(row.consult_id, row.person, row.target)
        sealed = self._store.sealer.seal_text(told, place) if told else None
        async with self._database.transaction() as tx:
            values = {"state": OutgoingState.DEAD, "fault": fault, "answer_sealed": sealed, "ended_at": await tx.now()}
            await tx.execute(update(outgoing).where(*_as_taken(row)).values(values))
        log.warning("a consult was refused by %s (%s)", row.target, fault)

    def _entry(self, row: Row[Any], action: str, patient_id: PatientId, count: int) -> AuditEntry:
        return AuditEntry(
            ACTOR,
            action,
            target=row.target,
            patient_id=patient_id,
            consult_id=row.consult_id,
            details={"person": row.person, "number": row.wanted, "count": count},
        )


def _moved(row: Row[Any], patient_id: PatientId | None) -> bool:
    return row.patient_id is not None and row.patient_id != patient_id


def _as_taken(row: Row[Any]) -> tuple[ColumnElement[bool], ...]:
    """That row, while nothing newer is wanted of it."""
    c = outgoing.c
    return (
        c.consult_id == row.consult_id,
        c.person == row.person,
        c.target == row.target,
        c.wanted == row.wanted,
        c.state == OutgoingState.WAITING,
    )
