"""Keys renewed while the book is in use, and after a process was killed in the middle."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from foundation.errors import Unavailable
from foundation.rekeying import Rekeying
from foundation.sealing import Sealer
from records_panel.embedded_book import EmbeddedBook
from records_panel.rekeying import SEALED
from records_panel.tables import patients, resource_log, summaries
from tests.records_panel.conftest import LANH, Records, neighbour
from tests.records_panel.samples import drug

OLD = {0: bytes(32), 1: bytes(range(32))}
NEW = OLD | {2: bytes(range(32, 64))}


async def numbers(records: Records) -> set[int]:
    """The keys under which values of books stand."""
    async with records.database.reading() as tx:
        columns = (patients.c.identity, resource_log.c.content, summaries.c.content)
        return {value[0] for column in columns for value in (await tx.execute(select(column))).scalars()}


async def test_every_value_moves_to_the_newest_key_and_the_old_one_can_go(records: Records) -> None:
    people = [LANH, *(neighbour(number) for number in range(1300))]
    before = Sealer(OLD)
    book = EmbeddedBook(records.database, before)
    records = replace(records, sealer=before)
    ids = await records.add(*people, resources=[drug("Thuốc", id="d")])
    assert await numbers(records) == {1}
    after = Sealer(NEW)
    rekeying = Rekeying(records.database, after, SEALED)
    # Killed in the middle: a batch is committed, the rest is not.
    async for _name, _count in rekeying.run():
        break
    assert await numbers(records) == {1, 2}
    renewed = EmbeddedBook(records.database, after)
    assert (await renewed.fetch(ids[0]))["entry"] == (await renewed.fetch(ids[0]))["entry"]
    # Somebody writes meanwhile.
    async with records.database.transaction() as tx:
        await renewed.append(tx, ids[5], [drug("Mới")], author="stf_1", facility_code="51001")
    assert await rekeying.left() > 0
    total = sum([count async for _name, count in rekeying.run()])
    assert total > 0
    assert await rekeying.left() == 0
    assert await numbers(records) == {2}
    alone = EmbeddedBook(records.database, Sealer({0: OLD[0], 2: NEW[2]}))
    for patient_id in (ids[0], ids[5], ids[-1]):
        whole = await alone.fetch(patient_id, whole=True)
        drugs = [entry["resource"] for entry in whole["entry"] if entry["resource"]["resourceType"].startswith("Med")]
        assert len(drugs) == (2 if patient_id == ids[5] else 1)
        await alone.fetch(patient_id)
    with pytest.raises(Unavailable):
        await book.fetch(ids[0])
    assert [one async for one in rekeying.run()] == []


async def test_a_missing_key_stops_it_and_changes_nothing(records: Records) -> None:
    records = replace(records, sealer=Sealer(OLD))
    await records.add(LANH)
    with pytest.raises(Unavailable) as refused:
        async for _ in Rekeying(records.database, Sealer({0: OLD[0], 2: NEW[2]}), SEALED).run():
            pass
    assert refused.value.code == "sealing.unreadable"
    assert await numbers(records) == {1}
