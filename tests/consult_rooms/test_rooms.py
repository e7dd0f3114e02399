"""The room, its chat and the opinion, on both stores."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from consult_rooms.model import Consult, ConsultState, LineState, Opinion, ParticipantRole, Rung, Way
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, NotFound
from foundation.ids import ParticipantId, new_id
from tests.consult_rooms.conftest import World


@pytest.fixture
async def claimed(world: World) -> Consult:
    """A request that BS. Hà has taken."""
    consult = await world.ask()
    return await world.answers.accept(world["ha"], consult.id)


async def test_joining_again_is_no_second_join_and_leaving_is_not_ending(world: World, claimed: Consult) -> None:
    consult, place = await world.rooms.join(world["lan"], claimed.id)
    assert (place.role, place.present) == (ParticipantRole.REQUESTER, True)
    await asyncio.gather(*(world.rooms.join(world["lan"], claimed.id) for _ in range(5)))
    await world.rooms.leave(place)
    await world.rooms.leave(place)
    consult, again = await world.rooms.join(world["lan"], claimed.id)
    assert again.id == place.id
    assert consult.state is ConsultState.CLAIMED
    entries = await world.log.since(claimed.id, claimed.log_number)
    assert [(entry.kind.value, entry.data.get("again")) for entry in entries] == [
        ("joined", False),
        ("left", None),
        ("joined", True),
    ]


@pytest.mark.parametrize("who", ["khai", "xa", "mai", "dieu"])
async def test_only_people_of_the_consult_enter(world: World, claimed: Consult, who: str) -> None:
    with pytest.raises((Forbidden, NotFound)):
        await world.rooms.join(world[who], claimed.id)
    with pytest.raises((Forbidden, NotFound)):
        await world.rooms.chat(world[who], claimed.id, "xin chào", "1")
    with pytest.raises((Forbidden, NotFound)):
        await world.rooms.chat_since(world[who], claimed.id, 0)
    with pytest.raises((Forbidden, NotFound)):
        await world.opinions.get(world[who], claimed.id)


async def test_nobody_enters_before_the_claim_or_after_the_end(world: World) -> None:
    consult = await world.ask()
    with pytest.raises(Conflict) as error:
        await world.rooms.join(world["lan"], consult.id)
    assert error.value.code == "consult.not_claimed"
    await world.answers.accept(world["ha"], consult.id)
    await world.rooms.end(world["ha"], consult.id)
    with pytest.raises(Conflict) as error:
        await world.rooms.join(world["lan"], consult.id)
    assert error.value.code == "consult.ended"


async def test_a_booked_room_opens_at_its_time_and_begins_with_the_specialist(world: World) -> None:
    booked = await world.book((await world.publish(hours=2))[0])
    with pytest.raises(Conflict) as error:
        await world.rooms.join(world["lan"], booked.consult_id)
    assert (error.value.code, error.value.parameters) == ("room.not_open", {"time": "15:45 23/11/2026"})
    world.clock.advance(105 * 60)
    consult, _ = await world.rooms.join(world["lan"], booked.consult_id)
    assert consult.state is ConsultState.SCHEDULED
    await world.rooms.chat(world["lan"], booked.consult_id, "Em chờ ạ", "1")
    consult, _ = await world.rooms.join(world["ha"], booked.consult_id)
    assert (consult.state, consult.claimed_at) == (ConsultState.CLAIMED, world.clock.now())
    with pytest.raises(Conflict) as error:
        await world.scheduling.cancel(world["dieu"], booked.id)
    assert error.value.code == "consult.claimed"


async def test_an_invited_person_speaks_an_observer_does_not(world: World, claimed: Consult) -> None:
    await world.rooms.invite(world["ha"], claimed.id, world["khai"].id)
    await world.rooms.invite(world["lan"], claimed.id, world["bong"].id, "observer", False)
    await world.rooms.chat(world["khai"], claimed.id, "Tôi đây", "1")
    await world.rooms.join(world["bong"], claimed.id)
    with pytest.raises(Forbidden) as error:
        await world.rooms.chat(world["bong"], claimed.id, "Tôi cũng đây", "1")
    assert error.value.code == "room.observer"
    assert len(await world.rooms.chat_since(world["bong"], claimed.id, 0)) == 1
    assert not await world.opens_book("bong", claimed.id)
    with pytest.raises(Conflict) as conflict:
        await world.rooms.invite(world["ha"], claimed.id, world["khai"].id)
    assert conflict.value.code == "room.already_there"
    for invitee, role in ((world["nghi"].id, "invited"), (world["an"].id, "specialist"), (world["an"].id, "chair")):
        with pytest.raises(Invalid):
            await world.rooms.invite(world["ha"], claimed.id, invitee, role)
    with pytest.raises(Forbidden):
        await world.rooms.invite(world["khai"], claimed.id, world["an"].id)


async def test_an_invitation_may_give_the_book(world: World, claimed: Consult) -> None:
    await world.rooms.invite(world["ha"], claimed.id, world["khai"].id, "observer", True)
    assert await world.opens_book("khai", claimed.id)


async def test_a_room_holds_eight(world: World, claimed: Consult) -> None:
    crowd = await world.recruit(12)

    async def invite(number: int) -> bool:
        try:
            await world.rooms.invite(world["ha"], claimed.id, crowd[number].id)
        except Conflict as error:
            assert error.code == "room.full"  # noqa: PT017 - counted below
            return False
        return True

    assert sum(await asyncio.gather(*(invite(number) for number in range(12)))) == 6


async def test_chat_is_idempotent_numbered_and_there_after_the_end(world: World, claimed: Consult) -> None:
    said = await asyncio.gather(
        *(world.rooms.chat(world["lan"], claimed.id, "Huyết áp 180/100", "a") for _ in range(5))
    )
    assert len({message.number for message in said}) == 1
    other = await world.rooms.chat(world["ha"], claimed.id, "Cho CT", "a")
    assert other.number > said[0].number
    await world.rooms.end(world["ha"], claimed.id)
    kept = await world.rooms.chat_since(world["lan"], claimed.id, 0)
    assert [(message.text, message.sender_id) for message in kept] == [
        ("Huyết áp 180/100", world["lan"].id),
        ("Cho CT", world["ha"].id),
    ]
    assert await world.rooms.chat_since(world["lan"], claimed.id, said[0].number) == [other]
    with pytest.raises(Conflict):
        await world.rooms.chat(world["lan"], claimed.id, "Muộn", "b")


@pytest.mark.parametrize(("text", "client_id"), [("", "a"), ("  \n", "a"), ("x" * 4001, "a"), ("x", ""), ("x", "đ")])
async def test_unusable_chat_is_refused(world: World, claimed: Consult, text: str, client_id: str) -> None:
    with pytest.raises(Invalid):
        await world.rooms.chat(world["lan"], claimed.id, text, client_id)


async def test_text_is_kept_in_one_normal_form(world: World, claimed: Consult) -> None:
    said = await world.rooms.chat(world["lan"], claimed.id, "Đo\u0302\u0323t quy\u0323\u202e", "a")
    assert said.text == "Đột quỵ"


async def test_first_frames_and_lines_are_told_once(world: World, claimed: Consult) -> None:
    _, lan = await world.rooms.join(world["lan"], claimed.id)
    _, ha = await world.rooms.join(world["ha"], claimed.id)
    last = (await world.log.since(claimed.id, 0))[-1].number
    await asyncio.gather(*(world.rooms.first_frame(lan, ha.id, "video", 420) for _ in range(4)))
    await world.rooms.first_frame(lan, ha.id, "audio")
    for state in (LineState.GOOD, LineState.WEAK, LineState.WEAK, LineState.GOOD):
        await world.rooms.line_changed(lan, state)
    entries = await world.log.since(claimed.id, last)
    assert [entry.kind.value for entry in entries] == ["first_frame", "first_frame", "line_changed", "line_changed"]
    assert entries[0].data["after_ms"] == 420
    with pytest.raises(NotFound):
        await world.rooms.first_frame(lan, ParticipantId(new_id("par")), "video")
    for kind, after_ms in (("smell", 1), ("video", -1)):
        with pytest.raises(Invalid):
            await world.rooms.first_frame(lan, ha.id, kind, after_ms)
    with pytest.raises(Invalid):
        await world.rooms.line_changed(lan, "superb")


async def test_a_change_of_quality_is_logged_with_rung_and_cause(world: World, claimed: Consult) -> None:
    _, lan = await world.rooms.join(world["lan"], claimed.id)
    _, ha = await world.rooms.join(world["ha"], claimed.id)
    last = (await world.log.since(claimed.id, 0))[-1].number
    await world.rooms.quality_changed(lan, Way.SENDS, Rung.STILLS)
    await world.rooms.quality_changed(ha, "sees", "low", lan)
    await world.rooms.quality_changed(ha, Way.WISHES, Rung.AUDIO)
    await world.rooms.quality_changed(lan, Way.SENDS, Rung.HD)
    entries = await world.log.since(claimed.id, last)
    assert [(entry.actor, entry.data["rung"], entry.data["cause"]) for entry in entries] == [
        (world["lan"].id, "stills", "uplink"),
        (world["ha"].id, "low", "downlink"),
        (world["ha"].id, "audio", "wish"),
        (world["lan"].id, "hd", "none"),
    ]
    assert (entries[1].data["source"], entries[1].data["from"]) == (lan.id, world["lan"].id)
    for way, rung in (("dreams", "hd"), ("sends", "superb")):
        with pytest.raises(Invalid):
            await world.rooms.quality_changed(lan, way, rung)


async def test_only_the_specialist_ends_and_only_once(world: World, claimed: Consult) -> None:
    _, lan = await world.rooms.join(world["lan"], claimed.id)
    await world.rooms.join(world["ha"], claimed.id)
    for who in ("lan", "dieu"):
        with pytest.raises(Forbidden) as error:
            await world.rooms.end(world[who], claimed.id)
        assert error.value.code == "consult.not_yours_to_end"
    world.clock.advance(90)

    async def end() -> str:
        try:
            return (await world.rooms.end(world["ha"], claimed.id)).state.value
        except HoichanError as error:
            return error.code

    assert sorted(await asyncio.gather(*(end() for _ in range(5)))) == ["consult.ended"] * 4 + ["ended"]
    assert not any(person.present for person in await world.rooms.participants(claimed.id))
    await world.rooms.leave(lan)
    entries = await world.log.since(claimed.id, 0)
    assert [entry.kind.value for entry in entries].count("ended") == 1
    assert entries[-1].kind.value == "ended"
    assert entries[-1].data == {"lasted_s": 90}


async def test_a_coordinator_ends_what_the_specialist_left(world: World, claimed: Consult) -> None:
    _, ha = await world.rooms.join(world["ha"], claimed.id)
    await world.rooms.leave(ha)
    assert (await world.rooms.end(world["dieu"], claimed.id)).state is ConsultState.ENDED


async def test_opinions_have_versions_and_the_stale_are_refused(world: World, claimed: Consult) -> None:
    assert await world.opinions.get(world["lan"], claimed.id) is None

    async def save(text: str) -> Opinion | str:
        try:
            return await world.opinions.save(world["ha"], claimed.id, text, 0)
        except HoichanError as error:
            return error.code

    results = await asyncio.gather(*(save(f"Ý kiến {number}") for number in range(5)))
    assert sum(isinstance(result, Opinion) for result in results) == 1
    assert [result for result in results if isinstance(result, str)] == ["opinion.stale"] * 4
    second = await world.opinions.save(world["ha"], claimed.id, "Dùng alteplase", 1)
    assert second.version == 2
    assert await world.opinions.save(world["ha"], claimed.id, "Dùng alteplase", 1) == second
    with pytest.raises(Conflict) as error:
        await world.opinions.save(world["ha"], claimed.id, "Khác", 1)
    assert error.value.parameters == {"seen": 1, "now": 2}
    with pytest.raises(Forbidden):
        await world.opinions.save(world["lan"], claimed.id, "Tôi", 2)
    with pytest.raises(Invalid):
        await world.opinions.save(world["ha"], claimed.id, "x" * 20_001, 2)
    assert await world.opinions.get(world["lan"], claimed.id) == second


async def test_the_close_needs_the_end_and_an_opinion_and_shuts_the_book(world: World, claimed: Consult) -> None:
    assert await world.opens_book("ha", claimed.id)
    with pytest.raises(Conflict) as error:
        await world.opinions.close(world["ha"], claimed.id)
    assert error.value.code == "consult.not_ended"
    await world.rooms.end(world["ha"], claimed.id)
    with pytest.raises(Invalid):
        await world.opinions.close(world["ha"], claimed.id)
    await world.opinions.save(world["ha"], claimed.id, "Chuyển tuyến ngay", 0)
    assert await world.opens_book("ha", claimed.id)
    closed = await world.opinions.close(world["ha"], claimed.id)
    assert closed.state is ConsultState.CLOSED
    assert not await world.opens_book("ha", claimed.id)
    with pytest.raises(Conflict):
        await world.opinions.save(world["ha"], claimed.id, "Sửa", 1)
    kept = await world.opinions.get(world["lan"], claimed.id)
    assert kept is not None
    assert kept.closed_at == world.clock.now()
    assert (await world.kinds(claimed))[-4:] == ["claimed", "ended", "opinion_saved", "closed"]


async def test_the_grant_ends_after_a_day(world: World, claimed: Consult) -> None:
    world.clock.advance(timedelta(hours=24).total_seconds() - 1)
    assert await world.opens_book("ha", claimed.id)
    world.clock.advance(1)
    assert not await world.opens_book("ha", claimed.id)
