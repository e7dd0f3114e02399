"""How long the figures of one hospital take: 13 weeks of a large hospital's clinics, among as many consults of others.

Rows are written straight into the tables, as consults leave them; then `FiguresDesk.read` and `cases` answer for the
hospital with 100 clinics, warm. At 350,000 consults a day over 1,500 hospitals one has 21,000 in 13 weeks.

    .venv/bin/python -m bench.figures [--json] [--quick]
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.report import Figures, arguments, percentiles, show
from consult_rooms.figures import FiguresDesk, Which
from consult_rooms.tables import consults
from foundation.clock import FakeClock
from foundation.database import Database, metadata
from foundation.ids import FacilityId, new_id
from foundation.sealing import Sealer
from identity.tables import facilities, links
from tests.conftest import PostgresServer
from tests.consult_rooms.conftest import STROKE, STROKE_HOSPITAL, TARGETS, ZONE, seed

AIMS = {"figures_ms": "1000", "cases_ms": "200"}
_CLINICS, _CONSULTS, _QUICK = 100, 21_000, 2_000
_WEEKS, _ROUNDS, _BATCH = 13, 15, 2_000


async def _fill(database: Database, clock: FakeClock, count: int) -> Any:
    """`count` consults of the hospital's clinics and as many of others, evenly over the weeks; who reads them."""
    chance = random.Random(1)
    people = await seed(database)
    clinics = [FacilityId(new_id("fac")) for _ in range(2 * _CLINICS)]
    async with database.reading() as tx:
        like = dict((await tx.execute(facilities.select().limit(1))).mappings().one())
    async with database.transaction() as tx:
        rows = [
            {**like, "id": one, "code": f"{60_000 + number}", "is_hub": False} for number, one in enumerate(clinics)
        ]
        await tx.execute(facilities.insert(), rows)
        own = [{"spoke_id": one, "hub_id": STROKE_HOSPITAL, "rank": 1, "hours": ""} for one in clinics[:_CLINICS]]
        await tx.execute(links.insert(), own)
    now, sealed = clock.now(), Sealer({0: bytes(32), 1: bytes(range(32))}).seal(b"{}", "bench")
    for start in range(0, 2 * count, _BATCH):
        batch = []
        for number in range(start, min(start + _BATCH, 2 * count)):
            at = now - timedelta(seconds=chance.randrange(_WEEKS * 7 * 86_400 - 86_400))
            answered = chance.random() < 0.95
            batch.append(
                {
                    "id": new_id("con"),
                    "code": f"HC-{number}",
                    "state": "closed" if answered else "cancelled",
                    "urgency": chance.choice(["emergency", "urgent", "routine"]),
                    "specialty_id": STROKE,
                    "requester_id": people["lan"].id,
                    "requester_facility_id": clinics[number % len(clinics)],
                    "owner_id": people["lan"].id,
                    "patient_sealed": sealed,
                    "question_sealed": sealed,
                    "idempotency_hash": f"{number}",
                    "created_at": at,
                    "specialist_id": people["ha"].id if answered else None,
                    "specialist_facility_id": STROKE_HOSPITAL if answered else None,
                    "claimed_at": at + timedelta(seconds=chance.expovariate(1 / 90)) if answered else None,
                    "log_number": 0,
                }
            )
        async with database.transaction() as tx:
            await tx.execute(consults.insert(), batch)
    return people["dieu"]


async def _measured(url: str, count: int) -> dict[str, dict[str, float]]:
    clock = FakeClock(datetime(2026, 11, 22, 12, tzinfo=UTC))
    database = Database(url, clock, server_time=False)
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    try:
        keeper = await _fill(database, clock, count)
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql("ANALYZE")
        desk = FiguresDesk(database, ZONE, dict(TARGETS))
        first = clock.now().astimezone(ZONE).date() - timedelta(weeks=_WEEKS - 1)
        took: dict[str, list[float]] = {"figures_ms": [], "cases_ms": []}
        for _ in range(_ROUNDS):
            begun = time.perf_counter()
            found = await desk.read(keeper, STROKE_HOSPITAL, first, _WEEKS)
            between = time.perf_counter()
            await desk.cases(keeper, STROKE_HOSPITAL, first, _WEEKS, Which.LATE)
            took["figures_ms"].append((between - begun) * 1000)
            took["cases_ms"].append((time.perf_counter() - between) * 1000)
            if found.total.requests != count:
                raise RuntimeError(f"counted {found.total.requests} of {count} requests")
        return {name: percentiles(values) for name, values in took.items()}
    finally:
        await database.close()


def main() -> None:
    """Fill both stores and measure."""
    asked = arguments("how long the figures of a hospital take")
    count = _QUICK if asked.quick else _CONSULTS
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as folder:
        (Path(folder) / "postgres").mkdir()
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder) / "postgres")
        try:
            server.sql("CREATE DATABASE bench")
            for prefix, url in (("", server.url("bench")), ("sqlite_", f"sqlite+aiosqlite:///{folder}/hoichan.db")):
                for name, value in asyncio.run(_measured(url, count)).items():
                    figures[prefix + name] = value
        finally:
            server.stop()
    show(figures, AIMS, as_json=asked.json)


if __name__ == "__main__":
    main()
