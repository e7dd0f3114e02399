"""Puts the demo's citizens and their E Health Books into the embedded store."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from foundation.database import Transaction
from foundation.ids import PatientId
from hoichan import demo
from hoichan.wiring import Parts
from records_panel.citizens import Identity
from records_panel.embedded_book import NewBook
from records_panel.identifiers import read_cccd
from records_panel.register import Register
from records_panel.tables import patients

_AGO = timedelta(minutes=12)
"""How long before the seeding the clinics of the eight stories measured vital signs."""


async def load_books(parts: Parts) -> None:
    """Load every citizen in one transaction, unless that was done before."""
    async with parts.database.reading() as read:
        if (await read.execute(select(func.count()).select_from(patients))).scalar_one():
            return
    now = parts.clock.now()
    today = now.astimezone(parts.zone).date()
    communes = {code: commune.name for code, commune in demo.COMMUNES.items()}
    measured = {story.citizen_key: story for story in demo.stories()}
    books = []
    for citizen in demo.citizens(today):
        story = measured.get(citizen.key)
        at = (now - _AGO).astimezone(parts.zone)
        fresh = demo.vital_signs_of(story, citizen.birth_date, at) if story else []
        books.append(NewBook(_identity(citizen, communes.get(citizen.commune_code, "")), [*citizen.resources, *fresh]))
    async with parts.database.transaction() as tx:
        await parts.book.import_many(tx, books, author="demo", demo=True)


async def patient_ids(parts: Parts, tx: Transaction) -> dict[str, PatientId]:
    """The stored id of each demo citizen, by the citizen's key in the demo data."""
    register = Register(parts.sealer)
    today = parts.clock.now().astimezone(parts.zone).date()
    found = {}
    for citizen in demo.citizens(today):
        number = read_cccd(citizen.cccd)
        stored = await register.by_cccd(tx, number) if number else None
        if stored is not None:
            found[citizen.key] = stored[0]
    return found


def _identity(citizen: demo.DemoCitizen, commune: str) -> Identity:
    return Identity(
        name=citizen.name,
        birth_date=citizen.birth_date,
        sex=citizen.sex,
        commune_code=citizen.commune_code,
        commune=commune,
        cccd=citizen.cccd,
        bhyt=citizen.bhyt,
        bhyt_valid_until=citizen.bhyt_valid_until,
        address=citizen.address,
        telephone=citizen.telephone,
    )
