"""`$summary` for another system: the embedded book of a consult's patient as an IPS document.

It is read in the name of a person, through the panel's own door: the same decision, the same audit before anything is
fetched, the same refusals. What that person may not read is not in the document.
"""

from __future__ import annotations

from foundation.ids import ConsultId, PatientId
from identity.model import Staff
from records_panel.fhir_reading import Json
from records_panel.ips_export import ips_document
from records_panel.panel import Panel
from records_panel.sources import HealthBook


class SummaryExport:
    """Gives documents of this installation's own book; other systems give out their own."""

    def __init__(self, panel: Panel, book: HealthBook) -> None:
        self._panel = panel
        self._book = book

    async def of_consult(
        self, staff: Staff, consult_id: ConsultId, facility_code: str, *, address: str | None = None
    ) -> tuple[Json, PatientId | None]:
        """The document, and whose it is. Raises what `Panel.place` and `Panel.open_bundle` do."""
        place = await self._panel.place(staff, None, consult_id, address=address)
        shown, _ = await self._panel.open_bundle(
            staff, None, place, self._book, whole=True, address=address, facility_code=facility_code
        )
        return ips_document(shown, place.now), place.patient_id
