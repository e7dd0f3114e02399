"""Whom an import is about: the Patients of a file, whose each entry is, and the book that each of them gets.

Nobody is ever mixed with anybody: a number that names another person, a name of a book of another kind, a link that
two systems use for two people refuse everything of that person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select

from foundation.database import Transaction
from foundation.errors import Conflict, HoichanError, Invalid
from foundation.ids import PatientId
from foundation.sealing import Sealer
from records_panel.bulk_reading import Read
from records_panel.citizens import Identity
from records_panel.embedded_book import EmbeddedBook, NewBook
from records_panel.evidence import checked
from records_panel.fhir_reading import Json, is_test
from records_panel.import_shared import KINDS
from records_panel.importing import (
    identity_of,
    is_of_another,
    is_same,
    key_of,
    plain,
    same_person,
    stored_id,
    subject_of,
)
from records_panel.register import Register
from records_panel.tables import import_links, patients

AUTHOR = "operator"


@dataclass(slots=True)
class Person:
    """One Patient of a file. `refusal` says why nothing of this person is taken; `known` what the book holds."""

    place: str
    identity: Identity | None
    is_test: bool
    problems: tuple[str, ...] = ()
    refusal: str = ""
    patient_id: PatientId | None = None
    known: dict[tuple[str, str], str] | None = field(default=None)


class Refused(Exception):
    """Nothing of this person is taken; the transaction rolls back and goes on without them."""

    def __init__(self, person: Person, code: str) -> None:
        super().__init__(code)
        self.person = person
        self.code = code


@dataclass(slots=True)
class People:
    """The people of one file by each way to name them, whose its nameless entries are, and under which ids all stand.

    `source` names the system that wrote it. `is_bulk`: its entries may be about people of an earlier file.
    """

    source: str
    is_bulk: bool
    by_name: dict[str, Person]
    only: Person | None
    names: dict[str, str]
    shares: bool = False
    """Whether there are entries about nobody, to which those of several people may refer."""
    links: dict[str, Person] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Read], source: str, facility_code: str, *, is_document: bool) -> People:
        """Read them. A document is about its own people; the files of a bulk export refer to each other's."""
        people: dict[str, Person] = {}
        about = ""
        names: dict[str, str] = {}
        shares = False
        for entry in entries:
            if entry.resource is None:
                continue
            kind, identifier = key_of(entry.resource, entry.full_url)
            stored = f"{kind}/{stored_id(entry.resource, entry.full_url, facility_code)}"
            ways = [plain(way) for way in (entry.full_url, f"{kind}/{identifier}" if identifier else "") if way]
            names.update(dict.fromkeys(ways, stored))
            if kind == "Patient":
                people.update(dict.fromkeys(ways or [entry.place], _person(entry)))
            elif kind == "Composition" and not about:
                about = plain(subject_of(entry.resource))
            shares = shares or is_unowned(entry)
        alone = list({id(person): person for person in people.values()}.values())
        only = alone[0] if len(alone) == 1 else people.get(about) or people.get(_short(about))
        # Of a document about one person everything is that person's.
        return cls(source, not people or not is_document, people, only, names, shares and only is None)

    def whose(self, entry: Read) -> Person | None:
        """The person of this file whom an entry is about, as far as the file alone tells."""
        resource: Json = entry.resource or {}
        subject = plain(subject_of(resource))
        kind, identifier = key_of(resource, entry.full_url)
        if kind == "Patient":
            subject = plain(entry.full_url or f"Patient/{identifier}")
        person = self.by_name.get(subject) or self.by_name.get(_short(subject))
        if person is None and kind == "Patient":
            person = self.by_name.get(entry.place) or self.by_name.get(f"Patient/{identifier}")
        if person is None and not subject and self.only is not None:
            return None if is_of_another(resource, self.only.identity) else self.only
        return person

    def forget(self, touched: Iterable[Person]) -> None:
        """Nothing of a transaction is there: what was learnt in it is forgotten, too."""
        for person in touched:
            person.patient_id = None
        for person in (*self.by_name.values(), *self.links.values()):
            person.known = None


class ImportPeople:
    """Finds the books of people and makes new ones, inside the caller's transaction."""

    def __init__(self, sealer: Sealer, book: EmbeddedBook, facility_code: str) -> None:
        self._sealer = sealer
        self._book = book
        self._register = Register(sealer)
        self._facility_code = facility_code

    async def whose(self, tx: Transaction, entry: Read, people: People) -> tuple[Person | None, str]:
        """The person of an entry, and why it cannot be taken."""
        person = people.whose(entry)
        subject = plain(subject_of(entry.resource or {}))
        if person is None and subject and people.is_bulk:
            person = await self._linked(tx, subject, people)
        if person is None:
            return None, "unknown_patient" if subject else "no_patient"
        return person, person.refusal

    async def find(self, tx: Transaction, person: Person, people: People) -> bool:
        """Give a person the book that their numbers name, or that an earlier import gave them; False: there is none.

        Raises `Refused`.
        """
        identity = person.identity
        if identity is None:
            raise Refused(person, "unknown_patient")
        number, insurance = identity.citizen_number, identity.insurance
        found: dict[PatientId, Identity] = {}
        for one in (
            await self._register.by_cccd(tx, number) if number else None,
            await self._register.by_bhyt(tx, insurance) if insurance else None,
        ):
            found |= dict([one]) if one else {}
        if len(found) > 1 or any(not same_person(identity, other) for other in found.values()):
            raise Refused(person, "other_person")
        linked = await self._of_link(tx, person.place, people)
        if linked and not found:
            known = await self._register.read(tx, linked)
            # Two systems may both have a patient `1`: all that is known has to agree before it is the same.
            if is_same(identity, known):
                found[linked] = known
        if not found:
            return False
        (person.patient_id,) = found
        demo = await tx.execute(select(patients.c.demo).where(patients.c.id == person.patient_id))
        if bool(demo.scalar_one()) is not person.is_test:
            raise Refused(person, "demo_mixed")
        return True

    async def create(self, tx: Transaction, person: Person, people: People, resources: list[Json]) -> PatientId:
        """Give a person a new book with these entries. Raises `Refused`."""
        if person.identity is None:
            raise Refused(person, "unknown_patient")
        try:
            (made,) = await self._book.import_many(
                tx, [NewBook(person.identity, resources, self._facility_code)], author=AUTHOR, demo=person.is_test
            )
        except (Invalid, Conflict) as error:
            raise Refused(person, error.code) from error
        person.patient_id = made
        if await self._of_link(tx, person.place, people) is None:
            await tx.execute(insert(import_links).values(link=self._link(person.place, people), patient_id=made))
        return made

    async def _linked(self, tx: Transaction, subject: str, people: People) -> Person | None:
        """A person of an earlier file of the same source."""
        if subject in people.links:
            return people.links[subject]
        patient_id = await self._of_link(tx, subject, people)
        if patient_id is None:
            return None
        people.links[subject] = Person("", None, is_test=False, patient_id=patient_id)
        return people.links[subject]

    async def _of_link(self, tx: Transaction, reference: str, people: People) -> PatientId | None:
        query = select(import_links.c.patient_id).where(import_links.c.link == self._link(reference, people))
        row = (await tx.execute(query)).first()
        return None if row is None else PatientId(row.patient_id)

    def _link(self, reference: str, people: People) -> bytes:
        return self._sealer.mark("import-link", f"{people.source}\x00{_short(reference)}")


def _person(entry: Read) -> Person:
    resource: dict[str, Any] = entry.resource or {}
    kind, identifier = key_of(resource, entry.full_url)
    place = plain(entry.full_url) if entry.full_url.startswith("urn:") else f"{kind}/{identifier or entry.place}"
    try:
        identity, problems = identity_of(resource)
        return Person(place, checked(identity), is_test(resource), problems)
    except HoichanError as error:
        return Person(place, None, is_test(resource), refusal=error.code)


def is_unowned(entry: Read) -> bool:
    """Whether an entry may be shared by several people: of such a type, and about nobody."""
    resource: Json = entry.resource or {}
    return resource.get("resourceType") in KINDS and not subject_of(resource)


def _short(reference: str) -> str:
    return "/".join(reference.rsplit("/", 2)[-2:])
