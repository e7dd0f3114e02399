"""The rules of the ladder and its dry run as pages."""

from __future__ import annotations

import html
import re

from tests.web.ward import Ward, ward

__all__ = ["ward"]


def fields(page: str) -> dict[str, str]:
    """What the form of the rules would send as it stands."""
    found = dict(
        re.findall(r'<input class="input" id="([^"]+)" name="[^"]+" type="number"[^>]*? value="([^"]*)"', page)
    )
    for name, options in re.findall(r'<select class="input" id="(effect_[^"]+)".*?>(.*?)</select>', page, re.S):
        found[name] = re.findall(r'value="([^"]+)" selected', options)[0]
    found["version"] = re.findall(r'name="version" value="(\d+)"', page)[0]
    return found


async def test_rules_are_edited_checked_and_never_overwritten_unseen(ward: Ward) -> None:
    chief = await ward.site.browser()
    await chief.sign_in("qt.an")
    assert (await chief.get("/administration/ladder")).status == 200
    seen = fields(chief.page)
    assert (seen["version"], seen["seconds_emergency_on_call"], seen["effect_offline_routine"]) == ("0", "30", "last")
    bad = await chief.post("/administration/ladder", seen | {"seconds_emergency_backup": "2", "most": "many"})
    assert bad.status == 422
    for name in ("seconds_emergency_backup", "most"):
        assert f'id="{name}-problem"' in chief.page
    saved = await chief.post("/administration/ladder", seen | {"seconds_emergency_backup": "20", "note": "Nhanh hơn"})
    assert saved.status == 303
    late = await chief.post("/administration/ladder", seen | {"busy_from": "3"})
    assert late.status == 409
    assert "hiện là: 20" in html.unescape(chief.page)
    await chief.get("/administration/ladder")
    assert fields(chief.page)["seconds_emergency_backup"] == "20"
    assert "Nhanh hơn" in html.unescape(chief.page)
    for browser in (ward.coordinator, ward.doctor):
        assert (await browser.get("/administration/ladder")).status == 403


async def test_a_coordinator_sees_who_would_be_rung_and_who_not(ward: Ward) -> None:
    keeper = ward.coordinator
    await keeper.get("/coordinator")
    assert 'href="/ladder"' in keeper.page
    await keeper.get("/ladder")
    asked = f"/ladder?facility={ward.cast.clinic.code}&specialty={ward.specialty_id}&urgency=emergency&case_code="
    assert (await keeper.get(asked)).status == 200
    assert re.findall(r'data-step="(\w+)"', keeper.page) == [
        "on_call",
        "backup",
        "specialty",
        "alternate",
        "coordinator",
    ]
    assert "BS. Hà" in html.unescape(keeper.page)
    assert (await keeper.get(asked + "HC-0000-0001")).status == 422
    assert 'id="case_code-problem"' in keeper.page
    assert (await keeper.get("/ladder?facility=00000&specialty=x")).status == 422
    assert (await ward.doctor.get("/ladder")).status == 403
