"""Where a health book comes from: the protocol that every source keeps, whatever stands behind it."""

from __future__ import annotations

from typing import Protocol

from foundation.ids import PatientId
from records_panel.fhir_reading import Json


class HealthBook(Protocol):
    """A source of books in FHIR R4."""

    @property
    def name(self) -> str:
        """The message id by which people know this source."""
        ...

    async def fetch(self, patient_id: PatientId, *, whole: bool = False) -> Json:
        """The book as a Bundle: the summary for the first ten seconds, or the `whole` of it.

        Raises `Unavailable("book.unavailable")` when the source does not answer, `NotFound("patient.unknown")` when
        it knows nobody of that id. A book without entries is a Bundle with the Patient alone.
        """
        ...
