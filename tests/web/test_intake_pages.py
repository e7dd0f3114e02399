"""Questions by specialty on pages: asked with the request, gone on with while it rings, shown to the specialist."""

from __future__ import annotations

import html
import re

from consult_rooms.model import Question, Urgency
from tests.consult_rooms.conftest import CONSENT, PATIENT
from tests.web.clinic import SCRIPT, Clinic, clinic
from tests.web.conftest import Browser

__all__ = ["clinic"]

FLAG = {"q.stroke.consciousness": "yes", "q.stroke.last_known_well": "2026-11-23T06:40", "q.stroke.arm": "yes"}


async def test_answers_go_out_with_the_request_and_the_specialist_sees_the_red_flag(clinic: Clinic) -> None:
    await clinic.doctor.get("/requests/new")
    page = html.unescape(clinic.doctor.page)
    assert re.search(rf'data-suits="[^"]*{clinic.stroke}[^"]*"[^>]*>\s*<summary[^>]*>.*?Nghi đột quỵ', page, re.DOTALL)
    consult_id = await clinic.ask(**FLAG)
    for browser, path in (
        (clinic.doctor, f"/requests/{consult_id}"),
        (clinic.specialist, f"/consults/{consult_id}"),
        (clinic.specialist, f"/consults/{consult_id}/intake"),
    ):
        await browser.get(path)
        page = html.unescape(browser.page)
        assert "1 dấu hiệu báo động" in page, path
        assert "Giảm ý thức, hôn mê" in page
        assert "23/11/2026 06:40" in page
    assert "/intake/sheets/" not in clinic.specialist.page, "who is only rung reads"


async def test_what_cannot_be_sent_stays_as_it_was_typed(clinic: Clinic) -> None:
    long = "ế" * 100_000
    fields = await clinic.form() | FLAG | {"q.stroke.before": long, "q.gone.question": "vẫn còn đây"}
    response = await clinic.doctor.post("/requests/new", fields)
    page = html.unescape(clinic.doctor.page)
    assert response.status == 422
    assert 'id="q.stroke.before-problem"' in page
    assert 'id="sheets-problem"' in page
    assert long in page
    assert 'value="2026-11-23T06:40"' in page
    assert await clinic.world.queries.waiting(clinic.cast.doctor) == []


async def test_a_red_flag_suggests_an_emergency_and_forces_none(clinic: Clinic) -> None:
    world = clinic.world
    consult = await world.requests.create(
        clinic.cast.doctor,
        terminal_id=None,
        specialty_id=clinic.stroke,
        urgency=Urgency.URGENT,
        patient=PATIENT,
        question=Question(situation="Chóng mặt"),
        consent=CONSENT,
        idempotency_key="u",
    )
    response = await clinic.doctor.post(f"/consults/{consult.id}/intake/sheets/stroke", {"seen": "0"} | FLAG)
    assert response.status == 303
    assert (await clinic.consult(consult.id)).urgency is Urgency.URGENT
    await clinic.doctor.get(f"/requests/{consult.id}")
    assert 'id="suggestion"' in clinic.doctor.page
    await clinic.doctor.post(f"/requests/{consult.id}/emergency", {})
    now = await clinic.consult(consult.id)
    assert (now.urgency, now.question.situation) == (Urgency.EMERGENCY, "Chóng mặt")
    await clinic.doctor.get(f"/requests/{consult.id}")
    assert 'id="suggestion"' not in clinic.doctor.page
    # Somebody else saved first: what was typed stays, with what stands.
    body = {"seen": "0", "q.stroke.before": "Tự đi lại"}
    response = await clinic.doctor.post(f"/consults/{consult.id}/intake/sheets/stroke", body, headers=SCRIPT)
    assert response.status == 409
    assert "Tự đi lại" in html.unescape(clinic.doctor.page)


async def test_the_panel_beside_the_call_shows_them(clinic: Clinic) -> None:
    consult_id = await clinic.ask(**FLAG)
    await clinic.world.answers.accept(clinic.expert, consult_id)
    await clinic.specialist.get(f"/consults/{consult_id}/book")
    page = html.unescape(clinic.specialist.page)
    assert "1 dấu hiệu báo động" in page, "also while nobody knows who the patient is"
    assert f'href="/consults/{consult_id}/intake"' in page
    response = await clinic.specialist.get(f"/consults/{consult_id}/intake", headers=SCRIPT)
    assert response.headers["X-Fragment"] == "1"
    assert f'action="/consults/{consult_id}/intake/sheets/stroke"' in clinic.specialist.page


async def test_an_administrator_retires_a_template(clinic: Clinic) -> None:
    chief: Browser = await clinic.site.browser()
    await chief.sign_in("qt.an")
    await chief.get("/administration/templates")
    assert "Nghi đột quỵ" in html.unescape(chief.page)
    await chief.post("/administration/templates/stroke", {"act": "retire"})
    await clinic.doctor.get("/requests/new")
    assert "q.stroke.face" not in clinic.doctor.page
    # A form that was open before is still taken, and the case says that it goes on with what is retired.
    consult_id = await clinic.ask(**FLAG)
    await clinic.doctor.get(f"/consults/{consult_id}/intake")
    assert "Ca này đã bắt đầu với bảng này" in html.unescape(clinic.doctor.page)
    response = await clinic.doctor.get("/administration/templates")
    assert response.status == 403


async def test_consents_and_the_roll_are_recorded_beside_the_questions(clinic: Clinic) -> None:
    consult_id = await clinic.ask(**FLAG)
    await clinic.world.answers.accept(clinic.expert, consult_id)
    path = f"/consults/{consult_id}/intake"
    spoken = {"purpose": "teaching", "given": "yes", "by": "guardian", "spoken": "1", "note": "Mẹ"}
    response = await clinic.specialist.post(f"{path}/consents", spoken)
    assert response.status == 422, "a witness is missing"
    assert 'value="Mẹ"' in html.unescape(clinic.specialist.page)
    assert (await clinic.specialist.post(f"{path}/consents", spoken | {"given": "", "witness": "A"})).status == 422
    assert (await clinic.specialist.post(f"{path}/consents", spoken | {"witness": "Chị Hoa"})).status == 303
    people = {"seen": "0", "name": ["Lê Văn Con", ""], "capacity": ["relative", "other"]}
    assert (await clinic.doctor.post(f"{path}/roll/clinic", people)).status == 303
    response = await clinic.doctor.post(f"{path}/roll/clinic", people | {"name": ["Người khác", ""]})
    assert response.status == 409
    page = html.unescape(clinic.doctor.page)
    assert "Người khác" in page, "what was typed stays"
    assert "Lê Văn Con" in page, "beside what stands"
    assert "Chị Hoa" in page
