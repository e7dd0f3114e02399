"""`hoichan book import`: files of other systems into the embedded book, each entry reported, resumable at any point.

Each file's people are found first, then its entries are written in pieces, each piece in one transaction together
with how far the file is done: a process that is killed goes on after the last piece. An entry that is there already
changes nothing, so doing it twice is harmless too.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, HoichanError, Invalid
from foundation.ids import PatientId
from foundation.sealing import Sealer
from records_panel.bulk_reading import Read, read_file
from records_panel.citizens import Identity
from records_panel.embedded_book import EmbeddedBook, NewBook
from records_panel.evidence import checked
from records_panel.fhir_reading import Json, is_test
from records_panel.importing import (
    digest,
    identity_of,
    is_same,
    key_of,
    plain,
    same_person,
    stored_id,
    subject_of,
    with_references,
)
from records_panel.register import Register
from records_panel.tables import import_links, import_problems, imports, patients

_PIECE = 200
"""Entries of one transaction."""
AUTHOR = "operator"


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of one entry: `accepted`, `superseded`, `unchanged` or `refused`, and what was wrong with it."""

    file: int
    place: str
    outcome: str
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class _Person:
    """One Patient of a file. `refusal` says why nothing of this person is taken."""

    place: str
    identity: Identity | None
    is_test: bool
    refusal: str = ""
    patient_id: PatientId | None = None
    known: dict[tuple[str, str], str] | None = field(default=None)


class BookImport:
    """Imports files. `facility_code` names their source; books that are marked as tests are kept apart as demo."""

    def __init__(
        self, database: Database, sealer: Sealer, book: EmbeddedBook, audit: Audit, facility_code: str = ""
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._book = book
        self._audit = audit
        self._register = Register(sealer)
        self._facility_code = facility_code
        self._source = facility_code
        self._touched: list[_Person] = []
        self._links: dict[str, _Person] = {}
        self._is_bulk = False

    async def run(self, paths: Iterable[Path]) -> AsyncIterator[Reported]:
        """Import files, Patients first; what a former run has done is not reported again."""
        files = [file for path in paths for file in _files(path)]
        # Bulk data (FHIR Bulk Data Access) keeps people in a file of their own, to which all others refer.
        files.sort(key=lambda path: not path.name.startswith("Patient"))
        for number, path in enumerate(files, 1):
            async for reported in self._file(number, path):
                yield reported

    async def _file(self, number: int, path: Path) -> AsyncIterator[Reported]:
        # Without a code the folder stands for the source: a bulk export lies in one, and its files name people alike.
        self._source = self._facility_code or f"folder:{path.resolve().parent}"  # noqa: ASYNC240 - a command reads its own files
        mark = self._sealer.index("import", f"{self._facility_code}\x00{_fingerprint(path)}")
        done = await self._begin(mark)
        if done is None:
            return
        people, only, names = self._people(read_file(path))
        # A document is about its own people; the files of a bulk export refer to each other's.
        self._is_bulk, self._links = not people or path.suffix.lower() != ".json", {}
        piece: list[Read] = []
        for position, entry in enumerate(read_file(path)):
            if position >= done:
                piece.append(entry)
            if len(piece) == _PIECE:
                for reported in await self._piece(mark, number, position + 1, piece, people, only, names):
                    yield reported
                piece = []
        for reported in await self._piece(mark, number, -1, piece, people, only, names):
            yield reported

    async def _begin(self, mark: bytes) -> int | None:
        """How many entries of a file are done; None when it is done as a whole."""
        async with self._database.transaction() as tx:
            row = (await tx.execute(select(imports.c.done).where(imports.c.mark == mark))).first()
            if row is None:
                await tx.execute(insert(imports).values(mark=mark, done=0, at=await tx.now()))
                return 0
            return None if row.done < 0 else int(row.done)

    def _people(self, entries: Iterable[Read]) -> tuple[dict[str, _Person], _Person | None, dict[str, str]]:
        """People by each way to name them, whose the nameless entries are, and under which names all are stored."""
        people: dict[str, _Person] = {}
        about = ""
        names: dict[str, str] = {}
        for entry in entries:
            if entry.resource is None:
                continue
            kind, identifier = key_of(entry.resource, entry.full_url)
            stored = f"{kind}/{stored_id(entry.resource, entry.full_url, self._facility_code)}"
            ways = [plain(way) for way in (entry.full_url, f"{kind}/{identifier}" if identifier else "") if way]
            names.update(dict.fromkeys(ways, stored))
            if kind == "Patient":
                people.update(dict.fromkeys(ways or [entry.place], _person(entry)))
            elif kind == "Composition" and not about:
                about = plain(subject_of(entry.resource))
        alone = list({id(person): person for person in people.values()}.values())
        only = alone[0] if len(alone) == 1 else people.get(about) or people.get("/".join(about.rsplit("/", 2)[-2:]))
        return people, only, names

    async def _piece(
        self,
        mark: bytes,
        number: int,
        done: int,
        piece: list[Read],
        people: dict[str, _Person],
        only: _Person | None,
        names: dict[str, str],
    ) -> list[Reported]:
        """Write a piece of a file in one transaction; a conflict of one person refuses only that person's entries."""
        while True:
            try:
                self._touched = []
                return await self._write(mark, number, done, piece, people, only, names)
            except _Refused as refused:
                # Nothing of this transaction is there: what was learnt in it is forgotten, too.
                for person in self._touched:
                    person.patient_id = None
                for person in (*people.values(), *self._links.values()):
                    person.known = None
                refused.person.refusal = refused.code

    async def _write(
        self,
        mark: bytes,
        number: int,
        done: int,
        piece: list[Read],
        people: dict[str, _Person],
        only: _Person | None,
        names: dict[str, str],
    ) -> list[Reported]:
        reported: list[Reported] = []
        groups: dict[int, tuple[_Person, list[tuple[Read, Json]]]] = {}
        async with self._database.transaction() as tx:
            for entry in piece:
                person, problem = await self._whose(tx, entry, people, only)
                if entry.resource is None or person is None or problem:
                    reported.append(Reported(number, entry.place, "refused", (*entry.problems, problem or "")))
                    continue
                resource = self._named(entry, names)
                groups.setdefault(id(person), (person, []))[1].append((entry, resource))
            for person, entries in groups.values():
                reported += await self._book_of(tx, number, person, entries)
            problems = [
                {"mark": mark, "place": one.place[:64], "code": code, "at": await tx.now()}
                for one in reported
                for code in one.problems
                if code
            ]
            if problems:
                await tx.execute(insert(import_problems), problems)
            await tx.execute(update(imports).where(imports.c.mark == mark).values(done=done))
        return [_clean(one) for one in reported]

    async def _whose(
        self, tx: Transaction, entry: Read, people: dict[str, _Person], only: _Person | None
    ) -> tuple[_Person | None, str]:
        """The person of an entry, and why it cannot be taken."""
        if entry.resource is None:
            return None, ""
        subject = plain(subject_of(entry.resource))
        kind, identifier = key_of(entry.resource, entry.full_url)
        if kind == "Patient":
            subject = plain(entry.full_url or f"Patient/{identifier}")
        person = people.get(subject) or people.get("/".join(subject.rsplit("/", 2)[-2:]))
        if person is None and kind == "Patient":
            person = people.get(entry.place) or people.get(f"Patient/{identifier}")
        if person is None and subject and self._is_bulk:
            person = await self._linked(tx, subject)
        if person is None and not subject:
            person = only
        if person is None:
            return None, "unknown_patient" if subject else "no_patient"
        return person, person.refusal

    async def _linked(self, tx: Transaction, subject: str) -> _Person | None:
        """A person of an earlier file of the same source."""
        if subject in self._links:
            return self._links[subject]
        row = (
            await tx.execute(select(import_links.c.patient_id).where(import_links.c.link == self._link(subject)))
        ).first()
        if row is None:
            return None
        person = _Person("", None, is_test=False, patient_id=PatientId(row.patient_id))
        self._links[subject] = person
        return person

    def _link(self, reference: str) -> bytes:
        short = "/".join(reference.rsplit("/", 2)[-2:])
        return self._sealer.index("import-link", f"{self._source}\x00{short}")

    def _named(self, entry: Read, names: dict[str, str]) -> Json:
        resource: Json = with_references(entry.resource, names)
        resource["id"] = stored_id(entry.resource or {}, entry.full_url, self._facility_code)
        return resource

    async def _book_of(
        self, tx: Transaction, number: int, person: _Person, entries: list[tuple[Read, Json]]
    ) -> list[Reported]:
        """Add entries to one person's book; a new person gets one."""
        fitting: list[tuple[Read, Json]] = []
        reported: list[Reported] = []
        for entry, resource in entries:
            try:
                self._book.check(resource)
                fitting.append((entry, resource))
            except Invalid as error:
                reported.append(Reported(number, entry.place, "refused", (*entry.problems, error.code)))
        if person.patient_id is None:
            created = await self._find_or_create(tx, person, [resource for _, resource in fitting])
            if created:
                return reported + [Reported(number, one.place, "accepted", one.problems) for one, _ in fitting]
        patient_id = person.patient_id
        if patient_id is None:
            raise _Refused(person, "unknown_patient")
        if person.known is None:
            stored = await self._book.resources(tx, patient_id)
            person.known = {(one["resourceType"], one["id"]): digest(one) for one in stored}
        news: list[Json] = []
        for entry, resource in fitting:
            ours = self._book.as_written(resource, patient_id, self._facility_code)
            key = (ours["resourceType"], ours["id"])
            outcome = "accepted"
            if key in person.known:
                outcome = "unchanged" if person.known[key] == digest(ours) else "superseded"
            if outcome != "unchanged":
                news.append(resource)
                person.known[key] = digest(ours)
            reported.append(Reported(number, entry.place, outcome, entry.problems))
        if news:
            await self._book.append(
                tx, patient_id, news, author=AUTHOR, facility_code=self._facility_code, imported=True
            )
            await self._note(tx, patient_id, len(news))
        return reported

    async def _find_or_create(self, tx: Transaction, person: _Person, resources: list[Json]) -> bool:
        """Give a person of the file a book: the one that their numbers name, or a new one with these entries."""
        identity = person.identity
        if identity is None:
            raise _Refused(person, "unknown_patient")
        number, insurance = identity.citizen_number, identity.insurance
        found: dict[PatientId, Identity] = {}
        for one in (
            await self._register.by_cccd(tx, number) if number else None,
            await self._register.by_bhyt(tx, insurance) if insurance else None,
        ):
            found |= dict([one]) if one else {}
        if len(found) > 1 or any(not same_person(identity, other) for other in found.values()):
            raise _Refused(person, "other_person")
        link = self._link(person.place)
        row = (await tx.execute(select(import_links.c.patient_id).where(import_links.c.link == link))).first()
        if row and not found:
            known = await self._register.read(tx, PatientId(row.patient_id))
            # Two systems may both have a patient `1`: all that is known has to agree before it is the same.
            if is_same(identity, known):
                found[PatientId(row.patient_id)] = known
        self._touched.append(person)
        if found:
            (person.patient_id,) = found
            demo = await tx.execute(select(patients.c.demo).where(patients.c.id == person.patient_id))
            if bool(demo.scalar_one()) is not person.is_test:
                raise _Refused(person, "demo_mixed")
            return False
        try:
            (made,) = await self._book.import_many(
                tx, [NewBook(identity, resources, self._facility_code)], author=AUTHOR, demo=person.is_test
            )
        except (Invalid, Conflict) as error:
            raise _Refused(person, error.code) from error
        person.patient_id = made
        if row is None:
            await tx.execute(insert(import_links).values(link=link, patient_id=made))
        await self._note(tx, made, len(resources))
        return True

    async def _note(self, tx: Transaction, patient_id: PatientId, count: int) -> None:
        entry = AuditEntry(AUTHOR, "book.import", patient_id=patient_id, details={"entries": count})
        await self._audit.record(tx, entry)


class _Refused(Exception):
    """Nothing of this person is taken; the transaction rolls back and goes on without them."""

    def __init__(self, person: _Person, code: str) -> None:
        super().__init__(code)
        self.person = person
        self.code = code


def totals(reported: Iterable[Reported]) -> Counter[str]:
    """How many entries came to which outcome."""
    return Counter(one.outcome for one in reported)


def _person(entry: Read) -> _Person:
    resource: dict[str, Any] = entry.resource or {}
    kind, identifier = key_of(resource, entry.full_url)
    place = plain(entry.full_url) if entry.full_url.startswith("urn:") else f"{kind}/{identifier or entry.place}"
    try:
        identity, _problems = identity_of(resource)
        return _Person(place, checked(identity), is_test(resource))
    except HoichanError as error:
        return _Person(place, None, is_test(resource), refusal=error.code)


def _clean(one: Reported) -> Reported:
    return Reported(one.file, one.place, one.outcome, tuple(code for code in one.problems if code))


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.suffix.lower() in (".json", ".ndjson", ".jsonl"))
    else:
        yield path


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
