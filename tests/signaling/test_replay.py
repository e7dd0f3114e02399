"""Coming back after a lost line: what was missed is told in order and nothing twice, by whichever node one meets."""

from __future__ import annotations

import asyncio

from tests.protocol_client import ProtocolClient
from tests.signaling.conftest import Live, eventually

ROUNDS = 4
LINES = 40


async def more(client: ProtocolClient, count: int) -> None:
    """Wait for that many more entries."""
    known = len(client.entries)
    await eventually(lambda: len(client.entries) >= known + count)


async def test_a_client_that_drops_in_the_middle_misses_nothing_and_has_nothing_twice(pair: Live) -> None:
    consult = await pair.claimed()
    client = ProtocolClient(pair.nodes[0].url)
    client.use(await pair.sign_in("lan"))
    await client.connect()
    await client.join(consult.id)

    async def write() -> None:
        for line in range(LINES):
            await pair.world.rooms.chat(pair.world["ha"], consult.id, f"dòng {line}", f"client-{line:04}")

    writing = asyncio.create_task(write())
    for round_number in range(ROUNDS):
        await more(client, 3)
        await client.drop()
        client.base_url = pair.nodes[(round_number + 1) % 2].url
        await client.connect()
        await client.join(consult.id)
    await writing
    last = (await pair.world.log.since(consult.id, 0))[-1].number
    await eventually(lambda: client.entries[-1]["number"] >= last)
    assert [entry["number"] for entry in client.entries] == list(range(1, len(client.entries) + 1))
    assert [line["text"] for line in client.chat] == [f"dòng {line}" for line in range(LINES)]
    await client.close()


async def test_a_line_whose_answer_was_lost_is_sent_again_and_kept_once(pair: Live) -> None:
    consult = await pair.claimed()
    client = ProtocolClient(pair.nodes[0].url)
    client.use(await pair.sign_in("lan"))
    await client.connect()
    await client.join(consult.id)
    line = {"consult_id": consult.id, "text": "Mạch 110", "client_id": "line-0001"}
    sent = asyncio.create_task(client.call("send_chat", **line))
    await eventually(lambda: client.chat)
    sent.cancel()
    await client.drop()
    client.base_url = pair.nodes[1].url
    await client.connect()
    await client.join(consult.id)
    await client.call("send_chat", **line)
    assert [one["text"] for one in client.chat] == ["Mạch 110"]
    assert (await pair.world.kinds(consult)).count("chat") == 1
    await client.close()


async def test_a_waiting_page_that_comes_back_reads_on_from_where_it_was(pair: Live) -> None:
    lan = await pair.connect("lan")
    consult = await pair.world.ask()
    before = await lan.done("watch_consult", consult_id=consult.id, after=0)
    await lan.socket.disconnect()
    await pair.world.requests.widen(pair.world["lan"], consult.id)
    back = await pair.connect("lan", node=pair.nodes[1])
    known = before["entries"][-1]["number"]
    missed = await back.done("watch_consult", consult_id=consult.id, after=known)
    await pair.world.answers.accept(pair.world["ha"], consult.id)
    await eventually(lambda: "claimed" in back.kinds(consult))
    numbers = [entry["number"] for entry in missed["entries"]] + back.numbers(consult)
    assert numbers == list(range(known + 1, known + 1 + len(numbers)))
