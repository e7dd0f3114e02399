"""No double booking and no lost appointment, whatever people do in whatever order: a race, and a state machine."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from consult_rooms.appointment import Appointment, Slot
from consult_rooms.bookings import Order
from consult_rooms.model import ConsultState
from consult_rooms.tables import appointments, consults, quarter_units, slots
from foundation.bus import MemoryBus
from foundation.clock import FakeClock
from foundation.database import Database, metadata
from foundation.errors import HoichanError
from foundation.ids import AppointmentId, ConsultId
from foundation.sealing import Sealer
from tests.conftest import PostgresServer
from tests.consult_rooms.conftest import (
    CLINIC,
    CONSENT,
    PATIENT,
    QUESTION,
    STROKE,
    TERMINAL,
    World,
    build,
    seed,
)


async def test_of_two_hundred_bookings_of_a_slot_a_terminal_and_a_device_one_wins(
    postgres: PostgresServer, postgres_template: str, clock: FakeClock, sealer: Sealer
) -> None:
    name = f"test_{uuid4().hex}"
    postgres.sql(f"CREATE DATABASE {name} TEMPLATE {postgres_template} STRATEGY FILE_COPY")
    pools = [Database(postgres.url(name), clock, server_time=False) for _ in range(2)]
    try:
        people, bus = await seed(pools[0]), MemoryBus(clock)
        nodes = [await build(pool, clock, bus, sealer, people, rota=pool is pools[0]) for pool in pools]
        keeper = replace(people["dieu"], facility_id=CLINIC)
        device = await nodes[0].scheduling.resources.add(keeper, "ultrasound", "Siêu âm 1")
        slot = (await nodes[0].publish())[0]
        turns = asyncio.Semaphore(60)

        async def book(number: int) -> str:
            async with turns:
                try:
                    await nodes[number % 2].scheduling.book(
                        people["dieu"],
                        slot.id,
                        CLINIC,
                        TERMINAL,
                        people["lan"].id,
                        PATIENT,
                        QUESTION,
                        CONSENT,
                        f"k{number}",
                        resource_ids=[device.id],
                    )
                except HoichanError as error:
                    return error.code
                return "booked"

        results = await asyncio.gather(*(book(number) for number in range(200)))
        assert sorted(results) == ["booked"] + ["slot.taken"] * 199
        async with pools[0].reading() as tx:
            held = list((await tx.execute(select(quarter_units.c.resource, quarter_units.c.quarter))).all())
        assert len(held) == 6  # the specialist's slot, the terminal and the device, two quarters each
    finally:
        for pool in pools:
            await pool.close()


SLOTS = 4
numbers = st.integers(0, SLOTS - 1)


class Calendar(RuleBasedStateMachine):
    """Two coordinators and the clinic's doctor at the calendars of two specialists."""

    loop: asyncio.AbstractEventLoop
    world: World
    day = 0

    def run(self, doing: Coroutine[Any, Any, Any]) -> str:
        try:
            self.loop.run_until_complete(doing)
        except HoichanError as error:
            return error.code
        return "done"

    @initialize()
    def begin(self) -> None:
        cls = type(self)
        cls.day += 1
        self.world.clock.advance(86_400 - self.world.clock.now().timestamp() % 86_400)
        self.keys = 0
        self.slots: list[Slot] = []
        self.booked: list[Appointment] = []
        for user_name in ("ha", "khai"):
            person = self.world[user_name]
            boss = replace(self.world["dieu"], facility_id=person.facility_id)
            starts = self.world.clock.now() + timedelta(minutes=30)
            ends = starts + SLOTS // 2 * timedelta(minutes=30)
            self.slots += self.loop.run_until_complete(
                self.world.scheduling.publish(boss, person.id, STROKE, starts, ends, 30)
            )

    async def _book(self, number: int, in_room: bool) -> None:
        self.keys += 1
        key = f"{type(self).day}:{self.keys}"
        self.booked.append(await self.world.book(self.slots[number], key, None if in_room else TERMINAL))

    async def _now(self, appointment_id: AppointmentId) -> Appointment:
        return (await self.world.scheduling.appointments.of(self.world["dieu"], appointment_id)).appointment

    async def _move(self, which: int, number: int) -> None:
        known = await self._now(self.booked[which % len(self.booked)].id)
        await self.world.scheduling.move(self.world["dieu"], known.id, self.slots[number].id, known.version)

    @rule(number=numbers, in_room=st.booleans())
    def book(self, number: int, in_room: bool) -> None:
        self.run(self._book(number, in_room))

    @rule(number=numbers, who=st.sampled_from(["dieu", "ha"]))
    def hold(self, number: int, who: str) -> None:
        coordinator = replace(self.world["dieu"], id=self.world[who].id)
        self.run(self.world.scheduling.holds.hold(coordinator, self.slots[number].id))

    @rule(which=numbers, number=numbers)
    def move(self, which: int, number: int) -> None:
        if self.booked:
            self.run(self._move(which, number))

    @rule(which=numbers)
    def cancel(self, which: int) -> None:
        if self.booked:
            self.run(self.world.scheduling.cancel(self.world["dieu"], self.booked[which % len(self.booked)].id))

    @rule(number=numbers)
    def leave(self, number: int) -> None:
        slot = self.slots[number]
        boss = replace(self.world["dieu"], facility_id=slot.facility_id)
        self.run(self.world.scheduling.withdraw(boss, slot.id))

    @rule(which=numbers, act=st.sampled_from(["keep", "absent", "no_show"]))
    def change(self, which: int, act: str) -> None:
        if self.booked:
            doing = getattr(self.world.scheduling.changes, act)
            self.run(doing(self.world["dieu"], self.booked[which % len(self.booked)].id))

    @rule()
    def wait(self) -> None:
        now = self.world.clock.now()
        self.keys += 1
        order = self._order(f"w{type(self).day}:{self.keys}")
        self.run(
            self.world.scheduling.waiting_list.add(self.world["lan"], order, STROKE, now, now + timedelta(hours=4))
        )

    def _order(self, key: str) -> Order:
        return Order(self.world["dieu"].id, CLINIC, TERMINAL, self.world["lan"].id, PATIENT, QUESTION, CONSENT, key)

    @rule()
    def accept_offer(self) -> None:
        async def accept() -> None:
            await self.world.scheduling.waiting_list.run_due()
            for entry in await self.world.scheduling.waiting_list.open(self.world["lan"]):
                if entry.slot_id is not None:
                    self.booked.append(await self.world.scheduling.waiting_list.accept(self.world["lan"], entry.id))

        self.run(accept())

    @rule(who=st.sampled_from(["ha", "khai"]))
    def emergency(self, who: str) -> None:
        async def ring() -> None:
            self.keys += 1
            asked = await self.world.ask(f"e{type(self).day}:{self.keys}")
            taken = await self.world.answers.accept(self.world[who], asked.id)
            await self.world.rooms.end(self.world[who], taken.id)

        self.run(ring())

    @rule(minutes=st.sampled_from([1, 3, 20]))
    def time_passes(self, minutes: int) -> None:
        self.world.clock.advance(60 * minutes)

    @invariant()
    def nobody_is_booked_twice_and_nothing_is_lost(self) -> None:
        if getattr(self, "booked", None) is not None:
            self.loop.run_until_complete(self._check())

    async def _check(self) -> None:
        ids = [one.id for one in self.booked]
        async with self.world.database.reading() as tx:
            rows = (
                await tx.execute(
                    select(appointments, consults.c.state, consults.c.owner_id, slots.c.appointment_id.label("holder"))
                    .join(consults, consults.c.id == appointments.c.consult_id)
                    .join(slots, slots.c.id == appointments.c.slot_id)
                    .where(appointments.c.id.in_(ids))
                )
            ).all()
            units = (await tx.execute(select(quarter_units).where(quarter_units.c.holder.in_(ids)))).all()
        assert {row.id for row in rows} == set(ids)
        live = [row for row in rows if row.state == ConsultState.SCHEDULED]
        # Each that stands has its slot, its terminal for the whole time, and an owner; no slot has two.
        assert len({row.slot_id for row in live}) == len(live)
        for row in live:
            assert row.holder == row.id
            assert row.owner_id
            assert sum(unit.holder == row.id for unit in units) == 2
        for terminal_id in (TERMINAL, None):
            times = sorted((row.starts_at, row.ends_at) for row in live if row.terminal_id == terminal_id)
            assert all(first[1] <= second[0] for first, second in itertools.pairwise(times))
        # What does not stand says why.
        for row in rows:
            assert row.state == ConsultState.SCHEDULED or row.cancelled_at is not None
        for one in self.booked:
            entries = await self.world.log.since(ConsultId(one.consult_id), 0)
            assert entries[0].kind == "scheduled"


async def _world(folder: Path) -> World:
    clock = FakeClock()
    database = Database(f"sqlite+aiosqlite:///{folder / 'calendar.db'}", clock)
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    return await build(
        database, clock, MemoryBus(clock), Sealer({0: bytes(32), 1: bytes(range(32))}), await seed(database)
    )


def run(folder: Path, examples: int, steps: int) -> None:
    loop = asyncio.new_event_loop()

    class Here(Calendar):
        pass

    Here.loop = loop
    Here.world = loop.run_until_complete(_world(folder))
    try:
        run_state_machine_as_test(
            Here,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(Here.world.database.close())
        loop.close()


def test_a_calendar_loses_and_doubles_nothing(tmp_path: Path) -> None:
    run(tmp_path, examples=25, steps=20)


@pytest.mark.chaos
@pytest.mark.timeout(3_600)
def test_a_calendar_loses_and_doubles_nothing_for_long(tmp_path: Path) -> None:
    run(tmp_path, examples=400, steps=60)
