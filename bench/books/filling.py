"""Fills a store with sealed books: the rows are those of the importer's own code, sealed again for each citizen."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from foundation.ids import PatientId, new_id
from hoichan.wiring import Parts
from records_panel.citizens import Identity
from records_panel.embedded_book import log_place, prepared_book, summary_place
from records_panel.importing import key_of, plain, stored_id, with_references
from records_panel.register import Register
from records_panel.tables import patient_words, patients, resource_log, summaries

_BATCH = 2000
_TOLD = 100_000
"""After so many books a line says how far it is."""
_FAMILY = (
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Hoàng",
    "Huỳnh",
    "Phan",
    "Vũ",
    "Võ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Hồ",
    "Ngô",
    "Dương",
)
_MIDDLE = ("Văn", "Thị", "Đức", "Minh", "Ngọc", "Thanh", "Hữu", "Quang", "Kim", "Xuân")
_GIVEN = ("An", "Bình", "Châu", "Dũng", "Hà", "Hải", "Hạnh", "Hoa", "Hùng", "Lan", "Linh", "Long", "Mai", "Nam", "Phúc")
_TABLES = (patients, patient_words, resource_log, summaries)
_COLUMNS = {table.name: [column.name for column in table.columns] for table in _TABLES}


@dataclass(frozen=True, slots=True)
class Template:
    """The resources of one real bundle, under their stored ids."""

    resources: list[dict[str, Any]]


def templates(bundles: list[dict[str, Any]]) -> list[Template]:
    """What the importer makes of each bundle."""
    made = []
    for bundle in bundles:
        names: dict[str, str] = {}
        for entry in bundle["entry"]:
            kind, identifier = key_of(entry["resource"], entry.get("fullUrl", ""))
            name = f"{kind}/{stored_id(entry['resource'], entry.get('fullUrl', ''), '51001')}"
            names |= {plain(entry.get("fullUrl", "")): name, f"{kind}/{identifier}": name}
        resources = []
        for entry in bundle["entry"]:
            resource = with_references(entry["resource"], names.get)
            resources.append(resource | {"id": stored_id(entry["resource"], entry.get("fullUrl", ""), "51001")})
        made.append(Template(resources))
    return made


def citizens() -> Iterator[Identity]:
    """Invented people without end, no two with the same number."""
    dice = random.Random(3)
    for number in itertools.count(1):
        born = date(1930, 1, 1) + timedelta(days=dice.randrange(34_000))
        sex = dice.randrange(2)
        century = 0 if born.year < 2000 else 2
        yield Identity(
            name=f"{dice.choice(_FAMILY)} {dice.choice(_MIDDLE)} {dice.choice(_GIVEN)}",
            birth_date=born,
            sex=("male", "female")[sex],
            commune_code=f"{dice.randrange(3321):05d}",
            commune="xã Sơn Mỹ",
            # Beyond a million the six digits run out, and the province's three go on.
            cccd=f"{100 + number // 1_000_000:03d}{century + sex}{born.year % 100:02d}{number % 1_000_000:06d}",
        )


class Filler:
    """Writes books in batches: COPY on PostgreSQL, executemany on SQLite."""

    def __init__(self, parts: Parts, made: list[Template]) -> None:
        self._parts = parts
        self._register = Register(parts.sealer)
        # Packed once a bundle, as the importer packs it; sealing is each citizen's own.
        stand_in = next(citizens())
        self._packed = [prepared_book(PatientId(new_id("pat")), stand_in, one.resources, _NOW) for one in made]

    async def fill(self, count: int) -> list[PatientId]:
        """Add so many citizens; gives their ids."""
        ids: list[PatientId] = []
        if not self._parts.database.is_sqlite:
            # Sealed bytes do not compress again: without this PostgreSQL would try on each row.
            async with self._parts.database.engine.begin() as connection:
                for table in ("resource_log", "summaries"):
                    await connection.exec_driver_sql(f"ALTER TABLE {table} ALTER COLUMN content SET STORAGE EXTERNAL")
        people = citizens()
        while len(ids) < count:
            batch = [(PatientId(new_id("pat")), next(people)) for _ in range(min(_BATCH, count - len(ids)))]
            await self._write(batch, len(ids))
            ids += [patient_id for patient_id, _ in batch]
            if len(ids) % _TOLD == 0:
                print(f"{len(ids)} of {count} books", file=sys.stderr)
        async with self._parts.database.engine.connect() as connection:
            if self._parts.database.is_sqlite:
                await connection.exec_driver_sql("ANALYZE")
                await connection.commit()
                return ids
            # What PostgreSQL does by itself within the hour is done before anything is timed, not meanwhile.
            alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
            for statement in ("VACUUM (ANALYZE)", "CHECKPOINT"):
                await alone.exec_driver_sql(statement)
        return ids

    async def _write(self, batch: list[tuple[PatientId, Identity]], done: int) -> None:
        sealer = self._parts.sealer
        rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in _TABLES}
        for number, (patient_id, identity) in enumerate(batch, done):
            log, summary = self._packed[number % len(self._packed)]
            row, found_by = self._register.rows(patient_id, identity)
            base = {"id": patient_id, "created_at": _NOW, "created_by": "bench", "demo": False, "book_version": 1}
            rows["patients"].append(base | row)
            rows["patient_words"] += found_by
            rows["resource_log"].append(
                {
                    "patient_id": patient_id,
                    "version": 1,
                    "resource_type": "Bundle",
                    "resource_id": "",
                    "content": sealer.seal(log, log_place(patient_id, 1)),
                    "facility_code": "51001",
                    "author": "bench",
                    "at": _NOW,
                }
            )
            content = sealer.seal(summary, summary_place(patient_id))
            rows["summaries"].append({"patient_id": patient_id, "version": 1, "content": content, "at": _NOW})
        if self._parts.database.is_sqlite:
            async with self._parts.database.transaction() as tx:
                for table in _TABLES:
                    await tx.execute(insert(table), rows[table.name])
            return
        async with self._parts.database.engine.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            async with raw.transaction():
                for name, columns in _COLUMNS.items():
                    records = [tuple(row[column] for column in columns) for row in rows[name]]
                    await raw.copy_records_to_table(name, records=records, columns=columns)


_NOW = datetime(2026, 11, 1, tzinfo=UTC)
