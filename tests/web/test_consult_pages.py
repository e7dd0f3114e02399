"""The consult's page, its closing page, past consults and the queue, over real services and SQLite."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from consult_rooms.model import ConsultState, IdentityChange
from foundation.ids import PatientId
from tests.records_panel.conftest import LANH
from tests.web.clinic import part
from tests.web.ward import Ward, ward

__all__ = ["ward"]
JSON = {"Accept": "application/json"}


async def test_the_page_tells_the_whole_consult_to_both_sides(ward: Ward) -> None:
    consult = await ward.held()
    for browser in (ward.doctor, ward.specialist):
        assert (await browser.get(f"/consults/{consult.id}")).status == 200
        page = html.unescape(browser.page)
        for words in (LANH.name, consult.code, "Yếu nửa người phải <13:20>", "Huyết áp 170/90", "BS. Hà đã nhận ca"):
            assert words in page
        assert "<13:20>" not in browser.page
        kinds = re.findall(r'<li data-kind="(\w+)"', page)
        assert kinds[0] == "requested"
        assert {"rung", "claimed", "joined", "ended"} - set(kinds) <= {"rung"}
        assert kinds.index("claimed") < kinds.index("joined") < kinds.index("ended")


async def test_who_has_nothing_to_do_with_a_consult_finds_nothing(ward: Ward) -> None:
    consult = await ward.held()
    for path in (f"/consults/{consult.id}", f"/consults/{consult.id}/opinion", "/consults/con_" + "0" * 32):
        assert (await ward.stranger.get(path)).status == 404
        assert LANH.name not in html.unescape(ward.stranger.page)
    assert (await ward.stranger.post(f"/consults/{consult.id}/opinion", {"text": "x", "version": "0"})).status == 404


async def test_a_coordinator_reads_no_name_no_chat_and_no_opinion(ward: Ward) -> None:
    consult = await ward.held()
    await ward.world.opinions.save(ward.expert, consult.id, "Chuyển ngay.", 0)
    assert (await ward.coordinator.get(f"/consults/{consult.id}")).status == 200
    page = html.unescape(ward.coordinator.page)
    assert consult.code in page
    for words in (LANH.name, "Huyết áp 170/90", "Chuyển ngay."):
        assert words not in page


async def test_the_opinion_is_saved_then_locked_with_the_consult(ward: Ward) -> None:
    consult = await ward.held()
    page = f"/consults/{consult.id}/opinion"
    assert (await ward.specialist.get(page)).status == 200
    saved = await ward.specialist.post(page, {"text": "Chuyển ngay.\nKhông chống đông.", "version": "0", "act": "save"})
    assert saved.headers["Location"] == page
    await ward.specialist.get(page)
    closed = await ward.specialist.post(page, {"text": "Chuyển ngay.", "version": "1", "act": "close"})
    assert closed.headers["Location"] == f"/consults/{consult.id}"
    assert await ward.state(consult) is ConsultState.CLOSED
    await ward.doctor.get(f"/consults/{consult.id}")
    assert "Chuyển ngay." in html.unescape(ward.doctor.page)
    assert (await ward.specialist.get(page)).headers["Location"] == f"/consults/{consult.id}", "nothing more to write"


async def test_each_patient_of_a_consult_has_an_opinion_of_their_own(ward: Ward) -> None:
    consult = await ward.held(ended=False)
    await ward.world.opinions.save(ward.expert, consult.id, "Chuyển ngay.", 0)
    other = replace(consult.patient, patient_id=PatientId("pat_" + "b" * 32), name="Nguyễn Thị Khác")
    await ward.world.requests.change_identity(ward.cast.doctor, consult.id, other, IdentityChange.TURNED)
    _, room = await part(ward.specialist, f"/consults/{consult.id}/room/opinion")
    assert "Nguyễn Thị Khác" in room
    assert "Chuyển ngay." not in room
    person = re.search(r'name="person" value="(\d+)"', room)
    assert person is not None
    _, told = await part(ward.doctor, f"/consults/{consult.id}/room/opinion")
    assert "<form" not in told
    await ward.world.rooms.end(ward.expert, consult.id)
    page = f"/consults/{consult.id}/opinion"
    await ward.specialist.get(page)
    assert f'name="person" value="{person[1]}"' in ward.specialist.page, "first whom the consult was about last"
    assert html.unescape(ward.specialist.page).count("Nguyễn Thị Khác") >= 2
    fields = {"text": "Theo dõi.", "version": "0", "person": person[1], "act": "close"}
    assert (await ward.specialist.post(page, fields)).headers["Location"] == page
    assert await ward.state(consult) is ConsultState.ENDED
    await ward.specialist.get(page)
    assert 'name="person" value="0"' in ward.specialist.page, "then the one that is still open"
    assert "Chuyển ngay." in html.unescape(ward.specialist.page)
    assert (await ward.specialist.get(f"{page}?person={person[1]}")).status == 200
    assert 'value="close"' not in ward.specialist.page
    fields = {"text": "Chuyển ngay.", "version": "1", "person": "0", "act": "close"}
    assert (await ward.specialist.post(page, fields)).headers["Location"] == f"/consults/{consult.id}"
    assert await ward.state(consult) is ConsultState.CLOSED
    await ward.doctor.get(f"/consults/{consult.id}")
    shown = html.unescape(ward.doctor.page)
    first, second = shown.index(f"<h3>{LANH.name}</h3>"), shown.index("<h3>Nguyễn Thị Khác</h3>")
    assert first < shown.index("Chuyển ngay.") < second < shown.index("Theo dõi.")


async def test_a_stale_opinion_overwrites_nothing_and_loses_nothing(ward: Ward) -> None:
    consult = await ward.held()
    page = f"/consults/{consult.id}/opinion"
    await ward.specialist.get(page)
    await ward.world.opinions.save(ward.expert, consult.id, "Từ máy kia.", 0)
    response = await ward.specialist.post(page, {"text": "Từ máy này.", "version": "0", "act": "close"})
    shown = html.unescape(ward.specialist.page)
    assert response.status == 409
    assert "Từ máy này." in shown
    assert "Từ máy kia." in shown
    assert await ward.state(consult) is ConsultState.ENDED


async def test_an_empty_opinion_closes_nothing(ward: Ward) -> None:
    consult = await ward.held()
    await ward.specialist.get(f"/consults/{consult.id}/opinion")
    fields = {"text": "  ", "version": "0", "act": "close"}
    assert (await ward.specialist.post(f"/consults/{consult.id}/opinion", fields)).status == 422
    assert 'aria-invalid="true"' in ward.specialist.page
    assert await ward.state(consult) is ConsultState.ENDED


async def test_the_rooms_script_saves_by_json(ward: Ward) -> None:
    consult = await ward.held(ended=False)
    page, csrf = f"/consults/{consult.id}/opinion", ward.specialist.csrf
    response = await ward.specialist.post(page, {"text": "Đo lại.", "version": "0", "act": "save"}, headers=JSON)
    assert (await response.json())["version"] == 1
    ward.specialist.csrf = csrf
    stale = await ward.specialist.post(page, {"text": "Khác.", "version": "0", "act": "save"}, headers=JSON)
    assert stale.status == 409
    assert (await stale.json())["code"] == "opinion.stale"


async def test_only_the_specialist_writes(ward: Ward) -> None:
    consult = await ward.held()
    page = f"/consults/{consult.id}/opinion"
    assert (await ward.doctor.get(page)).headers["Location"] == f"/consults/{consult.id}"
    await ward.doctor.get(f"/consults/{consult.id}")
    assert (await ward.doctor.post(page, {"text": "x", "version": "0", "act": "save"})).status == 403


async def test_past_consults_come_in_pages_without_gap_or_repeat(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.views.consults.PAGE", 2)
    codes = []
    for number in range(5):
        codes.append((await ward.held(f"key-{number}")).code)
        ward.world.clock.advance(60)
    seen: list[str] = []
    path = "/consults"
    while path:
        assert (await ward.doctor.get(path)).status == 200
        seen += re.findall(r"HC-\d{4}-\d{4}", ward.doctor.page)
        older = re.search(r'href="(/consults\?before=[^"]+)"', ward.doctor.page)
        path = html.unescape(older[1]) if older else ""
    assert seen == codes[::-1]
    assert (await ward.doctor.get("/consults?before=nonsense")).status == 200


async def test_the_board_is_for_coordinators_and_names_no_patient(ward: Ward) -> None:
    consult = await ward.ask()
    assert (await ward.coordinator.get("/coordinator")).status == 200
    assert "Bảng điều phối" in html.unescape(ward.coordinator.page)
    act = f"/coordinator/requests/{consult.id}"
    for path in (act, "/coordinator/people", "/coordinator/phones"):
        assert (await ward.coordinator.get(path)).status == 200, path
        assert LANH.name not in html.unescape(ward.coordinator.page)
    for path in ("/coordinator", "/coordinator/people", "/coordinator/phones", act):
        assert (await ward.doctor.get(path)).status == 403, path


async def test_a_request_is_passed_on_widened_and_noted_by_a_form(ward: Ward) -> None:
    consult = await ward.ask()
    coordinator, act = ward.coordinator, f"/coordinator/requests/{consult.id}"
    await coordinator.get(act)
    specialist = re.findall(r'value="(specialist stf_[0-9a-f]{32})"', coordinator.page)[-1]
    unsaid = await coordinator.post(f"{act}/ring", {"to": specialist, "reason": "", "note": "Nói với trạm"})
    assert unsaid.status == 422
    assert "Nói với trạm" in html.unescape(coordinator.page)
    for what, fields in (
        ("widen", {"reason": "unanswered", "note": "Trạm báo tím tái"}),
        ("note", {"note": "Đã gọi trạm"}),
    ):
        assert (await coordinator.post(f"{act}/{what}", fields)).status == 200, what
    refused = await coordinator.post(f"{act}/urgency", {"urgency": "emergency", "reason": "worse"})
    assert refused.status == 409
    page = html.unescape(coordinator.page)
    assert "Trạm báo tím tái" in page
    assert "Đã gọi trạm" in page
    kinds = [entry.kind.value for entry in await ward.world.log.since(consult.id, 0)]
    assert [kind for kind in kinds if kind in ("escalated", "commented")] == ["escalated", "commented"]
    await ward.doctor.get("/")
    assert (await ward.doctor.post(f"{act}/note", {"note": "x"})).status == 403
