"""What the clinic adds during the call stands in the specialist's panel at once, marked new, and the video goes on."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, expect

from tests.e2e.people import FRAMES, PHONE, Person, signed_in
from tests.e2e.server import DemoServer
from tests.e2e.test_consult import STROKE, end
from tests.foundation.test_files import picture

# A cuff as Web Bluetooth shows it to a page: its bytes are those of tests/client/gatt.test.ts.
CUFF = """
(() => {
  const source = Object.assign(new EventTarget(), {
    value: null,
    async startNotifications() {
      setTimeout(() => {
        source.value = new DataView(new Uint8Array([0x04, 178, 0, 96, 0, 123, 0, 92, 0]).buffer);
        source.dispatchEvent(new Event("characteristicvaluechanged"));
      }, 50);
    },
  });
  const gatt = {
    connected: true,
    async connect() { return gatt; },
    disconnect() { gatt.connected = false; },
    async getPrimaryService(service) {
      if (service !== 0x1810) throw new Error("none");
      return { async getCharacteristic() { return source; } };
    },
  };
  const device = Object.assign(new EventTarget(), { name: "UA-651BLE", gatt });
  Object.defineProperty(navigator, "bluetooth", { value: { async requestDevice() { return device; } } });
})();
"""


async def test_signs_and_a_photograph_come_into_the_panel_beside_a_video_that_goes_on(
    browser: Browser, server: DemoServer, tmp_path: Path, screenshots: Path
) -> None:
    async with (
        signed_in(browser, server, "bs.thuha") as specialist,
        signed_in(browser, server, "bs.bao", PHONE) as doctor,
    ):
        await doctor.context.add_init_script(CUFF)
        await doctor.call_emergency(await doctor.specialty_id(STROKE))
        await specialist.accept()
        await doctor.in_room()
        await specialist.sees_other(5)
        await watch_frames(specialist)
        theirs, own = specialist.page, doctor.page

        # From the cuff, with a pulse that is typed over: a person's word stands.
        await own.click("#more > summary")
        await own.click("#more [data-open-adder]")
        await own.fill("#add-pulse", "90")
        await own.click("#read-device")
        await expect(own.locator("#add-systolic")).to_have_value("178")
        await expect(own.locator("#add-pulse")).to_have_value("90")
        await expect(own.locator("#device-note")).to_contain_text("UA-651BLE")
        await own.fill("#add-oxygen", "71")
        await own.click("#adder form[data-kind=vitals] [type=submit]")
        await expect(own.locator("form[data-kind=vitals] [data-ask]")).to_contain_text("71")
        await expect(theirs.locator("[data-addition]")).to_have_count(0)
        await own.screenshot(path=screenshots / "adder-390.png")
        await own.click("#adder form[data-kind=vitals] [type=submit]")
        added = theirs.locator("#book [data-addition][data-kind=vitals]")
        await expect(added).to_contain_text("HA 178/96 mmHg · Mạch 90/phút · SpO₂ 71 %")
        await expect(added).to_contain_text("UA-651BLE")
        await expect(added.locator(".chip.new")).to_have_text("mới")
        await expect(theirs.locator("#book-news")).to_contain_text("dấu hiệu sinh tồn")
        await expect(own.locator("form[data-kind=vitals] [data-state]")).to_contain_text("Đã vào sổ")

        # A photograph, while the specialist writes: what is typed elsewhere and the place of reading stay.
        await theirs.fill("#opinion-text", "Giữ huyết áp dưới 185/110")
        photo = tmp_path / "photo.jpg"
        photo.write_bytes(picture(size=(2400, 1600), place=True))
        await own.click("#adder .tabs [data-kind=file]")
        await own.set_input_files("#adder [data-file] >> nth=1", photo)
        await expect(own.locator("#file-preview")).to_be_visible()
        await own.fill("#add-description", "Ban xuất huyết cẳng chân")
        # The line is cut in the middle: nothing is lost, nothing comes twice.
        await doctor.context.set_offline(True)
        await own.click("#adder form[data-kind=file] [type=submit]")
        await expect(own.locator("form[data-kind=file] [data-state]")).to_contain_text("Chưa gửi được")
        await own.click("#adder .tabs [data-kind=vitals]")
        await own.fill("#add-temperature", "36,8")
        await own.click("#adder form[data-kind=vitals] [type=submit]")
        await expect(own.locator("form[data-kind=vitals] [data-state]")).to_contain_text("Chưa gửi được")
        await doctor.context.set_offline(False)
        shown = theirs.locator("#book [data-addition][data-kind=picture]")
        await expect(shown).to_contain_text("Ban xuất huyết cẳng chân", timeout=20_000)
        await expect(shown.locator(".chip.new")).to_be_visible()
        await expect(theirs.locator("#book [data-addition]", has_text="36,8 °C")).to_be_visible(timeout=20_000)
        await expect(theirs.locator("#book [data-addition]")).to_have_count(3)
        await expect(theirs.locator("#opinion-text")).to_be_focused()
        assert await shown.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 320
        await theirs.screenshot(path=screenshots / "added-1440.png")
        await shown.locator("a[data-picture]").click()
        large = theirs.locator("#picture-dialog img")
        await expect(large).to_be_visible()
        assert await large.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1920
        await theirs.keyboard.press("Escape")

        # What one entered in error one takes back.
        await own.click("#close-adder")
        if await own.locator("#book-handle[aria-expanded=false]").is_visible():
            await own.click("#book-handle")
        wrong = own.locator("#book [data-addition]", has_text="36,8 °C").locator("[data-withdraw]")
        await wrong.click()
        await wrong.click()
        await expect(theirs.locator("#book [data-addition]")).to_have_count(2)

        assert await specialist.page.evaluate("window.longestGapMs") < 2_000, "the picture went on all the while"
        assert await specialist.page.evaluate("document.querySelector('video-tile.remote video') === window.firstVideo")
        await end(specialist, "Xong.")
    assert [error for person in (specialist, doctor) for error in person.errors if "ERR_INTERNET" not in error] == []


async def watch_frames(person: Person) -> None:
    """Note the longest time without a new frame, but for the seconds in which the other side is cut off."""
    await person.page.evaluate(
        f"""() => {{
          window.firstVideo = document.querySelector('video-tile.remote video');
          window.longestGapMs = 0;
          let frames = {FRAMES}, at = performance.now();
          setInterval(() => {{
            const now = {FRAMES};
            const cut = document.querySelector('video-tile.remote')?.dataset.cover;
            if (now !== frames || cut) at = performance.now();
            frames = now;
            window.longestGapMs = Math.max(window.longestGapMs, performance.now() - at);
          }}, 50);
        }}"""
    )
