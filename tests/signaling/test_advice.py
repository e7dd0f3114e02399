"""Advice and strokes reach both sides of a room at once, after a broken line too; no observer reads advice."""

from __future__ import annotations

import asyncio

from consult_rooms.advice import Wording
from consult_rooms.model import ParticipantRole
from consult_rooms.shared_work import SharedWork
from tests.consult_rooms.test_drawings import picture
from tests.signaling.conftest import Live


async def test_items_and_answers_reach_everyone_who_may_read_them(live: Live) -> None:
    world = live.world
    advice = SharedWork.over(world.database, world.store, world.log, world.directory).advice
    lan, ha, watcher = [await live.connect(who) for who in ("lan", "ha", "khai")]
    consult = await live.claimed()
    await lan.join(consult)
    await ha.join(consult)
    await world.rooms.invite(world["ha"], consult.id, world["khai"].id, ParticipantRole.OBSERVER)
    await watcher.join(consult)
    item = await advice.give(world["ha"], consult.id, Wording("drug", "Aspirin", "300 mg"), "key-00001")
    for client in (lan, ha):
        (told,) = (await client.next("advice"))["items"]
        assert (told["number"], told["text"], told["dose"], told["state"]) == (1, "Aspirin", "300 mg", "open")
    await advice.answer(world["lan"], consult.id, item.id, 1, "cannot", "Không có thuốc")
    for client in (lan, ha):
        await client.next("log", consult_id=consult.id)
        while len(client.all("advice")) < 2:
            await asyncio.sleep(0.01)
        (told,) = client.all("advice")[1]["items"]
        assert (told["state"], told["reason"], told["version"]) == ("cannot", "Không có thuốc", 2)
    assert watcher.all("advice") == []
    # Before its number in the log: whoever drops in between asks for it again.
    names = [name for name, _ in ha.received if name in ("advice", "log")]
    assert names.index("advice") < len(names) - 1
    back = await (await live.connect("ha")).join(consult, after=1)
    assert [one["state"] for one in back["advice"]] == ["cannot"]
    assert (await (await live.connect("khai")).join(consult))["advice"] == []


async def test_strokes_reach_everyone_in_the_room_and_are_drawn_once(live: Live) -> None:
    world = live.world
    lan, ha, watcher = [await live.connect(who) for who in ("lan", "ha", "khai")]
    consult = await live.claimed()
    on = await picture(world, consult)
    arrow = {"consult_id": consult.id, "attachment_id": on, "kind": "arrow", "points": [[0, 0], [9, 9]]}
    assert (await ha.error("draw", **arrow, client_id="str-00001"))["code"] == "room.not_joined"
    await lan.join(consult)
    await ha.join(consult)
    await world.rooms.invite(world["ha"], consult.id, world["khai"].id, ParticipantRole.OBSERVER)
    await watcher.join(consult)
    first = await ha.done("draw", **arrow, client_id="str-00001")
    assert await ha.done("draw", **arrow, client_id="str-00001") == first
    for client in (lan, ha, watcher):
        (stroke,) = (await client.next("strokes"))["strokes"]
        assert (stroke["number"], stroke["author_name"], stroke["points"]) == (1, "BS. Hà", [[0, 0], [9, 9]])
    undo = {"consult_id": consult.id, "attachment_id": on, "number": 1}
    assert (await lan.error("undo_stroke", **undo))["code"] == "stroke.not_yours"
    assert (await watcher.error("draw", **arrow, client_id="str-00001"))["code"] == "room.observer"
    await ha.done("undo_stroke", **undo)
    while len(lan.all("strokes")) < 2:
        await asyncio.sleep(0.01)
    assert [stroke["undone"] for stroke in lan.all("strokes")[1]["strokes"]] == [True]
