"""The chainer: what it holds after late commits, crashes and several at once, and what it costs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from foundation.anchors import AnchorSigner
from foundation.audit import Audit, AuditEntry, audit_entries
from foundation.bus import Bus
from foundation.chain import canonical, chain_links, chains
from foundation.clock import FakeClock
from foundation.database import Database
from tests.foundation.chained import Chained
from tests.statements import statements


def test_the_canonical_bytes_are_written_down() -> None:
    """Whoever changes them makes every chain of every installation fail."""
    at = datetime(2026, 11, 23, 14, 0, 0, 5, tzinfo=UTC)
    row = {"number": 7, "at": at, "actor": "sta_1", "session": None, "details": {"b": True, "a": "ố"}}
    assert (
        canonical(row)
        == (
            '{"actor":"sta_1","at":"2026-11-23T14:00:00.000005+00:00","details":{"a":"ố","b":true},"number":7}'
        ).encode()
    )
    moved = row | {"at": at.astimezone(ZoneInfo("Asia/Ho_Chi_Minh")), "added_later": None}
    assert canonical(moved) == canonical(row)


async def test_two_chainers_at_once(chained: Chained) -> None:
    """No lease between them: the compare-and-set alone keeps the chain one."""
    chainers = [chained.chainer() for _ in range(3)]
    for turn in range(8):
        await asyncio.gather(*(chained.write(7, turn * 100 + part * 7) for part in range(3)))
        await asyncio.gather(*(chainer.run() for chainer in chainers))
        assert all(chainer.sound for chainer in chainers), "who comes second does nothing, not something that fails"
        chained.clock.advance(20)
    await chainers[0].run()
    assert sorted(await chained.linked()) == sorted(set(await chained.linked()))
    assert len(await chained.linked()) == await chained.count() == 8 * 21
    assert await chained.kinds() == []


async def test_the_lease_lets_one_work(on_sqlite: Chained, any_bus: Bus) -> None:
    first, second = on_sqlite.chainer(any_bus), on_sqlite.chainer(any_bus)
    await on_sqlite.write(1)
    await first.run()
    await on_sqlite.write(1)
    await second.run()
    assert await on_sqlite.linked() == [1], "the first one has the lease"
    await first.finish()
    assert await on_sqlite.linked() == [1, 2]
    await on_sqlite.write(1)
    await second.run()
    assert await on_sqlite.linked() == [1, 2, 3], "the second takes over at once"
    assert await on_sqlite.kinds() == []


async def test_a_late_commit_is_linked(
    database: Database, clock: FakeClock, tmp_path: Path, signer: AnchorSigner
) -> None:
    """A transaction takes a number and commits after others; one more takes a number and never commits."""
    if database.is_sqlite:
        return  # writers follow each other there
    chained, audit = Chained(database, clock, tmp_path / "anchors", signer), Audit(database)
    first, second = chained.chainer(), chained.chainer()

    async def settled() -> int:
        async with database.reading() as tx:
            return int((await tx.execute(select(chains.c.settled))).scalar_one())

    await chained.write(2)
    async with database.transaction() as late:
        await audit.record(late, AuditEntry("sta_late", "book.read"))
        with pytest.raises(RuntimeError, match="rolled back"):
            async with database.transaction() as lost:
                await audit.record(lost, AuditEntry("sta_lost", "book.read"))
                raise RuntimeError("rolled back")
        for turn in range(4):
            await chained.write(1, turn)
            await asyncio.gather(first.run(), second.run())
        assert await chained.linked() == [1, 2, 5, 6, 7, 8]
        assert await settled() <= 2, "number 3 may still come"
    await first.run()
    assert await chained.linked() == [1, 2, 5, 6, 7, 8, 3]
    for _ in range(3):
        await first.run()
    assert await settled() == 8, "nobody holds number 4 any more"
    assert await chained.kinds() == []


async def test_a_crash_between_chain_and_anchor(chained: Chained) -> None:
    """The head moved and no anchor was written; or it was written, and the database does not know."""
    chainer = chained.chainer()
    await chained.write(10)
    await chainer.run()
    await chained.write(5)
    await chainer.run()  # less than a minute after the last anchor
    faults, (found,) = await chained.check()
    assert (faults, found.anchors, found.rows) == ([], 1, 15)
    del chainer
    chained.clock.advance(61)
    await chained.chainer().run()
    assert (await chained.check())[1][0].anchors == 2
    await chained.sql("UPDATE chains SET anchored_position = 10")
    await chained.chainer().run()
    chained.clock.advance(61)
    await chained.chainer().run()
    faults, (found,) = await chained.check()
    assert (faults, found.anchors) == ([], 3)


async def test_shards_divide_the_rows_and_may_change_their_number(chained: Chained) -> None:
    for shards, rows in ((1, 5), (3, 20), (2, 9), (1, 6), (4, 8)):
        chainer = chained.chainer(shards=shards)
        await chained.write(rows)
        for _ in range(4):
            await chainer.run()
            chained.clock.advance(61)
        faults, found = await chained.check()
        assert [str(fault) for fault in faults] == [], shards
        assert sum(one.rows for one in found) == await chained.count()
        assert sum(one.waiting for one in found) == 0
    await chained.sql("UPDATE audit_entries SET actor = 'x' WHERE number IN (7, 8, 9)")
    assert await chained.kinds() == ["changed"] * 3


async def test_nodes_that_disagree_about_shards_break_nothing(chained: Chained) -> None:
    one, two = chained.chainer(shards=1), chained.chainer(shards=2)
    for turn in range(6):
        await chained.write(5, turn * 5)
        await asyncio.gather(one.run(), two.run())
        chained.clock.advance(61)
    for _ in range(4):
        await two.run()
        chained.clock.advance(61)
    assert two.sound
    faults, found = await chained.check()
    assert [str(fault) for fault in faults] == []
    assert sum(part.rows for part in found) == 30


async def test_a_head_that_was_set_back_is_said(on_sqlite: Chained, caplog: pytest.LogCaptureFixture) -> None:
    await on_sqlite.write(5)
    chainer = on_sqlite.chainer()
    await chainer.run()
    before = select(chain_links.c.digest).where(chain_links.c.position == 2).scalar_subquery()
    await on_sqlite.sql(chains.update().values(position=2, settled=2, digest=before))
    await on_sqlite.write(1)
    await chainer.run()
    assert "set back from position 5 to 2" in caplog.text
    assert not chainer.sound, "the links of old stand in the way"


async def test_denials_are_kept_when_the_caller_rolls_back(database: Database) -> None:
    audit, denial = Audit(database), AuditEntry("sta_1", "book.read", outcome="denied")
    if database.is_sqlite:  # has one writer: a denial is committed before the caller's transaction begins
        await audit.commit(denial)
    with pytest.raises(RuntimeError, match="fails"):
        async with database.transaction() as tx:
            await audit.record(tx, AuditEntry("sta_1", "consult.accept"))
            if not database.is_sqlite:
                await audit.commit(denial)
            raise RuntimeError("the caller fails")
    async with database.reading() as read:
        rows = (await read.execute(select(audit_entries.c.action, audit_entries.c.outcome))).all()
    assert [tuple(row) for row in rows] == [("book.read", "denied")]


async def test_ten_thousand_rows(chained: Chained) -> None:
    """In batches, and verified in pages."""
    if chained.database.is_sqlite:
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
        at, details = "'2026-11-23 07:00:00.000000'", "'{}'"
    else:
        numbers = "WITH n AS (SELECT generate_series(1, 10000) AS i)"
        at, details = "timestamptz '2026-11-23 07:00:00+00'", "jsonb '{}'"
    await chained.sql(
        f"{numbers} INSERT INTO audit_entries (at, actor, action, outcome, details)"
        f" SELECT {at}, 'sta_' || i, 'book.read', 'success', {details} FROM n"
    )
    await chained.chainer().run()
    faults, (found,) = await chained.check()
    assert (faults, found.rows, found.waiting, found.anchors) == ([], 10_000, 0, 1)
    await chained.sql("UPDATE audit_entries SET actor = 'x' WHERE number IN (1, 1000, 1001, 10000)")
    assert await chained.kinds() == ["changed"] * 4


async def test_the_hot_path_is_one_insert(sqlite_database: Database) -> None:
    """The chain costs whoever waits for an audit row nothing."""
    audit = Audit(sqlite_database)
    await audit.commit(AuditEntry("sta_1", "book.read"))
    with statements(sqlite_database) as seen:
        await audit.commit(AuditEntry("sta_1", "book.read"))
    assert [text_.partition(" (")[0] for text_ in seen] == ["INSERT INTO audit_entries"]


async def test_an_idle_chainer_asks_little_and_writes_nothing(on_sqlite: Chained) -> None:
    chainer = on_sqlite.chainer()
    await on_sqlite.write(3)
    await chainer.run()
    await chainer.run()
    with statements(on_sqlite.database) as seen:
        await chainer.run()
    assert len(seen) == 3, seen
    assert not any(one.startswith(("BEGIN", "UPDATE", "INSERT")) for one in seen)


async def test_postgresql_knows_who_writes(database: Database, clock: FakeClock) -> None:
    """What the waiting for late commits rests on: whoever has taken a number holds the table's lock until the end."""
    if database.is_sqlite:
        return
    asked = text(
        "SELECT count(*) FROM pg_locks WHERE relation = 'audit_entries'::regclass AND mode = 'RowExclusiveLock'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    async with database.transaction() as tx:
        await Audit(database).record(tx, AuditEntry("sta_1", "book.read"))
        async with database.reading() as read:
            assert (await read.execute(asked)).scalar_one() == 1
    async with database.reading() as read:
        assert (await read.execute(asked)).scalar_one() == 0
