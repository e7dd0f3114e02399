"""The embedded health book: an append-only log of FHIR resources is the truth, one sealed summary a patient is read.

Contents are compressed, then sealed (a sealed value does not compress). What was imported together is one row, a Bundle
of resources, since resources compress five times better together. The summary is rebuilt from the log inside
the transaction that appends, so that a reader never sees one without the other. The file is long because
reading, adding and bringing in many stand on the same few rows, which no other file knows.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, insert, select, update

from foundation.database import Database, Transaction
from foundation.errors import Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import PatientId, new_id
from foundation.sealing import Sealer
from foundation.text import clean_text
from records_panel import summary
from records_panel.citizens import Identity
from records_panel.evidence import checked
from records_panel.fhir_reading import Json, as_dict, order, when
from records_panel.packing import needs_base, packed, unpacked
from records_panel.references import SOURCE_PREFIX
from records_panel.register import UNKNOWN, Register
from records_panel.tables import patients, resource_log, summaries

MOST_BYTES = 256 * 1024
"""Of one resource as JSON; pictures and documents go to the file store and are referred to."""
MOST_IMPORTED_BYTES = 8 * 1024 * 1024
"""Of one resource that another system wrote, and perhaps put a document into."""
_TYPE = re.compile(r"[A-Z][A-Za-z]{2,63}")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")  # FHIR R4 `id`
_OF_PATIENT = ("subject", "patient", "beneficiary")


_SUMMARY = (
    select(summaries.c.content, resource_log.c.content.label("base"))
    .select_from(
        summaries.outerjoin(
            resource_log, and_(resource_log.c.patient_id == summaries.c.patient_id, resource_log.c.version == 1)
        )
    )
    .where(summaries.c.patient_id == bindparam("patient_id"))
)
"""A summary and the first row of its book, against which it may be packed, in one read."""


@dataclass(frozen=True, slots=True)
class NewBook:
    """A citizen and the resources of their book, for `import_many`; a facility code stands in each `meta.source`."""

    identity: Identity
    resources: Sequence[Json]
    facility_code: str = ""


class EmbeddedBook:
    """The book kept in this installation's own database. Keeps `records_panel.sources.HealthBook`."""

    name = N_("E Health Book of this system")

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._register = Register(sealer)

    async def fetch(self, patient_id: PatientId, *, whole: bool = False) -> Json:
        """The summary by one read, or the whole book. Raises `NotFound("patient.unknown")`."""
        async with self._database.reading() as tx:
            if not whole:
                row = (await tx.execute(_SUMMARY, {"patient_id": patient_id})).first()
                if row is not None:
                    content = self._sealer.open(row.content, summary_place(patient_id))
                    base = row.base if needs_base(content) else None
                    return unpacked(content, base=self._sealer.open(base, log_place(patient_id, 1)) if base else None)
            identity, demo = await self._identity(tx, patient_id)
            resources = await self._resources(tx, patient_id)
            patient = summary.patient_resource(patient_id, identity, demo=demo)
            # The Patient of an import stays in the log; the register's is the one that people corrected.
            resources = [one for one in resources if one["resourceType"] != "Patient"]
            make = summary.collection if whole else summary.document
            return make(patient, summary.with_insurance(resources, identity), await tx.now())

    async def append(
        self,
        tx: Transaction,
        patient_id: PatientId,
        resources: Iterable[Json],
        *,
        author: str,
        facility_code: str,
        imported: bool = False,
    ) -> int:
        """Add resources to a book and rebuild its summary; returns the book's new version.

        `imported` ones are stored as one row, may be of any type, and large. A resource with the type and id of an
        earlier one supersedes it. Raises `NotFound("patient.unknown")`, or `Invalid("book.resource")` for what is no
        FHIR resource. The caller audits.
        """
        prepared = [written(resource, patient_id, facility_code, imported=imported) for resource in resources]
        if imported and prepared:
            prepared = [together(prepared)]
        raised = (
            update(patients)
            .where(patients.c.id == patient_id)
            .values(book_version=patients.c.book_version + len(prepared))
            .returning(patients.c.book_version)
        )
        # The raised number is the lock: two writers of one book follow each other, and versions have no gap.
        version = (await tx.execute(raised)).scalar_one_or_none()
        if version is None:
            raise NotFound("patient.unknown", UNKNOWN)
        now = await tx.now()
        first = int(version) - len(prepared) + 1
        rows = self._rows(patient_id, prepared, first, author, now)
        if rows:
            await tx.execute(insert(resource_log), rows)
        identity, demo = await self._identity(tx, patient_id)
        log = await self._log(tx, patient_id)
        made = self._summary_row(
            patient_id, identity, _current(map(unpacked, log)), int(version), now, log[0] if log else None, demo=demo
        )
        changed = await tx.execute(update(summaries).where(summaries.c.patient_id == patient_id).values(made))
        if changed.rowcount == 0:
            await tx.execute(insert(summaries), [made])
        return int(version)

    async def import_many(
        self, tx: Transaction, books: Iterable[NewBook], *, author: str, demo: bool = False
    ) -> list[PatientId]:
        """Add many citizens with their books at once; the ids come in the order of the books.

        Raises `Invalid` for an identity or a resource out of form, `Conflict("patient.number_taken")`.
        """
        now = await tx.now()
        found: list[tuple[PatientId, Identity]] = []
        log_rows: list[dict[str, Any]] = []
        summary_rows: list[dict[str, Any]] = []
        versions: dict[PatientId, int] = {}
        for book in books:
            patient_id = PatientId(new_id("pat"))
            identity = checked(book.identity)
            prepared = [written(resource, patient_id, book.facility_code, imported=True) for resource in book.resources]
            found.append((patient_id, identity))
            whole = together(prepared)
            rows = self._rows(patient_id, [whole], 1, author, now) if prepared else []
            versions[patient_id] = len(rows)
            log_rows += rows
            base = packed(whole) if prepared else None
            made = self._summary_row(patient_id, identity, _current(prepared), len(rows), now, base, demo=demo)
            summary_rows.append(made)
        await self._register.add(tx, found, author=author, at=now, demo=demo, book_versions=versions)
        for table, rows in ((resource_log, log_rows), (summaries, summary_rows)):
            if rows:
                await tx.execute(insert(table), rows)
        return [patient_id for patient_id, _ in found]

    def check(self, resource: Json) -> None:
        """Raises `Invalid("book.resource")` for what an import cannot hold."""
        written(resource, PatientId("pat_0"), "", imported=True)

    def as_written(self, resource: Json, patient_id: PatientId, facility_code: str) -> Json:
        """An imported resource as it would be stored, to be compared with what is there."""
        return written(resource, patient_id, facility_code, imported=True)

    async def resources(self, tx: Transaction, patient_id: PatientId) -> list[Json]:
        """The newest version of everything that the book holds."""
        return await self._resources(tx, patient_id)

    async def _identity(self, tx: Transaction, patient_id: PatientId) -> tuple[Identity, bool]:
        demo = (await tx.execute(select(patients.c.demo).where(patients.c.id == patient_id))).scalar_one_or_none()
        return await self._register.read(tx, patient_id), bool(demo)

    async def _log(self, tx: Transaction, patient_id: PatientId) -> list[bytes]:
        """The rows of the log, packed, oldest first."""
        query = (
            select(resource_log.c.version, resource_log.c.content)
            .where(resource_log.c.patient_id == patient_id)
            .order_by(resource_log.c.version)
        )
        rows = await tx.execute(query)
        return [self._sealer.open(row.content, log_place(patient_id, row.version)) for row in rows]

    async def _resources(self, tx: Transaction, patient_id: PatientId) -> list[Json]:
        return _current(map(unpacked, await self._log(tx, patient_id)))

    def _rows(
        self, patient_id: PatientId, resources: list[Json], first: int, author: str, at: datetime
    ) -> list[dict[str, Any]]:
        return [
            {
                "patient_id": patient_id,
                "version": version,
                "resource_type": resource["resourceType"],
                "resource_id": str(resource.get("id", "")),
                "content": self._seal(resource, log_place(patient_id, version)),
                "facility_code": _facility_of(members(resource)[0]),
                "author": author,
                "at": at,
            }
            for version, resource in enumerate(resources, first)
        ]

    def _summary_row(
        self,
        patient_id: PatientId,
        identity: Identity,
        resources: list[Json],
        version: int,
        at: datetime,
        base: bytes | None,
        *,
        demo: bool,
    ) -> dict[str, Any]:
        patient = summary.patient_resource(patient_id, identity, demo=demo)
        made = summary.document(patient, summary.with_insurance(resources, identity), at)
        content = self._sealer.seal(packed(made, base=base), summary_place(patient_id))
        return {"patient_id": patient_id, "version": version, "content": content, "at": at}

    def _seal(self, content: Json, place: str) -> bytes:
        return self._sealer.seal(packed(content), place)


def written(resource: Json, patient_id: PatientId, facility_code: str, *, imported: bool = False) -> Json:
    """A resource as it is stored: text in NFC, an id, this patient as its subject, its source facility.

    Strict: raises `Invalid` (`book.resource`, `book.too_large`) for what is no FHIR resource or belongs elsewhere. What
    is `imported` may also tell of the document that it came in (Composition) and of its Patient, and may be larger.
    """
    kind = resource.get("resourceType")
    refused = ("Bundle",) if imported else ("Patient", "Bundle", "Composition")
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind) or kind in refused:
        raise Invalid("book.resource", NOT_A_RESOURCE)
    try:
        stored: Json = _normal(resource)
        size = len(json.dumps(stored, ensure_ascii=False).encode())
    except (RecursionError, UnicodeEncodeError) as error:
        raise Invalid("book.resource", NOT_A_RESOURCE) from error
    if size > (MOST_IMPORTED_BYTES if imported else MOST_BYTES):
        raise Invalid("book.too_large", TOO_LARGE)
    if not isinstance(stored.get("id"), str) or not _ID.fullmatch(stored["id"]):
        stored["id"] = new_id("res").replace("_", "-")
    meta = dict(as_dict(stored.get("meta")))
    if facility_code:
        meta.setdefault("source", SOURCE_PREFIX + facility_code)
    stored["meta"] = meta
    for field in _OF_PATIENT:
        if field in stored:
            stored[field] = {"reference": f"Patient/{patient_id}"}
    return stored


def _facility_of(resource: Json) -> str:
    return str(as_dict(resource.get("meta")).get("source", "")).removeprefix(SOURCE_PREFIX)[:16]


def _normal(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    return [_normal(item) for item in value] if isinstance(value, list) else value


def _current(resources: Iterable[Json]) -> list[Json]:
    """The latest version of each resource, in the order in which it was first written.

    That is what came last, unless both say when they were changed: a history has the newest first (FHIR R4 3.1.0.9).
    """
    latest: dict[tuple[str, str], Json] = {}
    for row in resources:
        for resource in members(row):
            key = (resource["resourceType"], resource["id"])
            if key not in latest or not _changed(resource) < _changed(latest[key]):
                latest[key] = resource
    return list(latest.values())


def _changed(resource: Json) -> float:
    """When its system last changed it, as seconds; not a number, which nothing is less than, when that is unknown."""
    moment = when(as_dict(resource.get("meta")).get("lastUpdated"))
    return math.nan if moment is None else order(moment)


def together(resources: list[Json]) -> Json:
    """What came together, as one row of the log."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def members(row: Json) -> list[Json]:
    """The resources of a row."""
    if row.get("resourceType") != "Bundle":
        return [row]
    return [as_dict(entry.get("resource")) for entry in row["entry"]]


def prepared_book(
    patient_id: PatientId, identity: Identity, resources: Iterable[Json], at: datetime
) -> tuple[bytes, bytes]:
    """The row of the log and the summary of a book that comes whole, packed and not yet sealed."""
    ours = [written(resource, patient_id, "", imported=True) for resource in resources]
    patient = summary.patient_resource(patient_id, identity, demo=False)
    made = summary.document(patient, summary.with_insurance(_current(ours), identity), at)
    log = packed(together(ours))
    return log, packed(made, base=log)


def log_place(patient_id: PatientId, version: int) -> str:
    return f"resource_log:{patient_id}:{version}"


def summary_place(patient_id: PatientId) -> str:
    return f"summaries:{patient_id}"


TOO_LARGE = N_("This entry is too large for a health book.")
NOT_A_RESOURCE = N_("This is not an entry that a health book can hold.")
