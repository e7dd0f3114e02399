"""Rings of running consults that are handed over, how each kind of ring stops, and a claim that is lost."""

from __future__ import annotations

from pathlib import Path

from consult_rooms.model import Consult, DeclineReason
from tests.consult_rooms.conftest import NAME
from tests.consult_rooms.desk import desk_of
from tests.signaling.conftest import Live, eventually


async def running(live: Live) -> Consult:
    consult = await live.claimed()
    await live.world.rooms.join(live.world["ha"], consult.id)
    return consult


async def test_a_handover_rings_for_its_person_alone_and_names_no_patient(live: Live) -> None:
    khai, an = await live.connect("khai"), await live.connect("an")
    consult = await running(live)
    await live.world.handovers.offer(live.world["ha"], consult.id, live.world["khai"].id)
    ring = await khai.next("ring", consult_id=consult.id)
    assert (ring["handover_from"], ring["step_due_at"], ring["as_coordinator"]) == ("BS. Hà", None, False)
    assert NAME not in str(ring)
    assert not an.all("ring")
    later_page = await live.connect("khai")
    assert (await later_page.next("ring"))["handover_from"] == "BS. Hà"


async def test_a_handover_stops_ringing_for_the_reason_that_ended_it(live: Live) -> None:
    khai, second, lan = await live.connect("khai"), await live.connect("khai"), await live.connect("lan")
    consult = await running(live)
    await lan.done("watch_consult", consult_id=consult.id)
    ha, to = live.world["ha"], live.world["khai"]

    async def stopped(times: int) -> list[tuple[str, str | None]]:
        await eventually(lambda: len(khai.all("ring_stopped")) == len(second.all("ring_stopped")) == times)
        return [(one["reason"], one["by_name"]) for one in second.all("ring_stopped")]

    await live.world.handovers.offer(ha, consult.id, to.id)
    await second.next("ring")
    await khai.done("decline_handover", consult_id=consult.id, reason=DeclineReason.IN_CONSULT)
    assert await stopped(1) == [("declined", "BS. Khải")]
    await live.world.handovers.offer(ha, consult.id, to.id)
    await eventually(lambda: len(second.all("ring")) == len(khai.all("ring")) == 2)
    await live.world.handovers.withdraw(ha, consult.id)
    assert (await stopped(2))[-1] == ("withdrawn", "BS. Hà")
    await live.world.handovers.offer(ha, consult.id, to.id)
    await eventually(lambda: len(second.all("ring")) == len(khai.all("ring")) == 3)
    answer = await khai.done("accept_handover", consult_id=consult.id)
    assert answer["room_url"] == f"/consults/{consult.id}/room"
    assert (await stopped(3))[-1] == ("claimed", "BS. Khải")
    await eventually(lambda: lan.kinds(consult)[-1] == "handed_over")
    assert (await khai.error("decline_handover", consult_id=consult.id, reason="other"))["code"] == "handover.gone"


async def test_a_handover_is_over_with_its_consult(live: Live) -> None:
    khai = await live.connect("khai")
    consult = await running(live)
    await live.world.handovers.offer(live.world["ha"], consult.id, live.world["khai"].id)
    await khai.next("ring")
    await live.world.rooms.end(live.world["ha"], consult.id)
    assert (await khai.next("ring_stopped"))["reason"] == "ended"


async def test_each_other_answer_stops_the_ring_of_its_giver_alone(live: Live) -> None:
    ha, khai, dieu = await live.connect("ha"), await live.connect("khai"), await live.connect("dieu")
    consult = await live.world.ask()
    await live.world.requests.widen(live.world["lan"], consult.id)
    await khai.next("ring")
    await ha.done("later_offer", consult_id=consult.id)
    assert (await ha.next("ring_stopped"))["reason"] == "answered"
    assert not khai.all("ring_stopped")
    live.world.clock.advance(301)
    await live.world.answers.ring_promised()
    await eventually(lambda: len(ha.all("ring")) > 1)
    await ha.done("busy_offer", consult_id=consult.id)
    await eventually(lambda: len(ha.all("ring_stopped")) == 2)
    assert not khai.all("ring_stopped")
    await live.world.requests.widen(live.world["lan"], consult.id)
    assert (await dieu.next("ring"))["as_coordinator"] is True
    assert not any(one["as_coordinator"] for one in khai.all("ring"))
    await dieu.done("take_charge", consult_id=consult.id)
    assert (await dieu.next("ring_stopped"))["reason"] == "answered"
    assert not khai.all("ring_stopped")


async def test_a_lost_claim_rings_again_and_everybody_is_told(live: Live) -> None:
    ha, khai, lan = await live.connect("ha"), await live.connect("khai"), await live.connect("lan")
    consult = await live.world.ask()
    await live.world.requests.widen(live.world["lan"], consult.id)
    await khai.next("ring")
    await lan.done("watch_consult", consult_id=consult.id)
    await ha.done("accept_offer", consult_id=consult.id)
    assert (await khai.next("ring_stopped"))["reason"] == "claimed"
    rings = len(ha.all("ring")), len(khai.all("ring"))
    live.world.clock.advance(46)
    await live.world.leases.run_due()
    await eventually(lambda: (len(ha.all("ring")), len(khai.all("ring"))) == (rings[0] + 1, rings[1] + 1))
    await eventually(lambda: "claim_lost" in lan.kinds(consult))
    assert await lan.next("consult", consult_id=consult.id, state="ringing")
    assert (await ha.error("hold_claim", consult_id=consult.id))["code"] == "claim.lost"
    assert (await ha.error("join_room", consult_id=consult.id, tab_id="tab-00001"))["code"] == "consult.not_claimed"


async def test_a_handover_ceases_with_the_claim_it_was_of(live: Live) -> None:
    khai = await live.connect("khai")
    consult = await live.world.ask()
    async with live.node.gateway._notices.still(consult.id):  # the claim and the offer are read at once
        await live.world.answers.accept(live.world["ha"], consult.id)
        await live.world.handovers.offer(live.world["ha"], consult.id, live.world["khai"].id)
    await khai.next("ring")
    live.world.clock.advance(46)
    await live.world.leases.run_due()
    await eventually(lambda: khai.all("ring_stopped"))
    assert [one["reason"] for one in khai.all("ring_stopped")] == ["withdrawn"]


async def test_an_overdue_case_rings_at_its_owner_alone(live: Live, tmp_path: Path) -> None:
    ha, khai = await live.connect("ha"), await live.connect("khai")
    consult = await running(live)
    cases = desk_of(live.world, tmp_path).written
    await cases.go_on(live.world["ha"], consult.id)
    live.world.clock.advance(31 * 60)
    await cases.run_overdue()
    assert (await ha.next("overdue"))["consult_id"] == consult.id
    await ha.next("consult", state="written")
    assert not khai.all("overdue")
