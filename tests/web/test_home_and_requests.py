"""Home by role, the request form and the waiting page, over real services, as a browser without script sees them."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestServer

from consult_rooms.model import Consult, ConsultState, DeclineReason, IdentityState, Urgency
from foundation.bus import Bus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.ids import ConsultId, SpecialtyId
from foundation.sealing import Sealer
from identity.entries import SpecialtyEntry, StaffEntry
from identity.model import Role, Staff
from records_panel.panel import Panel
from tests.consult_rooms.conftest import World, build
from tests.records_panel.conftest import LANH, ZONE, Records
from tests.web.conftest import OPERATOR, PASSWORD, Browser, Cast, Site
from web import application
from web.services import Services

SCRIPT = {"X-Fragment": "1"}


@dataclass
class Clinic:
    """The application, the people's browsers, and the services behind them."""

    site: Site
    world: World
    records: Records
    cast: Cast
    doctor: Browser
    specialist: Browser
    expert: Staff
    second: Staff
    coordinator: Staff
    stroke: SpecialtyId
    burns: SpecialtyId

    async def form(self, urgency: str = "emergency") -> dict[str, Any]:
        """What the open form sends with the stroke specialty chosen."""
        await self.doctor.get(f"/requests/new?urgency={urgency}")
        return {
            "urgency": urgency,
            "specialty_id": self.stroke,
            "idempotency_key": hidden(self.doctor.page, "idempotency_key"),
        }

    async def ask(self, **fields: Any) -> ConsultId:
        """Send an emergency; its id."""
        response = await self.doctor.post("/requests/new", await self.form() | fields)
        assert response.status == 303
        return ConsultId(response.headers["Location"].removeprefix("/requests/"))

    async def consult(self, consult_id: ConsultId) -> Consult:
        return (await self.world.queries.consult(self.cast.doctor, consult_id)).consult

    async def proof(self) -> str:
        """Find and confirm the known patient, as at the bedside."""
        await self.records.add(LANH)
        await self.doctor.get("/requests/new")
        fields = {"name": LANH.name, "birth_year": str(LANH.birth_date.year)}
        await self.doctor.post("/patients/search", fields)
        patient_id = hidden(self.doctor.page, "patient_id")
        fields = {"patient_id": patient_id, "name": LANH.name, "birth_date": f"{LANH.birth_date:%d/%m/%Y}"}
        await self.doctor.post("/patients/confirm", fields)
        return hidden(self.doctor.page, "patient")


def hidden(page: str, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]+)"', page)
    assert found, name
    return html.unescape(found[1])


def section(page: str, mark: str) -> str:
    """The text of one section of the home page."""
    found = re.search(rf'<section class="tile" id="{mark}".*?</section>', page, re.S)
    assert found, mark
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", found[0])))


async def part(browser: Browser, path: str, fields: dict[str, Any] | None = None) -> tuple[ClientResponse, str]:
    """Ask as the page's script does; the CSRF token stays that of the page."""
    csrf = browser.csrf
    ask = browser.get(path, headers=SCRIPT) if fields is None else browser.post(path, fields, headers=SCRIPT)
    response = await ask
    browser.csrf = csrf
    text = html.unescape(await response.text())
    return response, text


@pytest.fixture
async def clinic(
    sqlite_database: Database, bus: Bus, clock: FakeClock, sealer: Sealer, services: Services, people: Cast
) -> AsyncIterator[Clinic]:
    stroke = await services.administration.create_specialty(OPERATOR, SpecialtyEntry("stroke", "Đột quỵ", "Stroke"))
    burns = await services.administration.create_specialty(OPERATOR, SpecialtyEntry("burns", "Bỏng", "Burns"))

    async def hire(user_name: str, name: str, role: Role) -> Staff:
        fields = frozenset({stroke.id}) if role is Role.SPECIALIST else frozenset()
        entry = StaffEntry(
            user_name,
            name,
            people.hospital.id,
            frozenset({role}),
            specialties=fields,
            licence_number="0001",
            licence_expires=date(2030, 1, 1),
        )
        return (await services.accounts.create_staff(OPERATOR, entry, password=PASSWORD))[0]

    expert = await hire("bs.ha", "BS. Hà", Role.SPECIALIST)
    second = await hire("bs.an", "BS. An", Role.SPECIALIST)
    coordinator = await hire("dp.khue", "CN. Khuê", Role.COORDINATOR)
    world = await build(sqlite_database, clock, bus, sealer, {}, rota=False)
    records = Records(sqlite_database, clock, sealer)
    for weekday in range(7):
        await world.rota.add(
            coordinator,
            staff_id=expert.id,
            specialty_id=stroke.id,
            facility_id=people.hospital.id,
            weekday=weekday,
            starts=time(7),
            ends=time(19),
        )
    whole = replace(
        services,
        patients=records.patients,
        panel=Panel(sqlite_database, world.store, services.directory, services.audit, records.book, zone=ZONE),
        requests=world.requests,
        rooms=world.rooms,
        queries=world.queries,
        rota=world.rota,
        presence=world.presence,
        scheduling=world.scheduling,
    )
    server = TestServer(application.build(whole), host="127.0.0.1")
    await server.start_server()
    site = Site(server, whole)
    doctor, specialist = await site.browser(), await site.browser()
    await doctor.sign_in("bs.bao")
    await specialist.sign_in("bs.ha")
    yield Clinic(site, world, records, people, doctor, specialist, expert, second, coordinator, stroke.id, burns.id)
    await site.close()


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


async def test_the_ladder_tells_each_answer_in_words(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.world.presence.beat(clinic.expert.id, "socket")
    response, before = await part(clinic.doctor, f"/requests/{consult_id}?part=ladder")
    assert response.headers["X-Fragment"] == "1"
    assert "<html" not in before
    assert "Đang đổ chuông cho BS. Hà" in before
    assert "14:00:30 gọi thêm BS. An" in before
    await clinic.world.requests.decline(clinic.expert, consult_id, DeclineReason.IN_PROCEDURE)
    _, after = await part(clinic.doctor, f"/requests/{consult_id}?part=ladder")
    assert re.search(r"Từ chối: [đĐ]ang làm thủ thuật", after)
    assert "Chưa ai trong số người được gọi đang trực tuyến" in after  # never "ringing" when it reaches nobody
    assert state_of(before) != state_of(after)


def state_of(fragment: str) -> str:
    found = re.search(r'data-state="(\d+:[^"]*)"', fragment)
    assert found
    return found[1]


async def test_widening_rings_the_next_step_until_there_is_none(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.doctor.get(f"/requests/{consult_id}")
    _, text = await part(clinic.doctor, f"/requests/{consult_id}/widen", {})
    assert re.search(r"BS\. An<small", text)
    await part(clinic.doctor, f"/requests/{consult_id}/widen", {})
    response, text = await part(clinic.doctor, f"/requests/{consult_id}/widen", {})
    assert response.status == 200
    assert "data-last-step" in text
    assert "Đã gọi tất cả" in text
    assert "Người giữ ca lúc này: <strong>CN. Khuê</strong>" in text
    response = await clinic.doctor.post(f"/requests/{consult_id}/widen", {})
    assert response.status == 409  # without script the page says so
    assert 'id="waiting"' in clinic.doctor.page


async def test_a_cancelled_request_leads_on(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.doctor.get(f"/requests/{consult_id}")
    response = await clinic.doctor.post(f"/requests/{consult_id}/cancel", {"reason": "transferred"})
    assert response.headers["Location"] == f"/requests/{consult_id}"
    assert (await clinic.consult(consult_id)).state is ConsultState.CANCELLED
    response = await clinic.doctor.get(f"/requests/{consult_id}")
    assert (response.status, response.headers["Location"]) == (303, f"/consults/{consult_id}")


async def test_an_unknown_reason_cancels_nothing(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.doctor.get(f"/requests/{consult_id}")
    response = await clinic.doctor.post(f"/requests/{consult_id}/cancel", {"reason": "bored"})
    assert response.status == 400 or response.status == 422
    assert (await clinic.consult(consult_id)).state is ConsultState.RINGING


async def test_a_claim_leads_into_the_room_and_nothing_is_cancelled_after_it(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.doctor.get(f"/requests/{consult_id}")
    await clinic.world.requests.accept(clinic.expert, consult_id)
    response = await clinic.doctor.post(f"/requests/{consult_id}/cancel", {"reason": "mistake"})
    assert response.status == 303
    response = await clinic.doctor.get(f"/requests/{consult_id}")
    assert response.headers["Location"] == f"/consults/{consult_id}/room"
    _, text = await part(clinic.doctor, f"/requests/{consult_id}?part=ladder")
    assert f'data-onward="/consults/{consult_id}/room"' in text
    assert (await clinic.consult(consult_id)).state is ConsultState.CLAIMED


async def test_the_question_and_the_consent_can_follow_while_it_rings(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.doctor.get(f"/requests/{consult_id}")
    fields = {"situation": "Co giật", "recommendation": "Thuốc gì?", "consent_by": "proxy", "consent_consult": "1"}
    response, text = await part(clinic.doctor, f"/requests/{consult_id}/question", fields)
    assert response.status == 200
    assert "Đã lưu lúc 14:00:00" in text
    consult = await clinic.consult(consult_id)
    assert consult.question.line == "Co giật Thuốc gì?"
    assert consult.consent is not None and not consult.consent.record_view
    fields = {"situation": "Co giật lại", "consent_consult": "1"}
    response, text = await part(clinic.doctor, f"/requests/{consult_id}/question", fields)
    assert response.status == 422
    assert "Co giật lại" in text
    assert (await clinic.consult(consult_id)).question.situation == "Co giật"


async def test_a_request_without_a_name_does_not_become_urgent_only(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    await clinic.doctor.get(f"/requests/{consult_id}")
    fields = {"situation": "Sốt", "urgency": "routine"}
    response, text = await part(clinic.doctor, f"/requests/{consult_id}/question", fields)
    assert response.status >= 400
    assert 'role="' in text
    assert (await clinic.consult(consult_id)).urgency is Urgency.EMERGENCY


async def test_strangers_find_no_request(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    nurse = await clinic.site.browser()
    await nurse.sign_in("dd.hoa")
    for path in ("", "?part=ladder", "?part=patient"):
        assert (await nurse.get(f"/requests/{consult_id}{path}")).status == 404
    await nurse.get("/")
    for act in ("widen", "cancel", "question"):
        assert (await nurse.post(f"/requests/{consult_id}/{act}", {"reason": "mistake"})).status == 404
        await nurse.get("/")
    assert (await clinic.consult(consult_id)).state is ConsultState.RINGING


async def test_a_coordinator_may_watch_and_widen_but_not_see_who_it_is(clinic: Clinic) -> None:
    consult_id = await clinic.ask(situation="Yếu nửa người")
    coordinator = await clinic.site.browser()
    await coordinator.sign_in("dp.khue")
    assert (await coordinator.get(f"/requests/{consult_id}")).status == 200
    assert 'name="consent_by"' not in coordinator.page
    assert (await coordinator.post(f"/requests/{consult_id}/widen", {})).status == 303


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
    await clinic.world.requests.accept(clinic.expert, consult_id)
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
    await clinic.world.requests.accept(clinic.expert, consult_id)
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
    assert "data-live" not in chief.page


@pytest.mark.parametrize("name", ["waiting", "agenda", "past", "on_call"])
async def test_a_section_comes_alone_for_the_script(clinic: Clinic, name: str) -> None:
    response, text = await part(clinic.doctor, f"/?part={name}")
    assert (response.status, response.headers["X-Fragment"]) == (200, "1")
    assert "tile-head" in text and "<section" not in text and "<html" not in text


@pytest.mark.parametrize("name", ["queue", "owed", "page", "../base", ""])
async def test_nobody_gets_a_section_of_another_role(clinic: Clinic, name: str) -> None:
    assert (await clinic.doctor.get("/", params={"part": name})).status == 404


async def test_no_page_has_script_or_style_in_it(clinic: Clinic) -> None:
    consult_id = await clinic.ask()
    for path in ("/", "/requests/new", f"/requests/{consult_id}"):
        await clinic.doctor.get(path)
        assert not re.search(r"<[^>]+\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", clinic.doctor.page)
