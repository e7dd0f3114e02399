"""Administration: who may change what, what is refused with which field, and that all of it is audited."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.ids import DepartmentId, FacilityId, SpecialtyId
from identity.entries import (
    DepartmentEntry,
    SpecialtyEntry,
    StaffEntry,
    checked_facility,
    checked_staff,
    day,
    facility_entry,
    staff_entry,
)
from identity.model import Role
from tests.identity.conftest import OPERATOR, Identity, World
from tests.identity.conftest import facility_entry as new_facility


async def test_a_facility_is_made_changed_and_put_out_of_use(identity: Identity, world: World) -> None:
    made = await identity.administration.create_facility(world.chief, new_facility("87901", name="  Trạm  Y tế "))
    assert made.name == "Trạm Y tế"
    assert await identity.directory.facility_by_code("87901") == made
    changed = await identity.administration.change_facility(
        world.chief, made.id, replace(facility_entry(made), telephone="0277 0100")
    )
    assert changed.telephone == "0277 0100"
    await identity.administration.deactivate_facility(world.chief, made.id)
    assert made.id not in {facility.id for facility in await identity.directory.facilities()}
    assert made.id in {facility.id for facility in await identity.directory.facilities(inactive=True)}
    await identity.administration.activate_facility(world.chief, made.id)
    for act in ("create", "change", "deactivate", "activate"):
        entries = await identity.audited(f"facility.{act}")
        assert (entries[-1].actor, entries[-1].target, entries[-1].outcome) == (world.chief.id, made.id, "success")


async def test_a_facilitys_own_administrator_changes_its_telephone_but_not_its_kind(
    identity: Identity, world: World
) -> None:
    entry = facility_entry(world.clinic)
    changed = await identity.administration.change_facility(
        world.local_admin, world.clinic.id, replace(entry, name="Trạm Y tế Hòn Mây", telephone="0255 0100")
    )
    assert (changed.name, changed.telephone) == ("Trạm Y tế Hòn Mây", "0255 0100")
    for forbidden in (
        replace(entry, code="51902"),
        replace(entry, is_hub=True, emergency_telephone="0255 0120"),
        replace(entry, commune_code="21002"),
    ):
        with pytest.raises(Forbidden):
            await identity.administration.change_facility(world.local_admin, world.clinic.id, forbidden)
    with pytest.raises(Forbidden):
        await identity.administration.change_facility(world.local_admin, world.hub.id, facility_entry(world.hub))


async def test_structure_is_for_the_installation_wide_administrator(identity: Identity, world: World) -> None:
    administration, actor = identity.administration, world.local_admin
    specialty = (await identity.directory.specialties())[0]
    attempts = (
        lambda: administration.create_facility(actor, new_facility("87901")),
        lambda: administration.deactivate_facility(actor, world.clinic.id),
        lambda: administration.activate_facility(actor, world.clinic.id),
        lambda: administration.link(actor, world.clinic.id, world.hub.id),
        lambda: administration.unlink(actor, world.clinic.id, world.hub.id),
        lambda: administration.create_specialty(actor, SpecialtyEntry("burns", "Bỏng", "Burns")),
        lambda: administration.change_specialty(actor, specialty.id, SpecialtyEntry("burns", "Bỏng", "Burns")),
        lambda: administration.delete_specialty(actor, specialty.id),
        lambda: administration.create_department(actor, DepartmentEntry(world.hub.id, "Khoa Nhi")),
    )
    for attempt in attempts:
        with pytest.raises(Forbidden, match=r"policy\.denied"):
            await attempt()
    assert await identity.directory.hubs_of(world.clinic.id) == [world.hub]
    [denied] = await identity.audited("link.delete")
    assert (denied.actor, denied.outcome) == (actor.id, "denied")


async def test_nobody_puts_the_own_facility_out_of_use(identity: Identity, world: World) -> None:
    with pytest.raises(Conflict, match=r"facility\.own"):
        await identity.administration.deactivate_facility(world.chief, world.hub.id)
    assert (await identity.directory.facility(world.hub.id)).active


async def test_links_are_many_to_many_and_idempotent(identity: Identity, world: World) -> None:
    other = await identity.facility("48931", hub=True)
    for _ in range(2):
        await identity.administration.link(world.chief, world.clinic.id, other.id)
    assert {hub.id for hub in await identity.directory.hubs_of(world.clinic.id)} == {world.hub.id, other.id}
    assert await identity.directory.spokes_of(other.id) == [world.clinic]
    assert len(await identity.audited("link.create")) == 2
    await identity.administration.unlink(world.chief, world.clinic.id, other.id)
    assert await identity.directory.spokes_of(other.id) == []
    for hub_id, code in ((world.clinic.id, "link.itself"), (FacilityId("fac_x"), "facility.unknown")):
        with pytest.raises((Invalid, NotFound)) as caught:
            await identity.administration.link(world.chief, world.clinic.id, hub_id)
        assert caught.value.code == code
    with pytest.raises(Invalid, match=r"link\.no_hub"):
        await identity.administration.link(world.chief, world.hub.id, world.clinic.id)


async def test_departments(identity: Identity, world: World) -> None:
    made = await identity.administration.create_department(
        world.local_admin, DepartmentEntry(world.clinic.id, "Phòng khám")
    )
    with pytest.raises(Invalid) as caught:
        await identity.administration.create_department(
            world.local_admin, DepartmentEntry(world.clinic.id, " Phòng  khám ")
        )
    assert (caught.value.code, caught.value.field) == ("department.name_taken", "name")
    renamed = await identity.administration.change_department(world.local_admin, made.id, "Phòng cấp cứu")
    assert await identity.directory.departments_of(world.clinic.id) == [renamed]
    person = await identity.person("bs.dan", world.clinic, Role.RURAL_DOCTOR, department_id=made.id)
    with pytest.raises(Conflict, match=r"department\.in_use"):
        await identity.administration.delete_department(world.local_admin, made.id)
    await identity.accounts.change_staff(world.local_admin, person.id, replace(staff_entry(person), department_id=None))
    await identity.administration.delete_department(world.local_admin, made.id)
    with pytest.raises(NotFound, match=r"department\.unknown"):
        await identity.administration.delete_department(world.local_admin, made.id)


async def test_specialties(identity: Identity, world: World) -> None:
    burns = await identity.administration.create_specialty(world.chief, SpecialtyEntry("Burns", "Bỏng", "Burns"))
    assert await identity.directory.specialty_by_code("burns") == burns
    with pytest.raises(Invalid, match=r"specialty\.code_taken"):
        await identity.administration.create_specialty(world.chief, SpecialtyEntry("burns", "Bỏng", "Burns"))
    changed = await identity.administration.change_specialty(
        world.chief, burns.id, SpecialtyEntry("burns", "Bỏng – Tạo hình", "Burns")
    )
    assert await identity.directory.specialty(burns.id) == changed
    await identity.administration.delete_specialty(world.chief, burns.id)
    neurology = await identity.directory.specialty_by_code("neurology")
    assert neurology is not None
    with pytest.raises(Conflict, match=r"specialty\.in_use"):
        await identity.administration.delete_specialty(world.chief, neurology.id)
    assert await identity.directory.staff_of_specialty(neurology.id, [world.hub.id]) == [world.specialist]


async def test_a_local_administrator_cannot_rise_above_the_facility(identity: Identity, world: World) -> None:
    accounts = identity.accounts
    chief_here = await identity.person("qt.rong", world.clinic, Role.ADMINISTRATOR, installation_wide=True)
    wide = StaffEntry("moi", "Mới", world.clinic.id, frozenset({Role.ADMINISTRATOR}), installation_wide=True)
    attempts = (
        lambda: accounts.create_staff(world.local_admin, wide),
        lambda: accounts.create_staff(world.local_admin, replace(wide, facility_id=world.hub.id)),
        lambda: accounts.reset_password(world.local_admin, chief_here.id),
        lambda: accounts.deactivate(world.local_admin, chief_here.id),
        lambda: accounts.change_staff(world.local_admin, chief_here.id, staff_entry(chief_here)),
        lambda: accounts.change_staff(
            world.local_admin, world.doctor.id, replace(staff_entry(world.doctor), facility_id=world.hub.id)
        ),
        lambda: accounts.reset_password(world.local_admin, world.specialist.id),
    )
    for attempt in attempts:
        with pytest.raises(Forbidden, match=r"policy\.denied"):
            await attempt()
    own = replace(staff_entry(world.local_admin), roles=frozenset({Role.ADMINISTRATOR, Role.SPECIALIST}))
    with pytest.raises((Conflict, Invalid)):
        await accounts.change_staff(world.local_admin, world.local_admin.id, own)
    assert (await identity.directory.staff(world.local_admin.id)).roles == {Role.ADMINISTRATOR}


async def test_nobody_changes_the_own_rights_but_the_own_name(identity: Identity, world: World) -> None:
    entry = staff_entry(world.chief)
    officer = replace(entry, roles=entry.roles | {Role.DATA_PROTECTION_OFFICER})
    with pytest.raises(Conflict, match=r"staff\.own_rights"):
        await identity.accounts.change_staff(world.chief, world.chief.id, officer)
    renamed = await identity.accounts.change_staff(world.chief, world.chief.id, replace(entry, full_name="KS. Hiếu"))
    assert renamed.full_name == "KS. Hiếu"


async def test_a_person_with_everything(identity: Identity, world: World) -> None:
    specialty = await identity.directory.specialty_by_code("neurology")
    assert specialty is not None
    department = await identity.administration.create_department(
        world.chief, DepartmentEntry(world.hub.id, "Khoa Đột quỵ")
    )
    entry = StaffEntry(
        "BS.Khai",
        " BS. Vũ Đình  Khải",
        world.hub.id,
        frozenset({Role.SPECIALIST, Role.COORDINATOR}),
        department_id=department.id,
        specialties=frozenset({specialty.id}),
        licence_number="001234/BYT-CCHN",
        licence_scope="Nội khoa – Thần kinh",
        licence_expires=date(2027, 5, 31),
        language="en",
    )
    person, password = await identity.accounts.create_staff(world.chief, entry)
    assert len(password) >= 12
    assert person.user_name == "bs.khai"
    assert person.full_name == "BS. Vũ Đình Khải"
    assert person.must_change_password
    assert person.licence_valid(date(2027, 5, 31))
    assert not person.licence_valid(date(2027, 6, 1))
    assert staff_entry(person) == replace(entry, user_name="bs.khai", full_name="BS. Vũ Đình Khải")
    assert await identity.directory.staff_by_user_name("BS.KHAI") == person
    assert await identity.directory.coordinators_of(world.hub.id) == [person]
    with pytest.raises(Invalid) as caught:
        await identity.accounts.create_staff(world.chief, entry)
    assert (caught.value.code, caught.value.field) == ("staff.user_name_taken", "user_name")


async def test_references_have_to_exist(identity: Identity, world: World) -> None:
    entry = staff_entry(world.specialist)
    foreign = await identity.administration.create_department(
        world.chief, DepartmentEntry(world.clinic.id, "Phòng khám")
    )
    for values, field in (
        ({"department_id": DepartmentId("dep_x")}, "department_id"),
        ({"department_id": foreign.id}, "department_id"),
        ({"specialties": frozenset({SpecialtyId("spe_x")})}, "specialties"),
        ({"facility_id": FacilityId("fac_x")}, "facility_id"),
    ):
        with pytest.raises(Invalid) as caught:
            await identity.accounts.change_staff(world.chief, world.specialist.id, replace(entry, **values))
        assert caught.value.field == field
    assert await identity.directory.staff(world.specialist.id) == world.specialist


async def test_an_operator_on_the_server_needs_no_account(identity: Identity) -> None:
    facility = await identity.facility("51921")
    entry = StaffEntry("qt.dau", "Quản trị", facility.id, frozenset({Role.ADMINISTRATOR}), installation_wide=True)
    person, _ = await identity.accounts.create_staff(OPERATOR, entry)
    assert person.installation_wide
    [audited] = await identity.audited("staff.create")
    assert audited.actor == "operator"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"code": "5192"}, "code"),
        ({"code": "５１９２１"}, "code"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"province_code": "5"}, "province_code"),
        ({"commune_code": "abcde"}, "commune_code"),
        ({"telephone": "gọi đi"}, "telephone"),
        ({"is_hub": True, "emergency_telephone": ""}, "emergency_telephone"),
    ],
)
def test_facility_checks(values: dict[str, object], field: str) -> None:
    entry = replace(new_facility("51921"), **values)  # type: ignore[arg-type]  # any field, on purpose
    _, problems = checked_facility(entry)
    assert [problem.field for problem in problems] == [field]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"user_name": "ab"}, "user_name"),
        ({"user_name": "bs.hoà"}, "user_name"),
        ({"user_name": ".abc"}, "user_name"),
        ({"full_name": ""}, "full_name"),
        ({"roles": frozenset()}, "roles"),
        ({"roles": frozenset({Role.SPECIALIST})}, "specialties"),
        ({"licence_expires": date(2027, 1, 1)}, "licence_number"),
        ({"language": "fr"}, "language"),
        ({"installation_wide": True}, "installation_wide"),
    ],
)
def test_staff_checks(values: dict[str, object], field: str) -> None:
    entry = StaffEntry("bs.bao", "BS. Bảo", FacilityId("fac_1"), frozenset({Role.RURAL_DOCTOR}))
    _, problems = checked_staff(replace(entry, **values))  # type: ignore[arg-type]  # any field, on purpose
    assert [problem.field for problem in problems] == [field]


def test_dates_as_people_and_machines_write_them() -> None:
    assert day("2027-05-31", "x") == day(" 31/05/2027 ", "x") == day("31.5.2027", "x") == date(2027, 5, 31)
    assert day(" ", "x") is None
    for text in ("31/02/2027", "05/31/2027", "mai", "2027"):
        with pytest.raises(Invalid, match=r"entry\.date"):
            day(text, "x")
