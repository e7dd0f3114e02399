"""Inside an open book: search, trends, what looks old, and another patient in the same room."""

from __future__ import annotations

import html
import itertools
import json
import re
from dataclasses import fields, replace
from typing import Any

import pytest

from foundation.ids import PatientId
from records_panel.fhir_mapping import book_view
from records_panel.model import Absence, AbsenceKind, BookView, Section
from tests.consult_rooms.conftest import UNKNOWN_WOMAN
from tests.records_panel.conftest import LANH
from tests.records_panel.samples import value
from tests.records_panel.test_fragments import TABS, Clinic, clinic, demo_book, fragment, people, services
from tests.web.conftest import Browser
from web.views.book_tabs import PARTS, TAB_OF, TITLES

__all__ = ["clinic", "people", "services"]


def ids(text: str) -> list[str]:
    return re.findall(r'\sid="([^"]+)"', text)


async def search(clinic: Clinic, consult_id: str, query: str) -> str:
    _, text = await fragment(clinic.specialist, f"/consults/{consult_id}/book/search", {"q": query})
    return text


@pytest.mark.parametrize("query", ["penicillin", "ĐÁI THÁO", "dai thao", "bisoprolol", "huyet ap", "inr", "cum mua"])
async def test_every_hit_leads_to_an_entry_that_is_there(clinic: Clinic, query: str) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    text = await search(clinic, consult.id, query)
    places = re.findall(r'href="(/consults/[^"#]+\?tab=\w+)#([\w-]+)"', text)
    assert places
    for address, anchor in places:
        _, tab = await fragment(clinic.specialist, address)
        assert ids(tab).count(anchor) == 1, (query, address)


async def test_a_search_is_a_read_on_record_and_its_words_stand_nowhere(clinic: Clinic) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    before = len(await clinic.records.trail())
    text = await search(clinic, consult.id, "tenofovir")
    assert "Không mục nào trong sổ có những từ này" in text
    assert "Không tìm trong các mục được giữ kín" in text
    trail = (await clinic.records.trail())[before:]
    assert [(entry.action, entry.outcome) for entry in trail] == [("book.read", "success")]
    assert "tenofovir" not in str([tuple(entry) for entry in trail])
    response = await clinic.specialist.get(f"/consults/{consult.id}/book/search?q=tenofovir")
    assert response.status == 405, "a term is never part of an address"


async def test_a_search_shows_what_was_typed_as_text_alone(clinic: Clinic) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    raw = await clinic.specialist.post(
        f"/consults/{consult.id}/book/search", {"q": '"><script>1</script>'}, headers={"X-Fragment": "1"}
    )
    assert "<script>" not in await raw.text()


@pytest.mark.parametrize("path", ["search", "trend"])
async def test_strangers_and_a_closed_grant_get_nothing_from_inside(clinic: Clinic, path: str) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    fields = {"q": "penicillin", "key": "14682-9"}
    other = await clinic.site.browser()
    await other.sign_in("dd.hoa")
    await other.get("/")
    response, text = await fragment(other, f"/consults/{consult.id}/book/{path}", fields)
    assert response.status == 404
    clinic.world.clock.advance(25 * 3600)
    await clinic.specialist.sign_in("bs.ha")
    response, text = await fragment(clinic.specialist, f"/consults/{consult.id}/book/{path}", fields)
    assert response.status == 403
    assert "enicillin" not in text.replace('value="penicillin"', "")
    trail = await clinic.records.trail()
    assert [entry.outcome for entry in trail if entry.action == "book.read"] == ["denied", "denied"]


async def test_a_trend_is_data_and_a_table(clinic: Clinic) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    path = f"/consults/{consult.id}/book/trend"
    response, text = await fragment(clinic.specialist, path, {"key": "14682-9"})
    assert response.status == 200
    raw = re.search(r'data-trend="([^"]*)"', await _raw(clinic.specialist, path, "14682-9"))
    assert raw is not None
    chart = json.loads(html.unescape(raw[1]))
    assert chart["unit"] == "µmol/L"
    assert chart["zone"] == "Asia/Ho_Chi_Minh"
    (line,) = chart["lines"]
    assert line["points"][-1][1:] == [128, 62, 106]
    assert [at for at, *_ in line["points"]] == sorted(at for at, *_ in line["points"])
    assert "Dị ứng nặng: Penicillin" in text, "the red line never leaves"
    assert text.count("62–106") >= len(line["points"])
    response, text = await fragment(clinic.specialist, path, {"key": "no-such-thing"})
    assert response.status == 404


async def _raw(browser: Browser, path: str, key: str) -> str:
    csrf = browser.csrf
    response = await browser.post(path, {"key": key}, headers={"X-Fragment": "1"})
    browser.csrf = csrf
    return await response.text()


@pytest.mark.parametrize(("day", "old"), [("2026-11-18", False), ("2025-11-01", True)])
async def test_what_is_older_than_its_setting_says_so(clinic: Clinic, day: str, old: bool) -> None:
    consult = await clinic.ask_for(LANH, [value("Kali", "2823-3", 3.3, day=day, low=3.5, high=5, id="k")])
    for tab in ("summary", "results"):
        _, text = await fragment(clinic.specialist, f"/consults/{consult.id}/book?tab={tab}")
        assert ("data-old" in text) is old
        assert (re.search(r'class="old">.*?cũ</span>', text) is not None) is old


async def test_ids_are_single_on_every_tab(clinic: Clinic) -> None:
    twice = [value("Kali", "2823-3", 3.3, id=name) for name in "ab"]
    consult = await clinic.ask_for(LANH, [*twice, *demo_book("stroke")[1]])
    for tab in TABS:
        _, text = await fragment(clinic.specialist, f"/consults/{consult.id}/book?tab={tab}")
        assert len(ids(text)) == len(set(ids(text))), tab


def test_every_section_of_the_book_stands_on_a_tab() -> None:
    sections = {field.name for field in fields(BookView) if str(field.type).startswith("Section")}
    assert sections - set(TAB_OF) == {"abnormal"}, "which is part of the results"
    assert set(TITLES) == set(TAB_OF)


async def confirm_other(clinic: Clinic, consult_id: str) -> tuple[PatientId, str]:
    identity, resources = demo_book("pre-eclampsia")
    (patient_id,) = await clinic.records.add(identity, resources=resources)
    given = {
        "patient_id": patient_id,
        "number": str(identity.cccd),
        "birth_date": f"{identity.birth_date:%d/%m/%Y}",
    }
    _, text = await fragment(clinic.doctor, f"/consults/{consult_id}/identity", given)
    return patient_id, text


async def test_the_room_turns_to_another_patient_after_a_new_check(clinic: Clinic) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    path = f"/consults/{consult.id}"
    response, text = await fragment(clinic.doctor, f"{path}/another-patient")
    assert response.status == 200
    assert "Nguyễn Văn Lành" in text
    assert "Penicillin" not in text, "no book is open while one looks for the next"
    patient_id, text = await confirm_other(clinic, consult.id)
    assert "Đặng Thị Ngọc Mơ" in text
    for browser in (clinic.doctor, clinic.specialist):
        _, text = await fragment(browser, f"{path}/book")
        assert "Đặng Thị Ngọc Mơ" in text
        assert "Nguyễn Văn Lành" not in text
        assert "Penicillin" not in text
        assert "Yếu nửa người phải" not in text, "what was asked for one is not asked for the next"
        assert "Chưa ghi câu hỏi" in text
    found = await clinic.world.log.since(consult.id, 0)
    assert [entry.data for entry in found if entry.kind == "identity_changed"] == [
        {"kind": "turned", "identity": "established"}
    ]
    trail = await clinic.records.trail()
    assert [entry.patient_id for entry in trail if entry.action == "consult.identity_turned"] == [patient_id]
    _, text = await fragment(clinic.doctor, f"{path}/identity", {"act": "revert"})
    assert "Nguyễn Văn Lành" in text
    assert "Yếu nửa người phải" in text


async def test_one_identifier_does_not_turn_the_room(clinic: Clinic) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    identity, _ = demo_book("pre-eclampsia")
    (patient_id,) = await clinic.records.add(identity)
    fields = {"patient_id": patient_id, "number": str(identity.cccd), "birth_date": "1/1/1990"}
    response, text = await fragment(clinic.doctor, f"/consults/{consult.id}/identity", fields)
    assert response.status == 403
    assert "không khớp" in text
    assert "Người bệnh khác" in text
    _, text = await fragment(clinic.specialist, f"/consults/{consult.id}/book")
    assert "Nguyễn Văn Lành" in text


async def test_only_the_requester_turns_the_room(clinic: Clinic) -> None:
    consult = await clinic.ask(UNKNOWN_WOMAN)
    response, _ = await fragment(clinic.specialist, f"/consults/{consult.id}/another-patient")
    assert response.status == 403


async def test_the_five_silences_are_said_for_every_section_of_every_tab(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    said: dict[AbsenceKind, set[str]] = {}
    for kind in AbsenceKind:
        silent: Section[Any] = Section((), (Absence(kind, count=2 if kind is AbsenceKind.WITHHELD else 0),))

        def silenced(bundle: Any, now: Any, *, silent: Section[Any] = silent, **named: Any) -> BookView:
            view = book_view(bundle, now, **named)
            parts = [field.name for field in fields(view) if isinstance(getattr(view, field.name), Section)]
            changes: dict[str, Any] = dict.fromkeys(parts, silent)
            return replace(view, **changes)

        monkeypatch.setattr("records_panel.panel.book_view", silenced)
        said[kind] = set()
        for tab, parts in PARTS.items():
            _, text = await fragment(clinic.specialist, f"/consults/{consult.id}/book?tab={tab}")
            found = re.findall(r'<p class="absence" data-kind="([a-z-]+)">(.*?)</p>', text, re.DOTALL)
            mine = [re.sub(r"<[^>]+>", " ", words) for known, words in found if known == kind]
            # A section of all that has no place of its own is not there when it is empty.
            assert len(mine) >= len(set(parts) - {"others"}), (tab, kind)
            said[kind] |= {" ".join(words.split()).rpartition(": ")[2].casefold() for words in mine}
    for one, another in itertools.combinations(AbsenceKind, 2):
        assert said[one].isdisjoint(said[another]), (one, another)
