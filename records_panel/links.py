"""Under which id another system knows our patient: kept sealed, for a day, and proven anew at every use."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, insert, select

from foundation.database import Database
from foundation.ids import PatientId
from foundation.sealing import Sealer
from records_panel.citizens import Identity
from records_panel.register import Register
from records_panel.tables import patient_links

LIFETIME = timedelta(days=1)
"""After it the patient is looked for by number again, so that a second one with the number is noticed."""


class Links:
    """Reads and writes `patient_links`, one row a patient and source."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._register = Register(sealer)

    async def read(self, patient_id: PatientId, source: str) -> tuple[Identity, str | None]:
        """Our identity of the patient and the id there, if it is known. Raises `NotFound("patient.unknown")`."""
        async with self._database.reading() as tx:
            identity = await self._register.read(tx, patient_id)
            query = select(patient_links.c.link, patient_links.c.at).where(
                patient_links.c.patient_id == patient_id, patient_links.c.source == source
            )
            row = (await tx.execute(query)).first()
            if row is None or await tx.now() - row.at > LIFETIME:
                return identity, None
            return identity, self._sealer.open_text(row.link, _place(patient_id, source))

    async def write(self, patient_id: PatientId, source: str, link: str | None) -> None:
        """Keep the id there, or with None forget it."""
        async with self._database.transaction() as tx:
            await tx.execute(
                delete(patient_links).where(patient_links.c.patient_id == patient_id, patient_links.c.source == source)
            )
            if link is not None:
                sealed = self._sealer.seal_text(link, _place(patient_id, source))
                row = {"patient_id": patient_id, "source": source, "link": sealed, "at": await tx.now()}
                await tx.execute(insert(patient_links), [row])


def _place(patient_id: PatientId, source: str) -> str:
    return f"patient_links:{patient_id}:{source}"
