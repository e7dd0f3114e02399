"""Hash chains over append-only tables: what a link is, and the bytes that it holds fast.

Rows are written unlinked, at the cost of a plain INSERT; `foundation.chainer` links them once they are committed. A
link is SHA-256 (FIPS 180-4) over the link before it and the canonical bytes of its row, so no row can be changed,
removed or moved without a new digest for every link after it; the anchors outside the database hold those.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Dialect,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    type_coerce,
)
from sqlalchemy.types import TypeEngine, UserDefinedType

from foundation.database import Instant, metadata

chains = Table(
    "chains",
    metadata,
    Column("source", String(32), nullable=False),
    Column("shard", Integer, nullable=False),
    Column("shards", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("anchored_position", BigInteger, nullable=False),
    Column("anchored_at", Instant),
    PrimaryKeyConstraint("source", "shard"),
)
"""The head of each chain. Every row of its shard up to number `settled` is linked, and none below can still come."""

chain_links = Table(
    "chain_links",
    metadata,
    Column("source", String(32), nullable=False),
    Column("shard", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("source", "shard", "position"),
    UniqueConstraint("source", "number"),
)
"""One link a row, counted from 1 in each chain: which row stands there, and the digest up to and with it."""


@dataclass(frozen=True, slots=True)
class Source:
    """An append-only table. `number` is its integer key, which the store hands out in rising order.

    `places` are groups of columns that say where a row stands; whoever swaps two rows swaps one of these groups.
    """

    name: str
    table: Table
    number: Column[int]
    places: tuple[tuple[str, ...], ...]

    def columns(self) -> list[ColumnElement[Any]]:
        """The columns of a row as they are linked and verified, under their own names."""
        loose = [isinstance(column.type, JSON | Instant) for column in self.table.c]
        return [
            type_coerce(column, _Held(column.type)).label(column.name) if is_loose else column
            for column, is_loose in zip(self.table.c, loose, strict=True)
        ]

    def of_shard(self, shard: int, shards: int) -> ColumnElement[bool]:
        """The condition that a row belongs to that shard."""
        if shards == 1:
            return self.number > 0
        return self.number % shards == shard


@dataclass(frozen=True, slots=True)
class Head:
    """A chain's row in `chains`."""

    source: Source
    shard: int
    shards: int
    position: int
    digest: bytes
    settled: int
    anchored_position: int
    anchored_at: datetime | None

    @property
    def name(self) -> str:
        """For logs and leases."""
        return f"{self.source.name}:{self.shard}"


class _Held(UserDefinedType[Any]):
    """A column's value, or its raw form where somebody has written what cannot be read: that too can be linked."""

    cache_ok = True

    def __init__(self, real: TypeEngine[Any]) -> None:
        self.real = real

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        process = self.real.dialect_impl(dialect).result_processor(dialect, coltype)

        def held(value: Any) -> Any:
            try:
                return value if process is None else process(value)
            except (ValueError, TypeError):
                return ["unreadable", str(value)]

        return held


def genesis(source: str, shard: int) -> bytes:
    """The digest before the first link, a different one for each chain."""
    return sha256(f"hoichan chain 1\0{source}\0{shard}".encode()).digest()


def canonical(row: Mapping[str, Any]) -> bytes:
    """The bytes of a row: JSON (RFC 8259) of its columns by name, sorted, without blanks, in UTF-8.

    Columns that are null are left out, so a column that a later version adds changes no older row. Instants are UTC
    with microseconds.
    """
    held = {name: _plain(value) for name, value in row.items() if value is not None}
    return json.dumps(held, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def link(before: bytes, row: Mapping[str, Any]) -> bytes:
    """The digest of the link that follows `before` with this row."""
    return sha256(before + canonical(row)).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, bytes):
        return value.hex()
    return value
