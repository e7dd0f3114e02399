"""Facilities, staff, links and rota of the demo."""

import re
from datetime import date, timedelta

import pytest

from consult_rooms.licences import bears, words_of
from hoichan.demo import (
    COMMUNES,
    PROVINCES,
    appointments,
    citizens,
    facilities,
    links,
    past_consults,
    shifts,
    slots,
    specialties,
    staff,
    stories,
)
from identity.hours import checked

TODAY = date(2026, 11, 23)
WEEK_MINUTES = 7 * 24 * 60


def minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def on_call(specialty: str, level: str = "first") -> list[set[tuple[str, str]]]:
    """For each minute of the week, who is on call where."""
    week: list[set[tuple[str, str]]] = [set() for _ in range(WEEK_MINUTES)]
    for shift in shifts():
        if (shift.specialty_code, shift.level) != (specialty, level):
            continue
        begin, end = minute(shift.starts), minute(shift.ends)
        length = (end - begin) % (24 * 60) or 24 * 60
        for offset in range(length):
            week[(shift.weekday * 24 * 60 + begin + offset) % WEEK_MINUTES].add((shift.user_name, shift.facility_code))
    return week


def test_counts() -> None:
    assert len(PROVINCES) == 34
    assert len(facilities()) == 12
    assert len(staff(TODAY)) == 40
    assert len(specialties()) == 8
    assert len(stories()) == 8


def test_facilities_are_well_formed() -> None:
    codes = [facility.code for facility in facilities()]
    assert len(set(codes)) == 12
    for facility in facilities():
        assert re.fullmatch(r"\d{5}", facility.code)
        assert facility.province_code in PROVINCES
        assert COMMUNES[facility.commune_code].province_code == facility.province_code
        assert facility.emergency_telephone
        assert facility.departments
        assert bool(facility.terminals) is not facility.is_hub
    kinds = {facility.kind for facility in facilities()}
    assert kinds == {"commune_station", "regional_centre", "provincial_hospital", "central_hospital"}
    terminals = [terminal[0] for facility in facilities() for terminal in facility.terminals]
    assert len(set(terminals)) == len(terminals)


def test_each_specialists_licence_bears_the_words_of_the_own_field_alone() -> None:
    words = {one.code: words_of(one.licence_scopes) for one in specialties()}
    for person in staff(TODAY):
        if person.roles == ("specialist",):
            assert {code for code in words if bears(person.licence_scope, words[code])} == set(person.specialties)


def test_links_join_clinics_to_hospitals() -> None:
    hubs = {facility.code for facility in facilities() if facility.is_hub}
    spokes = {facility.code for facility in facilities() if not facility.is_hub}
    assert {link.spoke_code for link in links()} == spokes
    assert {link.hub_code for link in links()} == hubs
    assert len({(link.spoke_code, link.hub_code) for link in links()}) == len(links())
    assert all(checked(link.hours, "hours") == link.hours for link in links()), "hours in their stored form"


def test_the_nearer_hospital_is_asked_first_but_where_all_are_asked_at_once() -> None:
    provincial = {place.code for place in facilities() if place.kind == "provincial_hospital"}
    for spoke in {link.spoke_code for link in links()}:
        ranks = {link.hub_code in provincial: link.rank for link in links() if link.spoke_code == spoke}
        # From Hòn Mây and Ya Lốp two specialists of stroke ring in the first step, at two hospitals.
        assert ranks == ({True: 1, False: 1} if spoke in ("51901", "64911") else {True: 1, False: 2})


def test_staff_fit_their_facilities() -> None:
    departments = {facility.code: facility.departments for facility in facilities()}
    hubs = {facility.code for facility in facilities() if facility.is_hub}
    known = {specialty.code for specialty in specialties()}
    people = staff(TODAY)
    assert len({person.user_name for person in people}) == 40
    licences = [person.licence_number for person in people if person.licence_number]
    assert len(set(licences)) == len(licences)
    for person in people:
        assert re.fullmatch(r"[a-z]+\.[a-z]+", person.user_name)
        assert person.department in departments[person.facility_code]
        assert set(person.specialties) <= known
        if person.roles == ("specialist",):
            assert person.specialties
            assert person.facility_code in hubs
        if "rural_doctor" in person.roles:
            assert person.facility_code not in hubs
        if person.licence_number is not None:
            assert person.licence_scope
            assert person.licence_expires is not None
            assert person.licence_expires > TODAY


def test_each_role_is_held() -> None:
    roles = {role for person in staff(TODAY) for role in person.roles}
    assert roles == {"rural_doctor", "specialist", "coordinator", "administrator", "data_protection_officer"}
    names = {person.user_name: person.full_name for person in staff(TODAY)}
    assert names["bs.bao"] == "BS. Lê Quốc Bảo"
    assert names["bs.thuha"] == "BS.CKII Trần Thị Thu Hà"
    assert names["bs.khai"] == "BS. Vũ Đình Khải"
    assert names["dp.khue"] == "CN. Đỗ Minh Khuê"


def test_shifts_belong_to_specialists_of_that_hospital() -> None:
    people = {person.user_name: person for person in staff(TODAY)}
    for shift in shifts():
        person = people[shift.user_name]
        assert person.facility_code == shift.facility_code
        assert shift.specialty_code in person.specialties
        assert 0 <= shift.weekday <= 6
        assert shift.starts != shift.ends or (shift.level == "backup" and shift.starts == "07:00")


@pytest.mark.parametrize("specialty", [specialty.code for specialty in specialties()])
def test_every_clinic_has_one_to_three_on_call_at_every_minute(specialty: str) -> None:
    week = on_call(specialty)
    for spoke in {link.spoke_code for link in links()}:
        hubs = {link.hub_code for link in links() if link.spoke_code == spoke}
        # Only the different sets of people need a look: ten thousand minutes repeat a handful of them.
        for people in {frozenset(people) for people in week}:
            assert 1 <= sum(hub in hubs for _, hub in people) <= 3


@pytest.mark.parametrize("specialty", [specialty.code for specialty in specialties()])
def test_every_minute_has_a_backup_who_is_not_first_on_call(specialty: str) -> None:
    both = zip(on_call(specialty), on_call(specialty, "backup"), strict=True)
    for first, backup in {(frozenset(first), frozenset(backup)) for first, backup in both}:
        assert len(backup) == 1
        assert {name for name, _ in backup}.isdisjoint(name for name, _ in first)


def test_stroke_is_held_by_two_at_every_minute() -> None:
    for people in on_call("than-kinh-dot-quy"):
        assert {name for name, _ in people} >= {"bs.thuha", "bs.khai"}


@pytest.mark.parametrize("shift_days", range(7))
def test_slots_are_on_working_days_and_do_not_overlap(shift_days: int) -> None:
    today = TODAY + timedelta(days=shift_days)
    taken: dict[tuple[str, int], list[tuple[int, int]]] = {}
    people = {person.user_name: person for person in staff(today)}
    for slot in (*slots(today), *(appointment.slot for appointment in appointments(today))):
        assert slot.offset_days >= 1
        assert (today + timedelta(days=slot.offset_days)).weekday() < 5
        assert slot.specialty_code in people[slot.user_name].specialties
        begin = minute(slot.starts)
        day = taken.setdefault((slot.user_name, slot.offset_days), [])
        assert all(begin + slot.minutes <= other[0] or begin >= other[1] for other in day)
        day.append((begin, begin + slot.minutes))


def test_past_consults_and_appointments_join_linked_places() -> None:
    people = {person.user_name: person for person in staff(TODAY)}
    keys = {citizen.key for citizen in citizens(TODAY)}
    pairs = {(link.spoke_code, link.hub_code) for link in links()}
    assert len(past_consults()) >= 8
    for consult in past_consults():
        assert consult.citizen_key in keys
        assert people[consult.requester].facility_code == consult.clinic_code
        assert (consult.clinic_code, people[consult.specialist].facility_code) in pairs
        assert consult.specialty_code in people[consult.specialist].specialties
        assert consult.days_ago >= 1
        assert consult.question
        assert consult.opinion
    for appointment in appointments(TODAY):
        assert appointment.citizen_key in keys
        assert people[appointment.requester].facility_code == appointment.clinic_code
        assert (appointment.clinic_code, people[appointment.slot.user_name].facility_code) in pairs
