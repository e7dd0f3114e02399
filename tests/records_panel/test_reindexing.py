"""The index key of citizens' numbers and names renewed while nodes with old and new key files work side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from foundation.errors import Conflict, Invalid
from foundation.sealing import Sealer
from records_panel.citizens import Identity
from records_panel.identifiers import read_bhyt, read_cccd
from records_panel.register import Register
from records_panel.reindexing import Reindexing
from records_panel.tables import patient_words, patients
from tests.records_panel.conftest import LANH, Records, neighbour

KEYS = {0: bytes(32), 1: bytes(range(32))}
FRESH = bytes(range(64, 96))
BEFORE = Sealer(KEYS)
AHEAD = Sealer(KEYS, also_index_keys=[FRESH])
CHANGING = Sealer(KEYS, index_key=FRESH, also_index_keys=[KEYS[0]])
AFTER = Sealer(KEYS, index_key=FRESH)


async def finds(records: Records, sealer: Sealer, identity: Identity) -> bool:
    """Whether a node with these keys finds a citizen by each of the ways."""
    register = Register(sealer)
    async with records.database.reading() as tx:
        found = [await register.by_cccd(tx, read_cccd(identity.cccd or ""))]
        if identity.bhyt:
            found.append(await register.by_bhyt(tx, read_bhyt(identity.bhyt)))
        year = identity.birth_date.year
        named = await register.by_words(tx, ["lanh", "van"], year, commune=["hon", "may"], limit=1000)
    known = {one[0] for one in found if one is not None}
    return None not in found and len(known) == 1 and known <= {one[0] for one in named}


async def words_of(records: Records) -> int:
    async with records.database.reading() as tx:
        return int((await tx.execute(select(func.count()).select_from(patient_words))).scalar_one())


async def test_every_way_to_find_a_citizen_holds_through_the_change(records: Records) -> None:
    people = [LANH, *(neighbour(number) for number in range(450))]
    await replace(records, sealer=BEFORE).add(*people)
    count = await words_of(records)
    for sealer in (BEFORE, AHEAD, CHANGING):
        assert await finds(records, sealer, LANH)
    assert not await finds(records, AFTER, LANH)
    # Killed in the middle: a batch is committed, and the next run goes on behind it.
    async for changed in Reindexing(records.database, CHANGING).run():
        assert changed == 200
        break
    for sealer in (AHEAD, CHANGING):
        assert await finds(records, sealer, LANH)
        assert await finds(records, sealer, people[-1])
    assert not await finds(records, BEFORE, LANH)
    assert [changed async for changed in Reindexing(records.database, CHANGING).run()] == [200, 51]
    assert await words_of(records) == count
    for person in (LANH, people[300], people[-1]):
        assert await finds(records, AFTER, person)
    # Once more is the proof that nobody is left.
    assert sum([changed async for changed in Reindexing(records.database, CHANGING).run()]) == 0
    with pytest.raises(Invalid):
        await anext(Reindexing(records.database, AFTER).run())


async def test_nobody_gets_a_second_book_while_it_changes(records: Records) -> None:
    """A unique column cannot see that two indexes are of one number; the register asks for both."""
    ids = await replace(records, sealer=AHEAD).add(LANH, neighbour(1))
    for sealer in (AHEAD, CHANGING):
        for double in (neighbour(2, cccd=LANH.cccd), neighbour(2, bhyt=LANH.bhyt)):
            with pytest.raises(Conflict) as refused:
                await replace(records, sealer=sealer).add(double)
            assert refused.value.code == "patient.number_taken"
            async with records.database.transaction() as tx:
                with pytest.raises(Conflict):
                    await Register(sealer).change(tx, ids[1], double)
    corrected = replace(LANH, name="Nguyễn Văn Lành Em")
    async with records.database.transaction() as tx:
        await Register(CHANGING).change(tx, ids[0], corrected)
    # Of the corrected one nothing stays under the old key, and the words are there once.
    async with records.database.reading() as tx:
        stored = (await tx.execute(select(patients.c.cccd_index).where(patients.c.id == ids[0]))).scalar_one()
        theirs = select(func.count()).where(patient_words.c.patient_id == ids[0])
        words = (await tx.execute(theirs)).scalar_one()
    assert bytes(stored) == AFTER.index("cccd", LANH.cccd or "")
    assert words == await words_of(records) - len({"nguyen", "van", "lanh"}) - _commune_words()
    assert await finds(records, AFTER, corrected)


def _commune_words() -> int:
    from records_panel.names import words

    return len(set(words(LANH.commune)))
