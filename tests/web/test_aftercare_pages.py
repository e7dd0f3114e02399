"""After the advice on pages: unread at the start and in lists, day 7 answered in one tap, shown to the specialist."""

from __future__ import annotations

import html

from tests.web.clinic import hidden
from tests.web.ward import Ward, ward

__all__ = ["ward"]
DAY_S = 24 * 3600.0


async def test_from_unread_advice_to_the_outcome_of_day_7(ward: Ward) -> None:
    consult = await ward.held()
    await ward.world.opinions.save(ward.expert, consult.id, "Chuyển ngay.", 0)
    here = f"/consults/{consult.id}"
    await ward.specialist.get("/owed")
    assert f'href="{here}/opinion"' in ward.specialist.page
    await ward.world.opinions.close(ward.expert, consult.id)

    for path in ("/", "/?part=unread", "/owed", "/consults", here):
        assert (await ward.doctor.get(path)).status == 200
        assert 'data-tone="emergency"' in ward.doctor.page or path == "/owed", path
    await ward.doctor.get("/owed")
    assert f'data-owed="{consult.id}"' in ward.doctor.page
    await ward.specialist.get(here)
    assert "Cơ sở chưa đọc ý kiến này." in ward.specialist.page
    assert (await ward.specialist.post(f"{here}/read-advice", {"person": "0"})).status == 403
    assert (await ward.stranger.post(f"{here}/read-advice", {"person": "0"})).status == 404
    assert (await ward.doctor.post(f"{here}/read-advice", {"person": "0"})).status == 303
    await ward.doctor.get("/?part=unread")
    assert "banner" not in ward.doctor.page
    await ward.doctor.get("/consults")
    assert "Chờ kết quả" in ward.doctor.page

    ward.world.clock.advance(7 * DAY_S)
    for browser, user_name in ((ward.doctor, "bs.bao"), (ward.specialist, "bs.ha")):
        await browser.sign_in(user_name)
    await ward.doctor.get(here)
    assert 'data-follow-up="7"' in ward.doctor.page
    fields = {"person": "0", "day": "7", "outcome": "better", "note": "Đi lại được <tốt>."}
    assert (await ward.doctor.post(f"{here}/follow-up", fields)).status == 303
    assert (await ward.doctor.post(f"{here}/follow-up", fields | {"day": "x"})).status == 404
    await ward.specialist.get(here)
    assert "Đi lại được <tốt>." in html.unescape(ward.specialist.page)
    assert "Đỡ hơn" in ward.specialist.page

    for fields in ({"usefulness": "yes"}, {"line": "weak"}):
        assert (await ward.specialist.post(f"{here}/rating", fields)).status == 303
    await ward.specialist.get(here)
    assert ward.specialist.page.count('aria-pressed="true"') == 2

    await ward.doctor.get(here)
    fields = {"key": hidden(ward.doctor.page, "key")}
    places = {(await ward.doctor.post(f"{here}/return", fields)).headers["Location"] for _ in range(2)}
    assert len(places) == 1
    assert places.pop().startswith("/requests/con_")
