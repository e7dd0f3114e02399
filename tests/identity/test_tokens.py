"""API tokens: hashed, scoped, expiring, revocable, and of one facility."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from foundation.errors import Forbidden, Invalid
from identity.model import Scope
from identity.tables import api_tokens
from tests.identity.conftest import OPERATOR, Identity, World

SCOPES = frozenset({Scope.REQUESTS_READ, Scope.PATIENTS_FIND})


async def test_a_token_is_found_by_its_secret_alone(identity: Identity, world: World) -> None:
    token, secret = await identity.tokens.create(
        world.local_admin, facility_id=world.clinic.id, name=" HIS  xã ", scopes=SCOPES
    )
    assert (token.name, token.scopes, token.facility_id) == ("HIS xã", SCOPES, world.clinic.id)
    assert await identity.tokens.find(secret) == token
    assert await identity.tokens.find(secret[:-1]) is None
    assert await identity.tokens.find(token.id) is None
    async with identity.database.reading() as read:
        assert secret not in str((await read.execute(select(api_tokens))).all())


async def test_a_token_expires(identity: Identity, world: World) -> None:
    expires_at = identity.clock.now() + timedelta(days=1)
    _, secret = await identity.tokens.create(
        world.chief, facility_id=world.clinic.id, name="HIS", scopes=SCOPES, expires_at=expires_at
    )
    identity.clock.advance(86_399)
    assert await identity.tokens.find(secret) is not None
    identity.clock.advance(1)
    assert await identity.tokens.find(secret) is None


async def test_a_revoked_token_stops_at_once(identity: Identity, world: World) -> None:
    token, secret = await identity.tokens.create(
        world.local_admin, facility_id=world.clinic.id, name="HIS", scopes=SCOPES
    )
    await identity.tokens.revoke(world.local_admin, token.id)
    await identity.tokens.revoke(world.local_admin, token.id)
    assert await identity.tokens.find(secret) is None
    [listed] = await identity.tokens.of_facility(world.local_admin, world.clinic.id)
    assert listed.revoked_at == identity.clock.now()
    assert len(await identity.audited("token.revoke")) == 1


async def test_a_facility_out_of_use_has_no_tokens(identity: Identity, world: World) -> None:
    _, secret = await identity.tokens.create(world.chief, facility_id=world.clinic.id, name="HIS", scopes=SCOPES)
    await identity.administration.deactivate_facility(OPERATOR, world.clinic.id)
    assert await identity.tokens.find(secret) is None


async def test_the_last_use_is_noted(identity: Identity, world: World) -> None:
    _, secret = await identity.tokens.create(world.chief, facility_id=world.clinic.id, name="HIS", scopes=SCOPES)
    await identity.tokens.find(secret)
    used = identity.clock.now()
    identity.clock.advance(59)
    await identity.tokens.find(secret)
    [token] = await identity.tokens.of_facility(world.chief, world.clinic.id)
    assert token.last_used_at == used


async def test_only_the_facilitys_administrators(identity: Identity, world: World) -> None:
    for actor in (world.doctor, world.local_admin):
        with pytest.raises(Forbidden):
            await identity.tokens.create(actor, facility_id=world.hub.id, name="HIS", scopes=SCOPES)
        with pytest.raises(Forbidden):
            await identity.tokens.of_facility(actor, world.hub.id)
    token, _ = await identity.tokens.create(world.chief, facility_id=world.hub.id, name="HIS", scopes=SCOPES)
    with pytest.raises(Forbidden):
        await identity.tokens.revoke(world.local_admin, token.id)


async def test_what_cannot_be_made(identity: Identity, world: World) -> None:
    past = identity.clock.now()
    for values, code, field in (
        ({"name": " ", "scopes": SCOPES}, "entry.needed", "name"),
        ({"name": "HIS", "scopes": frozenset()}, "token.no_scope", "scopes"),
        ({"name": "HIS", "scopes": SCOPES, "expires_at": past}, "token.expired", "expires_at"),
    ):
        with pytest.raises(Invalid) as caught:
            await identity.tokens.create(world.chief, facility_id=world.hub.id, **values)
        assert (caught.value.code, caught.value.field) == (code, field)
