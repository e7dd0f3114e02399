"""The panel and the patient forms in the running application, as a page's script and a bare browser see them."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestServer

from consult_rooms.model import Consult, IdentityState, Patient, Question, Urgency
from foundation.bus import Bus
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.errors import Unavailable
from foundation.files import Files
from foundation.ids import PatientId, SpecialtyId
from foundation.sealing import Sealer
from hoichan.demo import citizens
from identity.entries import SpecialtyEntry, StaffEntry
from identity.model import Role, Staff
from records_panel.additions import Additions
from records_panel.citizens import Identity
from records_panel.panel import Panel
from tests.conftest import compiled
from tests.consult_rooms.conftest import UNKNOWN_WOMAN, World, build
from tests.records_panel.conftest import LANH, ZONE, Records, neighbour
from tests.statements import statements
from tests.web.conftest import OPERATOR, PASSWORD, Browser, Cast, Site, build_services, people
from web import application
from web.services import Services

__all__ = ["people"]
TABS = ("summary", "results", "imaging", "visits", "history", "papers", "search")
STYLE = re.compile(r"<[^>]+\sstyle=|<script|\son[a-z]+=")


class BrokenBook:
    """A source that does not answer."""

    name = "A book"

    async def fetch(self, patient_id: PatientId, *, whole: bool = False) -> dict[str, Any]:
        raise Unavailable("database.unavailable", "-")


@dataclass
class Clinic:
    """The application with books, the two doctors' browsers, and the consult services behind them."""

    site: Site
    world: World
    records: Records
    doctor: Browser
    specialist: Browser
    caller: Staff
    expert: Staff
    specialty_id: SpecialtyId

    async def ask(self, patient: Patient) -> Consult:
        """A consult that the specialist has taken."""
        consult = await self.world.requests.create(
            self.caller,
            terminal_id=None,
            specialty_id=self.specialty_id,
            urgency=Urgency.EMERGENCY,
            patient=patient,
            question=Question(situation="Yếu nửa người phải <từ 13:20>", recommendation="Tái tưới máu?"),
            consent=None,
            idempotency_key=f"key-{patient.patient_id}-{patient.age_years}",
        )
        return await self.world.answers.accept(self.expert, consult.id)

    async def ask_for(self, identity: Identity, resources: list[dict[str, Any]]) -> Consult:
        (patient_id,) = await self.records.add(identity, resources=resources)
        return await self.ask(
            Patient(patient_id, IdentityState.ESTABLISHED, identity.name, identity.birth_date, identity.sex, "••••4471")
        )


async def fragment(browser: Browser, path: str, fields: dict[str, Any] | None = None) -> tuple[ClientResponse, str]:
    """Ask as the page's script does; the CSRF token stays that of the page."""
    csrf = browser.csrf
    if fields is None:
        response = await browser.get(path, headers={"X-Fragment": "1"})
    else:
        response = await browser.post(path, fields, headers={"X-Fragment": "1"})
    browser.csrf = csrf
    text = await response.text()
    assert response.headers.get("X-Fragment") == "1" or response.status >= 400
    assert "<html" not in text
    return response, html.unescape(text)


@pytest.fixture
async def clinic(
    sqlite_database: Database,
    bus: Bus,
    clock: FakeClock,
    sealer: Sealer,
    services: Services,
    people: Cast,
    tmp_path: Path,
) -> AsyncIterator[Clinic]:
    administration, accounts = services.administration, services.accounts
    stroke = await administration.create_specialty(OPERATOR, SpecialtyEntry("stroke", "Đột quỵ", "Stroke"))
    entry = StaffEntry(
        "bs.ha",
        "BS. Hà",
        people.hospital.id,
        frozenset({Role.SPECIALIST}),
        specialties=frozenset({stroke.id}),
        licence_number="0001",
        licence_expires=date(2030, 1, 1),
    )
    expert, _ = await accounts.create_staff(OPERATOR, entry, password=PASSWORD)
    world = await build(sqlite_database, clock, bus, sealer, {}, rota=False)
    records = Records(sqlite_database, clock, sealer)
    panel = Panel(sqlite_database, world.store, services.audit, records.book, zone=ZONE)
    files = Files(tmp_path / "files", sealer)
    additions = Additions(sqlite_database, world.store, world.log, world.directory, services.audit, records.book, files)
    whole = replace(
        services,
        patients=records.patients,
        panel=panel,
        requests=world.requests,
        intake=world.intake,
        additions=additions,
    )
    server = TestServer(application.build(whole, compiled()), host="127.0.0.1")
    await server.start_server()
    site = Site(server, whole)
    doctor, specialist = await site.browser(), await site.browser()
    await doctor.sign_in("bs.bao")
    await specialist.sign_in("bs.ha")
    yield Clinic(site, world, records, doctor, specialist, people.doctor, expert, stroke.id)
    await site.close()


@pytest.fixture
def services(sqlite_database: Database, bus: Bus, clock: FakeClock) -> Services:
    return build_services(sqlite_database, bus, clock)


def demo_book(story: str) -> tuple[Identity, list[dict[str, Any]]]:
    citizen = next(one for one in citizens(date(2026, 11, 23)) if one.story == story)
    identity = Identity(
        name=citizen.name,
        birth_date=citizen.birth_date,
        sex=citizen.sex,
        commune_code=citizen.commune_code,
        cccd=citizen.cccd,
        bhyt=citizen.bhyt,
        bhyt_valid_until=citizen.bhyt_valid_until,
    )
    return identity, citizen.resources


async def test_the_first_ten_seconds(clinic: Clinic) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    response, text = await fragment(clinic.specialist, f"/consults/{consult.id}/book")
    assert response.status == 200
    assert response.headers["Cache-Control"] == "no-store"
    for words in (
        "Nguyễn Văn Lành",
        "Nam, 68 tuổi",
        "12/03/1958",
        "••••4471",
        "BHYT đến",
        "Dị ứng nặng: Penicillin",
        "Chống đông",
        "Máy tạo nhịp",
        "Vì sao gọi",
        "Yếu nửa người phải <từ 13:20>",
        "Bệnh hiện mắc",
        "1 mục được giữ kín (R)",
        "Acenocoumarol 2 mg",
        "HA, mmHg",
        "156/90",
        "128 µmol/L",
        "62–106",
        "+12",
    ):
        assert words in text, words
    assert "051058004471" not in text
    assert 'viewBox="0 0 60 18"' in text
    assert not STYLE.search(text.replace("Yếu nửa người phải <từ", ""))


@pytest.mark.parametrize("tab", TABS)
async def test_every_tab_keeps_the_red_line(clinic: Clinic, tab: str) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    _, text = await fragment(clinic.specialist, f"/consults/{consult.id}/book?tab={tab}")
    assert "Dị ứng nặng: Penicillin" in text
    assert f'tab={tab}" data-fragment-target="#book" aria-current="true"' in text


@pytest.mark.parametrize("tab", TABS)
async def test_an_empty_book_says_so_on_every_tab(clinic: Clinic, tab: str) -> None:
    consult = await clinic.ask_for(LANH, [])
    response, text = await fragment(clinic.specialist, f"/consults/{consult.id}/book?tab={tab}")
    assert response.status == 200
    assert "Dị ứng: Chưa có thông tin" in text
    assert 'class="redline"' not in text


async def test_in_english(clinic: Clinic) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    await clinic.specialist.post("/language", {"language": "en", "next": "/"})
    _, text = await fragment(clinic.specialist, f"/consults/{consult.id}/book")
    assert "Severe allergy: Penicillin" in text
    assert "1 entry is withheld (R)" in text
    assert "3.3 mmol/L" in text


async def test_without_script_it_is_a_page(clinic: Clinic) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    response = await clinic.specialist.get(f"/consults/{consult.id}/book")
    assert response.status == 200
    assert "<html" in clinic.specialist.page
    assert "Nguyễn Văn Lành" in clinic.specialist.page


async def test_a_book_that_cannot_be_fetched_is_unavailable_and_never_empty(clinic: Clinic) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    clinic.site.services.panel._book = BrokenBook()
    response, text = await fragment(clinic.specialist, f"/consults/{consult.id}/book")
    assert response.status == 503
    assert 'data-kind="unavailable"' in text
    assert "Thử lại" in text
    assert "Chưa có thông tin" not in text


async def test_strangers_learn_nothing(clinic: Clinic) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    other = await clinic.site.browser()
    await other.sign_in("dd.hoa")
    response, text = await fragment(other, f"/consults/{consult.id}/book")
    assert response.status == 404
    assert "Nguyễn" not in text


async def test_a_closed_grant_reads_as_withheld(clinic: Clinic) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    clinic.world.clock.advance(25 * 3600)
    for browser, name in ((clinic.specialist, "bs.ha"), (clinic.doctor, "bs.bao")):
        await browser.sign_in(name)
        response, text = await fragment(browser, f"/consults/{consult.id}/book")
        assert response.status == 403
        assert 'data-kind="withheld"' in text
        assert "Penicillin" not in text


async def test_finding_and_confirming_for_a_request(clinic: Clinic) -> None:
    (patient_id,) = await clinic.records.add(LANH)
    _, text = await fragment(clinic.doctor, "/patients/search", {"number": "051 058 004 471"})
    assert "••••4471" in text
    assert "sinh năm 1958" in text
    assert "12/03/1958" not in text
    wrong = {"patient_id": patient_id, "number": "051058004471", "birth_date": "1/1/1958"}
    response, text = await fragment(clinic.doctor, "/patients/confirm", wrong)
    assert response.status == 403
    assert "không khớp" in text
    assert 'value="1/1/1958"' in text
    right = wrong | {"birth_date": "12/03/1958"}
    response, text = await fragment(clinic.doctor, "/patients/confirm", right)
    assert response.status == 200
    proof = re.search(r'name="patient" value="([^"]+)" form="request"', text)
    assert proof is not None
    patient = await clinic.site.services.patients.confirmed(clinic.caller, proof[1])
    assert patient.patient_id == patient_id
    assert "051058004471" not in text


async def test_a_whole_name_counts_as_one_identifier_and_a_part_does_not(clinic: Clinic) -> None:
    await clinic.records.add(LANH)
    _, text = await fragment(clinic.doctor, "/patients/search", {"name": "nguyen van lanh", "birth_year": "1958"})
    assert 'type="hidden" name="name" value="nguyen van lanh"' in text
    _, text = await fragment(clinic.doctor, "/patients/search", {"name": "lanh", "birth_year": "1958"})
    rows = text.partition('action="/patients/confirm"')[2].partition("</form>")[0]
    assert 'name="name"' not in rows
    assert 'name="second_number"' in rows


async def test_more_than_ten_ask_for_commune_or_sex(clinic: Clinic) -> None:
    await clinic.records.add(LANH, *(neighbour(number) for number in range(11)))
    _, text = await fragment(clinic.doctor, "/patients/search", {"name": "lành", "birth_year": "1958"})
    assert text.count('action="/patients/confirm"') == 10
    assert "Hơn 10 người phù hợp" in text


async def test_a_search_without_a_year_keeps_what_was_typed(clinic: Clinic) -> None:
    response, text = await fragment(clinic.doctor, "/patients/search", {"name": "Nguyễn <Lành>"})
    assert response.status == 422
    assert "cần có năm sinh" in text
    assert 'value="Nguyễn <Lành>"' in text


async def test_searching_needs_the_right_and_the_token(clinic: Clinic) -> None:
    response, _ = await fragment(clinic.specialist, "/patients/search", {"number": "051058004471"})
    assert response.status == 403
    clinic.doctor.csrf = "forged"
    response = await clinic.doctor.post("/patients/search", {"number": "051058004471"})
    assert response.status == 403
    assert (await clinic.doctor.get("/patients/search")).status == 405


async def test_a_citizen_found_nowhere_gets_a_book(clinic: Clinic) -> None:
    _, text = await fragment(clinic.doctor, "/patients/search", {"number": "051358004471"})
    assert "Không tìm thấy ai" in text
    _, text = await fragment(clinic.doctor, "/patients/new", {"name": "Võ Thị Mới"})
    assert 'value="Võ Thị Mới"' in text
    fields = {"sent": "1", "name": "Võ Thị Mới", "birth_date": "5/6/1990", "sex": "female", "commune": "xã Hòn Mây"}
    response, text = await fragment(clinic.doctor, "/patients/new", fields | {"cccd": "0513"})
    assert response.status == 422
    assert "12 chữ số" in text
    response, text = await fragment(clinic.doctor, "/patients/new", fields | {"cccd": "051058004471"})
    assert response.status == 200
    assert "năm sinh khác" in text
    assert "giới tính khác" in text
    again = fields | {"birth_date": "1990-06-05", "name": "vo thi moi"}
    response, text = await fragment(clinic.doctor, "/patients/new", again)
    assert response.status == 409
    assert 'name="although_similar"' in text
    response, _ = await fragment(clinic.doctor, "/patients/new", again | {"although_similar": "1"})
    assert response.status == 200


async def test_a_nameless_patient_is_named_in_the_consult_and_it_can_be_taken_back(clinic: Clinic) -> None:
    (patient_id,) = await clinic.records.add(LANH)
    consult = await clinic.ask(UNKNOWN_WOMAN)
    path = f"/consults/{consult.id}"
    for browser in (clinic.doctor, clinic.specialist):
        response, text = await fragment(browser, f"{path}/book")
        assert response.status == 200
        assert "Chưa xác định danh tính" in text
        assert "khoảng 70 tuổi" in text
        assert ("Tìm người bệnh" in text) is (browser is clinic.doctor)
    _, text = await fragment(clinic.doctor, "/patients/search", {"number": "051058004471", "consult_id": consult.id})
    assert f'action="{path}/identity"' in text
    fields = {"patient_id": patient_id, "number": "051058004471", "birth_date": "12/03/1958"}
    response, text = await fragment(clinic.specialist, f"{path}/identity", fields)
    assert response.status == 403
    response, text = await fragment(clinic.doctor, f"{path}/identity", fields)
    assert response.status == 200
    assert "Nguyễn Văn Lành" in text
    _, text = await fragment(clinic.specialist, f"{path}/book")
    assert "Nguyễn Văn Lành" in text
    response, text = await fragment(clinic.doctor, f"{path}/identity", {"act": "revert"})
    assert "Chưa xác định danh tính" in text
    response, text = await fragment(clinic.doctor, f"{path}/identity", {"act": "revert"})
    assert response.status == 409
    assert "Mở sổ sức khỏe" in text
    trail = [entry.action for entry in await clinic.records.trail()]
    assert "consult.identity_confirmed" in trail
    assert "consult.identity_reverted" in trail


async def test_a_new_book_in_a_consult_becomes_its_patient(clinic: Clinic) -> None:
    consult = await clinic.ask(UNKNOWN_WOMAN)
    fields = {"sent": "1", "name": "Võ Thị Mới", "birth_date": "5/6/1956", "sex": "female", "commune": "xã Hòn Mây"}
    _, text = await fragment(clinic.doctor, "/patients/new", fields | {"consult_id": consult.id})
    assert f'href="/consults/{consult.id}/book"' in text
    _, text = await fragment(clinic.specialist, f"/consults/{consult.id}/book")
    assert "Võ Thị Mới" in text


async def test_every_demo_book_renders_on_every_tab(clinic: Clinic) -> None:
    for story in ("pre-eclampsia", "febrile-child", "snake-bite"):
        consult = await clinic.ask_for(*demo_book(story))
        for tab in TABS:
            response, _ = await fragment(clinic.specialist, f"/consults/{consult.id}/book?tab={tab}")
            assert response.status == 200


async def test_the_panel_asks_the_database_six_times(clinic: Clinic, sqlite_database: Database) -> None:
    """Session, place with everything that decides, audit, summary, additions, statements. Audit before summary."""
    consult = await clinic.ask_for(*demo_book("stroke"))
    await fragment(clinic.specialist, f"/consults/{consult.id}/book")  # connections open
    with statements(sqlite_database) as seen:
        await fragment(clinic.specialist, f"/consults/{consult.id}/book")
    assert len(seen) == 6, "\n".join(text[:160] for text in seen)
    assert "INSERT INTO audit_entries" in seen[2]
    assert "FROM summaries" in seen[3]
