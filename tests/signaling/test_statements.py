"""How often the database is asked while somebody waits: for a ring, for a room. A read more here fails a test.

The numbers may fall; one that rises needs a reason, for each statement is waited for by a person.
"""

from __future__ import annotations

import asyncio

from tests.consult_rooms.conftest import STROKE
from tests.signaling.conftest import Live, eventually
from tests.statements import statements

RING = 10
"""From the request's arrival to what the ring card shows, the sender's session included."""
ACCEPT, ACCEPTED = 8, 11
"""Until the specialist may enter, and until everybody has heard of it."""
JOINED = 14
"""Until the room is entered and everybody there has heard of it."""
LOOKED = 2
"""What the look of each second may ask besides, when it comes upon an entry before the hint does."""


async def test_a_request_asks_little_before_it_rings(live: Live) -> None:
    specialist, doctor = await live.connect("ha"), await live.connect("lan")
    await quiet(live)  # what a newcomer is greeted with is not what the ring waits for
    with statements(live.world.database) as seen:
        asked = {"specialty_id": STROKE, "urgency": "emergency", "idempotency_key": "first-0001"}
        await doctor.done("request_consult", **asked)
        await specialist.next("ring")
    rung = next(place for place, text in enumerate(seen) if "JOIN offers" in text) + 1
    assert rung <= RING, shown(seen)


async def test_a_claim_and_a_join_ask_little(live: Live) -> None:
    consult = await live.world.ask()
    specialist = await live.connect("ha")
    await specialist.next("ring")
    await quiet(live)
    with statements(live.world.database) as seen:
        await specialist.done("accept_offer", consult_id=consult.id)
        await specialist.next("consult", state="claimed")
        await quiet(live)
    assert next(place for place, text in enumerate(seen) if "INSERT INTO consult_log" in text) < ACCEPT, shown(seen)
    assert len(seen) <= ACCEPTED + LOOKED, shown(seen)
    with statements(live.world.database) as seen:
        await specialist.join(consult)
        await eventually(lambda: specialist.all("room"))
        await quiet(live)
    assert len(seen) <= JOINED + LOOKED, shown(seen)


async def quiet(live: Live) -> None:
    """Wait until nothing has been asked for a while."""
    with statements(live.world.database) as seen:
        before = -1
        while before != len(seen):
            before = len(seen)
            await asyncio.sleep(0.1)


def shown(seen: list[str]) -> str:
    return "\n".join(text[:160] for text in seen)
