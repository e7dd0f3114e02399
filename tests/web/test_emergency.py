"""Opening a book in an emergency, its review and the list of views, as pages and as fragments of the panel."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from aiohttp import ClientResponse

from consult_rooms.model import Consult
from identity.entries import StaffEntry
from identity.model import Role
from tests.records_panel.conftest import LANH
from tests.web.clinic import Clinic, clinic, part
from tests.web.conftest import OPERATOR, PASSWORD, Browser

__all__ = ["clinic"]

OFFICER = "/administration/emergencies"
WORDS = "Bệnh nhân quay lại vì khó thở, cần xem tiền sử"
OPENING = {"reason": "danger", "words": WORDS, "password": PASSWORD}


async def taken(clinic: Clinic) -> Consult:
    """A case of a known patient that the specialist took, a day and more ago."""
    consent = {"consent_consult": "1", "consent_record": "1", "consent_by": "self"}
    consult_id = await clinic.ask(patient=await clinic.proof(), **consent)
    consult = await clinic.world.answers.accept(clinic.expert, consult_id)
    clinic.world.clock.advance(25 * 3600)
    for browser, name in ((clinic.doctor, "bs.bao"), (clinic.specialist, "bs.ha")):
        await browser.sign_in(name)
    return consult


async def officer(clinic: Clinic) -> Browser:
    browser = await clinic.site.browser()
    await browser.sign_in("qt.an")
    return browser


def posted(clinic: Clinic, consult: Consult, **changes: str) -> Any:
    return part(clinic.specialist, f"/consults/{consult.id}/emergency", OPENING | changes)


async def test_from_the_closed_panel_to_the_open_one(clinic: Clinic) -> None:
    consult = await taken(clinic)
    response, text = await part(clinic.specialist, f"/consults/{consult.id}/book")
    assert response.status == 403
    assert f'href="/consults/{consult.id}/emergency" data-fragment-target="#book"' in text
    _, text = await part(clinic.specialist, f"/consults/{consult.id}/emergency")
    assert 'autocomplete="current-password"' in text
    assert "Ít nhất 10 ký tự" in text
    assert "4 giờ" in text
    assert text.count('type="radio"') == 4
    response, text = await posted(clinic, consult)
    assert (response.status, response.headers["X-Fragment"]) == (200, "1")
    assert "Đang mở khẩn cấp, đến 19:00" in text
    assert LANH.name in text
    for tab in ("summary", "results", "viewers"):
        _, text = await part(clinic.specialist, f"/consults/{consult.id}/book?tab={tab}")
        assert "Đang mở khẩn cấp" in text
    assert "BS. Hà" in text
    assert "Mở sổ khẩn cấp" in text
    assert "Nguy hiểm đến tính mạng" in text
    clinic.world.clock.advance(4 * 3600)
    await clinic.specialist.sign_in("bs.ha")
    response, text = await part(clinic.specialist, f"/consults/{consult.id}/book")
    assert response.status == 403
    assert LANH.name not in text


async def test_without_scripts_it_is_a_page_of_its_own(clinic: Clinic) -> None:
    consult = await taken(clinic)
    await clinic.specialist.get(f"/consults/{consult.id}/emergency")
    assert "<html" in clinic.specialist.page
    response = await clinic.specialist.post(f"/consults/{consult.id}/emergency", OPENING)
    assert (response.status, response.headers["Location"]) == (303, f"/consults/{consult.id}/book")
    await clinic.specialist.get(f"/consults/{consult.id}/book")
    assert "Đang mở khẩn cấp" in html.unescape(clinic.specialist.page)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"words": "vội"}, "words"),
        ({"reason": ""}, "reason"),
        ({"reason": "curiosity"}, "reason"),
        ({"password": ""}, "password"),
        ({"password": "sai mật khẩu"}, "password"),
    ],
)
async def test_what_is_missing_is_said_beside_its_field(clinic: Clinic, changes: dict[str, str], field: str) -> None:
    consult = await taken(clinic)
    await clinic.specialist.get(f"/consults/{consult.id}/emergency")
    response, text = await posted(clinic, consult, **changes)
    assert response.status == 422
    assert f'id="{field}-problem"' in text
    assert LANH.name not in text
    # What was written stays, the password never.
    assert (changes.get("words", WORDS)) in text
    assert PASSWORD not in text
    response, _ = await part(clinic.specialist, f"/consults/{consult.id}/book")
    assert response.status == 403


async def test_after_five_wrong_passwords_one_has_to_wait(clinic: Clinic) -> None:
    consult = await taken(clinic)
    await clinic.specialist.get(f"/consults/{consult.id}/emergency")
    for _ in range(5):
        response, _ = await posted(clinic, consult, password="sai mật khẩu")
    response, text = await posted(clinic, consult)
    assert response.status == 429
    assert int(response.headers["Retry-After"]) > 0
    assert LANH.name not in text


async def test_a_forged_opening_is_refused(clinic: Clinic) -> None:
    consult = await taken(clinic)
    await clinic.specialist.get(f"/consults/{consult.id}/emergency")
    clinic.specialist.csrf = "x"
    response = await clinic.specialist.post(f"/consults/{consult.id}/emergency", OPENING)
    assert response.status == 403


async def test_a_colleague_comes_by_the_code_and_a_stranger_does_not(clinic: Clinic) -> None:
    consult = await taken(clinic)
    colleague, coordinator = await clinic.site.browser(), await clinic.site.browser()
    await colleague.sign_in("bs.an")
    await coordinator.sign_in("dp.khue")
    response = await colleague.get(f"/consults/{consult.id}/book")
    assert response.status == 404
    await colleague.get("/emergency")
    assert (await colleague.post("/emergency", {"code": "HC-0000-0001"})).status == 404
    response = await colleague.post("/emergency", {"code": f" {consult.code.lower()} "})
    assert (response.status, response.headers["Location"]) == (303, f"/consults/{consult.id}/emergency")
    await colleague.get(f"/consults/{consult.id}/emergency")
    assert f'href="/consults/{consult.id}"' not in colleague.page
    assert (await colleague.post(f"/consults/{consult.id}/emergency", OPENING)).status == 303
    assert (await colleague.get(f"/consults/{consult.id}/book")).status == 200
    assert LANH.name in colleague.page
    # The book alone: the consult itself stays what it was to them.
    assert (await colleague.get(f"/consults/{consult.id}")).status == 404
    response = await coordinator.get(f"/consults/{consult.id}/emergency")
    assert "không mở được sổ này" in html.unescape(coordinator.page)
    await coordinator.post(f"/consults/{consult.id}/emergency", OPENING)
    assert LANH.name not in coordinator.page


async def test_the_officer_reviews_it(clinic: Clinic) -> None:
    consult = await taken(clinic)
    reviewer = await officer(clinic)
    await reviewer.get("/")
    assert "Không có lần mở nào cần xét" in html.unescape(reviewer.page)
    await clinic.specialist.get(f"/consults/{consult.id}/emergency")
    await posted(clinic, consult)
    _, text = await part(reviewer, "/?part=emergencies")
    assert "BS. Hà" in text
    await reviewer.get(OFFICER)
    assert WORDS not in html.unescape(reviewer.page)
    found = re.search(rf'href="({OFFICER}/gls_[0-9a-f]+)"', reviewer.page)
    assert found is not None
    await reviewer.get(found[1])
    assert WORDS in html.unescape(reviewer.page)
    assert (await reviewer.post(found[1], {"verdict": "unjustified", "note": "ngắn"})).status == 422
    assert 'id="note-problem"' in reviewer.page
    assert (await reviewer.post(found[1], {"verdict": "justified", "note": ""})).status == 303
    await reviewer.get(OFFICER)
    assert "Chính đáng" in html.unescape(reviewer.page)
    assert (await reviewer.post(found[1], {"verdict": "unjustified", "note": "đổi ý về việc này"})).status == 409
    clinic.world.clock.advance(72 * 3600)


async def test_what_is_not_reviewed_in_time_says_so(clinic: Clinic) -> None:
    consult = await taken(clinic)
    await clinic.specialist.get(f"/consults/{consult.id}/emergency")
    await posted(clinic, consult)
    clinic.world.clock.advance(72 * 3600)
    reviewer = await officer(clinic)
    await reviewer.get(OFFICER)
    assert "Quá hạn" in html.unescape(reviewer.page)


async def test_outside_any_consult_by_number_and_birth_date(clinic: Clinic) -> None:
    doctor = clinic.doctor
    await clinic.proof()
    await doctor.get("/emergency")
    assert 'href="/emergency/patient"' in doctor.page
    await doctor.get("/emergency/patient")
    assert doctor.page.count('type="radio"') == 2
    path, form = "/emergency/patient", OPENING | {"number": str(LANH.cccd), "birth_date": "12/03/1958"}
    for changes, status, said in (
        ({"birth_date": "13/03/1958"}, 404, "Không có sổ sức khỏe nào khớp"),
        ({"number": "001000000000"}, 404, "Không có sổ sức khỏe nào khớp"),
        ({"number": "12"}, 422, 'id="number-problem"'),
        ({"birth_date": "hôm qua"}, 422, 'id="birth_date-problem"'),
        ({"words": "vội"}, 422, 'id="words-problem"'),
        ({"password": "sai mật khẩu rồi"}, 422, 'id="password-problem"'),
        ({"reason": "aftercare"}, 422, 'id="reason-problem"'),
    ):
        assert (await doctor.post(path, form | changes)).status == status, changes
        assert said in html.unescape(doctor.page), changes
    response = await doctor.post(path, form)
    assert response.status == 303
    book = response.headers["Location"]
    assert re.fullmatch(r"/emergency/books/gls_[0-9a-f]{32}/book", book)
    await doctor.get(book)
    page = html.unescape(doctor.page)
    assert "Đang mở khẩn cấp" in page
    assert LANH.name in page
    assert str(LANH.cccd) not in page
    assert f'href="{book}?tab=viewers"' in page
    _, text = await part(doctor, f"{book}?tab=viewers")
    assert "Trong cấp cứu" in text
    _, text = await part(doctor, f"{book}/search", {"q": "penicillin"})
    assert f'href="{book}?tab=' in text
    assert (await clinic.specialist.get(book)).status == 404
    reviewer = await officer(clinic)
    await reviewer.get("/")
    page = html.unescape(reviewer.page)
    assert page.index("1 lần mở sổ sức khỏe trong cấp cứu đang chờ bạn xét") < page.index('id="emergencies-title"')
    assert "ngoài hội chẩn" in page
    clinic.world.clock.advance(4 * 3600)
    await doctor.sign_in("bs.bao")
    assert (await doctor.get(book)).status == 403
    assert "Lần mở cấp cứu này đã hết hạn" in html.unescape(doctor.page)


async def test_a_birth_date_is_not_found_by_trying(clinic: Clinic) -> None:
    await clinic.proof()
    await clinic.doctor.get("/emergency/patient")
    for day in range(1, 7):
        form = OPENING | {"number": str(LANH.cccd), "birth_date": f"{day:02}/01/1958"}
        response = await clinic.doctor.post("/emergency/patient", form)
    assert (response.status, "Retry-After" in response.headers) == (429, True)


async def test_officers_pages_are_for_officers(clinic: Clinic) -> None:
    entry = StaffEntry("bv.tram", "Người bảo vệ", clinic.cast.clinic.id, frozenset({Role.DATA_PROTECTION_OFFICER}))
    await clinic.site.services.accounts.create_staff(OPERATOR, entry, password=PASSWORD)
    here = await clinic.site.browser()
    await here.sign_in("bv.tram")
    for path in (OFFICER, "/administration/views"):
        assert (await here.get(path)).status == 200
    paths = (OFFICER, f"{OFFICER}/gls_{'0' * 32}", f"/administration/views/pat_{'0' * 32}", "/?part=emergencies")
    for path in paths:
        assert (await clinic.specialist.get(path)).status in (403, 404)
    assert (await clinic.specialist.post("/administration/views", {"number": LANH.cccd})).status == 403


async def test_an_officer_finds_the_views_by_the_exact_number(clinic: Clinic) -> None:
    consult = await taken(clinic)
    await clinic.specialist.get(f"/consults/{consult.id}/emergency")
    await posted(clinic, consult)
    reviewer = await officer(clinic)
    await reviewer.get("/administration/views")

    async def find(number: str) -> ClientResponse:
        return await reviewer.post("/administration/views", {"number": number})

    assert (await find("123")).status == 422
    assert (await find("001000000000")).status == 200
    assert "Ở đây không có ai mang số này" in html.unescape(reviewer.page)
    response = await find("051 058 004 471")
    assert response.status == 303
    assert "051058004471" not in response.headers["Location"]
    await reviewer.get(response.headers["Location"])
    text = html.unescape(reviewer.page)
    assert "BS. Hà" in text
    assert "Bệnh viện Sông Trà" in text
    assert "Nguy hiểm đến tính mạng" in text
    assert "••••4471" in text
    assert "051058004471" not in text


async def test_administrators_give_scopes_for_restricted_entries(clinic: Clinic) -> None:
    browser = await officer(clinic)
    path = f"/administration/staff/{clinic.expert.id}"
    await browser.get(path)
    fields = {
        "full_name": clinic.expert.full_name,
        "user_name": "bs.ha",
        "facility_code": "51001",
        "language": "vi",
        "roles": ["specialist"],
        "specialties": [clinic.stroke],
        "licence_number": "0001",
        "licence_expires": "2030-01-01",
        "sensitivities": ["psychiatric", "hiv"],
    }
    assert (await browser.post(path, fields)).status == 303
    person = await clinic.site.services.directory.staff(clinic.expert.id)
    assert {kind.value for kind in person.sensitivities} == {"psychiatric", "hiv"}
    assert (await browser.post(path, fields | {"sensitivities": ["all"]})).status == 422
