"""The consult's log under its hash chain: every changed column of a row is found, and an end that was cut off.

The same is done to the audit's rows; how links and heads are tampered with is tests/foundation/test_chain_tampering.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, func, literal, select, text, update
from sqlalchemy.types import JSON, LargeBinary

from consult_rooms.tables import CONSULT_LOG
from foundation.anchors import AnchorSigner
from foundation.audit import AUDIT
from foundation.chain import Source, chain_links, chains
from tests.consult_rooms.conftest import World
from tests.foundation.chained import Chained


@pytest.fixture
async def chained(world: World, tmp_path: Path) -> Chained:
    """A consult that was asked for, taken, joined and ended, chained and anchored; and its audit."""
    folder = tmp_path / "anchors"
    signer = AnchorSigner.from_file(tmp_path / "key.pem", create=True)
    made = Chained(world.database, world.clock, folder, signer, (AUDIT, CONSULT_LOG))
    await made.write(3)
    consult = await world.ask()
    await world.answers.accept(world["ha"], consult.id)
    chainer = made.chainer()
    await chainer.run()
    world.clock.advance(61)
    await world.rooms.join(world["lan"], consult.id)
    await world.rooms.join(world["ha"], consult.id)
    await world.rooms.end(world["ha"], consult.id)
    for _ in range(2):
        await chainer.run()
        world.clock.advance(61)
    await chainer.run()
    assert await made.kinds() == []
    return made


def changed(column: Column[object]) -> object:
    """Another value of that column's type."""
    if isinstance(column.type, JSON):
        return {"x": 1}
    if isinstance(column.type, Integer):
        return column + 7
    if isinstance(column.type, LargeBinary):
        return b"\x00"
    return text("'2001-01-01 00:00:00.000000'") if column.name == "at" else literal("x")


@pytest.mark.parametrize("source", [AUDIT, CONSULT_LOG], ids=lambda one: one.name)
async def test_every_changed_column_of_a_row_is_found(chained: Chained, source: Source) -> None:
    async with chained.database.reading() as tx:
        row = (await tx.execute(select(source.table).order_by(source.number).limit(1))).mappings().one()
    here = source.number == row[source.number]
    for column in source.table.c:
        if column is source.number or column.foreign_keys:
            continue
        await chained.sql(update(source.table).where(here).values({column.name: changed(column)}))
        faults, _ = await chained.check()
        assert [fault.kind.value for fault in faults] == ["changed"], (column.name, faults)
        assert source.name in faults[0].where
        await chained.sql(update(source.table).where(here).values({column.name: row[column]}))
    assert await chained.kinds() == []


async def test_an_end_of_the_consults_log_that_was_cut_off_is_found(chained: Chained) -> None:
    """Its last rows, their links and the head set back together: only the anchors outside still know."""
    table, name = CONSULT_LOG.table, CONSULT_LOG.name
    async with chained.database.reading() as tx:
        count = int((await tx.execute(select(func.count()).select_from(table))).scalar_one())
        kept = select(chain_links.c.number, chain_links.c.digest).where(
            chain_links.c.source == name, chain_links.c.position == count - 2
        )
        number, digest = (await tx.execute(kept)).one()
    await chained.sql(
        table.delete().where(CONSULT_LOG.number > number),
        chain_links.delete().where(chain_links.c.source == name, chain_links.c.position > count - 2),
        chains.update()
        .where(chains.c.source == name)
        .values(position=count - 2, settled=number, anchored_position=count - 2, digest=digest),
    )
    faults, _ = await chained.check()
    assert [fault.kind.value for fault in faults] == ["truncated"], faults
    assert name in faults[0].where
