"""One accountable owner at every moment, whatever people, timers and nodes do in whatever order.

Two sets of services stand over one database, as two nodes do; either dies in the middle of an act. After each step the
log alone says who owned the request when, and the tables say the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from consult_rooms.handovers import open_of
from consult_rooms.log_entry import LogEntry, LogKind
from consult_rooms.model import CancelReason, Consult, ConsultState, DeclineReason, OfferState, ParticipantRole
from consult_rooms.owners import owner_at
from foundation.bus import MemoryBus
from foundation.clock import FakeClock
from foundation.database import Database, metadata
from foundation.errors import HoichanError, Unavailable
from foundation.sealing import Sealer
from identity.model import Staff
from tests.consult_rooms.conftest import UNKNOWN_WOMAN, World, build, seed

STATES = ConsultState
RUNG = ("ha", "khai", "an", "hetha", "dieu")
TAKERS = ("ha", "khai", "an", "hetha", "xa")
ALL_TIMERS_S = 45 + 4 * 30 + 300
"""The lease of a claim that nobody follows up, four steps of an emergency, and the coordinator's."""
WAITING = {OfferState.RINGING, OfferState.LATER}

people = st.sampled_from(RUNG)
takers = st.sampled_from(TAKERS)


class Hall:
    """A database with its people and two nodes, for all examples of one run."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = FakeClock()
        self.folder = folder
        self.asked = 0
        self.nodes: list[World] = []
        self.loop.run_until_complete(self._open())

    async def _open(self) -> None:
        address = f"sqlite+aiosqlite:///{self.folder / 'owners.db'}"
        sealer, bus = Sealer({0: bytes(32), 1: bytes(range(32))}), MemoryBus(self.clock)
        first = Database(address, self.clock)
        async with first.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        staff = await seed(first)
        self.nodes.append(await build(first, self.clock, bus, sealer, staff))
        self.nodes.append(await build(Database(address, self.clock), self.clock, bus, sealer, staff, rota=False))

    def run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(doing)

    def close(self) -> None:
        for node in self.nodes:
            self.run(node.database.close())
        self.loop.close()


class OneOwner(RuleBasedStateMachine):
    """One request; every rule is one act of one person at one node, or time."""

    hall: Hall

    @initialize()
    def request(self) -> None:
        self.hall.asked += 1
        self.turn = 0
        self.consult = self.hall.run(self.node.ask(f"key-{self.hall.asked}", patient=UNKNOWN_WOMAN, consent=None))

    @property
    def node(self) -> World:
        return self.hall.nodes[getattr(self, "turn", 0)]

    def staff(self, name: str) -> Staff:
        return self.hall.nodes[0][name]

    def act(self, doing: Awaitable[Any]) -> None:
        """What is refused is refused by an error with a code; anything else fails the test."""

        async def run() -> None:
            try:
                await doing
            except Unavailable:
                raise
            except HoichanError:
                pass

        self.hall.run(run())
        self.turn = 1 - self.turn

    @rule(who=takers, pause=st.booleans())
    def accept(self, who: str, pause: bool) -> None:
        self.act(self.node.answers.accept(self.staff(who), self.consult.id, pause=pause))

    @rule(who=takers, other=takers)
    def accept_at_once(self, who: str, other: str) -> None:
        first, second = self.hall.nodes

        async def both() -> None:
            await asyncio.gather(
                first.answers.accept(self.staff(who), self.consult.id),
                second.answers.accept(self.staff(other), self.consult.id),
                second.leases.run_due(),
                first.runner.run_due(),
                return_exceptions=True,
            )

        self.act(both())

    @rule(who=people, reason=st.sampled_from(DeclineReason))
    def decline(self, who: str, reason: DeclineReason) -> None:
        self.act(self.node.answers.decline(self.staff(who), self.consult.id, reason))

    @rule(who=people)
    def busy(self, who: str) -> None:
        self.act(self.node.answers.busy(self.staff(who), self.consult.id))

    @rule(who=people)
    def later(self, who: str) -> None:
        self.act(self.node.answers.later(self.staff(who), self.consult.id))

    @rule(who=people, to=takers)
    def forward(self, who: str, to: str) -> None:
        self.act(self.node.answers.forward(self.staff(who), self.consult.id, self.staff(to).id))

    @rule()
    def take_charge(self) -> None:
        self.act(self.node.answers.take_charge(self.staff("dieu"), self.consult.id))

    @rule(who=takers)
    def enter(self, who: str) -> None:
        self.act(self.node.rooms.join(self.staff(who), self.consult.id))

    @rule(who=takers)
    def leave(self, who: str) -> None:
        for person in self.hall.run(self.node.rooms.participants(self.consult.id)):
            if person.staff_id == self.staff(who).id:
                self.act(self.node.rooms.leave(person))

    @rule(who=takers)
    def hold(self, who: str) -> None:
        self.act(self.node.leases.hold(self.staff(who), self.consult.id))

    @rule(who=takers, to=takers)
    def offer_handover(self, who: str, to: str) -> None:
        self.act(self.node.handovers.offer(self.staff(who), self.consult.id, self.staff(to).id))

    @rule(who=takers)
    def accept_handover(self, who: str) -> None:
        self.act(self.node.handovers.accept(self.staff(who), self.consult.id))

    @rule(who=takers)
    def decline_handover(self, who: str) -> None:
        self.act(self.node.handovers.decline(self.staff(who), self.consult.id, DeclineReason.OTHER))

    @rule(who=takers)
    def withdraw_handover(self, who: str) -> None:
        self.act(self.node.handovers.withdraw(self.staff(who), self.consult.id))

    @rule(who=takers)
    def pause(self, who: str) -> None:
        self.act(self.node.handovers.pause(self.staff(who), self.consult.id))

    @rule()
    def widen(self) -> None:
        self.act(self.node.requests.widen(self.staff("lan"), self.consult.id))

    @rule(reason=st.sampled_from(CancelReason))
    def cancel(self, reason: CancelReason) -> None:
        self.act(self.node.requests.cancel(self.staff("lan"), self.consult.id, reason))

    @rule(seconds=st.sampled_from([1, 20, 31, 46, 301]))
    def time_passes(self, seconds: int) -> None:
        self.hall.clock.advance(seconds)
        self.hall.run(self.look())

    @rule(who=takers, to=takers, steps=st.integers(0, 12), what=st.integers(0, 4))
    def node_dies(self, who: str, to: str, steps: int, what: int) -> None:
        """An act is cut off anywhere: whole or not there at all."""
        node, person = self.node, self.staff(who)
        acts: list[Coroutine[Any, Any, Any]] = [
            node.answers.accept(person, self.consult.id),
            node.handovers.offer(person, self.consult.id, self.staff(to).id),
            node.handovers.accept(person, self.consult.id),
            node.leases.run_due(),
            node.requests.widen(self.staff("lan"), self.consult.id),
        ]
        doing = acts.pop(what)
        for other in acts:
            other.close()

        async def cut() -> None:
            task = asyncio.ensure_future(doing)
            for _ in range(steps):
                await asyncio.sleep(0.0005)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.act(cut())

    async def look(self) -> None:
        """Both nodes look at once at what is due."""
        await asyncio.gather(
            *(
                due()
                for node in self.hall.nodes
                for due in (node.runner.run_due, node.leases.run_due, node.answers.ring_promised)
            )
        )

    @invariant()
    def one_owner(self) -> None:
        if hasattr(self, "consult"):
            self.hall.run(self.check())

    async def check(self) -> None:
        entries = await self.node.log.since(self.consult.id, 0)
        assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
        owners = [owner_at(entries, entry.number) for entry in entries]
        assert None not in owners
        one_claim_at_a_time(entries)
        async with self.node.database.reading() as tx:
            consult = await self.node.store.get(tx, self.consult.id)
            offers = await self.node.store.offers(tx, self.consult.id)
            there = await self.node.store.participants(tx, self.consult.id)
            handover = await open_of(tx, self.consult.id)
        assert consult.owner_id == owners[-1]
        holders = [person.staff_id for person in there if person.role is ParticipantRole.SPECIALIST]
        sees_book = [person.staff_id for person in there if person.sees_book]
        if consult.state is not STATES.RINGING:
            assert not [offer for offer in offers if offer.state in WAITING], "a ring after the claim"
        else:
            assert consult.owner_id == (consult.coordinator_id or consult.requester_id)
            assert consult.specialist_id is None
            assert not holders
        if consult.state is STATES.CLAIMED:
            assert consult.owner_id == consult.specialist_id
            assert holders == [consult.specialist_id]
            assert set(sees_book) == {consult.requester_id, consult.specialist_id}
            entered = any(entry.kind is LogKind.JOINED and entry.actor == consult.specialist_id for entry in entries)
            handed = any(entry.kind is LogKind.HANDED_OVER for entry in entries)
            assert entered or handed or consult.lease_until is not None
        else:
            assert handover is None
            assert consult.lease_until is None
            assert consult.paused_at is None

    def teardown(self) -> None:
        if not hasattr(self, "consult"):
            return
        for _ in range(0, ALL_TIMERS_S + 60, 60):
            self.hall.clock.advance(60)
            self.hall.run(self.look())
        self.hall.run(self.check())
        consult = self.hall.run(self.stored())
        assert consult.state is not STATES.RINGING, "within the sum of the timers it has come to an end"
        if consult.state is STATES.CLAIMED:  # the person is free again for the next example
            self.act(
                self.node.rooms.end(
                    next(one for one in map(self.staff, TAKERS) if one.id == consult.specialist_id), consult.id
                )
            )

    async def stored(self) -> Consult:
        async with self.node.database.reading() as tx:
            return await self.node.store.get(tx, self.consult.id)


def one_claim_at_a_time(entries: list[LogEntry]) -> None:
    """Of two claims in the log the first was lost before the second came."""
    held = False
    for entry in entries:
        if entry.kind is LogKind.CLAIMED:
            assert not held, "two have claimed it"
            held = True
        elif entry.kind is LogKind.CLAIM_LOST:
            assert held
            held = False


def run(folder: Path, examples: int, steps: int) -> None:
    hall = Hall(folder)

    class Here(OneOwner):
        pass

    Here.hall = hall
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
        hall.close()


def test_there_is_one_owner_at_every_moment(tmp_path: Path) -> None:
    run(tmp_path, examples=15, steps=15)


@pytest.mark.chaos
@pytest.mark.timeout(3_600)
def test_there_is_one_owner_for_long(tmp_path: Path) -> None:
    run(tmp_path, examples=1_500, steps=60)
