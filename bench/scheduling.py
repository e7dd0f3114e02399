"""How long the calendar of a country takes: the next free times, a booking, the board.

500 specialists of 60 hospitals publish a year of half hours (about 2 million slots) for 14,000 facilities, each linked
to four hospitals. Rows are written straight into the tables, as `Scheduling.publish` leaves them, all of them free;
then the services answer, warm: the next ten free slots of a specialty and a level at a clinic's hospitals; bookings by
50 people, each of another slot for another clinic; the board of one hospital's coordinator.

Bookings are measured twice. `book_p99_ms`: none of the 50 pauses, so that 50 bookings are under way in one process at
every moment; it is 50 times what one costs. `book_paced_p99_ms`: each of them begins one every second, at a moment of
their own, which is 50 a second (all of a year's 2 million times, booked in working hours, are 0.3 a second).

The aims are of the 99th percentile; the 95th stands beside each. `fill_s` is how long the rows took to write; memory
stays at a batch of rows and one identifier a slot.

    .venv/bin/python -m bench.scheduling [--json] [--quick] [--slots 2000000]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.report import Figures, show
from consult_rooms import calendar
from consult_rooms.free_slots import nearest
from consult_rooms.tables import quarter_units, slots
from foundation.bus import MemoryBus
from foundation.clock import FakeClock
from foundation.database import Database, metadata
from foundation.errors import Conflict
from foundation.ids import FacilityId, SlotId, SpecialtyId, StaffId, new_id
from foundation.sealing import Sealer
from identity.model import Role, Staff
from identity.tables import facilities, links, specialties, staff, staff_specialties
from tests.conftest import PostgresServer
from tests.consult_rooms.conftest import CONSENT, PATIENT, QUESTION, World, build, seed

AIMS = {
    f"{prefix}{name}": aim
    for prefix in ("", "sqlite_")
    for name, aim in (("find_free_p99_ms", "50"), ("book_p99_ms", "100"), ("board_p99_ms", "200"))
}
_SLOTS, _QUICK_SLOTS = 2_000_000, 40_000
_FACILITIES, _HOSPITALS, _SPECIALISTS, _FIELDS, _LINKS = 14_000, 60, 500, 20, 4
_DAY = 11
"""Slots of a specialist on a day."""
_FINDS, _BOOKERS, _BOOKINGS, _BOARDS, _BATCH = 500, 50, 10, 40, 50_000
_EVERY_S = 1.0
"""How often a booker begins a booking."""
_FIRST = datetime(2026, 11, 23, 1, tzinfo=UTC)
"""08:00 at the hospitals."""


class Country:
    """Who is where; the same for both stores."""

    def __init__(self) -> None:
        chance = random.Random(1)
        self.hospitals = [FacilityId(new_id("fac")) for _ in range(_HOSPITALS)]
        self.clinics = [FacilityId(new_id("fac")) for _ in range(_FACILITIES)]
        self.fields = [SpecialtyId(new_id("spe")) for _ in range(_FIELDS)]
        self.specialists = [
            (StaffId(new_id("stf")), self.hospitals[number % _HOSPITALS], self.fields[number % _FIELDS])
            for number in range(_SPECIALISTS)
        ]
        self.doctors = {clinic: StaffId(new_id("stf")) for clinic in self.clinics}
        self.coordinators = {hospital: StaffId(new_id("stf")) for hospital in self.hospitals}
        self.hubs = {clinic: chance.sample(self.hospitals, _LINKS) for clinic in self.clinics}


async def _write(database: Database, table: Any, rows: list[dict[str, Any]]) -> None:
    """Many rows at once: COPY on PostgreSQL, the driver's own executemany on SQLite."""
    names = list(rows[0])
    async with database.engine.begin() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        if not database.is_sqlite:
            await raw.copy_records_to_table(table.name, records=[tuple(row.values()) for row in rows], columns=names)
            return
        marks = ", ".join("?" * len(names))
        values = [tuple(map(_as_text, row.values())) for row in rows]
        await raw.executemany(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})", values)


def _as_text(value: Any) -> Any:
    """As SQLAlchemy stores an instant in SQLite."""
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


async def _fill(database: Database, country: Country, count: int) -> list[SlotId]:
    await seed(database)
    async with database.reading() as tx:
        place = dict((await tx.execute(facilities.select().limit(1))).mappings().one())
        person = dict((await tx.execute(staff.select().limit(1))).mappings().one())
    places = [
        {
            **place,
            "id": one,
            "code": f"{60_000 + number}",
            "is_hub": number < _HOSPITALS,
            "technical_level": ("basic", "specialised")[number % 2],
        }
        for number, one in enumerate([*country.hospitals, *country.clinics])
    ]
    people = [(one, where, Role.SPECIALIST) for one, where, _ in country.specialists]
    people += [(one, where, Role.RURAL_DOCTOR) for where, one in country.doctors.items()]
    people += [(one, where, Role.COORDINATOR) for where, one in country.coordinators.items()]
    async with database.transaction() as tx:
        await tx.execute(facilities.insert(), places)
        named = [
            {"id": one, "code": f"f{n}", "name_vi": f"Khoa {n}", "name_en": f"Field {n}"}
            for n, one in enumerate(country.fields)
        ]
        await tx.execute(specialties.insert(), named)
        await tx.execute(
            staff.insert(),
            [
                {
                    **person,
                    "id": one,
                    "user_name": one,
                    "full_name": one,
                    "facility_id": where,
                    "roles": [role.value],
                    "active": True,
                }
                for one, where, role in people
            ],
        )
        held = [{"staff_id": one, "specialty_id": field} for one, _, field in country.specialists]
        await tx.execute(staff_specialties.insert(), held)
        linked = [{"spoke_id": clinic, "hub_id": hub} for clinic, hubs in country.hubs.items() for hub in hubs]
        await tx.execute(links.insert(), linked)
    made: list[SlotId] = []
    rows: list[dict[str, Any]] = []
    units: list[dict[str, Any]] = []
    half = timedelta(minutes=30)
    for number in range(count):
        turn, who = divmod(number, _SPECIALISTS)
        specialist_id, hospital_id, field = country.specialists[who]
        starts = _FIRST + timedelta(days=1 + turn // _DAY) + turn % _DAY * half
        slot_id = SlotId(new_id("slo"))
        made.append(slot_id)
        rows.append(
            {
                "id": slot_id,
                "specialist_id": specialist_id,
                "specialty_id": field,
                "facility_id": hospital_id,
                "starts_at": starts,
                "ends_at": starts + half,
            }
        )
        resource = calendar.of_person(specialist_id)
        units += [
            {"resource": resource, "quarter": quarter, "holder": slot_id}
            for quarter in calendar.quarters(starts, starts + half)
        ]
        if len(rows) == _BATCH or number == count - 1:
            await _write(database, slots, rows)
            await _write(database, quarter_units, units)
            rows, units = [], []
    return made


async def _measured(url: str, country: Country, count: int) -> dict[str, float]:
    clock = FakeClock(_FIRST)
    database = Database(url, clock, server_time=False)
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    try:
        begun = time.perf_counter()
        made = await _fill(database, country, count)
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql("ANALYZE")
        fill_s = round(time.perf_counter() - begun, 1)
        sealer = Sealer({0: bytes(32), 1: bytes(range(32))})
        world = await build(database, clock, MemoryBus(clock), sealer, {}, rota=False)
        return {
            "fill_s": fill_s,
            **await _find(world, country),
            **await _book(world, country, made),
            **await _board(world, country),
        }
    finally:
        await database.close()


async def _find(world: World, country: Country) -> dict[str, float]:
    chance, took = random.Random(2), []
    for _ in range(_FINDS + 20):
        clinic = chance.choice(country.clinics)
        field, level = chance.choice(country.fields), chance.choice(("basic", "specialised"))
        begun = time.perf_counter()
        async with world.database.reading() as tx:
            await nearest(tx, field, country.hubs[clinic], await tx.now(), level=level)
        took.append(time.perf_counter() - begun)
    return _tail("find_free", took[20:])


async def _book(world: World, country: Country, made: list[SlotId]) -> dict[str, float]:
    people = {one.id: one for one in (await world.directory.staff_many(country.coordinators.values())).values()}
    by_hub: dict[FacilityId, list[FacilityId]] = {}
    for clinic, hubs in country.hubs.items():
        for hub in hubs:
            by_hub.setdefault(hub, []).append(clinic)
    chance = random.Random(3)
    chosen = chance.sample(range(len(made)), 2 * _BOOKERS * (_BOOKINGS + 1))

    async def booker(mine: list[int], every_s: float, took: list[float]) -> None:
        await asyncio.sleep(chance.random() * every_s)
        for place, number in enumerate(mine):
            hub = country.specialists[number % _SPECIALISTS][1]
            clinic = by_hub[hub][number % len(by_hub[hub])]
            coordinator: Staff = people[country.coordinators[hub]]
            begun = time.perf_counter()
            try:
                await world.scheduling.book(
                    coordinator,
                    made[number],
                    clinic,
                    None,
                    country.doctors[clinic],
                    PATIENT,
                    QUESTION,
                    CONSENT,
                    f"b{number}",
                )
            except Conflict:  # two of them want one clinic's room at one hour
                continue
            lasted = time.perf_counter() - begun
            if place:
                took.append(lasted)
            await asyncio.sleep(max(0.0, every_s - lasted))

    figures: dict[str, float] = {}
    half = len(chosen) // 2
    for name, slots_of_all, every_s in (("book", chosen[:half], 0.0), ("book_paced", chosen[half:], _EVERY_S)):
        took: list[float] = []
        mine = [slots_of_all[start::_BOOKERS] for start in range(_BOOKERS)]
        await asyncio.gather(*(booker(one, every_s, took) for one in mine))
        figures |= _tail(name, took)
    return figures


async def _board(world: World, country: Country) -> dict[str, float]:
    people = list((await world.directory.staff_many(country.coordinators.values())).values())
    took = []
    for number in range(_BOARDS + 5):
        begun = time.perf_counter()
        await world.board.queries.board(people[number % len(people)])
        took.append(time.perf_counter() - begun)
    return _tail("board", took[5:])


def _tail(name: str, values: list[float]) -> dict[str, float]:
    """The 99th and the 95th percentile of seconds, in milliseconds, by the nearest rank."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    ranks = {share: -(-len(ordered) * share // 100) - 1 for share in (99, 95)}
    return {f"{name}_p{share}_ms": round(ordered[rank] * 1_000, 1) for share, rank in ranks.items()}


def main() -> None:
    """Fill both stores, one after the other, and measure."""
    parser = argparse.ArgumentParser(description="how long the calendar of a country takes")
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--quick", action="store_true", help="a short run, for a look rather than for a figure")
    parser.add_argument("--slots", type=int, help="slots of the year")
    asked = parser.parse_args()
    count = asked.slots or (_QUICK_SLOTS if asked.quick else _SLOTS)
    figures: Figures = {"slots": count}
    country = Country()
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as folder:
        (Path(folder) / "postgres").mkdir()
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder) / "postgres")
        try:
            server.sql("CREATE DATABASE bench")
            for prefix, url in (("", server.url("bench")), ("sqlite_", f"sqlite+aiosqlite:///{folder}/hoichan.db")):
                for name, value in asyncio.run(_measured(url, country, count)).items():
                    figures[prefix + name] = value
        finally:
            server.stop()
    show(figures, AIMS, as_json=asked.json)


if __name__ == "__main__":
    main()
