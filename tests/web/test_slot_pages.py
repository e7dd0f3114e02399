"""Slots and agenda: published, booked, moved, cancelled and refused, over real services and SQLite."""

from __future__ import annotations

import html
import re

from records_panel.citizens import Evidence
from tests.records_panel.conftest import LANH
from tests.web.ward import Ward, ward

__all__ = ["ward"]


async def test_a_slot_is_published_booked_moved_and_cancelled(ward: Ward) -> None:
    assert await ward.publish() == 303
    first, second = await ward.slots("free")
    await ward.coordinator.get(f"/slots/{first}")
    booked = await ward.coordinator.post(f"/slots/{first}", await ward.booking())
    there = booked.headers["Location"]
    for browser in (ward.doctor, ward.specialist):
        await browser.get("/agenda")
        assert LANH.name in html.unescape(browser.page)
        assert "08:00" in browser.page
    assert await ward.slots("booked") == [first]
    appointment = re.search(r'action="(/appointments/apt_[0-9a-f]+)/move"', ward.coordinator.page)
    version = re.search(r'name="version" value="(\d+)"', ward.coordinator.page)
    assert appointment
    assert version
    moved = await ward.coordinator.post(f"{appointment[1]}/move", {"slot_id": second, "version": version[1]})
    assert moved.status == 303
    assert await ward.slots("booked") == [second]
    stale = await ward.coordinator.post(f"{appointment[1]}/move", {"slot_id": first, "version": version[1]})
    assert stale.status == 409
    await ward.doctor.get(there)
    cancelled = await ward.doctor.post(f"{appointment[1]}/cancel", {"reason": "transferred"})
    assert cancelled.headers["Location"] == "/agenda"
    assert await ward.slots("booked") == []


async def test_a_booking_form_without_its_parts_keeps_what_was_typed(ward: Ward) -> None:
    await ward.publish()
    slot_id = (await ward.slots("free"))[0]
    await ward.coordinator.get(f"/slots/{slot_id}")
    response = await ward.coordinator.post(f"/slots/{slot_id}", {"situation": "Hỏi <thuốc>", "idempotency_key": "k1"})
    assert response.status == 422
    assert "Hỏi <thuốc>" in html.unescape(ward.coordinator.page)
    assert 'value="k1"' in ward.coordinator.page
    assert await ward.slots("booked") == []


async def test_a_slot_taken_meanwhile_is_said_and_books_nothing(ward: Ward) -> None:
    await ward.publish()
    slot_id = (await ward.slots("free"))[0]
    await ward.coordinator.get(f"/slots/{slot_id}")
    fields = await ward.booking()
    assert (await ward.coordinator.post(f"/slots/{slot_id}", fields)).status == 303
    await ward.coordinator.get("/slots")
    response = await ward.coordinator.post(f"/slots/{slot_id}", fields | {"idempotency_key": "booking-2"})
    assert response.status == 409
    assert "Hỏi thuốc chống đông" in html.unescape(ward.coordinator.page)


async def test_published_times_do_not_overlap_and_may_be_taken_back(ward: Ward) -> None:
    assert await ward.publish() == 303
    assert await ward.publish("08:30", "09:30") == 422
    first, second = await ward.slots("free")
    assert (await ward.coordinator.post(f"/slots/{first}/withdraw", {"shown": str(ward.tomorrow())})).status == 303
    assert await ward.slots("free") == [second]


async def test_slots_are_for_coordinators(ward: Ward) -> None:
    await ward.publish()
    slot_id = (await ward.slots("free"))[0]
    for browser in (ward.doctor, ward.specialist):
        assert (await browser.get("/slots")).status == 403
        await browser.get("/agenda")
        assert (await browser.post(f"/slots/{slot_id}/withdraw")).status == 403
    assert await ward.slots("free") != []


async def test_a_clinics_doctor_finds_a_free_time_and_books_it(ward: Ward) -> None:
    await ward.publish()
    assert (await ward.specialist.get("/free-slots")).status == 403
    find = f"/free-slots?specialty={ward.specialty_id}"
    await ward.doctor.get(f"{find}&level=initial")
    assert "Không còn giờ trống" in ward.doctor.page
    await ward.doctor.get(find)
    first, second = re.findall(r'data-slot="(slo_[0-9a-f]+)"', ward.doctor.page)
    await ward.doctor.get(f"/slots/{first}")
    assert re.findall(r'<option value="(stf_[0-9a-f]+)"', ward.doctor.page) == [ward.cast.doctor.id], "oneself alone"
    booking = await ward.booking()
    evidence = {Evidence.NAME: LANH.name, Evidence.BIRTH_DATE: LANH.birth_date.strftime("%d/%m/%Y")}
    await ward.records.patients.confirm(ward.cast.doctor, ward.patient_id, evidence)
    booking["patient"] = ward.records.patients.proof(ward.cast.doctor, ward.patient_id)
    assert (await ward.doctor.post(f"/slots/{first}", booking | {"requester_id": ward.expert.id})).status == 403
    booked = await ward.doctor.post(f"/slots/{first}", booking)
    assert booked.status == 303
    await ward.doctor.get("/agenda")
    assert LANH.name in html.unescape(ward.doctor.page)
    await ward.doctor.get(find)
    assert re.findall(r'data-slot="(slo_[0-9a-f]+)"', ward.doctor.page) == [second]
    # Whom it may wait for: any hospital, or one, or one level.
    await ward.doctor.get("/waiting-list/new")
    day = str(ward.tomorrow())
    wanted = {"specialty_id": ward.specialty_id, "first": day, "last": day, "level": "basic", "idempotency_key": "w-1"}
    refused = await ward.doctor.post("/waiting-list/new", booking | wanted | {"hospital_id": "x"})
    assert refused.status == 422
    hospital = {"hospital_id": ward.expert.facility_id}
    assert (await ward.doctor.post("/waiting-list/new", booking | wanted | hospital)).status == 303
    (entry,) = await ward.world.scheduling.waiting_list.open(ward.cast.doctor)
    assert entry.slot_id is None


async def test_a_slot_is_kept_while_its_form_is_open_and_a_device_goes_with_it(ward: Ward) -> None:
    await ward.publish()
    first = (await ward.slots("free"))[0]
    assert (await ward.coordinator.get("/resources")).status == 200
    await ward.coordinator.post("/resources", {"kind": "ecg", "name": "Điện tim 1"})
    assert (await ward.coordinator.post("/resources", {"kind": "ecg", "name": "Điện tim 1"})).status == 422
    assert (await ward.doctor.get("/resources")).status == 403
    await ward.coordinator.get(f"/slots/{first}")
    assert "Được giữ cho bạn đến" in html.unescape(ward.coordinator.page)
    device = re.search(r'name="resource_ids" value="(res_[0-9a-f]+)"', ward.coordinator.page)
    assert device
    booked = await ward.coordinator.post(f"/slots/{first}", await ward.booking() | {"resource_ids": device[1]})
    assert booked.status == 303
    await ward.doctor.get(booked.headers["Location"])
    assert "Chúng tôi đến muộn" in html.unescape(ward.doctor.page)
    told = re.search(r'action="(/appointments/apt_[0-9a-f]+)/late"', ward.doctor.page)
    assert told
    assert (await ward.doctor.post(f"{told[1]}/late", {"minutes": "15"})).status == 303
    await ward.specialist.get(booked.headers["Location"])
    assert "Ca sẽ bắt đầu muộn hơn" in html.unescape(ward.specialist.page)
    await ward.doctor.get(booked.headers["Location"] + "/preview")
    assert 'data-missing="identity"' in ward.doctor.page
    assert (await ward.doctor.get(booked.headers["Location"] + "/prepare")).status == 200
    checks = booked.headers["Location"] + "/waiting-room/identity"
    assert (await ward.doctor.post(checks, {"compared": "name"})).status == 422
    assert (await ward.doctor.post(checks, {"compared": ["name", "number"]})).status == 303
    await ward.doctor.get(booked.headers["Location"] + "/preview")
    assert 'data-missing="identity"' not in ward.doctor.page


async def test_who_waits_takes_a_freed_slot_in_one_tap(ward: Ward) -> None:
    await ward.publish("08:00", "08:30")
    slot_id = (await ward.slots("free"))[0]
    fields = await ward.booking()
    await ward.coordinator.get(f"/slots/{slot_id}")
    booked = await ward.coordinator.post(f"/slots/{slot_id}", fields)
    assert (await ward.coordinator.get("/waiting-list/new")).status == 200
    specialty = re.search(r'<option value="(spe_[0-9a-f]+)"', ward.coordinator.page)
    assert specialty
    day = str(ward.tomorrow())
    wanted = await ward.booking() | {"specialty_id": specialty[1], "first": day, "last": day, "idempotency_key": "w1"}
    assert (await ward.coordinator.post("/waiting-list/new", wanted | {"specialty_id": ""})).status == 422
    assert (await ward.coordinator.post("/waiting-list/new", wanted)).status == 303
    await ward.doctor.get(booked.headers["Location"])
    given_up = re.search(r'action="(/appointments/apt_[0-9a-f]+/cancel)"', ward.doctor.page)
    assert given_up
    await ward.doctor.post(given_up[1], {"reason": "transferred"})
    await ward.doctor.get("/waiting-list")
    offered = re.search(r'action="(/waiting-list/wai_[0-9a-f]+/accept)"', ward.doctor.page)
    assert offered
    taken = await ward.doctor.post(offered[1], {})
    assert taken.headers["Location"].startswith("/consults/con_")
    await ward.specialist.get("/agenda")
    assert taken.headers["Location"] in ward.specialist.page or LANH.name in html.unescape(ward.specialist.page)


async def test_a_walk_in_is_taken_from_now_on(ward: Ward) -> None:
    assert (await ward.doctor.get("/walk-in")).status == 403
    await ward.coordinator.get("/walk-in")
    given = await ward.booking() | {"offer": f"{ward.expert.id} {ward.specialty_id}", "minutes": "15"}
    assert (await ward.coordinator.post("/walk-in", given | {"minutes": "90"})).status == 422
    taken = await ward.coordinator.post("/walk-in", given)
    assert taken.status == 303
    again = await ward.coordinator.post("/walk-in", given | {"idempotency_key": "booking-2"})
    assert again.status == 409
    assert "Hỏi thuốc chống đông" in html.unescape(ward.coordinator.page)
    assert (await ward.doctor.get(taken.headers["Location"])).status == 200
