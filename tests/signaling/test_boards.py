"""The coordinators' board over the socket: whole, by increments, after a reconnect, and only to those in charge."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from consult_rooms.board_acts import BoardReason
from consult_rooms.model import DeclineReason, Urgency
from identity.tables import staff
from tests.consult_rooms.conftest import NAME, STROKE_HOSPITAL
from tests.signaling.conftest import Client, Live, eventually


async def test_a_board_lives_from_the_request_to_the_end(live: Live) -> None:
    world = live.world
    waiting = await world.ask("before", Urgency.ROUTINE)
    coordinator = await live.connect("dieu")
    shown = await coordinator.done("watch_board")
    assert shown["whole"]
    assert [row["consult_id"] for row in shown["rows"]] == [waiting.id]
    consult = await world.ask()
    row = await _row(coordinator, consult.id, state="ringing", ringing=["BS. Hà"])
    assert row["due_at"] == (consult.created_at + timedelta(minutes=2)).isoformat().replace("+00:00", "Z")
    await world.answers.decline(world["ha"], consult.id, DeclineReason.IN_PROCEDURE)
    declined = {"name": "BS. Hà", "answer": "declined", "reason": "in_procedure"}
    await _row(coordinator, consult.id, refused=[declined])
    await world.board.acts.comment(world["dieu"], consult.id, "Trạm đã gọi lại")
    await eventually(lambda: _last(coordinator, consult.id).get("notes") == 1)
    await world.board.acts.raise_urgency(world["dieu"], waiting.id, Urgency.URGENT, BoardReason.ASKED)
    await _row(coordinator, waiting.id, urgency="urgent")
    await world.answers.accept(world["khai"], consult.id)
    taken = await _row(coordinator, consult.id, state="claimed", specialist_name="BS. Khải")
    assert (taken["due_at"], taken["ringing"], taken["refused"]) == (None, [], [])
    await world.rooms.join(world["khai"], consult.id)
    await world.rooms.end(world["khai"], consult.id)
    await eventually(lambda: any(consult.id in one["gone"] for one in coordinator.all("board")))
    assert NAME not in repr(coordinator.received)


async def test_a_reconnect_brings_what_was_missed_alone(live: Live) -> None:
    world = live.world
    kept, ended = await world.ask("kept"), await world.ask("ended")
    world.clock.advance(60)
    coordinator = await live.connect("dieu")
    seen = (await coordinator.done("watch_board"))["at"]
    await coordinator.socket.disconnect()
    world.clock.advance(60)
    await world.requests.cancel(world["lan"], ended.id)
    new = await world.ask("new")
    again = await live.connect("dieu")
    change = await again.done("watch_board", after=seen)
    assert not change["whole"]
    assert [row["consult_id"] for row in change["rows"]] == [new.id]
    assert change["gone"] == [ended.id]
    world.clock.advance(700)
    late = await again.done("watch_board", after=seen)
    assert late["whole"]
    assert {row["consult_id"] for row in late["rows"]} == {kept.id, new.id}


async def test_appointments_move_by_the_servers_word_and_lanes_follow(live: Live) -> None:
    world = live.world
    first, second = await world.publish(count=2)
    booked = await world.book(first)
    coordinator, other = await live.connect("dieu"), await live.connect("xadieu")
    (lane,) = (await coordinator.done("watch_board"))["lanes"]
    assert (await other.done("watch_board"))["lanes"] == []
    assert [(slot["booked"], slot["clinic"]) for slot in lane["slots"]] == [(True, "Trạm Đảo"), (False, None)]
    asked = {"appointment_id": booked.id, "slot_id": second.id, "version": 1}
    assert (await other.error("move_appointment", **asked))["code"] == "policy.denied"
    await coordinator.done("move_appointment", **asked)
    stale = await coordinator.error("move_appointment", **asked | {"slot_id": first.id})
    assert stale["code"] == "appointment.stale"
    assert stale["message"]

    def slots() -> list[bool]:
        lanes = [lane for one in coordinator.all("board") for lane in one["lanes"]]
        return [slot["booked"] for slot in lanes[-1]["slots"]] if lanes else []

    await eventually(lambda: slots() == [False, True])
    await world.scheduling.withdraw(world["dieu"], first.id)
    await eventually(lambda: slots() == [True])
    assert other.all("board") == []


async def test_a_board_is_for_those_in_charge_alone_and_for_as_long_as_they_are(live: Live) -> None:
    world = live.world
    doctor, foreign, coordinator = [await live.connect(name) for name in ("lan", "xadieu", "dieu")]
    assert (await doctor.error("watch_board"))["code"] == "policy.denied"
    assert (await foreign.done("watch_board"))["rows"] == []
    await coordinator.done("watch_board")
    first = await world.ask("1")
    await _row(coordinator, first.id)
    async with world.database.transaction() as tx:
        await tx.execute(update(staff).where(staff.c.user_name == "dieu").values(roles=["administrator"]))
    assert world["dieu"].facility_id == STROKE_HOSPITAL
    second = await world.ask("2")
    await live.node.gateway._boards.tick()
    await live.node.gateway._boards.tick()
    assert all(row["consult_id"] != second.id for one in coordinator.all("board") for row in one["rows"])
    assert foreign.all("board") == doctor.all("board") == []


def _last(client: Client, consult_id: str) -> dict[str, object]:
    rows = [row for one in client.all("board") for row in one["rows"] if row["consult_id"] == consult_id]
    return rows[-1] if rows else {}


async def _row(client: Client, consult_id: str, **fields: object) -> dict[str, object]:
    """The newest row of a consult, once it has these fields."""
    await eventually(lambda: (row := _last(client, consult_id)) and row == row | fields)
    return _last(client, consult_id)
