"""The ladder over sockets: what media measures reaches those whom it concerns, and the log when it lasts."""

from __future__ import annotations

import asyncio
from typing import Any

from consult_rooms.model import Consult
from media.api import Cause, LayersWanted, QualityChanged, Rung, SpeakersChanged, UplinkChanged
from signaling.qualities import EVERY_S, SETTLE_S
from tests.signaling.conftest import Client, Live, eventually, publish_offer

TURN_S = 0.7
"""Real seconds after which the log has been looked at."""


async def together(live: Live) -> tuple[Client, Client, Consult, dict[str, Any], dict[str, Any]]:
    """BS. Lan sends, BS. Hà receives; their connections, the consult, and what each heard on joining."""
    lan, ha = await live.connect("lan"), await live.connect("ha")
    consult = await live.claimed()
    one, other = await lan.join(consult), await ha.join(consult)
    await ha.done("subscribe", consult_id=consult.id)
    offer, sources = await publish_offer()
    await lan.done("publish", consult_id=consult.id, sdp=offer, sources=sources)
    return lan, ha, consult, one, other


async def picture(ha: Client) -> str:
    offered = await ha.next("subscribe_offer")
    return next(str(track["track_id"]) for track in offered["tracks"] if track["kind"] == "video")


def logged(client: Client, consult: Consult) -> list[dict[str, Any]]:
    """Entries about quality, with their sentences."""
    logs = [log for log in client.all("log") if log["consult_id"] == consult.id]
    return [entry for log in logs for entry in log["entries"] if entry["kind"] == "quality_changed"]


async def settle(live: Live, seconds: float = SETTLE_S) -> None:
    live.world.clock.advance(seconds)
    await asyncio.sleep(TURN_S)


async def test_each_hears_what_concerns_it_and_nobody_else(live: Live) -> None:
    lan, ha, consult, one, other = await together(live)
    track = await picture(ha)
    media = live.media
    media.tell(QualityChanged(consult.id, other["participant_id"], track, Rung.STILLS, Cause.UPLINK))
    media.tell(UplinkChanged(consult.id, one["participant_id"], Rung.STILLS))
    media.tell(LayersWanted(consult.id, one["participant_id"], track, "1", ("q", "h")))
    media.tell(SpeakersChanged(consult.id, (one["participant_id"],)))
    quality = await ha.next("quality")
    assert quality == {"consult_id": consult.id, "track_id": track, "rung": "stills", "cause": "uplink"}
    assert await lan.next("uplink") == {"consult_id": consult.id, "rung": "stills"}
    layers = await lan.next("layers")
    assert (layers["track_id"], layers["mid"], layers["rids"]) == (track, "1", ["q", "h"])
    for client in (lan, ha):
        assert (await client.next("speakers"))["participant_ids"] == [one["participant_id"]]
    assert not lan.all("quality")
    assert not ha.all("uplink")
    assert not ha.all("layers")


async def test_heights_reach_the_media_plane(live: Live) -> None:
    _lan, ha, consult, _one, other = await together(live)
    track = await picture(ha)
    await ha.done("prefer", consult_id=consult.id, heights={track: 360, "unknown": 0})
    assert live.media.heights[(consult.id, other["participant_id"])] == {track: 360, "unknown": 0}
    for heights in ({}, {track: -1}, {track: 4321}, {track: 1.5}, {"": 1}, {str(n): 1 for n in range(65)}):
        refused = await ha.error("prefer", consult_id=consult.id, heights=heights)
        assert refused["code"] == "event.malformed"


async def test_a_slow_uplink_is_logged_once_it_lasts_and_again_when_it_is_over(live: Live) -> None:
    lan, ha, consult, one, _other = await together(live)
    live.media.tell(UplinkChanged(consult.id, one["participant_id"], Rung.LOW))
    live.media.tell(UplinkChanged(consult.id, one["participant_id"], Rung.STILLS))
    await lan.next("uplink", rung="stills")
    assert not logged(ha, consult)
    await settle(live)
    await eventually(lambda: len(logged(ha, consult)) == 1)
    (entry,) = logged(ha, consult)
    assert entry["text"] == "BS. Lan: đường truyền yếu, chỉ gửi ảnh tĩnh"
    assert (entry["data"]["rung"], entry["data"]["cause"]) == ("stills", "uplink")
    assert entry["data"]["participant"] == one["participant_id"]
    live.media.tell(UplinkChanged(consult.id, one["participant_id"], Rung.HD))
    await lan.next("uplink", rung="hd")
    await settle(live)
    assert len(logged(ha, consult)) == 1, "not twice within a short time"
    await settle(live, EVERY_S)
    await eventually(lambda: len(logged(ha, consult)) == 2)
    assert logged(ha, consult)[1]["data"]["rung"] == "hd"


async def test_what_passes_in_a_moment_is_not_logged(live: Live) -> None:
    lan, ha, consult, one, _other = await together(live)
    for rung in (Rung.LOW, Rung.HD):
        live.media.tell(UplinkChanged(consult.id, one["participant_id"], rung))
    await lan.next("uplink", rung="hd")
    await settle(live)
    assert not logged(ha, consult)


async def test_a_line_that_never_rests_is_told_all_the_same(live: Live) -> None:
    lan, ha, consult, one, _other = await together(live)
    for turn in range(8):
        live.media.tell(UplinkChanged(consult.id, one["participant_id"], Rung.LOW if turn % 2 else Rung.STILLS))
        await eventually(lambda: len(lan.all("uplink")) > turn)  # noqa: B023 - awaited within the turn
        live.world.clock.advance(SETTLE_S - 1)
    await eventually(lambda: logged(ha, consult))


async def test_a_slow_downlink_names_whose_picture_suffers(live: Live) -> None:
    _lan, ha, consult, _one, other = await together(live)
    track = await picture(ha)
    live.media.tell(QualityChanged(consult.id, other["participant_id"], track, Rung.LOW, Cause.DOWNLINK))
    await ha.next("quality")
    await settle(live)
    await eventually(lambda: logged(ha, consult))
    assert logged(ha, consult)[0]["text"] == "BS. Hà: đường truyền yếu, xem hình nhỏ của BS. Lan"
    live.media.tell(QualityChanged(consult.id, other["participant_id"], track, Rung.HD, Cause.NONE))
    await ha.next("quality", rung="hd")
    await settle(live, EVERY_S)
    await eventually(lambda: len(logged(ha, consult)) == 2)
    assert logged(ha, consult)[1]["data"]["cause"] == "none"


async def test_a_small_tile_and_anothers_uplink_are_no_matter_of_the_viewer(live: Live) -> None:
    _lan, ha, consult, _one, other = await together(live)
    track = await picture(ha)
    for rung, cause in ((Rung.LOW, Cause.WISH), (Rung.AUDIO, Cause.UPLINK)):
        live.media.tell(QualityChanged(consult.id, other["participant_id"], track, rung, cause))
    await ha.next("quality", rung="audio")
    await settle(live, EVERY_S)
    assert not logged(ha, consult)


async def test_sound_only_is_shown_to_all_and_logged(live: Live) -> None:
    lan, ha, consult, one, _other = await together(live)
    await lan.done("set_media", consult_id=consult.id, audio=True, video=False, audio_only=True)

    def shown() -> bool:
        people = ha.all("room")[-1]["participants"]
        return any(p["audio_only"] and p["participant_id"] == one["participant_id"] for p in people)

    await eventually(shown)
    await settle(live)
    await eventually(lambda: logged(ha, consult))
    assert logged(ha, consult)[0]["text"] == "BS. Lan chọn chỉ nghe tiếng"
    assert logged(ha, consult)[0]["data"]["cause"] == "wish"
    await lan.join(consult, audio=True, video=True)
    await settle(live, EVERY_S)
    await eventually(lambda: len(logged(ha, consult)) == 2)
    assert not shown()


async def test_a_restart_gives_an_offer_and_a_named_device_is_a_source(live: Live) -> None:
    lan, ha, consult, _one, _other = await together(live)
    first = await ha.done("subscribe", consult_id=consult.id)
    again = await ha.done("subscribe", consult_id=consult.id, restart=True)
    assert again["revision"] > first["revision"]
    assert len(again["tracks"]) == 2
    offer, sources = await publish_offer()
    mid = next(mid for mid, source in sources.items() if source == "camera")
    named = {**sources, mid: "device:Máy siêu âm"}
    await lan.done("publish", consult_id=consult.id, sdp=offer, sources=named)
    await eventually(lambda: any(t["source"] == named[mid] for o in ha.all("subscribe_offer") for t in o["tracks"]))
    for source in ("device:", "device:a\nb", "device:" + "x" * 58, "Device", "device:\u202ea"):
        refused = await lan.error("publish", consult_id=consult.id, sdp=offer, sources={mid: source})
        assert refused["code"] == "event.malformed"
