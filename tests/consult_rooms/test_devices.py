"""Device links, on both stores: who makes them, what they open, for how long, and what is left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from consult_rooms.devices import MOST, TOPIC, DeviceLink, Devices, DeviceScope
from consult_rooms.model import Consult
from consult_rooms.tables import device_links
from foundation.audit import Audit, audit_entries
from foundation.errors import Conflict, Forbidden, Invalid, NotFound, SignInNeeded
from foundation.ids import ConsultId, DeviceId
from tests.consult_rooms.conftest import World

PUBLISH, VIEW = DeviceScope.PUBLISH, DeviceScope.VIEW


@pytest.fixture
def devices(world: World) -> Devices:
    return Devices(world.database, world.store, Audit(world.database), world.bus)


@pytest.fixture
async def consult(world: World) -> Consult:
    """A consult that a specialist has taken, so that its room is open."""
    asked = await world.ask()
    await world.answers.accept(world["ha"], asked.id)
    return asked


async def make(devices: Devices, world: World, consult: Consult, **more: Any) -> tuple[DeviceLink, str]:
    fields: dict[str, Any] = {"name": "Máy siêu âm", "scope": PUBLISH, "hours": 4} | more
    return await devices.create(world["lan"], consult.id, **fields)


async def begin(devices: Devices, link: DeviceLink) -> None:
    await devices.began(
        link.id, link.consult_id, link.scope,
        session_id="s1", offer="v=0", origin="1", tag='"t"', address="192.0.2.1",
    )  # fmt: skip


async def test_a_link_opens_its_room_for_its_purpose(devices: Devices, world: World, consult: Consult) -> None:
    link, secret = await make(devices, world, consult)
    assert secret.startswith("hod_")
    assert link.expires_at == world.clock.now() + timedelta(hours=4)
    admitted = await devices.admit(secret, consult.id, PUBLISH)
    assert (admitted.id, admitted.name, admitted.session) == (link.id, "Máy siêu âm", None)
    with pytest.raises(Forbidden, match=r"device\.scope"):
        await devices.admit(secret, consult.id, VIEW)
    with pytest.raises(NotFound, match=r"consult\.unknown"):
        await devices.admit(secret, ConsultId("con_" + "0" * 32), PUBLISH)
    for wrong in (secret + "x", "", "hod_"):
        with pytest.raises(SignInNeeded, match=r"device\.token"):
            await devices.admit(wrong, consult.id, PUBLISH)


async def test_neither_the_secret_nor_the_name_is_stored(devices: Devices, world: World, consult: Consult) -> None:
    _, secret = await make(devices, world, consult)
    async with world.database.reading() as tx:
        [row] = (await tx.execute(select(device_links))).all()
    assert secret.encode() not in b"".join(value for value in row if isinstance(value, bytes))
    assert "siêu".encode() not in row.name_sealed


async def test_requester_and_specialist_alone_hold_devices(devices: Devices, world: World, consult: Consult) -> None:
    link, _ = await make(devices, world, consult)
    assert [one.id for one in await devices.of_consult(world["ha"], consult.id)] == [link.id]
    for stranger, error in (("xa", NotFound), ("mai", NotFound), ("dieu", Forbidden), ("khai", Forbidden)):
        for act in (
            devices.create(world[stranger], consult.id, name="x", scope=VIEW, hours=1),
            devices.of_consult(world[stranger], consult.id),
            devices.revoke(world[stranger], consult.id, link.id),
        ):
            with pytest.raises((NotFound, Forbidden)) as refused:
                await act
            assert isinstance(refused.value, error) or stranger == "khai"


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", " "), ("name", "x" * 41), ("scope", "both"), ("hours", 0), ("hours", 25), ("hours", 3)],
)
async def test_what_cannot_be_a_link_is_named(
    devices: Devices, world: World, consult: Consult, field: str, value: object
) -> None:
    with pytest.raises(Invalid) as refused:
        await make(devices, world, consult, **{field: value})
    assert refused.value.field == field


async def test_there_are_not_too_many(devices: Devices, world: World, consult: Consult) -> None:
    links = [(await make(devices, world, consult))[0] for _ in range(MOST)]
    with pytest.raises(Conflict, match=r"device\.too_many"):
        await make(devices, world, consult)
    await devices.revoke(world["ha"], consult.id, links[0].id)
    await make(devices, world, consult)


async def test_nothing_opens_after_the_link_or_the_consult(devices: Devices, world: World, consult: Consult) -> None:
    ringing = await world.ask("other")
    with pytest.raises(Conflict, match=r"consult\.not_claimed"):
        await make(devices, world, ringing)
    _, expiring = await make(devices, world, consult, hours=1)
    link, revoked = await make(devices, world, consult)
    _, lasting = await make(devices, world, consult)
    await devices.revoke(world["lan"], consult.id, link.id)
    await devices.revoke(world["lan"], consult.id, link.id)
    world.clock.advance(3601)
    for secret in (expiring, revoked):
        with pytest.raises(SignInNeeded):
            await devices.admit(secret, consult.id, PUBLISH)
    await devices.admit(lasting, consult.id, PUBLISH)
    await world.rooms.end(world["ha"], consult.id)
    with pytest.raises(Conflict, match=r"consult\.ended"):
        await devices.admit(lasting, consult.id, PUBLISH)
    with pytest.raises(Conflict, match=r"consult\.ended"):
        await make(devices, world, consult)


async def test_a_booked_rooms_link_waits_for_it_to_open(devices: Devices, world: World) -> None:
    [slot] = await world.publish()
    booked = await world.book(slot)
    _, secret = await devices.create(world["ha"], booked.consult_id, name="Nội soi", scope=PUBLISH, hours=4)
    with pytest.raises(Conflict, match=r"consult\.scheduled"):
        await devices.admit(secret, booked.consult_id, PUBLISH)
    world.clock.advance(2 * 3600)
    await devices.admit(secret, booked.consult_id, PUBLISH)


async def test_a_session_is_remembered_renewed_and_forgotten(devices: Devices, world: World, consult: Consult) -> None:
    link, secret = await make(devices, world, consult)
    await begin(devices, link)
    held = (await devices.admit(secret, consult.id, PUBLISH)).session
    assert held is not None
    assert (held.id, held.offer, held.origin, held.tag) == ("s1", "v=0", "1", '"t"')
    await devices.renewed("s1", "v=0 again", '"u"')
    held = (await devices.admit(secret, consult.id, PUBLISH)).session
    assert held is not None
    assert (held.offer, held.tag) == ("v=0 again", '"u"')
    await devices.ended(link.id)
    await devices.ended(DeviceId("dev_" + "0" * 32))
    assert (await devices.admit(secret, consult.id, PUBLISH)).session is None
    await begin(devices, link)
    await devices.all_ended(consult.id)
    assert (await devices.admit(secret, consult.id, PUBLISH)).session is None


@pytest.mark.parametrize("how", ["revoked", "expired", "ended"])
async def test_devices_that_have_to_leave_are_found(devices: Devices, world: World, consult: Consult, how: str) -> None:
    link, _ = await make(devices, world, consult, hours=1)
    staying, _ = await make(devices, world, consult, hours=4) if how != "ended" else (None, "")
    for one in (link, staying):
        if one is not None:
            await begin(devices, one)
    assert await devices.over() == []
    if how == "revoked":
        async with world.bus.subscribe(TOPIC) as hints:
            await devices.revoke(world["lan"], consult.id, link.id)
            assert (await anext(hints))["link"] == link.id
    elif how == "expired":
        world.clock.advance(3600)
    else:
        await world.rooms.end(world["ha"], consult.id)
    assert await devices.over() == [(consult.id, link.id)]
    await devices.ended(link.id)
    world.clock.advance(61)
    assert await devices.over() == []


async def test_what_is_done_is_audited(devices: Devices, world: World, consult: Consult) -> None:
    link, _ = await make(devices, world, consult)
    await begin(devices, link)
    await devices.revoke(world["ha"], consult.id, link.id)
    async with world.database.reading() as tx:
        found = (await tx.execute(select(audit_entries).where(audit_entries.c.target == link.id))).all()
    assert [(row.action, row.actor) for row in found] == [
        ("device.create", world["lan"].id),
        ("device.publish", f"device:{link.id}"),
        ("device.revoke", world["ha"].id),
    ]
    assert {row.consult_id for row in found} == {consult.id}
    assert found[1].address == "192.0.2.1"
