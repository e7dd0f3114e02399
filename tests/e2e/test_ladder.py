"""The ladder that a person sees: layers, words when a picture gets worse or stands, sound only, the return."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Browser, expect

from tests.e2e.people import FRAMES, Person, signed_in
from tests.e2e.server import DemoServer
from tests.e2e.test_consult import STROKE, end
from tests.e2e.test_screen import in_a_room

REMEMBER_PEERS = """
  window.peers = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...all) { super(...all); window.peers.push(this); }
  };
"""
OUTBOUND = """async () => {
  const peer = window.peers.filter((one) => one.getSenders().some((sender) => sender.track)).at(-1);
  const reports = [...(await peer.getStats()).values()];
  const codec = (id) => reports.find((one) => one.id === id)?.mimeType;
  return reports.filter((one) => one.type === 'outbound-rtp')
    .map((one) => ({kind: one.kind, rid: one.rid ?? '', frames: one.framesSent ?? 0, codec: codec(one.codecId)}));
}"""
REMOTE = "video-tile.remote"


async def test_layers_are_sent_and_a_poorer_one_is_said_in_words_and_in_the_log(
    sharp_browser: Browser, server: DemoServer
) -> None:
    async with (
        signed_in(sharp_browser, server, "bs.thuha") as specialist,
        signed_in(sharp_browser, server, "bs.bao") as doctor,
    ):
        await doctor.context.add_init_script(REMEMBER_PEERS)
        await in_a_room(doctor, specialist)
        await specialist.sees_other(120)
        sent: list[dict[str, Any]] = await doctor.page.evaluate(OUTBOUND)
        pictures = {one["rid"]: one["frames"] for one in sent if one["kind"] == "video"}
        assert len(pictures) >= 2, "a browser of two cores sends two layers, a stronger one three"
        assert min(pictures.values()) > 0
        assert {one["codec"] for one in sent if one["kind"] == "video"} == {"video/VP8"}
        assert {one["codec"] for one in sent if one["kind"] == "audio"} <= {"audio/red", "audio/opus"}
        await expect(specialist.page.locator(f"{REMOTE} .video-chip")).to_be_hidden(timeout=30_000)
        # As on a line that carries the smallest layer alone, whatever the page wishes.
        await doctor.page.evaluate("""() => setInterval(async () => {
          const senders = window.peers.flatMap((peer) => peer.getSenders());
          const sender = senders.find((one) => one.getParameters().encodings.length > 1);
          const parameters = sender.getParameters();
          parameters.encodings.forEach((one, place) => (one.active = place === 0));
          await sender.setParameters(parameters).catch(() => undefined);
        }, 200)""")
        chip = specialist.page.locator(f"{REMOTE} .video-chip .long")
        await expect(chip).to_have_text("Đường truyền bên kia yếu: hình nhỏ", timeout=15_000)
        await expect(doctor.page.locator("#line-state")).to_contain_text("bên kia thấy hình nhỏ")
        entry = specialist.page.locator("#ribbon [data-kind=quality_changed]").last
        await expect(entry).to_contain_text("đường truyền yếu, gửi hình nhỏ", timeout=30_000)
        await end(specialist, "Xong.")


async def test_a_picture_that_stands_is_said_at_once(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        await in_a_room(doctor, specialist)
        await doctor.page.evaluate("document.querySelector('#self video').srcObject.getVideoTracks()[0].stop()")
        chip = specialist.page.locator(f"{REMOTE} .video-chip .long")
        await expect(chip).to_contain_text("Hình đứng", timeout=15_000, ignore_case=True)
        await end(specialist, "Xong.")


async def test_sound_only_is_chosen_while_waiting_and_taken_back_in_the_room(
    browser: Browser, server: DemoServer
) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        await doctor.context.add_init_script(REMEMBER_PEERS)
        await doctor.call_emergency(await doctor.specialty_id(STROKE))
        await doctor.page.check("#audio-only", force=True)
        await specialist.accept()
        await doctor.in_room()
        for person, cover in ((specialist, "audio_only_them"), (doctor, "audio_only_me")):
            await expect(person.page.locator(REMOTE)).to_have_attribute("data-cover", cover)
            assert await person.hears_other() > 0.01
        await expect(doctor.page.locator("#line-chip")).to_contain_text("Chỉ nghe tiếng")
        sent: list[dict[str, Any]] = await doctor.page.evaluate(OUTBOUND)
        assert [one["kind"] for one in sent] == ["audio"]
        await _no_picture_comes(doctor)
        await doctor.page.click("#camera")
        for person in (specialist, doctor):
            await expect(person.page.locator(REMOTE)).to_have_attribute("data-cover", "", timeout=20_000)
            before = int(await person.page.evaluate(FRAMES))
            await person.sees_other(before + 10)
        await doctor.page.click("#more summary")
        await doctor.page.click("[data-audio-only]")
        await expect(specialist.page.locator(REMOTE)).to_have_attribute("data-cover", "audio_only_them")
        kinds = specialist.page.locator("#ribbon [data-kind=quality_changed]")
        await expect(kinds.first).to_contain_text("chọn chỉ nghe tiếng", timeout=30_000)
        assert not specialist.errors + doctor.errors
        await end(specialist, "Xong.")


async def _no_picture_comes(person: Person) -> None:
    received = """async () => {
      let frames = 0;
      for (const peer of window.peers) for (const one of (await peer.getStats()).values())
        if (one.type === 'inbound-rtp' && one.kind === 'video') frames += one.packetsReceived;
      return frames;
    }"""
    await person.page.wait_for_timeout(1_500)
    before = int(await person.page.evaluate(received))
    await person.page.wait_for_timeout(2_000)
    assert int(await person.page.evaluate(received)) == before


async def test_after_a_cut_reconnected_is_said_when_media_was_decoded(browser: Browser, server: DemoServer) -> None:
    async with signed_in(browser, server, "bs.thuha") as specialist, signed_in(browser, server, "bs.bao") as doctor:
        await in_a_room(doctor, specialist)
        await doctor.page.evaluate("""() => {
          const said = (window.said = []);
          const line = document.querySelector('#line-state');
          new MutationObserver(() => said.push([line.innerText.trim(), document.querySelector(
            'video-tile.remote video').getVideoPlaybackQuality().totalVideoFrames])).observe(line, {childList: true});
        }""")
        before = int(await doctor.page.evaluate(FRAMES))
        await doctor.context.set_offline(True)
        await expect(doctor.page.locator("#line-state")).to_contain_text("Mất kết nối")
        await doctor.context.set_offline(False)
        await expect(doctor.page.locator("#line-state")).to_contain_text("Đã nối lại", timeout=20_000)
        said: list[tuple[str, int]] = await doctor.page.evaluate("window.said")
        back = next(frames for words, frames in said if words == "Đã nối lại")
        assert back > before
        await doctor.sees_other(back + 20)
        await end(specialist, "Xong.")
