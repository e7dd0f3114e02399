"""The coordinators' board: what it shows to whom, by how many statements, and what is done from it, on both stores."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import time, timedelta

import pytest
from sqlalchemy import select, update

from consult_rooms.board_acts import BoardReason
from consult_rooms.board_tables import coordination_notes
from consult_rooms.log_entry import LogKind
from consult_rooms.model import ConsultState, DeclineReason, Level, OfferState, Step, Urgency
from consult_rooms.owners import owner_at
from consult_rooms.phone_tree import PhoneTrees
from consult_rooms.rows import Answer
from foundation.audit import Audit, audit_entries
from foundation.database import Transaction
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.ids import ConsultId, StaffId
from identity.tables import links, staff
from tests.consult_rooms.conftest import (
    CENTRAL_HOSPITAL,
    CLINIC,
    NAME,
    OTHER_CLINIC,
    STROKE,
    STROKE_HOSPITAL,
    ZONE,
    World,
)
from tests.statements import statements

NOTE = "Trạm báo bệnh nhân Trần Thị Diễm Xưa tím tái"


async def second_coordinator(world: World) -> None:
    """BS. Bỏng of the central hospital, which is linked to the clinic too, coordinates there from here on."""
    async with world.database.transaction() as tx:
        await tx.execute(update(staff).where(staff.c.user_name == "bong").values(roles=["coordinator"]))
    world.people["bong"] = (await world.directory.staff_many([world["bong"].id]))[world["bong"].id]


async def test_open_requests_stand_by_urgency_with_the_time_to_breach(world: World) -> None:
    routine = await world.ask("r", Urgency.ROUTINE)
    emergency = await world.ask("e")
    await world.answers.decline(world["ha"], emergency.id, DeclineReason.IN_PROCEDURE)
    view = await world.board.queries.board(world["dieu"])
    assert [row.consult.id for row in view.rows] == [emergency.id, routine.id]
    first = view.rows[0]
    assert first.due_at == emergency.created_at + timedelta(minutes=2)
    assert view.rows[1].due_at == routine.created_at + timedelta(hours=8)
    assert next((one.name, one.state, one.reason) for one in first.people) == (
        "BS. Hà",
        OfferState.DECLINED,
        DeclineReason.IN_PROCEDURE,
    )
    assert OfferState.RINGING in {one.state for one in first.people}
    assert (first.facility_name, first.requester_name, first.owner_name) == ("Trạm Đảo", "BS. Lan", "BS. Lan")
    assert NAME not in repr(view)


async def test_a_room_in_progress_has_no_breach_and_an_ended_one_is_gone(world: World) -> None:
    consult = await world.ask()
    seen = (await world.board.queries.board(world["dieu"])).at
    await world.answers.accept(world["ha"], consult.id)
    (row,) = (await world.board.queries.board(world["dieu"])).rows
    assert (row.consult.state, row.due_at, row.specialist_name) == (ConsultState.CLAIMED, None, "BS. Hà")
    await world.rooms.join(world["ha"], consult.id)
    await world.rooms.end(world["ha"], consult.id)
    assert (await world.board.queries.board(world["dieu"])).rows == ()
    change = await world.board.queries.since(world["dieu"], seen)
    assert change is not None
    assert (change.rows, change.gone) == ((), (consult.id,))


async def test_only_coordinators_in_charge_see_it(world: World) -> None:
    consult = await world.ask()
    assert (await world.board.queries.board(world["xadieu"])).rows == ()
    change = await world.board.queries.since(world["xadieu"], consult.created_at)
    assert change is not None
    assert (change.rows, change.gone) == ((), ())
    people = [world[name].id for name in ("dieu", "xadieu", "lan")]
    assert await world.board.queries.in_charge(people, [CLINIC]) == {(world["dieu"].id, CLINIC)}
    async with world.database.transaction() as tx:
        await tx.execute(update(staff).where(staff.c.user_name == "dieu").values(active=False))
    assert await world.board.queries.in_charge(people, [CLINIC]) == set()
    for reading in (world.board.queries.board, world.board.duty.view):
        with pytest.raises(Forbidden):
            await reading(world["lan"])


async def test_lanes_hold_todays_slots_and_tell_bookings_of_ones_own_clinics_alone(world: World) -> None:
    slots = await world.publish(count=2)
    booked = await world.book(slots[0])
    (lane,) = (await world.board.queries.board(world["dieu"])).lanes
    assert (lane.name, lane.facility_name) == ("BS. Hà", "Bệnh viện Tỉnh")
    first, second = lane.slots
    assert (first.appointment_id, first.version, first.state) == (booked.id, 1, ConsultState.SCHEDULED)
    assert (first.clinic_name, first.terminal_name) == ("Trạm Đảo", "P1 · Phòng khám")
    assert (second.booked, second.appointment_id) == (False, None)
    # Whoever reaches the hospital by another clinic sees that the slot is taken, and not by whom.
    foreign = replace(world["dieu"], facility_id=STROKE_HOSPITAL)
    async with world.database.transaction() as tx:
        await tx.execute(links.insert().values(spoke_id=OTHER_CLINIC, hub_id=STROKE_HOSPITAL))
        await tx.execute(links.insert().values(spoke_id=OTHER_CLINIC, hub_id=world["xadieu"].facility_id))
    (seen,) = (await world.board.queries.board(world["xadieu"])).lanes
    assert [(slot.booked, slot.appointment_id, slot.clinic_name) for slot in seen.slots] == [
        (True, None, None),
        (False, None, None),
    ]
    (again,) = await world.board.queries.lanes(foreign, [world["ha"].id])
    assert again.slots[0].appointment_id == booked.id
    (nothing,) = await world.board.queries.lanes(foreign, [world["khai"].id])
    assert nothing.slots == ()


async def test_a_board_costs_the_same_statements_however_many_rows(world: World) -> None:
    async def cost() -> int:
        with statements(world.database) as seen:
            await world.board.queries.board(world["dieu"])
        return len(seen)

    await world.ask("1")
    await world.publish()
    few = await cost()
    for number in range(2, 6):
        consult = await world.ask(str(number))
        await world.board.acts.comment(world["dieu"], consult.id, "Đã gọi lại trạm")
    assert await cost() == few <= 5


async def test_who_is_there_and_where_nobody_is(world: World) -> None:
    consult = await world.ask()
    await world.presence.beat(world["ha"].id, "socket")
    view = await world.board.duty.view(world["dieu"])
    (ha,) = view.people
    assert (ha.name, ha.on_call, ha.ringing, ha.reach) == ("BS. Hà", True, True, Answer.RINGING)
    assert view.gaps == ()
    assert view.median_s is None
    world.clock.advance(40)
    await world.answers.accept(world["ha"], consult.id)
    view = await world.board.duty.view(world["dieu"])
    assert (view.answered, view.median_s) == (1, 40.0)
    for shift in (await world.rota.shifts([STROKE_HOSPITAL]))[:7]:
        if shift.weekday != 6:
            await world.rota.remove(world["dieu"], shift.id)
    for _ in range(7):
        world.clock.advance(86_400)
        gaps = (await world.board.duty.view(world["dieu"])).gaps
        if gaps:
            break
    assert [(gap.specialty.code, gap.facility_name) for gap in gaps] == [("stroke", "Bệnh viện Tỉnh")]


async def test_a_request_is_passed_to_a_specialist_who_is_rung_and_owns_nothing_yet(world: World) -> None:
    consult = await world.ask()
    acts, dieu = world.board.acts, world["dieu"]
    await acts.ring_specialist(dieu, consult.id, world["an"].id, BoardReason.UNFIT, NOTE)
    rings = await world.queries.rings_for(world["an"].id)
    assert [ring.consult_id for ring in rings] == [consult.id]
    entries = await world.log.since(consult.id, 0)
    passed = next(entry for entry in entries if entry.kind is LogKind.REASSIGNED)
    assert (passed.actor, passed.data) == (dieu.id, {"staff": world["an"].id, "to": "specialist", "reason": "unfit"})
    assert owner_at(entries) == world["lan"].id
    assert NAME not in repr(entries)
    with pytest.raises(Conflict, match=r"reassign\.rings"):
        await acts.ring_specialist(dieu, consult.id, world["an"].id, BoardReason.OTHER)
    await world.answers.decline(world["an"], consult.id, DeclineReason.OTHER)
    await acts.ring_specialist(dieu, consult.id, world["an"].id, BoardReason.UNANSWERED)
    assert await world.queries.rings_for(world["an"].id)
    await world.answers.accept(world["an"], consult.id)
    with pytest.raises(Conflict) as refused:
        await acts.ring_specialist(dieu, consult.id, world["khai"].id, BoardReason.OTHER)
    assert refused.value.code == "consult.already_claimed"


@pytest.mark.parametrize("name", ["bong", "hetha", "xa", "lan", "dieu"])
async def test_only_a_specialist_who_may_take_it_is_rung(world: World, name: str) -> None:
    consult = await world.ask()
    with pytest.raises(Invalid) as refused:
        await world.board.acts.ring_specialist(world["dieu"], consult.id, world[name].id, BoardReason.OTHER)
    assert (refused.value.code, refused.value.field) == ("reassign.unfit", "staff_id")


async def test_the_charge_passes_to_another_coordinator_only_when_accepted(world: World) -> None:
    await second_coordinator(world)
    consult = await world.ask()
    await world.answers.take_charge(world["dieu"], consult.id)
    with pytest.raises(Conflict) as held:
        await world.board.acts.ring_coordinator(world["bong"], consult.id, world["dieu"].id, BoardReason.WORKLOAD)
    assert held.value.code == "consult.in_charge"
    await world.board.acts.ring_coordinator(world["dieu"], consult.id, world["bong"].id, BoardReason.WORKLOAD)
    (ring,) = await world.queries.rings_for(world["bong"].id)
    assert (ring.as_coordinator, ring.step) == (True, Step.COORDINATOR)
    assert owner_at(await world.log.since(consult.id, 0)) == world["dieu"].id
    (row,) = (await world.board.queries.board(world["dieu"])).rows
    assert row.owner_name == "Điều phối Diệu"
    taken = await world.answers.take_charge(world["bong"], consult.id)
    assert (taken.owner_id, taken.coordinator_id) == (world["bong"].id, world["bong"].id)
    assert owner_at(await world.log.since(consult.id, 0)) == world["bong"].id
    for stranger in ("dieu", "lan", "xadieu"):
        with pytest.raises((Invalid, Conflict)):
            await world.board.acts.ring_coordinator(world["dieu"], consult.id, world[stranger].id, BoardReason.WORKLOAD)


async def test_escalating_shortens_the_running_step_and_never_lengthens(world: World) -> None:
    consult = await world.ask("u", Urgency.ROUTINE)
    acts, dieu = world.board.acts, world["dieu"]
    await acts.raise_urgency(dieu, consult.id, Urgency.EMERGENCY, BoardReason.WORSE)
    (row,) = (await world.board.queries.board(dieu)).rows
    assert row.consult.urgency is Urgency.EMERGENCY
    assert row.consult.step_due_at == consult.created_at + timedelta(seconds=30)
    for lower in (Urgency.EMERGENCY, Urgency.ROUTINE):
        with pytest.raises(Conflict) as refused:
            await acts.raise_urgency(dieu, consult.id, lower, BoardReason.OTHER)
        assert refused.value.code == "escalate.not_higher"
    step = row.consult.step
    await acts.widen(dieu, consult.id, BoardReason.UNANSWERED)
    (wider,) = (await world.board.queries.board(dieu)).rows
    assert wider.consult.step is not step
    kinds = [(e.kind, e.data.get("what")) for e in await world.log.since(consult.id, 0) if e.kind is LogKind.ESCALATED]
    assert kinds == [(LogKind.ESCALATED, "urgency"), (LogKind.ESCALATED, "step")]
    while (await world.queries.waiting_view(consult.id)).next_step is not None:
        await world.requests.widen(dieu, consult.id)
    before = len(await world.log.since(consult.id, 0))
    with pytest.raises(Conflict) as last:
        await acts.widen(dieu, consult.id, BoardReason.UNANSWERED)
    assert last.value.code == "consult.last_step"
    assert len(await world.log.since(consult.id, 0)) == before


async def test_notes_are_sealed_and_only_coordinators_read_them(world: World) -> None:
    consult = await world.ask()
    acts = world.board.acts
    await acts.comment(world["dieu"], consult.id, NOTE)
    (note,) = await acts.notes(world["dieu"], consult.id)
    assert (note.author_name, note.text) == ("Điều phối Diệu", NOTE)
    (row,) = (await world.board.queries.board(world["dieu"])).rows
    assert (row.notes, row.note) == (1, note)
    async with world.database.reading() as tx:
        (stored,) = (await tx.execute(select(coordination_notes))).all()
    assert NAME.encode() not in stored.text_sealed
    with pytest.raises(Invalid):
        await acts.comment(world["dieu"], consult.id, "  ")
    with pytest.raises(Invalid):
        await acts.comment(world["dieu"], consult.id, "x" * 501)
    with pytest.raises(Forbidden):
        await acts.notes(world["lan"], consult.id)
    with pytest.raises(NotFound):
        await acts.notes(world["xadieu"], consult.id)


async def test_who_does_not_coordinate_does_nothing_and_is_audited(world: World) -> None:
    consult = await world.ask()
    with pytest.raises(Forbidden):
        await world.board.acts.comment(world["lan"], consult.id, "x")
    with pytest.raises(NotFound):
        await world.board.acts.raise_urgency(world["xadieu"], consult.id, Urgency.EMERGENCY, BoardReason.OTHER)
    with pytest.raises(Invalid):
        await world.board.acts.widen(world["dieu"], consult.id, "because")
    with pytest.raises(NotFound):
        await world.board.acts.comment(world["dieu"], ConsultId("con_" + "0" * 32), "x")
    async with world.database.reading() as tx:
        denied = (
            (await tx.execute(select(audit_entries.c.action).where(audit_entries.c.outcome == "denied")))
            .scalars()
            .all()
        )
    assert list(denied) == ["board.comment"]


async def test_those_whom_it_may_be_passed_to(world: World) -> None:
    await second_coordinator(world)
    consult = await world.ask()
    able, others = await world.board.acts.colleagues(world["dieu"], consult.id)
    assert [one.user_name for one in able] == ["an", "ha", "khai"]
    assert [one.user_name for one in others] == ["bong"]
    assert {one.facility_id for one in able} == {STROKE_HOSPITAL, CENTRAL_HOSPITAL}


async def test_the_telephone_tree_names_who_is_on_call_now_and_next(world: World) -> None:
    for weekday in range(7):
        await world.rota.add(
            world["dieu"],
            staff_id=world["ha"].id,
            specialty_id=STROKE,
            facility_id=STROKE_HOSPITAL,
            weekday=weekday,
            starts=time(9),
            ends=time(11),
            level=Level.BACKUP,
        )
    read = PhoneTrees(world.database, world.directory, world.rota, Audit(world.database), ZONE, _numbers).read
    tree = await read(world["dieu"])
    (line,) = tree.lines
    assert (line.specialty.code, line.hospital.name) == ("stroke", "Bệnh viện Tỉnh")
    assert ("BS. Hà", "0912 000 001", Level.FIRST) in [(one.name, one.number, one.level) for one in line.now]
    assert {one.name for one in tree.hospitals} == {"Bệnh viện Tỉnh", "Bệnh viện Trung ương"}
    assert [one.name for one in tree.clinics] == ["Trạm Đảo"]
    assert line.next_at is not None
    local = line.next_at.astimezone(ZONE)
    assert (local.hour, local.minute) in ((9, 0), (11, 0))
    assert len(line.after) != len(line.now)
    with pytest.raises(Forbidden):
        await read(world["lan"])
    async with world.database.reading() as tx:
        query = select(audit_entries.c.actor).where(audit_entries.c.action == "phone_tree.read")
        assert list((await tx.execute(query)).scalars()) == [world["dieu"].id]


async def _numbers(_tx: Transaction, people: Collection[StaffId]) -> dict[StaffId, str]:
    return dict.fromkeys(people, "0912 000 001")
