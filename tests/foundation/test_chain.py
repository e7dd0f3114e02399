"""The hash chain: what holds after several chainers, late commits and crashes, and how it finds what was done to it."""

from __future__ import annotations

import asyncio
import resource
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, text

from foundation.anchors import Anchor, AnchorFolder, AnchorSigner, anchor_files, read_lines
from foundation.audit import Audit, AuditEntry, audit_entries
from foundation.bus import Bus
from foundation.chain import canonical, chain_links, chains
from foundation.clock import FakeClock
from foundation.database import Database
from tests.foundation.chained import Chained
from tests.statements import statements


@pytest.fixture
def signer() -> AnchorSigner:
    return AnchorSigner([Ed25519PrivateKey.from_private_bytes(bytes(range(32)))])


@pytest.fixture
def chained(database: Database, clock: FakeClock, tmp_path: Path, signer: AnchorSigner) -> Chained:
    """The same on both stores."""
    return Chained(database, clock, tmp_path / "anchors", signer)


@pytest.fixture
def on_sqlite(sqlite_database: Database, clock: FakeClock, tmp_path: Path, signer: AnchorSigner) -> Chained:
    """For tests in which the store does not matter."""
    return Chained(sqlite_database, clock, tmp_path / "anchors", signer)


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


async def test_anchors_that_were_touched_are_found(on_sqlite: Chained) -> None:
    await on_sqlite.minutes(4)
    (file,) = anchor_files(on_sqlite.folder)
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    cases: list[tuple[bytes, list[str]]] = [
        (b"".join(lines[:1] + lines[2:]), ["anchor"]),  # one removed
        (b"".join(lines[:3]), ["anchor"]),  # the last one removed
        (whole.replace(b'"position":20', b'"position":21'), ["anchor", "anchor"]),  # its bytes and its name differ
        (b"".join([lines[0], b"{}\n", *lines[2:]]), ["anchor"]),
        (b"", ["anchor"]),
        (b"\xff\x00" * 9_000 + b"\n" + whole, ["anchor"]),
    ]
    for tampered, kinds in cases:
        file.write_bytes(tampered)
        faults, _ = await on_sqlite.check()
        assert [fault.kind.value for fault in faults][: len(kinds)] == kinds, (tampered[:80], faults)
    file.unlink()
    assert await on_sqlite.kinds() == ["anchor"]
    file.write_bytes(whole)
    assert await on_sqlite.kinds() == []
    stranger = AnchorSigner([Ed25519PrivateKey.generate()])
    faults, _ = await on_sqlite.check(signer=stranger)
    assert {str(fault).partition(": ")[2] for fault in faults[:4]} == {"signed by no trusted key"}


async def test_a_forged_anchor_hides_nothing(on_sqlite: Chained, tmp_path: Path) -> None:
    """Somebody without the key puts an anchor far ahead, so that later ones might be passed over."""
    await on_sqlite.minutes(2)
    forger = AnchorSigner([Ed25519PrivateKey.generate()])
    there = Anchor(on_sqlite.clock.now(), "audit", 0, 1, 10**15, 10**15, bytes(32))
    AnchorFolder(on_sqlite.folder, forger).append([there])
    await on_sqlite.minutes(2)
    await on_sqlite.sql("UPDATE audit_entries SET actor = 'x' WHERE number = 35")
    await on_sqlite.relink()
    faults, found = await on_sqlite.check()
    assert [fault.kind.value for fault in faults] == ["anchor", "rewritten"]
    assert found[0].anchors == 4


async def test_earlier_keys_are_trusted_and_the_last_signs(on_sqlite: Chained, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "audit-key"
    on_sqlite.signer = first = AnchorSigner.from_file(path, create=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert AnchorSigner.from_file(path, create=True).name == first.name
    await on_sqlite.minutes(1)
    AnchorSigner.from_file(tmp_path / "second", create=True)
    with path.open("ab") as file:
        file.write((tmp_path / "second").read_bytes())
    on_sqlite.signer = AnchorSigner.from_file(path)
    assert on_sqlite.signer.name != first.name
    await on_sqlite.minutes(1)
    assert await on_sqlite.kinds() == []
    assert len((await on_sqlite.check(signer=first))[0]) > 0
    for wrong in (b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="key"):
            AnchorSigner.from_file(path)


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


async def test_two_chainers_at_once(chained: Chained) -> None:
    """No lease between them: the compare-and-set alone keeps the chain one."""
    chainers = [chained.chainer() for _ in range(3)]
    for turn in range(8):
        await asyncio.gather(*(chained.write(7, turn * 100 + part * 7) for part in range(3)))
        await asyncio.gather(*(chainer.run() for chainer in chainers))
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


async def test_a_full_disk_is_said_and_loses_nothing(on_sqlite: Chained, caplog: pytest.LogCaptureFixture) -> None:
    on_sqlite.folder.write_text("no folder")
    chainer = on_sqlite.chainer()
    await on_sqlite.write(5)
    await chainer.run()
    assert not chainer.sound
    assert "AUDIT ANCHORS CANNOT BE WRITTEN" in caplog.text
    assert await on_sqlite.linked() == [1, 2, 3, 4, 5], "rows are linked all the same"
    on_sqlite.folder.unlink()
    on_sqlite.clock.advance(11)
    await chainer.run()
    assert chainer.sound
    faults, (found,) = await on_sqlite.check()
    assert (faults, found.anchors) == ([], 1)


async def test_an_anchor_that_was_cut_short(on_sqlite: Chained, tmp_path: Path) -> None:
    """By a disk that filled up in the middle of a line, and by a crash there."""
    folder = AnchorFolder(on_sqlite.folder, on_sqlite.signer)
    await on_sqlite.minutes(2)
    (file,) = anchor_files(on_sqlite.folder)
    whole = file.read_bytes()
    there = next(line.held.anchor for line in read_lines([(file, len(whole))]) if line.held)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 50, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            folder.append([there])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == whole
    file.write_bytes(whole + b'{"at":"2026-11-2')
    assert await on_sqlite.kinds() == []
    await on_sqlite.minutes(1)
    assert file.read_bytes().startswith(whole + b'{"at":"2026-11-2\n{')
    faults, (found,) = await on_sqlite.check()
    assert (faults, found.anchors) == ([], 3)


async def test_anchors_go_on_over_midnight_and_a_clock_set_back(on_sqlite: Chained) -> None:
    await on_sqlite.minutes(1)
    on_sqlite.clock.advance(86_400)
    await on_sqlite.minutes(2)
    on_sqlite.clock.advance(-86_400)
    await on_sqlite.sql("UPDATE chains SET anchored_at = NULL")
    await on_sqlite.minutes(2)
    assert [file.name for file in anchor_files(on_sqlite.folder)] == ["2026-11-23.anchors", "2026-11-24.anchors"]
    faults, (found,) = await on_sqlite.check()
    assert faults == []
    assert found.anchors >= 4
    anchor_files(on_sqlite.folder)[0].unlink()  # moved to other storage
    assert await on_sqlite.kinds() == []


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
    assert [text_.partition(" (")[0] for text_ in seen] == ["BEGIN IMMEDIATE", "INSERT INTO audit_entries"]


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
