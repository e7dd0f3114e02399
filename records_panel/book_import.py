"""`hoichan book import`: files of other systems into the embedded book, each entry reported, resumable at any point.

Each file's people are found first, then its entries are written in pieces, each piece in one transaction together
with how far the file is done: a process that is killed goes on after the last piece. An entry that is there already
changes nothing, so doing it twice is harmless too. An entry of which not everything can be read stands in the book as
far as it has meaning, and beside it, as a Binary, the text that came.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from sqlalchemy import insert, select, update

from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Invalid
from foundation.ids import ImportRunId, PatientId
from foundation.sealing import Sealer
from records_panel.bulk_reading import Read, read_file
from records_panel.embedded_book import EmbeddedBook
from records_panel.fhir_reading import Json
from records_panel.import_people import AUTHOR, ImportPeople, People, Person, Refused, is_unowned
from records_panel.import_runs import Outcome, Reported, RunLog
from records_panel.import_shared import KINDS, SharedResources, name_of
from records_panel.importing import digest, name_elsewhere, original_of, stored_id, with_references
from records_panel.tables import imports

_PIECE = 200
"""Entries of one transaction."""

_SUFFIXES = frozenset({".json", ".ndjson", ".jsonl", ".xml", ".gz", ".zip"})
"""Of files in a folder that are taken, or told as what cannot be."""

Kept = list[Json]
"""What is stored of one entry: its resource, and the text that came when the resource does not hold all of it."""


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a run."""

    number: int
    mark: bytes
    people: People
    shared: SharedResources
    taken: dict[str, Outcome] = field(default_factory=dict)
    """What of `shared` goes along with the piece that is being written."""


class BookImport:
    """Imports files. `facility_code` names their source; books that are marked as tests are kept apart as demo."""

    def __init__(
        self, database: Database, sealer: Sealer, book: EmbeddedBook, audit: Audit, facility_code: str = ""
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._book = book
        self._audit = audit
        self._people = ImportPeople(sealer, book, facility_code)
        self._facility_code = facility_code
        self._runs = RunLog(facility_code)
        self._touched: list[Person] = []
        self._shared: dict[str, SharedResources] = {}

    async def run(self, paths: Iterable[Path]) -> AsyncIterator[Reported]:
        """Import files, Patients first; what a former run has done is not reported again."""
        files = [file for path in paths for file in _files(path)]
        # Bulk data (FHIR Bulk Data Access) keeps people in a file of their own, to which all others refer.
        # What they share is known before and written after whoever refers to it.
        files.sort(key=lambda path: (not path.name.startswith("Patient"), _is_shared(path)))
        for path in filter(_is_shared, files):
            self._share(path, self._people_of(path))
        async with self._database.transaction() as tx:
            run_id = await self._runs.begin(tx)
        for number, path in enumerate(files, 1):
            async for reported in self._file(run_id, number, path):
                yield reported
        async with self._database.transaction() as tx:
            await self._runs.end(tx, run_id, len(files))

    async def _file(self, run_id: ImportRunId, number: int, path: Path) -> AsyncIterator[Reported]:
        mark = self._sealer.mark("import", f"{self._facility_code}\x00{_fingerprint(path)}")
        done = await self._begin(mark)
        if done is None:
            return
        people = self._people_of(path)
        file = _File(number, mark, people, self._share(path, people))
        piece: list[Read] = []
        for position, entry in enumerate(_in_order(path, people)):
            if position >= done:
                piece.append(entry)
            if len(piece) == _PIECE:
                for reported in await self._piece(run_id, file, position + 1, piece):
                    yield reported
                piece = []
        for reported in await self._piece(run_id, file, -1, piece):
            yield reported

    def _people_of(self, path: Path) -> People:
        # Without a code the folder stands for the source: a bulk export lies in one, and its files name people alike.
        source = self._facility_code or f"folder:{path.resolve().parent}"
        is_document = path.suffix.lower() == ".json"
        return People.of(read_file(path), source, self._facility_code, is_document=is_document)

    def _share(self, path: Path, people: People) -> SharedResources:
        """What the entries of a file may refer to that is about nobody; the files of a bulk export have it together."""
        shared = self._shared.setdefault(people.source, SharedResources()) if people.is_bulk else SharedResources()
        if people.shares:
            for entry in filter(is_unowned, read_file(path)):
                shared.add(self._kept(entry, people)[0])
        return shared

    async def _begin(self, mark: bytes) -> int | None:
        """How many entries of a file are done; None when it is done as a whole."""
        async with self._database.transaction() as tx:
            row = (await tx.execute(select(imports.c.done).where(imports.c.mark == mark))).first()
            if row is None:
                await tx.execute(insert(imports).values(mark=mark, done=0, at=await tx.now()))
                return 0
            return None if row.done < 0 else int(row.done)

    async def _piece(self, run_id: ImportRunId, file: _File, done: int, piece: list[Read]) -> list[Reported]:
        """Write a piece of a file in one transaction; a conflict of one person refuses only that person's entries."""
        while True:
            try:
                self._touched = []
                file.taken.clear()
                async with self._database.transaction() as tx:
                    reported = await self._write(tx, file, piece)
                    await self._runs.note(tx, run_id, file.mark, reported)
                    await tx.execute(update(imports).where(imports.c.mark == file.mark).values(done=done))
                # What is new to one book is accepted, though another had it.
                for name, outcome in file.taken.items():
                    if file.shared.taken.get(name) is not Outcome.ACCEPTED:
                        file.shared.taken[name] = outcome
                return reported
            except Refused as refused:
                file.people.forget(self._touched)
                refused.person.refusal = refused.code

    async def _write(self, tx: Transaction, file: _File, piece: list[Read]) -> list[Reported]:
        reported: list[Reported] = []
        groups: dict[int, tuple[Person, list[tuple[Read, Kept]]]] = {}
        unowned: list[Read] = []
        for entry in piece:
            person, problem = (None, "")
            if entry.resource is not None:
                person, problem = await self._people.whose(tx, entry, file.people)
            if problem == "no_patient" and is_unowned(entry):
                unowned.append(entry)
                continue
            if person is None or problem:
                reported.append(Reported.of(file.number, entry, Outcome.REFUSED, problem))
                continue
            groups.setdefault(id(person), (person, []))[1].append((entry, self._kept(entry, file.people)))
        for person, entries in groups.values():
            reported += await self._book_of(tx, file, person, entries)
        for entry in unowned:
            name = name_of(self._kept(entry, file.people)[0])
            taken = file.taken.get(name) or file.shared.taken.get(name)
            problem = "" if taken else "no_patient"
            reported.append(Reported.of(file.number, entry, taken or Outcome.REFUSED, problem))
        return reported

    def _kept(self, entry: Read, people: People) -> Kept:
        def named(reference: str) -> str | None:
            found = people.names.get(reference)
            if found is None and people.is_bulk:
                return name_elsewhere(reference, entry.full_url, self._facility_code)
            return found

        resource: Json = with_references(entry.resource, named)
        resource["id"] = stored_id(entry.resource or {}, entry.full_url, self._facility_code)
        return [resource, original_of(resource, entry.original)] if entry.original else [resource]

    async def _book_of(
        self, tx: Transaction, file: _File, person: Person, entries: list[tuple[Read, Kept]]
    ) -> list[Reported]:
        """Add entries to one person's book; a new person gets one."""
        fitting: list[tuple[Read, Kept]] = []
        reported: list[Reported] = []
        for entry, kept in entries:
            try:
                for resource in kept:
                    self._book.check(resource)
                fitting.append((entry, kept))
            except Invalid as error:
                reported.append(Reported.of(file.number, entry, Outcome.REFUSED, error.code))
        along = self._along(file, fitting)
        if person.patient_id is None:
            self._touched.append(person)
            if not await self._people.find(tx, person, file.people):
                resources = [resource for _, kept in fitting for resource in kept]
                resources += along
                file.taken.update((name_of(resource), Outcome.ACCEPTED) for resource in along)
                made = await self._people.create(tx, person, file.people, resources)
                await self._note(tx, made, len(resources))
                return reported + [Reported.of(file.number, one, Outcome.ACCEPTED, person=person) for one, _ in fitting]
        patient_id = person.patient_id
        if patient_id is None:
            raise Refused(person, "unknown_patient")
        if person.known is None:
            stored = await self._book.resources(tx, patient_id)
            person.known = {(one["resourceType"], one["id"]): digest(one) for one in stored}
        news: list[Json] = []
        for entry, kept in fitting:
            outcomes = [self._outcome(resource, patient_id, person.known) for resource in kept]
            news += [one for one, outcome in zip(kept, outcomes, strict=True) if outcome is not Outcome.UNCHANGED]
            # Of an entry that was imported before its text was kept, the text alone is new.
            outcome = Outcome.SUPERSEDED if outcomes[0] is Outcome.UNCHANGED != outcomes[-1] else outcomes[0]
            reported.append(Reported.of(file.number, entry, outcome, person=person))
        for resource in along:
            outcome = self._outcome(resource, patient_id, person.known)
            if outcome is not Outcome.UNCHANGED:
                news.append(resource)
            if file.taken.get(name_of(resource)) is not Outcome.ACCEPTED:
                file.taken[name_of(resource)] = outcome
        if news:
            await self._book.append(
                tx, patient_id, news, author=AUTHOR, facility_code=self._facility_code, imported=True
            )
            await self._note(tx, patient_id, len(news))
        return reported

    def _along(self, file: _File, fitting: list[tuple[Read, Kept]]) -> list[Json]:
        """What entries of one person refer to that is about nobody, as far as a book can hold it."""
        found = []
        for resource in file.shared.along(kept[0] for _, kept in fitting).values():
            try:
                self._book.check(resource)
                found.append(resource)
            except Invalid:
                continue  # its own entry is told as about nobody
        return found

    def _outcome(self, resource: Json, patient_id: PatientId, known: dict[tuple[str, str], str]) -> Outcome:
        """What becomes of a resource in a book whose contents are `known`; notes it there."""
        ours = self._book.as_written(resource, patient_id, self._facility_code)
        key, mark = (ours["resourceType"], ours["id"]), digest(ours)
        before = known.get(key)
        known[key] = mark
        return Outcome.ACCEPTED if before is None else Outcome.UNCHANGED if before == mark else Outcome.SUPERSEDED

    async def _note(self, tx: Transaction, patient_id: PatientId, count: int) -> None:
        entry = AuditEntry(AUTHOR, "book.import", patient_id=patient_id, details={"entries": count})
        await self._audit.record(tx, entry)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES)
    else:
        yield path


def _is_shared(path: Path) -> bool:
    """Whether a file, by its name, is one of a bulk export that is about nobody."""
    return re.split(r"[^A-Za-z]", path.name, maxsplit=1)[0] in KINDS


def _in_order(path: Path, people: People) -> Iterator[Read]:
    """The entries; those that others may refer to come last, when it is known who did."""
    if not people.shares:
        return read_file(path)
    own = (entry for entry in read_file(path) if not is_unowned(entry))
    return chain(own, filter(is_unowned, read_file(path)))


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
