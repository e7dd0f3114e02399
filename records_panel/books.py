"""All sources of one patient's book, asked at the same time and merged. Keeps `records_panel.sources.HealthBook`."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial

from foundation.clock import Clock
from foundation.errors import NotFound, Unavailable
from foundation.ids import PatientId
from records_panel.answers import answers_of
from records_panel.embedded_book import EmbeddedBook
from records_panel.fhir_client import FhirBook
from records_panel.fhir_reading import Json
from records_panel.late_sources import LateSources
from records_panel.merging import Part, merged
from records_panel.provenance import ALL_KINDS, Gap, Reason, SourceAnswer
from records_panel.source_errors import SourceFailed

log = logging.getLogger(__name__)

EMBEDDED = "embedded"


class Books:
    """This system's own book, and those of the FHIR servers that an administrator has named."""

    def __init__(self, own: EmbeddedBook, others: tuple[FhirBook, ...], clock: Clock, late: LateSources) -> None:
        self._own = own
        self._others = others
        self._clock = clock
        self._late = late

    @property
    def name(self) -> str:
        """The message id of the own book; who else answered stands in the Bundle."""
        return self._own.name

    async def fetch(self, patient_id: PatientId, *, whole: bool = False) -> Json:
        """All that came, each entry with its source, and what did not (`records_panel.answers`).

        Each source keeps its own deadline. Raises `NotFound("patient.unknown")` when the patient is unknown here,
        `Unavailable("book.unavailable")` when no source gave anything.
        """
        return merged(await self._parts(patient_id, whole=whole), self._clock.now())

    async def early(self, patient_id: PatientId, *, whole: bool, within_s: float) -> Json:
        """`fetch`, with the sources that need longer than `within_s` named as still loading.

        `fetch` brings them a moment later without asking them anew. When nothing else came they are waited for here.
        """
        parts = await self._parts(patient_id, whole=whole, within_s=within_s)
        return merged(parts, self._clock.now())

    async def _parts(self, patient_id: PatientId, *, whole: bool, within_s: float | None = None) -> list[Part]:
        asked = (
            self._late.ask(
                f"{book.key} {patient_id} {whole}",
                partial(self._theirs, book, patient_id, whole=whole),
                within_s=within_s,
            )
            for book in self._others
        )
        ours, theirs = await asyncio.gather(self._ours(patient_id, whole=whole), asyncio.gather(*asked))
        parts = [ours, *(part or self._loading(book) for book, part in zip(self._others, theirs, strict=True))]
        if not all(part.answer.failed for part in parts):
            return parts
        if any(part.answer.is_loading for part in parts):
            return await self._parts(patient_id, whole=whole)
        raise SourceFailed(ours.answer.failed or Reason.FAILING)

    def _loading(self, book: FhirBook) -> Part:
        gaps = (Gap(ALL_KINDS, Reason.LOADING),)
        return Part(SourceAnswer(book.key, book.name, self._clock.now(), gaps=gaps))

    async def _ours(self, patient_id: PatientId, *, whole: bool) -> Part:
        try:
            bundle = await self._own.fetch(patient_id, whole=whole)
        except (Unavailable, OSError, TimeoutError):
            log.warning("the own book cannot be read")
            gaps = (Gap(ALL_KINDS, Reason.FAILING),)
            return Part(SourceAnswer(EMBEDDED, self._own.name, self._clock.now(), gaps=gaps), own=True)
        return Part(SourceAnswer(EMBEDDED, self._own.name, self._clock.now()), bundle, own=True)

    async def _theirs(self, book: FhirBook, patient_id: PatientId, *, whole: bool) -> Part:
        now = self._clock.now
        try:
            bundle = await book.fetch(patient_id, whole=whole)
        except SourceFailed as error:
            log.warning("source %s: %s (status %s, %s)", book.key, error.reason, error.http_status, error.fault)
            return Part(SourceAnswer(book.key, book.name, now(), gaps=(Gap(ALL_KINDS, error.reason),)))
        except (Unavailable, OSError, TimeoutError):
            log.warning("source %s: the link to it cannot be read", book.key)
            return Part(SourceAnswer(book.key, book.name, now(), gaps=(Gap(ALL_KINDS, Reason.FAILING),)))
        except NotFound:  # that the patient is unknown here is told by the own book
            return Part(SourceAnswer(book.key, book.name, now(), knows_patient=False))
        [answer] = answers_of(bundle)
        for gap in answer.gaps:
            log.warning("source %s: %s: %s", book.key, gap.kind, gap.reason)
        return Part(answer, bundle)


@dataclass(frozen=True, slots=True)
class EarlyBooks:
    """`Books.early` as a source: what came within `within_s` seconds. Keeps `records_panel.sources.HealthBook`."""

    books: Books
    within_s: float

    @property
    def name(self) -> str:
        """The message id of the own book."""
        return self.books.name

    async def fetch(self, patient_id: PatientId, *, whole: bool = False) -> Json:
        """As `Books.early`."""
        return await self.books.early(patient_id, whole=whole, within_s=self.within_s)
