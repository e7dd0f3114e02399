"""The administrators' pages: what they make is real, and nobody administers beyond their reach."""

from __future__ import annotations

import html
import re

import pytest
from aiohttp import FormData

from identity.model import Role
from tests.web.conftest import ORIGIN, PASSWORD, Browser, Cast, Site

ADMINISTRATION = "/administration"


@pytest.fixture
async def chief(browser: Browser) -> Browser:
    """A browser in which the administrator of the whole installation is signed in."""
    await browser.sign_in("qt.an")
    return browser


def secret_of(page: str) -> str:
    found = re.search(r'class="secret"><code>([^<]+)</code>', page)
    assert found
    return html.unescape(found[1])


def new_person(user_name: str, *roles: Role, facility: str = "51002", **more: str) -> dict[str, str | list[str]]:
    given: dict[str, str | list[str]] = {
        "user_name": user_name,
        "full_name": "BS. Trần Mới",
        "facility_code": facility,
        "roles": [role.value for role in roles],
        "language": "vi",
    }
    return given | more


async def test_doctors_administer_nothing(browser: Browser, people: Cast) -> None:
    await browser.sign_in("bs.bao")
    assert "/administration" not in browser.page
    for path in ("", "/facilities", "/specialties", "/staff", "/terminals", "/tokens", "/import", "/import/staff"):
        assert (await browser.get(ADMINISTRATION + path)).status in (303, 403), path
    assert (await browser.get(f"{ADMINISTRATION}/facilities/{people.clinic.id}")).status == 403
    assert (await browser.get(f"{ADMINISTRATION}/staff/{people.doctor.id}")).status == 403


async def test_a_local_administrator_stays_in_the_own_facility(browser: Browser, people: Cast, site: Site) -> None:
    await browser.sign_in("qt.tram")
    response = await browser.get(f"{ADMINISTRATION}/facilities")
    assert response.status == 200
    assert "Trạm Y tế đảo Hòn Mây" in browser.page
    assert "Bệnh viện Sông Trà" not in browser.page
    for path in (
        f"/facilities/{people.hospital.id}",
        f"/staff/{people.chief.id}",
        "/staff?facility=51001",
        "/terminals?facility=51001",
        "/tokens?facility=51001",
        "/facilities/new",
    ):
        assert (await browser.get(ADMINISTRATION + path)).status == 403, path
    await browser.get(f"{ADMINISTRATION}/staff")
    fields = new_person("qt.moi", Role.ADMINISTRATOR, facility="51001")
    assert (await browser.post(f"{ADMINISTRATION}/staff/new", fields)).status == 403
    await browser.get(f"{ADMINISTRATION}/staff")
    fields = new_person("qt.moi", Role.ADMINISTRATOR, installation_wide="1")
    assert (await browser.post(f"{ADMINISTRATION}/staff/new", fields)).status == 403
    assert await site.services.directory.staff_by_user_name("qt.moi") is None


async def test_a_facility_is_made_changed_and_linked(chief: Browser, site: Site, people: Cast) -> None:
    await chief.get(f"{ADMINISTRATION}/facilities/new")
    fields = {
        "code": "51003",
        "name": "Trạm Y tế xã Núi Cao",
        "kind": "commune_station",
        "technical_level": "initial",
        "managing_level": "commune",
        "province_code": "51",
        "commune_code": "21600",
    }
    response = await chief.post(f"{ADMINISTRATION}/facilities/new", fields | {"code": "5100", "kind": "palace"})
    assert response.status == 422
    assert 'id="kind-problem"' in chief.page
    assert "Trạm Y tế xã Núi Cao" in chief.page  # nothing typed is lost
    response = await chief.post(f"{ADMINISTRATION}/facilities/new", fields | {"code": "51002"})
    assert response.status == 422
    assert 'id="code-problem"' in chief.page
    response = await chief.post(f"{ADMINISTRATION}/facilities/new", fields)
    place = response.headers["Location"].partition("?")[0]
    await chief.get(response.headers["Location"])
    assert "Đã tạo." in chief.page
    response = await chief.post(f"{place}/links", {"hub_code": "51002"})
    assert response.status == 422  # the clinic consults for nobody
    response = await chief.post(f"{place}/links", {"hub_code": "51001"})
    assert response.status == 303
    made = await site.services.directory.facility_by_code("51003")
    assert made is not None
    assert [hub.code for hub in await site.services.directory.hubs_of(made.id)] == ["51001"]
    await chief.get(place)
    await chief.post(f"{place}/departments", {"department": "Phòng khám"})
    await chief.get(place)
    assert 'value="Phòng khám"' in chief.page
    response = await chief.post(f"{place}/departments", {"department": "Phòng khám"})
    assert response.status == 422
    await chief.post(f"{place}/links/{people.hospital.id}/remove")
    assert await site.services.directory.hubs_of(made.id) == []
    await chief.get(place)
    assert (await chief.post(f"{place}/active", {"active": "0"})).status == 303
    assert not (await site.services.directory.facility(made.id)).active


async def test_specialties(chief: Browser, site: Site) -> None:
    path = f"{ADMINISTRATION}/specialties"
    await chief.get(path)
    response = await chief.post(path, {"code": "Thần kinh", "name_vi": "Thần kinh", "name_en": ""})
    assert response.status == 422
    assert 'id="code-problem"' in chief.page
    assert 'id="name_en-problem"' in chief.page
    await chief.post(path, {"code": "neurology", "name_vi": "Thần kinh", "name_en": "Neurology"})
    made = await site.services.directory.specialty_by_code("neurology")
    assert made is not None
    await chief.get(f"{path}/{made.id}")
    await chief.post(f"{path}/{made.id}", {"code": "neurology", "name_vi": "Thần kinh, đột quỵ", "name_en": "Stroke"})
    assert (await site.services.directory.specialty(made.id)).name_vi == "Thần kinh, đột quỵ"
    await chief.get(f"{path}/{made.id}")
    await chief.post(f"{path}/{made.id}", {"act": "remove"})
    assert await site.services.directory.specialty_by_code("neurology") is None


async def test_a_link_is_given_an_order_and_hours(chief: Browser, site: Site, people: Cast) -> None:
    clinic, hub = people.clinic, people.hospital
    place = f"{ADMINISTRATION}/facilities/{clinic.id}"
    arrange = f"{place}/links/{hub.id}"
    await chief.get(place)
    if hub.id not in {one.id for one in await site.services.directory.hubs_of(clinic.id)}:
        await chief.post(f"{place}/links", {"hub_code": hub.code})
        await chief.get(place)
    for fields, problem in (
        ({"rank": "0", "hours": ""}, "rank-problem"),
        ({"rank": "100", "hours": ""}, "rank-problem"),
        ({"rank": "2", "hours": "giờ hành chính"}, "hours-problem"),
    ):
        assert (await chief.post(arrange, fields)).status == 422
        assert f'id="{problem}"' in chief.page
        assert f'value="{fields["hours"] or fields["rank"]}"' in html.unescape(chief.page), "nothing typed is lost"
    assert (await chief.post(arrange, {"rank": "2", "hours": "T2-T6 7h00-17h00"})).status == 303
    [link] = [one for one in await site.services.directory.links_of(clinic.id) if one.hub.id == hub.id]
    assert (link.rank, link.hours) == (2, "1-5 07:00-17:00")
    await chief.get(place)
    assert 'value="T2-T6 07:00-17:00"' in chief.page  # as a person writes it, not as it is stored
    stranger = f"{place}/links/{clinic.id}"
    assert (await chief.post(stranger, {"rank": "1", "hours": ""})).status in (404, 422)


async def test_a_sub_specialty_and_its_scopes(chief: Browser, site: Site) -> None:
    path, directory = f"{ADMINISTRATION}/specialties", site.services.directory
    await chief.get(path)
    await chief.post(path, {"code": "neurology", "name_vi": "Thần kinh", "name_en": "Neurology"})
    above = await directory.specialty_by_code("neurology")
    assert above is not None
    await chief.get(path)
    fields = {"code": "stroke", "name_vi": "Đột quỵ", "name_en": "Stroke"}
    more = {"parent_id": above.id, "licence_scopes": " Thần kinh,  hồi sức "}
    assert (await chief.post(path, fields | more)).status == 303
    made = await directory.specialty_by_code("stroke")
    assert made is not None
    assert (made.parent_id, made.licence_scopes) == (above.id, "Thần kinh, hồi sức")
    await chief.get(f"{path}/{made.id}")
    assert f'value="{above.id}" selected' in chief.page
    assert 'value="Thần kinh, hồi sức"' in html.unescape(chief.page)
    # Two levels and no more: neither below a sub-specialty, nor above itself, nor one that has its own.
    assert (await chief.post(path, fields | {"code": "clot", "parent_id": made.id})).status == 422
    assert 'id="parent_id-problem"' in chief.page
    await chief.get(f"{path}/{above.id}")
    assert f'value="{above.id}"' not in chief.page
    await chief.post(path, {"code": "surgery", "name_vi": "Ngoại", "name_en": "Surgery"})
    other = await directory.specialty_by_code("surgery")
    assert other is not None
    await chief.get(f"{path}/{above.id}")
    renamed = {"code": "neurology", "name_vi": "Thần kinh", "name_en": "Neurology", "parent_id": other.id}
    assert (await chief.post(f"{path}/{above.id}", renamed)).status == 422
    await chief.get(f"{path}/{made.id}")
    assert (await chief.post(f"{path}/{made.id}", fields)).status == 303
    assert (await directory.specialty(made.id)).parent_id is None


async def test_an_account_from_first_password_to_the_end(chief: Browser, site: Site) -> None:
    await chief.get(f"{ADMINISTRATION}/staff/new?facility=51002")
    new = f"{ADMINISTRATION}/staff/new?facility=51002"
    response = await chief.post(new, new_person("Bác sĩ", Role.SPECIALIST))
    assert response.status == 422
    assert 'id="user_name-problem"' in chief.page
    assert 'id="specialties-problem"' in chief.page
    response = await chief.post(new, new_person("bs.moi", Role.RURAL_DOCTOR, licence_expires="2026-13-40"))
    assert 'id="licence_expires-problem"' in chief.page
    response = await chief.post(new, new_person("bs.moi", Role.RURAL_DOCTOR, licence_number="001/QNg"))
    assert response.status == 200
    assert response.headers["Cache-Control"] == "no-store"
    first = secret_of(chief.page)
    person = await site.services.directory.staff_by_user_name("bs.moi")
    assert person is not None
    doctor = await site.browser()
    assert (await doctor.sign_in("bs.moi", first)).headers["Location"] == "/password"
    await doctor.post("/password", {"current": first, "new": PASSWORD, "again": PASSWORD})
    place = f"{ADMINISTRATION}/staff/{person.id}"
    await chief.get(place)
    assert first not in chief.page
    fields = new_person("bs.moi", Role.RURAL_DOCTOR, Role.COORDINATOR)
    assert (await chief.post(place, fields)).status == 303
    assert (await doctor.get("/password")).status == 200  # a right that is added ends nothing
    await chief.get(place)
    response = await chief.post(f"{place}/account", {"act": "reset"})
    second = secret_of(chief.page)
    assert (await doctor.get("/password")).status == 303  # a reset ends the sessions
    assert (await doctor.sign_in("bs.moi", second)).status == 303
    await chief.get(place)
    await chief.post(f"{place}/account", {"act": "out_of_use"})
    assert (await doctor.get("/password")).status == 303
    assert (await doctor.sign_in("bs.moi", second)).status == 401


async def test_nobody_changes_the_own_rights(chief: Browser, people: Cast) -> None:
    place = f"{ADMINISTRATION}/staff/{people.chief.id}"
    await chief.get(place)
    fields = new_person("qt.an", Role.ADMINISTRATOR, facility="51001")
    response = await chief.post(place, fields)
    assert response.status == 422
    assert 'id="roles-problem"' in chief.page
    await chief.get(place)
    assert (await chief.post(f"{place}/account", {"act": "out_of_use"})).status == 409


async def test_a_terminal_from_code_to_revocation(chief: Browser, site: Site) -> None:
    path = f"{ADMINISTRATION}/terminals"
    await chief.get(f"{path}?facility=51002")
    response = await chief.post(f"{path}?facility=51002", {"code": "HM-02", "name": "hành lang"})
    assert response.status == 422  # this code is taken
    await chief.post(f"{path}?facility=51002", {"code": "HM-03", "name": "hành lang"})
    code = secret_of(chief.page)
    clinic = await site.browser()
    await clinic.get("/terminal")
    assert (await clinic.post("/terminal", {"code": code})).status == 303
    assert (await clinic.post("/terminal", {"code": code})).status == 422  # once
    await clinic.sign_in("bs.bao")
    assert "máy HM-03" in clinic.page
    facility = await site.services.directory.facility_by_code("51002")
    assert facility is not None
    [made] = [one for one in await site.services.directory.terminals_of(facility.id) if one.code == "HM-03"]
    await chief.get(f"{path}?facility=51002")
    await chief.post(f"{path}/{made.id}", {"act": "revoke"})
    assert (await clinic.get("/password")).status == 303


async def test_a_token_is_shown_once_and_revoked(chief: Browser, site: Site) -> None:
    path = f"{ADMINISTRATION}/tokens"
    await chief.get(path)
    response = await chief.post(path, {"name": "HIS"})
    assert response.status == 422
    assert 'id="scopes-problem"' in chief.page
    response = await chief.post(path, {"name": "HIS", "scopes": ["slots:read", "everything"]})
    assert response.status == 422
    response = await chief.post(path, {"name": "HIS", "scopes": ["slots:read"], "expires_at": "2020-01-01"})
    assert 'id="expires_at-problem"' in chief.page
    await chief.post(path, {"name": "HIS", "scopes": ["slots:read"], "expires_at": "2027-01-31"})
    secret = secret_of(chief.page)
    token = await site.services.tokens.find(secret)
    assert token is not None
    assert token.expires_at is not None
    assert token.expires_at.isoformat() == "2027-01-31T16:59:59.999999+00:00"
    await chief.get(path)
    assert secret not in chief.page
    assert "31/01/2027" in chief.page
    await chief.post(f"{path}/{token.id}/revoke?facility=51001")
    assert await site.services.tokens.find(secret) is None


async def upload(browser: Browser, kind: str, content: str | bytes, act: str = "check") -> int:
    await browser.get(f"{ADMINISTRATION}/import/{kind}")
    form = FormData()
    form.add_field("csrf", browser.csrf)
    form.add_field("act", act)
    form.add_field("file", content if isinstance(content, bytes) else content.encode(), filename="tep.csv")
    response = await browser.post(f"{ADMINISTRATION}/import/{kind}", data=form)
    return response.status


async def test_an_import_is_checked_then_applied(chief: Browser, site: Site) -> None:
    rows = "Mã CSKCB;Tên khoa phòng\n51001;Cấp cứu\n59999;Nội\n51001;\n"
    assert await upload(chief, "departments", rows) == 200
    assert "2 lỗi. Chưa ghi gì." in chief.page
    assert re.search(r'data-label="Dòng"><span class="cell">3<', chief.page)
    hospital = await site.services.directory.facility_by_code("51001")
    assert hospital is not None
    assert await site.services.directory.departments_of(hospital.id) == []
    found = re.search(r'<textarea name="content" hidden>\n(.*?)</textarea>', chief.page, re.S)
    assert found
    form = FormData()
    for name, value in (("csrf", chief.csrf), ("act", "apply_good"), ("content", html.unescape(found[1]))):
        form.add_field(name, value, content_type="text/plain; charset=utf-8")
    response = await chief.post(f"{ADMINISTRATION}/import/departments", data=form)
    assert response.status == 200
    assert [one.name for one in await site.services.directory.departments_of(hospital.id)] == ["Cấp cứu"]


async def test_imported_people_get_first_passwords(chief: Browser, site: Site) -> None:
    rows = "user_name,full_name,facility_code,roles\nbs.nhap,BS. Lý Nhập,51002,rural_doctor\n"
    assert await upload(chief, "staff", rows) == 200
    assert "bs.nhap" in chief.page  # in what is sent back on import
    assert await site.services.directory.staff_by_user_name("bs.nhap") is None
    assert await upload(chief, "staff", rows, "apply") == 200
    found = re.search(r"<td>bs\.nhap</td><td><code>([^<]+)</code>", chief.page)
    assert found
    doctor = await site.browser()
    assert (await doctor.sign_in("bs.nhap", found[1])).headers["Location"] == "/password"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a,b\n1,2\n", b'"', b"\x00" * 100])
async def test_a_useless_file_is_refused_with_a_sentence(chief: Browser, content: bytes) -> None:
    assert await upload(chief, "facilities", content) == 422
    assert 'id="file-problem"' in chief.page


async def test_an_import_is_bounded(chief: Browser) -> None:
    assert await upload(chief, "facilities", b"x" * (5 * 1024 * 1024 + 1)) == 422
    assert await upload(chief, "facilities", b"x" * (7 * 1024 * 1024)) == 413
    assert (await chief.get(f"{ADMINISTRATION}/import/secrets")).status == 404


async def test_a_file_needs_the_token_too(chief: Browser) -> None:
    form = FormData()
    form.add_field("act", "apply")
    form.add_field("file", b"code\n", filename="tep.csv")
    response = await chief.client.post(
        f"{ADMINISTRATION}/import/facilities", data=form, headers={"Origin": ORIGIN}, allow_redirects=False
    )
    assert response.status == 403
