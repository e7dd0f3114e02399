"""Home by role and the request form, over real services, as a browser without script sees them."""

from __future__ import annotations

import html
import re
from datetime import time, timedelta

import pytest

from consult_rooms.model import IdentityState, Level, Urgency
from foundation.clock import FakeClock
from foundation.ids import ConsultId
from tests.records_panel.conftest import LANH
from tests.web.clinic import Clinic, clinic, hidden, part, section

__all__ = ["clinic"]


async def test_an_emergency_needs_its_specialty_alone(clinic: Clinic) -> None:
    response = await clinic.doctor.post("/requests/new", await clinic.form())
    assert response.status == 303
    await clinic.doctor.get(response.headers["Location"])
    page = html.unescape(clinic.doctor.page)
    assert 'id="waiting"' in page
    assert "BS. Hà" in page
    assert 'href="tel:02550000115"' in page  # the hospital's number from second 0
    consult = await clinic.consult(ConsultId(response.headers["Location"].removeprefix("/requests/")))
    assert (consult.urgency, consult.patient.identity) == (Urgency.EMERGENCY, IdentityState.TEMPORARY)


async def test_an_estimate_and_the_question_go_along(clinic: Clinic) -> None:
    consult = await clinic.consult(
        await clinic.ask(age_years="60", sex="female", situation="Yếu nửa người <phải>", recommendation="Xử trí?")
    )
    assert (consult.patient.age_years, consult.patient.sex) == (60, "female")
    assert consult.question.line == "Yếu nửa người <phải> Xử trí?"


async def test_an_incomplete_form_says_what_is_missing_and_keeps_what_was_typed(clinic: Clinic) -> None:
    fields = await clinic.form("urgent") | {"specialty_id": "", "situation": "Đau đầu <dữ dội>", "consent_consult": "1"}
    response = await clinic.doctor.post("/requests/new", fields)
    page = html.unescape(clinic.doctor.page)
    assert response.status == 422
    for name in ("specialty_id", "patient", "consent"):
        assert f'id="{name}-problem"' in page
    assert "Đau đầu <dữ dội>" in page
    assert re.search(r'name="urgency" value="urgent" checked', page)
    assert re.search(r'name="consent_consult" value="1" form="request" checked', page)
    assert hidden(page, "idempotency_key") == fields["idempotency_key"]
    assert await clinic.world.queries.waiting(clinic.cast.doctor) == []


async def test_a_specialty_that_does_not_exist_is_an_error_beside_its_field(clinic: Clinic) -> None:
    fields = await clinic.form() | {"specialty_id": "spe_" + "0" * 32}
    response = await clinic.doctor.post("/requests/new", fields)
    assert response.status == 422
    assert 'id="specialty_id-problem"' in clinic.doctor.page


async def test_only_specialties_of_linked_hospitals_are_offered(clinic: Clinic) -> None:
    await clinic.form()
    assert f'value="{clinic.stroke}"' in clinic.doctor.page
    assert f'value="{clinic.burns}"' not in clinic.doctor.page


async def test_the_same_form_sent_twice_is_one_request(clinic: Clinic) -> None:
    fields = await clinic.form()
    first = await clinic.doctor.post("/requests/new", fields)
    await clinic.doctor.get("/")
    second = await clinic.doctor.post("/requests/new", fields)
    assert first.headers["Location"] == second.headers["Location"]


async def test_a_script_hears_where_to_go_and_what_is_wrong(clinic: Clinic) -> None:
    fields = await clinic.form()
    response, text = await part(clinic.doctor, "/requests/new", fields | {"specialty_id": ""})
    assert (response.status, response.headers["X-Fragment"]) == (422, "1")
    assert 'id="specialty_id-problem"' in text
    response, text = await part(clinic.doctor, "/requests/new", fields)
    assert (response.status, text) == (201, "")
    assert response.headers["Location"].startswith("/requests/con_")


async def test_a_confirmed_patient_goes_with_the_request(clinic: Clinic) -> None:
    proof = await clinic.proof()
    # Without script the confirmation is a page of its own, which leads back to the form with the proof.
    await clinic.doctor.post("/requests/new", {"patient": proof})
    assert LANH.name in html.unescape(clinic.doctor.page)
    key = hidden(clinic.doctor.page, "idempotency_key")
    fields = {
        "urgency": "urgent",
        "specialty_id": clinic.stroke,
        "idempotency_key": key,
        "patient": proof,
        "situation": "Đau đầu",
        "consent_consult": "1",
        "consent_record": "1",
        "consent_by": "self",
    }
    response = await clinic.doctor.post("/requests/new", fields)
    assert response.status == 303
    await clinic.doctor.get(response.headers["Location"])
    assert LANH.name in html.unescape(clinic.doctor.page)


async def test_a_void_proof_stops_an_urgent_request_but_no_emergency(clinic: Clinic) -> None:
    response = await clinic.doctor.post("/requests/new", await clinic.form("urgent") | {"patient": "xyz"})
    assert response.status == 422
    assert 'id="patient-problem"' in clinic.doctor.page
    consult = await clinic.consult(await clinic.ask(patient="xyz", consent_consult="1"))
    assert consult.patient.identity is IdentityState.TEMPORARY
    assert consult.consent is None


async def test_only_a_doctor_on_site_may_ask(clinic: Clinic) -> None:
    assert (await clinic.specialist.get("/requests/new")).status == 403


async def test_home_of_a_doctor_on_site(clinic: Clinic) -> None:
    await clinic.doctor.get("/")
    for urgency in Urgency:
        assert f'href="/requests/new?urgency={urgency}"' in clinic.doctor.page
    assert "BS. Hà" in section(clinic.doctor.page, "on-call")
    assert "Không có ca nào" in section(clinic.doctor.page, "waiting-now")
    consult_id = await clinic.ask(age_years="60", sex="male")
    await clinic.doctor.get("/")
    assert "Chưa xác định danh tính , nam, 60 tuổi" in section(clinic.doctor.page, "waiting-now")
    assert f'href="/requests/{consult_id}"' in clinic.doctor.page
    await clinic.world.answers.accept(clinic.expert, consult_id)
    await clinic.doctor.get("/")
    assert f'href="/consults/{consult_id}/room"' in clinic.doctor.page


async def test_home_of_a_specialist(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.specialist.get("/")
    page = html.unescape(clinic.specialist.page)
    assert "Đang trực Đột quỵ, đến 19:00" in page
    assert "/requests/new" not in page
    assert "BS. An" in section(page, "colleagues")
    assert "Không còn ý kiến nào" in section(page, "owed")
    await clinic.world.rota.add(
        clinic.coordinator,
        staff_id=clinic.second.id,
        specialty_id=clinic.stroke,
        facility_id=clinic.cast.hospital.id,
        weekday=0,
        starts=time(7),
        ends=time(7),
        level=Level.BACKUP,
    )
    await clinic.specialist.get("/")
    assert "BS. An trực dự phòng" in section(clinic.specialist.page, "colleagues")
    await clinic.doctor.get("/")
    assert "BS. Hà Dự phòng: BS. An" in section(clinic.doctor.page, "on-call")
    backup = await clinic.site.browser()
    await backup.sign_in("bs.an")
    await backup.get("/")
    assert "Trực dự phòng Đột quỵ, đến 07:00" in html.unescape(backup.page)
    assert "Đang trực" not in html.unescape(backup.page)
    await clinic.world.answers.accept(clinic.expert, consult_id)
    await clinic.world.rooms.end(clinic.expert, consult_id)
    await clinic.specialist.get("/")
    assert f'href="/consults/{consult_id}/opinion"' in clinic.specialist.page
    assert f'href="/consults/{consult_id}"' in clinic.specialist.page


async def test_duty_ends_with_the_turn(clinic: Clinic, clock: FakeClock) -> None:
    clock.advance(timedelta(hours=5).total_seconds())  # 19:00
    night = await clinic.site.browser()
    await night.sign_in("bs.ha")
    await night.get("/")
    assert "Lúc này không trực" in html.unescape(night.page)


async def test_home_of_coordinator_and_administrator(clinic: Clinic) -> None:
    await clinic.ask()
    coordinator, chief = await clinic.site.browser(), await clinic.site.browser()
    await coordinator.sign_in("dp.khue")
    await coordinator.get("/")
    assert "Trạm Y tế đảo Hòn Mây · Đột quỵ" in section(coordinator.page, "queue")
    assert 'href="/coordinator"' in coordinator.page
    await chief.sign_in("qt.an")
    await chief.get("/")
    assert 'href="/administration"' in chief.page
    assert 'href="/administration/audit"' in chief.page
    # An officer's page lives by what awaits review; nothing else on it does.
    assert re.findall(r'data-live="([^"]+)"', chief.page) == ["/?part=alert", "/?part=emergencies"]


@pytest.mark.parametrize("name", ["waiting", "agenda", "past", "on_call"])
async def test_a_section_comes_alone_for_the_script(clinic: Clinic, name: str) -> None:
    response, text = await part(clinic.doctor, f"/?part={name}")
    assert (response.status, response.headers["X-Fragment"]) == (200, "1")
    assert "tile-head" in text
    assert "<section" not in text
    assert "<html" not in text


@pytest.mark.parametrize("name", ["queue", "owed", "page", "../base", ""])
async def test_nobody_gets_a_section_of_another_role(clinic: Clinic, name: str) -> None:
    assert (await clinic.doctor.get("/", params={"part": name})).status == 404


async def test_no_page_has_script_or_style_in_it(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    for path in ("/", "/requests/new", f"/requests/{consult_id}"):
        await clinic.doctor.get(path)
        assert not re.search(r"<[^>]+\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", clinic.doctor.page)
