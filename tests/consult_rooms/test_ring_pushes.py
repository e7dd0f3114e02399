"""Rings for people with no page open: pushed once by whichever node, taken back, tried again; on both stores."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import http_ece  # type: ignore[import-untyped]  # http-ece has no type marker
import pytest

from consult_rooms.model import CancelReason, DeclineReason
from consult_rooms.quiet import Quiet
from consult_rooms.ring_pushes import AGAIN, RingPushes
from foundation.audit import Audit
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import Languages
from foundation.sealing import Sealer
from notify.subscriptions import MOST, Subscriptions
from notify.webpush import Pusher
from tests.consult_rooms.conftest import World
from tests.consult_rooms.desk import desk_of
from tests.notify.conftest import Browser, PushService
from tests.notify.conftest import push_service as push_service  # a fixture
from tests.notify.conftest import pusher as pusher  # a fixture


@dataclass
class Away:
    """BS. Hà with her browser closed."""

    world: World
    pushes: RingPushes
    other_node: RingPushes
    subscriptions: Subscriptions
    quiet: Quiet
    browser: Browser
    service: PushService

    def told(self) -> list[dict[str, Any]]:
        return [
            json.loads(
                http_ece.decrypt(
                    one.body, private_key=self.browser.private, auth_secret=self.browser.auth, version="aes128gcm"
                )
            )
            for one in self.service.received
        ]

    def kinds(self) -> list[str]:
        return [message["kind"] for message in self.told()]


@pytest.fixture
async def away(world: World, sealer: Sealer, pusher: Pusher, push_service: PushService) -> Away:
    subscriptions = Subscriptions(world.database, Audit(world.database), sealer)
    quiet = Quiet(world.database, world.bus)
    nodes = [RingPushes(world.database, world.presence, quiet, subscriptions, pusher, Languages()) for _ in range(2)]
    browser = Browser(push_service)
    await subscriptions.add(world["ha"].id, browser.subscription, name="Chrome", language="vi")
    return Away(world, nodes[0], nodes[1], subscriptions, quiet, browser, push_service)


async def test_a_ring_is_pushed_once_and_taken_back_when_it_is_over(away: Away) -> None:
    consult = await away.world.ask()
    await asyncio.gather(away.pushes.run_due(), away.other_node.run_due())
    await away.pushes.run_due()
    [ring] = away.told()
    assert (ring["kind"], ring["consult"], ring["url"]) == ("ring", consult.id, f"/consults/{consult.id}")
    assert ring["title"] == "Cấp cứu: có ca đang gọi bác sĩ"
    await away.world.requests.cancel(away.world["lan"], consult.id, CancelReason.TRANSFERRED)
    await asyncio.gather(away.pushes.run_due(), away.other_node.run_due())
    away.world.clock.advance(3_600)
    await away.pushes.run_due()
    assert away.kinds() == ["ring", "stop"]
    topics = {one.headers["Topic"] for one in away.service.received}
    assert len(topics) == 1


async def test_no_patient_is_named(away: Away) -> None:
    consult = await away.world.ask()
    await away.pushes.run_due()
    [ring] = away.told()
    assert set(ring) == {"kind", "consult", "url", "title", "body"}
    assert consult.patient.name is not None
    assert consult.patient.name not in json.dumps(ring, ensure_ascii=False)


async def test_an_answer_on_another_device_ends_it(away: Away) -> None:
    consult = await away.world.ask()
    await away.pushes.run_due()
    await away.world.answers.decline(away.world["ha"], consult.id, DeclineReason.IN_PROCEDURE)
    await away.pushes.run_due()
    assert away.kinds() == ["ring", "stop"]


async def test_whoever_is_signed_in_is_rung_by_the_page_alone(away: Away) -> None:
    await away.world.presence.beat(away.world["ha"].id, "socket")
    await away.world.ask()
    await away.pushes.run_due()
    assert away.service.received == []
    await away.world.presence.gone(away.world["ha"].id, "socket")  # the tab is closed while it rings
    await away.pushes.run_due()
    assert away.kinds() == ["ring"]


async def test_a_device_that_is_gone_is_forgotten(away: Away) -> None:
    await away.world.ask()
    away.service.status = 410
    await away.pushes.run_due()
    assert await away.subscriptions.of(away.world["ha"].id) == []


async def test_a_push_that_is_not_taken_is_tried_again_a_few_times(away: Away) -> None:
    await away.world.ask()
    away.service.status = 503
    for _ in range(10):
        await away.pushes.run_due()
        away.world.clock.advance(AGAIN.total_seconds())
    assert len(away.service.received) == 5


async def test_do_not_disturb_holds_until_its_end(away: Away) -> None:
    ha = away.world["ha"]
    await away.world.ask()
    until = await away.quiet.begin(ha, minutes=10)  # from now on: asked before, the ladder would not ring her at all
    assert await away.quiet.of([ha.id, away.world["khai"].id]) == {ha.id: until}
    await away.pushes.run_due()
    assert away.service.received == []
    away.world.clock.advance(600)
    assert await away.quiet.of([ha.id]) == {}
    await away.pushes.run_due()
    assert away.kinds() == ["ring"]
    await away.quiet.begin(ha, minutes=10)
    await away.quiet.end(ha)
    assert await away.quiet.of([ha.id]) == {}
    for minutes in (0, -1, 24 * 60 + 1):
        with pytest.raises(Invalid, match=r"quiet\.length"):
            await away.quiet.begin(ha, minutes=minutes)


async def test_everybody_keeps_ones_own_devices(away: Away) -> None:
    ha, khai = away.world["ha"], away.world["khai"]
    [device] = await away.subscriptions.of(ha.id)
    with pytest.raises(NotFound, match=r"push\.unknown"):
        await away.subscriptions.remove(khai.id, device.id)
    await away.subscriptions.add(khai.id, away.browser.subscription, name="Chrome", language="vi")
    assert await away.subscriptions.of(ha.id) == []  # whoever signed in on it last has it
    [device] = await away.subscriptions.of(khai.id)
    await away.subscriptions.remove(khai.id, device.id)
    for number in range(MOST):
        browser = Browser(away.service, f"b{number}")
        await away.subscriptions.add(khai.id, browser.subscription, name="x", language="vi")
    with pytest.raises(Conflict, match=r"push\.too_many"):
        await away.subscriptions.add(khai.id, away.browser.subscription, name="x", language="vi")


async def test_a_call_out_of_a_written_case_is_pushed_until_its_person_comes_or_two_minutes_pass(
    away: Away, tmp_path: Path
) -> None:
    world, cases = away.world, desk_of(away.world, tmp_path).written
    consult = await world.ask()
    await world.answers.accept(world["ha"], consult.id)
    for caller, rings in (("lan", True), ("ha", False)):
        await cases.go_on(world["ha"], consult.id)
        await cases.raise_to_call(world[caller], consult.id)
        before = len(away.kinds())
        await asyncio.gather(away.pushes.run_due(), away.other_node.run_due())
        assert away.kinds()[before:] == (["ring"] if rings else [])
        await world.rooms.join(world["ha"], consult.id)
        await away.pushes.run_due()
        assert away.kinds()[before:] == (["ring", "stop"] if rings else [])
    await cases.go_on(world["ha"], consult.id)
    await cases.raise_to_call(world["lan"], consult.id)
    await away.pushes.run_due()
    assert away.kinds() == ["ring", "stop", "ring"]
    world.clock.advance(121)
    await away.pushes.run_due()
    await away.pushes.run_due()
    assert away.kinds() == ["ring", "stop", "ring", "stop"]
