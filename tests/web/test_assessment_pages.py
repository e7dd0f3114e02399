"""Scores and shared examinations on pages: recorded by both sides, read beside the question and beside the call."""

from __future__ import annotations

import html

from tests.web.clinic import SCRIPT, Clinic, clinic
from tests.web.conftest import Browser
from tests.web.ward import Ward, ward

__all__ = ["clinic", "ward"]

GCS = {"s.gcs.eyes": "3", "s.gcs.verbal": "4", "s.gcs.motor": "6"}


async def test_both_sides_score_and_examine_and_read_it_side_by_side(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    path = f"/consults/{consult_id}/assessments"
    await clinic.specialist.get(path)
    assert "/assessments/scores/" not in clinic.specialist.page, "who is only rung reads"
    await clinic.world.answers.accept(clinic.expert, consult_id)
    response = await clinic.doctor.post(f"{path}/scores/gcs", GCS | {"s.gcs.verbal": ""}, headers=SCRIPT)
    page = html.unescape(clinic.doctor.page)
    assert response.status == 422
    assert 'id="s.gcs.verbal-problem"' in page
    assert '<option value="3" selected>' in page, "what was chosen stays"
    await clinic.doctor.get(path)
    assert (await clinic.doctor.post(f"{path}/scores/gcs", GCS)).status == 303
    of_clinic = {"seen": "0", "e.abdominal.tenderness": "present", "e.abdominal.guarding": "absent"}
    of_hospital = of_clinic | {"e.abdominal.guarding": "present"}
    assert (await clinic.doctor.post(f"{path}/examinations/abdominal", of_clinic)).status == 303
    response = await clinic.specialist.post(f"{path}/examinations/abdominal", of_hospital, headers=SCRIPT)
    assert (response.status, response.headers["X-Fragment"]) == (200, "1")
    for browser, where in (
        (clinic.doctor, path),
        (clinic.specialist, path),
        (clinic.specialist, f"/consults/{consult_id}/book"),
    ):
        await browser.get(where)
        page = html.unescape(browser.page)
        assert '<strong class="score-total">13</strong>' in page, where
        assert "thang 3 đến 15" in page
        assert "Lancet 1974" in page, "the source stands beside it"
        assert "hai bên thống nhất 1/2 mục" in page
        assert page.count("<strong>khác nhau</strong>") == 1
    # Somebody of the same side saved first: what was chosen stays, with what stands.
    response = await clinic.doctor.post(f"{path}/examinations/abdominal", of_clinic | {"e.abdominal.mass": "present"})
    assert response.status == 409
    assert "hai bên thống nhất 1/2 mục" in html.unescape(clinic.doctor.page)
    assert (await clinic.doctor.post(f"{path}/examinations/abdominal", of_clinic | {"seen": "x"})).status == 422
    assert (await clinic.doctor.post(f"{path}/scores/made_up", GCS)).status == 404
    stranger: Browser = await clinic.site.browser()
    await stranger.sign_in("qt.an")
    assert (await stranger.get(path)).status in {403, 404}
    assert (await stranger.post(f"{path}/scores/gcs", GCS)).status in {403, 404}


async def test_the_consults_page_shows_them_after_the_call(ward: Ward) -> None:
    consult = await ward.held()
    path = f"/consults/{consult.id}"
    await ward.doctor.get(f"{path}/assessments")
    assert (await ward.doctor.post(f"{path}/assessments/scores/gcs", GCS)).status == 303
    for browser in (ward.doctor, ward.specialist):
        await browser.get(path)
        assert '<strong class="score-total">13</strong>' in browser.page
        assert f'href="{path}/assessments"' in browser.page
