"""What somebody changes in the database of signed minutes: none of it is shown or handed on as signed."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from consult_rooms.minutes_model import Seat
from consult_rooms.minutes_tables import minutes_addenda, minutes_signatures, minutes_versions
from consult_rooms.model import Consult
from consult_rooms.signatures import decoded, holds, payload, read_payload
from consult_rooms.trust_list import TrustList
from foundation.errors import Unavailable
from tests.consult_rooms.conftest import World
from tests.consult_rooms.test_minutes import DRAFT, PASSWORD, Desk, desk_of, refused


@pytest.fixture
async def desk(world: World) -> Desk:
    return await desk_of(world)


async def valid(desk: Desk, consult: Consult) -> bool:
    """Whether everything that is signed verifies as docs/signatures.md has it; False also for what is not shown."""
    try:
        view = await desk.minutes.read(desk.session("lan"), consult.id)
    except Unavailable as error:
        if error.code not in ("minutes.altered", "sealing.unreadable"):
            raise
        return False
    assert view.saved is not None
    listed = json.loads(json.loads(await TrustList(desk.keys, desk.world.clock).text())["list"])["keys"]
    keys = {one["id"]: decoded(one["public"]) for one in listed}
    carried = [payload(view.saved.digest, view.signatures[0].of, view.signatures)]
    carried += [payload(one.digest, 1, (one.signature,), "author") for one in view.addenda]
    try:
        told = [read_payload(one) for one in carried]
    except ValueError:
        return False
    return all(
        holds(stamp, one.digest, one.of, keys[stamp.key_id]) if stamp.key_id in keys else False
        for one in told
        for stamp in one.stamps
    )


def changes(name: str, value: Any, others: list[str]) -> list[Any]:
    """The value with some of its bytes changed; of keys, others that exist."""
    if isinstance(value, bytes):
        return [value[:at] + bytes((value[at] ^ 1,)) + value[at + 1 :] for at in range(0, len(value), 97)]
    if isinstance(value, datetime):
        return [value + timedelta(seconds=1)]
    if isinstance(value, int):
        return [value + 1]
    if name == "key_id":
        return [one for one in others if one != value]
    if name == "seat":
        return [one.value for one in Seat if one.value != value and one.signs]
    return [value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1 :] for at in range(0, len(value), 7)]


async def test_every_changed_byte_of_what_is_stored_of_signed_minutes_is_found(desk: Desk) -> None:
    consult = await desk.held()
    await desk.minutes.save(desk.session("lan"), consult.id, DRAFT, 0)
    for who in ("ha", "lan", "khai"):
        await desk.sign(who, consult)
    await desk.signing.add(desk.session("ha"), consult.id, 1, "CT: không xuất huyết.", password=PASSWORD)
    assert await valid(desk, consult)
    database = desk.world.database
    cases = (
        (minutes_versions, ("document_sealed", "sha256")),
        (minutes_addenda, ("document_sealed", "sha256", "at", "key_id", "signature")),
        (minutes_signatures, ("seat", "signers", "at", "key_id", "signature")),
    )
    _, keys = await desk.keys.published()
    for table, columns in cases:
        async with database.reading() as tx:
            row = (await tx.execute(select(table))).mappings().first()
        assert row is not None
        here = [column == row[column] for column in table.primary_key]
        for name in columns:
            for value in changes(name, row[name], [one.id for one in keys]):
                async with database.transaction() as tx:
                    await tx.execute(update(table).where(*here).values({name: value}))
                assert not await valid(desk, consult), f"{table.name}.{name}"
            async with database.transaction() as tx:
                await tx.execute(update(table).where(*here).values({name: row[name]}))
    assert await valid(desk, consult)


async def test_a_digest_that_was_changed_is_not_signed(desk: Desk) -> None:
    """Else somebody could have others sign a document that they do not see."""
    consult = await desk.held()
    await desk.minutes.save(desk.session("lan"), consult.id, DRAFT, 0)
    async with desk.world.database.transaction() as tx:
        await tx.execute(update(minutes_versions).values(sha256="0" * 64))
    assert (await refused(desk.sign("ha", consult))).code == "minutes.altered"
    assert await desk.count(minutes_signatures) == 0
