"""What is done to rows, links and heads, and how verification finds it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from foundation.chain import chain_links, chains
from tests.foundation.chained import Chained


async def test_what_nobody_touched_is_whole(chained: Chained) -> None:
    assert await chained.kinds() == [], "an empty installation is whole"
    await chained.minutes(3)
    await chained.write(4, 100)
    faults, (found,) = await chained.check()
    assert faults == []
    assert (found.rows, found.anchors, found.waiting) == (30, 3, 4)
    assert found.last_anchor == chained.clock.now() - timedelta(seconds=61)


@pytest.mark.parametrize(
    ("done", "kinds", "where"),
    [
        ("UPDATE audit_entries SET actor = 'sta_9' WHERE number = 12", ["changed"], "row 12 (position 12)"),
        ("UPDATE audit_entries SET outcome = 'denied' WHERE number = 30", ["changed"], "row 30"),
        ("UPDATE audit_entries SET session = 'x' WHERE number IN (3, 4)", ["changed", "changed"], "row 3"),
        ("DELETE FROM audit_entries WHERE number = 12", ["removed"], "row 12 (position 12)"),
        ("DELETE FROM audit_entries WHERE number BETWEEN 12 AND 20", ["removed"], "rows 12 to 20"),
        ("DELETE FROM audit_entries WHERE number > 25", ["removed"], "rows 26 to 30"),
        ("DELETE FROM chain_links WHERE number = 12", ["removed", "added"], "positions 12 to 12"),
        ("DELETE FROM chain_links WHERE number > 25", ["truncated", *["added"] * 5], "end at 25"),
        ("UPDATE chain_links SET digest = (SELECT digest FROM chains) WHERE position = 12", ["changed"] * 2, "row 12"),
        ("UPDATE chains SET settled = 5", [], ""),
        ("UPDATE chains SET digest = (SELECT digest FROM chain_links WHERE position = 29)", ["rewritten"], "last link"),
        ("UPDATE chains SET position = 29", ["rewritten"], "position 30"),
        ("DELETE FROM chains", ["rewritten"], "position 30"),
    ],
    ids=lambda value: value.replace("audit_entries", "audit") if isinstance(value, str) else None,
)
async def test_tampering_is_found(chained: Chained, done: str, kinds: list[str], where: str) -> None:
    await chained.minutes(3)
    await chained.sql(done)
    faults, _ = await chained.check()
    assert [fault.kind.value for fault in faults][: len(kinds) or None] == kinds, [str(fault) for fault in faults]
    assert where in "".join(str(fault) for fault in faults)


async def test_a_row_that_cannot_be_read_is_changed_and_stops_nobody(on_sqlite: Chained) -> None:
    """SQLite lets anybody write anything anywhere."""
    await on_sqlite.minutes(1)
    await on_sqlite.sql(
        "UPDATE audit_entries SET details = 'no JSON' WHERE number = 2",
        "UPDATE audit_entries SET details = '{\"a\": NaN}' WHERE number = 3",
        "UPDATE audit_entries SET at = 'some day' WHERE number = 4",
        "UPDATE chain_links SET digest = 'word' WHERE position = 6",
    )
    assert await on_sqlite.kinds() == ["changed"] * 5
    await on_sqlite.write(2)
    await on_sqlite.sql("UPDATE audit_entries SET details = 'no JSON' WHERE number = 11")
    await on_sqlite.chainer().run()
    assert await on_sqlite.linked() == list(range(1, 13))


async def test_rows_that_changed_places_are_found(chained: Chained) -> None:
    await chained.minutes(2)
    await chained.sql(
        "UPDATE audit_entries SET number = 1000 WHERE number = 5",
        "UPDATE audit_entries SET number = 5 WHERE number = 9",
        "UPDATE audit_entries SET number = 9 WHERE number = 1000",
    )
    faults, _ = await chained.check()
    assert [fault.kind.value for fault in faults] == ["reordered", "reordered"]
    assert "row 5 (position 5): what was linked here stands at row 9" in str(faults[0])


async def test_links_that_changed_places_are_found(chained: Chained) -> None:
    await chained.minutes(2)
    await chained.sql(
        "UPDATE chain_links SET number = 1000 WHERE number = 5",
        "UPDATE chain_links SET number = 5 WHERE number = 9",
        "UPDATE chain_links SET number = 9 WHERE number = 1000",
    )
    assert await chained.kinds() == ["reordered", "reordered"]


async def test_a_truncated_end_is_found_by_the_anchors(chained: Chained) -> None:
    """Rows, links and head set back together: only the anchors outside the database still know."""
    await chained.minutes(3)
    before = select(chain_links.c.digest).where(chain_links.c.position == 25).scalar_subquery()
    await chained.sql(
        "DELETE FROM audit_entries WHERE number > 25",
        chains.update().values(position=25, settled=25, anchored_position=25, digest=before),
        "DELETE FROM chain_links WHERE position > 25",
    )
    faults, _ = await chained.check()
    assert [fault.kind.value for fault in faults] == ["truncated"]
    assert "ends at position 25, the anchor of 2026-11-23T07:02:02Z" in str(faults[0])


async def test_a_bare_chain_computed_anew_is_found_by_the_anchors(chained: Chained) -> None:
    await chained.minutes(3)
    await chained.sql("UPDATE audit_entries SET actor = 'sta_9' WHERE number = 15")
    await chained.relink()
    faults, _ = await chained.check()
    assert [fault.kind.value for fault in faults] == ["rewritten"]
    assert "positions 20 to 30" in str(faults[0])
    await chained.sql("DELETE FROM audit_entries WHERE number = 1")
    await chained.relink()
    assert "rewritten" in await chained.kinds()


async def test_a_row_that_came_too_late_is_found(chained: Chained) -> None:
    """Somebody writes into a gap of the past and lets the chainer link it."""
    await chained.sql("DELETE FROM audit_entries")
    await chained.write(3)
    await chained.sql("DELETE FROM audit_entries WHERE number = 2")
    await chained.minutes(2)
    columns = "at, actor, session, address, action, target, patient_id, consult_id, outcome, details"
    await chained.sql(
        f"INSERT INTO audit_entries (number, {columns}) SELECT 2, {columns} FROM audit_entries WHERE number = 1"
    )
    faults, _ = await chained.check()
    assert [str(fault) for fault in faults] == ["added      audit row 2: no link holds it"]
    await chained.sql("UPDATE chains SET settled = 0")
    await chained.minutes(1)
    faults, _ = await chained.check()
    assert [fault.kind.value for fault in faults] == ["added"]
    assert "audit row 2 (position 23): all before it had been anchored" in str(faults[0])


async def test_a_period_is_verified_between_its_anchors(on_sqlite: Chained) -> None:
    start = on_sqlite.clock.now()
    await on_sqlite.minutes(6)
    await on_sqlite.sql("UPDATE audit_entries SET actor = 'x' WHERE number IN (5, 35, 55)")
    since, until = start + timedelta(minutes=2, seconds=30), start + timedelta(minutes=3, seconds=30)
    faults, (found,) = await on_sqlite.check(since, until)
    assert [str(fault) for fault in faults] == ["changed    audit row 35 (position 35)"]
    assert found.rows < 60
    assert [fault.where for fault in (await on_sqlite.check(since))[0]] == [
        "audit row 35 (position 35)",
        "audit row 55 (position 55)",
    ]
    assert len((await on_sqlite.check(None, until))[0]) == 2
