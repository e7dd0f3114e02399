"""The roster as it is read, on both stores; the rulebook's versions; and a node whose clock is wrong."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert, update

from consult_rooms.candidates import Field, place
from consult_rooms.ladder_rules import Condition, Effect
from consult_rooms.log_entry import LogKind
from consult_rooms.model import Level, Step, Urgency
from consult_rooms.quiet import Quiet
from consult_rooms.roster import Asked
from consult_rooms.rulebook import Rulebook
from consult_rooms.tables import consults
from foundation.audit import Audit, audit_entries
from foundation.bus import MemoryBus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.ids import SpecialtyId
from foundation.sealing import Sealer
from identity.model import Staff
from identity.tables import facilities, links, specialties, staff, staff_specialties
from tests.conftest import PostgresServer
from tests.consult_rooms.conftest import (
    CENTRAL_HOSPITAL,
    CLINIC,
    PATIENT,
    RULES,
    STROKE,
    STROKE_HOSPITAL,
    UNKNOWN_WOMAN,
    World,
    build,
    seed,
)
from tests.statements import statements


async def steps(
    world: World, urgency: Urgency = Urgency.ROUTINE, specialty_id: SpecialtyId = STROKE
) -> dict[str, list[str]]:
    """Who stands in which step for the island clinic now, by user name."""
    asked = Asked(CLINIC, specialty_id, world["lan"].id, PATIENT.patient_id)
    placing = place(await world.rosters.read(asked), urgency, world["lan"].id)
    names = {person.id: name for name, person in world.people.items()}
    found = {step.value: [names[one.person.staff_id] for one in people] for step, people in placing.steps.items()}
    out = {f"not {names[one.person.staff_id]}": [reason.value for reason in one.reasons] for one in placing.excluded}
    return {step: people for step, people in (found | out).items() if people}


async def test_everybody_has_a_place_or_a_reason(world: World) -> None:
    assert await steps(world) == {
        "on_call": ["ha"],
        "specialty": sorted(["khai", "an"], key=lambda name: world[name].id),
        "coordinator": ["dieu"],
        "not hetha": ["licence_expired"],
    }


async def test_hospitals_have_an_order_and_hours_in_their_own_zone(world: World) -> None:
    central = (links.c.spoke_id == CLINIC) & (links.c.hub_id == CENTRAL_HOSPITAL)
    async with world.database.transaction() as tx:
        await tx.execute(update(links).where(central).values(rank=2))
    assert set((await steps(world))["alternate"]) == {"khai", "an"}
    async with world.database.transaction() as tx:
        await tx.execute(update(links).where(central).values(hours="1-5 07:00-17:00"))  # it is Monday, 14:00
    assert "alternate" in await steps(world)
    async with world.database.transaction() as tx:
        await tx.execute(update(facilities).where(facilities.c.id == CENTRAL_HOSPITAL).values(zone="America/Lima"))
    shut = await steps(world)  # 02:00 there
    assert shut["not an"] == ["closed"]
    assert "alternate" in await steps(world, Urgency.EMERGENCY)


async def test_a_backup_and_one_on_call_at_another_hospital_than_their_own(world: World) -> None:
    turn: dict[str, Any] = {
        "specialty_id": STROKE,
        "facility_id": STROKE_HOSPITAL,
        "weekday": 0,
        "starts": time(7),
        "ends": time(19),
    }
    await world.rota.add(world["dieu"], staff_id=world["an"].id, level=Level.BACKUP, **turn)
    found = await steps(world)
    assert (found["on_call"], found["backup"], found["specialty"]) == (["ha"], ["an"], ["khai"])
    world.clock.advance(6 * 3600)  # 20:00: the turn is over
    assert "backup" not in await steps(world)


async def test_a_sub_specialty_asks_its_own_people_first_and_a_specialty_asks_both(world: World) -> None:
    thrombectomy = SpecialtyId("spe_" + "9" * 32)
    async with world.database.transaction() as tx:
        await tx.execute(
            insert(specialties).values(
                id=thrombectomy, code="thrombectomy", name_vi="Lấy huyết khối", name_en="Thrombectomy", parent_id=STROKE
            )
        )
        await tx.execute(insert(staff_specialties).values(staff_id=world["an"].id, specialty_id=thrombectomy))
        gone = (staff_specialties.c.staff_id == world["an"].id) & (staff_specialties.c.specialty_id == STROKE)
        await tx.execute(staff_specialties.delete().where(gone))
    narrow = await steps(world, specialty_id=thrombectomy)
    assert narrow["specialty"][0] == "an"
    assert set(narrow["specialty"]) == {"an", "ha", "khai"}
    assert "an" in (await steps(world))["specialty"]
    roster = await world.rosters.read(Asked(CLINIC, STROKE))
    fields = {fact.person.staff_id: fact.field for fact in roster.facts}
    assert (fields[world["an"].id], fields[world["ha"].id]) == (Field.NARROWER, Field.EXACT)


async def test_scope_language_load_and_the_last_ring_are_read(world: World) -> None:
    async with world.database.transaction() as tx:
        await tx.execute(update(specialties).where(specialties.c.id == STROKE).values(licence_scopes="Thần kinh, nội"))
        for name, scope in (("an", "Khám chữa bệnh Nội khoa"), ("khai", "Răng hàm mặt")):
            await tx.execute(update(staff).where(staff.c.id == world[name].id).values(licence_scope=scope))
        await tx.execute(update(staff).where(staff.c.id == world["ha"].id).values(languages=["en"]))
        await tx.execute(update(staff).where(staff.c.id == world["lan"].id).values(languages=["vi", "mww"]))
    consult = await world.ask()
    await world.answers.accept(world["ha"], consult.id)
    roster = await world.rosters.read(Asked(CLINIC, STROKE, world["lan"].id))
    facts = {fact.person.staff_id: fact for fact in roster.facts}
    ha, an, khai = (facts[world[name].id] for name in ("ha", "an", "khai"))
    assert (ha.load, ha.speaks, ha.in_scope) == (1, False, True)
    assert (an.load, an.speaks, an.in_scope, an.last_rung) == (0, True, True, None)
    assert khai.in_scope is False
    assert ha.last_rung == consult.created_at


async def test_who_took_the_patients_last_case_comes_first_while_the_rules_say_so(world: World) -> None:
    earlier = await world.ask("earlier")
    await world.presence.beat(world["an"].id, "s")
    await world.answers.accept(world["an"], earlier.id)
    await world.rooms.end(world["an"], earlier.id)
    assert (await steps(world))["on_call"] == ["an", "ha"]
    stranger = await world.rosters.read(Asked(CLINIC, STROKE, world["lan"].id, UNKNOWN_WOMAN.patient_id))
    assert stranger.returning is None
    world.clock.advance(91 * 86_400)
    assert (await world.rosters.read(Asked(CLINIC, STROKE, None, PATIENT.patient_id))).returning is None


async def test_do_not_disturb_is_heard_until_it_ends(world: World) -> None:
    await Quiet(world.database, world.bus).begin(world["ha"], minutes=5)
    assert (await steps(world))["not ha"] == ["do_not_disturb"]
    world.clock.advance(301)
    assert (await steps(world))["on_call"] == ["ha"]


async def test_of_the_rules_versions_the_highest_holds_and_no_saver_overwrites_another(
    world: World,
) -> None:
    chief = await _chief(world)
    assert (await world.rulebook.rules()) == RULES
    strict = replace(
        RULES, effects={**RULES.effects, Condition.OFFLINE: dict.fromkeys(Urgency, Effect.EXCLUDE)}, most=7
    )
    saved = await world.rulebook.change(chief, strict, "  Chỉ gọi người đang trực tuyến ")
    assert (saved.version, (await world.rulebook.rules()).most) == (1, 7)
    assert (await steps(world))["not ha"] == ["offline"]
    outcomes = await asyncio.gather(
        *(world.rulebook.change(chief, replace(saved, most=number), "") for number in (8, 9)), return_exceptions=True
    )
    (refused,) = [each for each in outcomes if isinstance(each, Conflict)]
    assert refused.code == "rules.changed"
    (second, first) = await world.rulebook.editions()
    assert (second.rules.version, first.note, first.by) == (2, "Chỉ gọi người đang trực tuyến", chief.full_name)
    async with world.database.reading() as tx:
        kept = (await tx.execute(audit_entries.select().where(audit_entries.c.action == "ladder.rules"))).all()
    assert kept[0].details["most"] == "100 → 7"
    consult = await world.ask()
    started = [entry for entry in await world.log.since(consult.id, 0) if entry.kind is LogKind.STEP_STARTED]
    assert {entry.data["rules"] for entry in started} == {2}


async def test_rules_out_of_range_and_other_hands_are_refused(world: World) -> None:
    chief = await _chief(world)
    with pytest.raises(Invalid) as error:
        await world.rulebook.change(chief, replace(RULES, most=0), "")
    assert (error.value.code, error.value.field) == ("rules.range", "most")
    with pytest.raises(Forbidden):
        await world.rulebook.change(world["dieu"], RULES, "")


async def test_a_dry_run_tells_the_ladder_and_writes_nothing_but_the_audit(world: World) -> None:
    earlier = await world.ask("earlier")
    await world.presence.beat(world["an"].id, "s")
    await world.answers.accept(world["an"], earlier.id)
    await world.rooms.end(world["an"], earlier.id)
    before = await world.log.heads(datetime(2020, 1, 1, tzinfo=UTC))
    trial = await world.forecast.try_out(world["dieu"], CLINIC, STROKE, Urgency.EMERGENCY, earlier.code.lower())
    assert [(one.step, len(one.people), one.starts_s) for one in trial.steps] == [
        (Step.ON_CALL, 2, 0),
        (Step.BACKUP, 0, 30),
        (Step.SPECIALTY, 1, 30),
        (Step.ALTERNATE, 0, 60),
        (Step.COORDINATOR, 1, 60),
    ]
    assert trial.total_s == 360
    assert trial.steps[0].people[0].name == "BS. An"
    assert [(one.name, one.reasons) for one in trial.left_out] == [("BS. Hết Hạn", (Condition.LICENCE_EXPIRED,))]
    assert await world.log.heads(datetime(2020, 1, 1, tzinfo=UTC)) == before
    async with world.database.reading() as tx:
        (kept,) = (await tx.execute(audit_entries.select().where(audit_entries.c.action == "ladder.dry_run"))).all()
    assert (kept.patient_id, kept.target, kept.outcome) == (PATIENT.patient_id, CLINIC, "success")
    with pytest.raises(Invalid):
        await world.forecast.try_out(world["dieu"], CLINIC, STROKE, Urgency.EMERGENCY, "HC-0000-0001")
    for stranger in ("lan", "ha", "xadieu"):
        with pytest.raises(Forbidden):
            await world.forecast.try_out(world[stranger], CLINIC, STROKE, Urgency.EMERGENCY)


async def test_a_roster_takes_two_statements(world: World) -> None:
    with statements(world.database) as asked:
        await world.rosters.read(Asked(CLINIC, STROKE, world["lan"].id, PATIENT.patient_id))
    assert len(asked) == 2


async def test_rosters_read_together_are_those_read_one_by_one(world: World) -> None:
    async with world.database.transaction() as tx:
        await tx.execute(update(staff).where(staff.c.id == world["ha"].id).values(languages=["en"]))
        await tx.execute(update(staff).where(staff.c.id == world["lan"].id).values(languages=["vi"]))
    earlier = await world.ask("earlier")
    await world.answers.accept(world["an"], earlier.id)
    await world.rooms.end(world["an"], earlier.id)
    await world.presence.beat(world["khai"].id, "s")
    asked = [
        Asked(CLINIC, STROKE, world["lan"].id, PATIENT.patient_id),
        Asked(CLINIC, STROKE, world["lan"].id, None),
        Asked(CLINIC, STROKE, world["mai"].id, PATIENT.patient_id),
        Asked(CLINIC, STROKE, None, None),
    ]
    for _ in range(2):
        together = await world.rosters.read_alike(asked)
        assert together == [await world.rosters.read(one) for one in asked]
        world.clock.advance(RULES.return_days * 86_400 + 1)  # then the earlier consult counts no more
    with pytest.raises(NotFound):
        await world.rosters.read_alike([Asked(CLINIC, SpecialtyId("spe_" + "7" * 32))])


async def test_due_requests_of_one_clinic_and_specialty_share_what_they_read(world: World) -> None:
    if not world.database.is_sqlite:
        return  # the same statements; PostgreSQL's engines share their events and would count twice

    async def read(requests: int) -> tuple[int, int]:
        """How often rules and people are read when so many more requests are due at once."""
        for number in range(requests):
            await world.ask(f"{requests}-{number}", patient=UNKNOWN_WOMAN if number % 2 else PATIENT)
        world.clock.advance(31)
        with statements(world.database) as asked:
            await world.runner.run_due()
        rules = sum(one.startswith("SELECT") and " FROM specialties " in one for one in asked)
        return rules, sum(one.startswith("WITH") for one in asked)

    assert [await read(1), await read(2), await read(7)] == [(1, 1)] * 3


@pytest.mark.parametrize("off_s", [-5, 5])
async def test_a_node_whose_clock_is_wrong_starts_no_step_early_late_or_twice(
    postgres: PostgresServer, postgres_template: str, sealer: Sealer, off_s: int
) -> None:
    name = f"test_{uuid4().hex}"
    postgres.sql(f"CREATE DATABASE {name} TEMPLATE {postgres_template} STRATEGY FILE_COPY")
    right, wrong = (FakeClock(datetime.now(UTC) + timedelta(seconds=off)) for off in (0, off_s))
    databases = [Database(postgres.url(name), clock) for clock in (right, wrong)]
    try:
        people = await seed(databases[0])
        first = await build(databases[0], right, MemoryBus(right), sealer, people)
        second = await build(databases[1], wrong, MemoryBus(wrong), sealer, people, rota=False)
        consult = await second.ask()

        async def due_in(seconds: float) -> list[str]:
            async with databases[0].transaction() as tx:
                await tx.execute(update(consults).values(step_due_at=await tx.now() + timedelta(seconds=seconds)))
            await asyncio.gather(*(node.runner.run_due() for node in (second, first, second)))
            return [str(entry.data["step"]) for entry in await first.log.since(consult.id, 0) if "people" in entry.data]

        assert await due_in(2) == ["on_call"], "a clock that runs ahead starts nothing"
        assert await due_in(-2) == ["on_call", "backup", "specialty"], "one that runs behind holds nothing back"
    finally:
        for database in databases:
            await database.close()


async def _chief(world: World) -> Staff:
    """BS. Hà as the installation's administrator."""
    async with world.database.transaction() as tx:
        known = staff.c.id == world["dieu"].id
        await tx.execute(update(staff).where(known).values(roles=["administrator"], installation_wide=True))
    return await world.directory.staff(world["dieu"].id)


async def test_a_changed_rulebook_of_another_node_holds_here_too(world: World) -> None:
    chief = await _chief(world)
    elsewhere = Rulebook(world.database, Audit(world.database), RULES)
    faster = {**RULES.seconds, Urgency.EMERGENCY: dict.fromkeys(Step, 10)}
    await elsewhere.change(chief, replace(RULES, seconds=faster), "")
    assert (await world.ask()).step_due_at == world.clock.now() + timedelta(seconds=10)
