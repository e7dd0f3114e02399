"""What the audit costs: a row before a panel is read, with and without the chainer beside it; linking; verifying.

A panel waits for one durable audit row, so the time of that commit is what the audit costs a read. Rows are then
written in bulk, linked by one chainer, and verified, on PostgreSQL and on SQLite (keys prefixed `sqlite_`). Both write
to this machine's disk; PostgreSQL is that of the tests, with fsync off.

    .venv/bin/python -m bench.audit [--json] [--quick]

Needs Debian's `postgresql`.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bench.report import Figures, arguments, show
from foundation.anchors import AnchorFolder, AnchorKeys, AnchorSigner
from foundation.audit import AUDIT, Audit, AuditEntry
from foundation.bus import MemoryBus
from foundation.chain_check import ChainCheck
from foundation.chainer import Chainer
from foundation.clock import SystemClock
from foundation.database import Database
from hoichan.migrate import upgrade
from tests.conftest import PostgresServer

AIMS = {"chain_rows_per_s": "≥ 2000", "sqlite_chain_rows_per_s": "≥ 2000"}
"""Three times what a country writes at its busiest: 12 new consults a second, some 50 rows each."""
_READ = AuditEntry(
    "sta_" + "0" * 32,
    "book.read",
    session="ses_" + "0" * 32,
    address="10.1.2.3",
    patient_id="pat_" + "0" * 32,
    consult_id="con_" + "0" * 32,
    details={"purpose": "TREAT", "whole": False, "right": "consult"},
)


async def commits(audit: Audit, count: int) -> dict[str, float]:
    """How long one row takes until it is durable, in milliseconds."""
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        await audit.commit(_READ)
        times.append((time.perf_counter() - begin) * 1000)
    ordered = sorted(times)
    return {"p50": round(ordered[len(ordered) // 2], 3), "p95": round(ordered[len(ordered) * 95 // 100], 3)}


async def measure_store(database: Database, folder: Path, rows: int) -> Figures:
    """The figures of one store."""
    await upgrade(database)
    clock, audit = SystemClock(), Audit(database)
    signer = AnchorSigner.from_file(folder / "key.pem", create=True)
    chainer = Chainer(database, MemoryBus(clock), clock, (AUDIT,), AnchorFolder(folder / "anchors", signer))
    few = max(200, rows // 50)
    await commits(audit, 50)
    alone = await commits(audit, few)

    async def chaining() -> None:
        while True:
            await chainer.run()
            await asyncio.sleep(0.1)  # ten times as often as it does, so that it is there

    task = asyncio.create_task(chaining())
    beside = await commits(audit, few)
    await chainer.finish()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    for _ in range(rows // 1_000):
        async with database.transaction() as tx:
            for _ in range(1_000):
                await audit.record(tx, _READ)
    chainer = Chainer(database, MemoryBus(clock), clock, (AUDIT,), AnchorFolder(folder / "anchors", signer))
    begin = time.perf_counter()
    await chainer.run()
    linked = time.perf_counter() - begin
    check = ChainCheck(database, (AUDIT,), folder / "anchors", AnchorKeys(signer.public_keys))
    begin = time.perf_counter()
    faults = [fault async for fault in check.faults()]
    verified = time.perf_counter() - begin
    (found,) = check.found
    if faults or found.waiting:
        raise RuntimeError("the chain is not whole")
    return {
        "row_ms": alone,
        "row_beside_chainer_ms": beside,
        "chain_rows_per_s": round(rows / linked),
        "verify_rows_per_s": round(found.rows / verified),
    }


async def measure(*, quick: bool) -> Figures:
    """Both stores."""
    rows, result = (5_000 if quick else 50_000), Figures()
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # noqa: ASYNC240 - PostgreSQL runs as a user of its own
        (place := folder / "postgres").mkdir()
        server = await asyncio.to_thread(PostgresServer, place)
        try:
            await asyncio.to_thread(server.sql, "CREATE DATABASE audit")
            for prefix, url in (("", server.url("audit")), ("sqlite_", f"sqlite+aiosqlite:///{folder / 'audit.db'}")):
                (own := folder / f"{prefix}own").mkdir()
                database = Database(url, SystemClock())
                try:
                    found = await measure_store(database, own, rows)
                finally:
                    await database.close()
                result |= {prefix + key: value for key, value in found.items()}
        finally:
            await asyncio.to_thread(server.stop)
    return result


def main() -> None:
    options = arguments("What the audit costs a panel, and how fast it is linked and verified.")
    show(asyncio.run(measure(quick=options.quick)), AIMS, as_json=options.json)


if __name__ == "__main__":
    main()
