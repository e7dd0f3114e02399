"""CSV import: headings of both languages, errors by row and column, all or nothing, idempotent by natural key."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest

from foundation.errors import Conflict, Invalid
from foundation.i18n import Languages
from foundation.sheets import LARGEST_BYTES, MOST_ROWS, heading, read
from identity.csv_columns import CHOICES, COLUMNS, ImportKind
from identity.csv_import import ImportResult
from identity.model import FacilityKind, Role
from tests.identity.conftest import ADDRESS, Identity, World

FACILITIES = """Mã CSKCB,Tên,Loại,Cấp chuyên môn,Cấp quản lý,Mã tỉnh,Mã xã,Điện thoại cấp cứu,Hội chẩn cho tuyến dưới
62901,Trạm Y tế Măng Rơi,Trạm y tế xã,Ban đầu,Xã,62,23001,,không
48931,Bệnh viện Hải Vân,Bệnh viện trung ương,Chuyên sâu,Trung ương,48,20194,0236 0120,có
"""
STAFF = """user_name,full_name,facility_code,roles,specialties,licence_number,licence_scope,licence_expires
bs.dan,BS. A Dân,51901,rural_doctor,,001/KT,Đa khoa,31/05/2027
bs.khai,BS. Vũ Đình Khải,51921,Chuyên gia; Điều phối viên,neurology,002/BYT,,2028-01-01
"""


async def run(
    identity: Identity, world: World, kind: str, text: str, *, apply: bool = True, partly: bool = False
) -> ImportResult:
    return await identity.importer.run(
        world.chief, ImportKind(kind), text.encode(), apply=apply, all_or_nothing=not partly
    )


def told(result: ImportResult) -> list[tuple[int, str | None, str]]:
    return [(error.row, error.column, error.code) for error in result.errors]


def counts(result: ImportResult) -> tuple[int, int, int, bool]:
    return result.created, result.changed, result.unchanged, result.applied


async def test_a_dry_run_writes_nothing(identity: Identity, world: World) -> None:
    result = await run(identity, world, "facilities", FACILITIES, apply=False)
    assert counts(result) == (2, 0, 0, False)
    assert not result.errors
    assert await identity.directory.facility_by_code("62901") is None


async def test_facilities_with_vietnamese_headings_come_in_once(identity: Identity, world: World) -> None:
    assert counts(await run(identity, world, "facilities", FACILITIES)) == (2, 0, 0, True)
    made = await identity.directory.facility_by_code("48931")
    assert made is not None
    assert (made.kind, made.is_hub, made.emergency_telephone) == (FacilityKind.CENTRAL_HOSPITAL, True, "0236 0120")
    assert counts(await run(identity, world, "facilities", FACILITIES)) == (0, 0, 2, False)
    renamed = FACILITIES.replace("Măng Rơi", "Măng Rơi 2")
    assert counts(await run(identity, world, "facilities", renamed)) == (0, 1, 1, True)
    changed = await identity.directory.facility_by_code("62901")
    assert changed is not None
    assert changed.name == "Trạm Y tế Măng Rơi 2"


async def test_a_missing_column_keeps_and_an_empty_cell_empties(identity: Identity, world: World) -> None:
    await run(identity, world, "facilities", FACILITIES)
    head, station, _ = FACILITIES.splitlines()
    without = ",".join(head.split(",")[:7]) + "\n" + ",".join(station.split(",")[:7]) + "\n"
    assert counts(await run(identity, world, "facilities", without)) == (0, 0, 1, False)
    with_phone = head + "\n" + station.replace(",,không", ",0260 0120,") + "\n"
    await run(identity, world, "facilities", with_phone)
    await run(identity, world, "facilities", without)
    kept = await identity.directory.facility_by_code("62901")
    assert kept is not None
    assert kept.emergency_telephone == "0260 0120"
    await run(identity, world, "facilities", FACILITIES)
    emptied = await identity.directory.facility_by_code("62901")
    assert emptied is not None
    assert emptied.emergency_telephone == ""


async def test_staff_get_first_passwords_that_work(identity: Identity, world: World) -> None:
    result = await run(identity, world, "staff", "\ufeff" + STAFF.replace("\n", "\r\n"))
    assert counts(result) == (2, 0, 0, True)
    assert [name for name, _ in result.first_passwords] == ["bs.dan", "bs.khai"]
    for user_name, password in result.first_passwords:
        session, _ = await identity.accounts.sign_in(user_name, password, address=ADDRESS)
        assert session.staff.must_change_password
    khai = await identity.directory.staff_by_user_name("bs.khai")
    assert khai is not None
    assert khai.roles == {Role.SPECIALIST, Role.COORDINATOR}
    assert khai.licence_expires == date(2028, 1, 1)
    assert len(khai.specialties) == 1
    again = await run(identity, world, "staff", STAFF)
    assert counts(again) == (0, 0, 2, False)
    assert again.first_passwords == ()


async def test_specialties_stay_without_their_column_and_change_with_it(identity: Identity, world: World) -> None:
    await run(identity, world, "specialties", "code,name_vi,name_en\nburns,Bỏng,Burns\n")
    head, row = "user_name,full_name,facility_code,roles", "bs.thuha,BS. Hà,51921,specialist"
    for text, codes in (
        (f"{head}\n{row}\n", {"neurology"}),
        (f"{head},specialties\n{row},burns\n", {"burns"}),
        (f'{head},specialties\n{row},"burns, neurology"\n', {"burns", "neurology"}),
    ):
        assert counts(await run(identity, world, "staff", text)) == (0, 1, 0, True)
        person = await identity.directory.staff(world.specialist.id)
        assert {(await identity.directory.specialty(held)).code for held in person.specialties} == codes


async def test_taking_a_role_away_ends_the_sessions(identity: Identity, world: World) -> None:
    _, doctors = await identity.sign_in("bs.bao")
    _, nurses = await identity.sign_in("ys.loan")
    text = (
        "user_name,full_name,facility_code,roles\n"
        "bs.bao,BS. Bảo,51901,coordinator\n"
        "ys.loan,YS. Loan,51901,rural_doctor\n"
    )
    assert counts(await run(identity, world, "staff", text)) == (0, 2, 0, True)
    assert await identity.sessions.find(doctors) is None
    assert await identity.sessions.find(nurses) is not None
    assert {entry.target for entry in await identity.audited("staff.change")} == {world.doctor.id, world.nurse.id}


async def test_every_error_has_row_column_and_a_sentence(identity: Identity, world: World) -> None:
    text = (
        "user_name;full_name;facility_code;roles;specialties;department;licence_expires;installation_wide\n"
        "bs.một;BS. Một;51901;rural_doctor;;;;\n"
        "\n"
        "bs.hai;;51901;rural_doctor;;;;\n"
        "bs.ba;BS. Ba;99999;rural_doctor;;;;\n"
        "bs.bon;BS. Bốn;51901;bác sĩ giỏi;;;;\n"
        "bs.nam;BS. Năm;51921;specialist;palmistry;Khoa Lạ;32/13/2027;có thể\n"
        "bs.sau;BS. Sáu;51901;rural_doctor;;;;\n"
        "BS.SAU;BS. Sáu;51901;rural_doctor;;;;\n"
        "qt.hieu;KS. Hiếu;51921;data_protection_officer;;;;x\n"
    )
    result = await run(identity, world, "staff", text)
    assert told(result) == [
        (2, "user_name", "staff.user_name"),
        (4, "full_name", "entry.needed"),
        (5, "facility_code", "facility.unknown"),
        (6, "roles", "staff.role"),
        (7, "department", "department.unknown"),
        (7, "specialties", "specialty.unknown"),
        (7, "licence_expires", "entry.date"),
        (7, "installation_wide", "entry.choice"),
        (9, "user_name", "import.repeated_row"),
        (10, "roles", "staff.own_rights"),
    ]
    assert not result.applied
    assert await identity.directory.staff_by_user_name("bs.sau") is None
    for code in ("vi", "en"):
        language = Languages().get(code)
        assert all("%(" not in language.text(error.message, **error.parameters) for error in result.errors)
    assert Languages().get("vi").text(result.errors[8].message, **result.errors[8].parameters) == (
        "Dòng này trùng với dòng 8."
    )


async def test_partly_applies_the_good_rows(identity: Identity, world: World) -> None:
    text = STAFF + "bs.xau,,51901,rural_doctor,,,,\n"
    assert not (await run(identity, world, "staff", text)).applied
    result = await run(identity, world, "staff", text, partly=True)
    assert counts(result) == (2, 0, 0, True)
    assert told(result) == [(4, "full_name", "entry.needed")]
    assert await identity.directory.staff_by_user_name("bs.dan") is not None


async def test_the_other_kinds(identity: Identity, world: World) -> None:
    await run(identity, world, "facilities", FACILITIES)
    files = {
        "specialties": "code,name_vi,name_en\nburns,Bỏng,Burns\ncardiology,Tim mạch,Cardiology\n",
        "departments": "Mã CSKCB\tKhoa phòng\n51921\tKhoa Nhi\n51921\tKhoa Sản\n",
        "links": "spoke_code,hub_code\n51901,48931\n62901,48931\n",
        "terminals": "Mã CSKCB,Mã máy trạm,Tên máy trạm\n51901,m1,Máy phòng khám\n62901,M1,Máy trực\n",
    }
    for kind, text in files.items():
        assert counts(await run(identity, world, kind, text)) == (2, 0, 0, True), kind
        assert counts(await run(identity, world, kind, text)) == (0, 0, 2, False), kind
    hubs = await identity.directory.hubs_of(world.clinic.id)
    assert {hub.code for hub in hubs} == {"51921", "48931"}
    assert [one.name for one in await identity.directory.departments_of(world.hub.id)] == ["Khoa Nhi", "Khoa Sản"]
    assert [one.code for one in await identity.directory.terminals_of(world.clinic.id)] == ["M1"]
    renamed = files["terminals"].replace("Máy trực", "Máy cấp cứu")
    assert counts(await run(identity, world, "terminals", renamed)) == (0, 1, 1, True)
    wrong = "spoke_code,hub_code\n51901,62901\n51901,51901\n00000,48931\n"
    assert told(await run(identity, world, "links", wrong)) == [
        (2, "hub_code", "link.no_hub"),
        (3, "hub_code", "link.itself"),
        (4, "spoke_code", "facility.unknown"),
    ]


async def test_links_have_an_order_and_hours(identity: Identity, world: World) -> None:
    await run(identity, world, "facilities", FACILITIES)
    head = "Mã cơ sở yêu cầu,Mã cơ sở hội chẩn,Thứ tự,Giờ nhận hội chẩn\n"
    text = head + "51901,51921,2,\n51901,48931,,T2-T6 7h00-17h00; T7 07:00-11:30\n"
    assert counts(await run(identity, world, "links", text)) == (1, 1, 0, True)
    assert counts(await run(identity, world, "links", text)) == (0, 0, 2, False)
    # Without the columns both stay; hours emptied mean day and night again.
    assert counts(await run(identity, world, "links", "spoke_code,hub_code\n51901,48931\n")) == (0, 0, 1, False)
    found = {one.hub.code: one for one in await identity.directory.links_of(world.clinic.id)}
    assert {code: (one.rank, one.hours) for code, one in found.items()} == {
        "51921": (2, ""),
        "48931": (1, "1-5 07:00-17:00; 6 07:00-11:30"),
    }
    always = "spoke_code,hub_code,hours\n51901,48931,\n"
    assert counts(await run(identity, world, "links", always)) == (0, 1, 0, True)
    wrong = head + "51901,51921,0,\n51901,48931,first,25:00\n62901,48931,100,T2 7-17\n"
    assert told(await run(identity, world, "links", wrong)) == [
        (2, "rank", "link.rank"),
        (3, "rank", "link.rank"),
        (3, "hours", "hours.form"),
        (4, "rank", "link.rank"),
        (4, "hours", "hours.form"),
    ]


async def test_zones_and_languages_are_read_kept_and_judged(identity: Identity, world: World) -> None:
    head, hub = FACILITIES.splitlines()[0], FACILITIES.splitlines()[2]
    zoned = f"{head},Múi giờ\n{hub},Asia/Vientiane\n"
    assert counts(await run(identity, world, "facilities", zoned)) == (1, 0, 0, True)
    assert counts(await run(identity, world, "facilities", FACILITIES)) == (1, 0, 1, True)
    made = await identity.directory.facility_by_code("48931")
    assert made is not None
    assert made.zone == "Asia/Vientiane"
    wrong = zoned.replace("Vientiane", "Viêng Chăn")
    assert told(await run(identity, world, "facilities", wrong)) == [(2, "zone", "facility.zone")]
    head = "user_name,full_name,facility_code,roles"
    spoken = f'{head},Ngôn ngữ khi hội chẩn\nbs.dan,BS. A Dân,51901,rural_doctor,"vi, MWW"\n'
    assert counts(await run(identity, world, "staff", spoken)) == (1, 0, 0, True)
    assert counts(await run(identity, world, "staff", spoken)) == (0, 0, 1, False)
    without = f"{head}\nbs.dan,BS. A Dân,51901,rural_doctor\n"
    assert counts(await run(identity, world, "staff", without)) == (0, 0, 1, False)
    person = await identity.directory.staff_by_user_name("bs.dan")
    assert person is not None
    assert person.languages == {"vi", "mww"}
    wrong = spoken.replace("MWW", "tiếng Mông")
    assert told(await run(identity, world, "staff", wrong)) == [(2, "languages", "staff.languages")]


async def tree(identity: Identity) -> dict[str, str | None]:
    """Each specialty, and the one above it."""
    found = await identity.directory.specialties()
    codes = {one.id: one.code for one in found}
    return {one.code: codes.get(one.parent_id) if one.parent_id else None for one in found}


HEAD = "code,name_vi,name_en,parent_code,licence_scopes\n"


async def test_a_sub_specialty_finds_its_specialty_in_the_same_file(identity: Identity, world: World) -> None:
    text = (
        HEAD + "thrombectomy,Lấy huyết khối,Thrombectomy,STROKE,\n"
        'stroke,Đột quỵ,Stroke,,"Thần kinh, hồi sức"\n'
        "epilepsy,Động kinh,Epilepsy,neurology,\n"
    )
    assert counts(await run(identity, world, "specialties", text)) == (3, 0, 0, True)
    assert counts(await run(identity, world, "specialties", text)) == (0, 0, 3, False)
    placed = {"thrombectomy": "stroke", "stroke": None, "epilepsy": "neurology", "neurology": None}
    assert await tree(identity) == placed
    stroke = await identity.directory.specialty_by_code("stroke")
    assert stroke is not None
    assert stroke.licence_scopes == "Thần kinh, hồi sức"
    # Without the columns both stay; one file may take a specialty from below and put another there.
    assert counts(await run(identity, world, "specialties", "code,name_vi,name_en\nepilepsy,Động kinh,Epilepsy\n")) == (
        0,
        0,
        1,
        False,
    )
    moved = HEAD + "neurology,Thần kinh,Neurology,epilepsy,\nepilepsy,Động kinh,Epilepsy,,\n"
    assert counts(await run(identity, world, "specialties", moved)) == (0, 2, 0, True)
    assert await tree(identity) == placed | {"epilepsy": None, "neurology": "epilepsy"}


async def test_a_place_that_would_be_a_third_level_or_none_is_told_by_row(identity: Identity, world: World) -> None:
    text = (
        HEAD + "a_one,Một,One,neurology,\n"
        "a_two,Hai,Two,a_one,\n"  # below a sub-specialty: both say so
        "a_three,Ba,Three,a_three,\n"
        "a_four,Bốn,Four,palmistry,\n"
        "a_five,Năm,Five,neurology,\n"
    )
    wrong = [(2, "parent_code"), (3, "parent_code"), (4, "parent_code"), (5, "parent_code")]
    result = await run(identity, world, "specialties", text)
    assert told(result) == [(row, column, "specialty.parent") for row, column in wrong]
    assert not result.applied
    assert counts(await run(identity, world, "specialties", text, partly=True)) == (1, 0, 0, True)
    # What has a sub-specialty by now does not become one.
    below = HEAD + "burns,Bỏng,Burns,,\nneurology,Thần kinh,Neurology,burns,\n"
    assert told(await run(identity, world, "specialties", below)) == [(3, "parent_code", "specialty.parent")]


async def test_what_leans_on_a_row_with_errors_is_left_out_with_it(identity: Identity, world: World) -> None:
    text = HEAD + "grafts,Ghép da,Grafts,burns,\nburns,,Burns,,\nstroke,Đột quỵ,Stroke,neurology,\n"
    result = await run(identity, world, "specialties", text, partly=True)
    assert told(result) == [(2, "parent_code", "specialty.parent"), (3, "name_vi", "entry.needed")]
    assert counts(result) == (1, 0, 0, True)
    # The row that would have made room is wrong, so the one that needed it is too.
    text = HEAD + "neurology,Thần kinh,Neurology,surgery,\nstroke,,Stroke,,\nsurgery,Ngoại,Surgery,,\n"
    result = await run(identity, world, "specialties", text, partly=True)
    assert told(result) == [(2, "parent_code", "specialty.parent"), (3, "name_vi", "entry.needed")]
    assert await tree(identity) == {"neurology": None, "stroke": "neurology", "surgery": None}


async def test_a_local_administrator_imports_for_the_own_facility_only(identity: Identity, world: World) -> None:
    result = await identity.importer.run(world.local_admin, ImportKind.STAFF, STAFF.encode(), apply=True)
    assert told(result) == [(3, None, "policy.denied")]
    assert not result.applied
    [denied] = await identity.audited("import.staff")
    assert (denied.actor, denied.outcome) == (world.local_admin.id, "denied")
    own = "\n".join(STAFF.splitlines()[:2])
    assert (await identity.importer.run(world.local_admin, ImportKind.STAFF, own.encode(), apply=True)).applied
    stolen = "user_name,full_name,facility_code,roles\nbs.thuha,BS. Thu Hà,51901,rural_doctor\n"
    result = await identity.importer.run(world.local_admin, ImportKind.STAFF, stolen.encode(), apply=True)
    assert told(result) == [(2, None, "policy.denied")]


async def test_an_overtaken_import_writes_nothing(identity: Identity, world: World) -> None:
    """Somebody makes the same person after the file was judged and before it is written."""
    hashing = identity.passwords.hash_random

    async def overtake(passwords: list[str]) -> list[str]:
        identity.passwords.hash_random = hashing  # type: ignore[method-assign]
        await identity.person("bs.khai", world.clinic, Role.RURAL_DOCTOR)
        return await hashing(passwords)

    identity.passwords.hash_random = overtake  # type: ignore[method-assign]
    with pytest.raises(Conflict, match=r"import\.overtaken"):
        await run(identity, world, "staff", STAFF)
    assert await identity.directory.staff_by_user_name("bs.dan") is None


async def test_a_thousand_rows(identity: Identity, world: World) -> None:
    lines = [f"bs.so{number},BS. Số {number},51901,rural_doctor" for number in range(1000)]
    text = "\n".join(["user_name,full_name,facility_code,roles", *lines])
    assert counts(await run(identity, world, "staff", text)) == (1000, 0, 0, True)
    assert counts(await run(identity, world, "staff", text.replace("BS.", "ThS.BS."))) == (0, 1000, 0, True)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "import.empty"),
        (b"nothing known here\n", "import.unknown_column"),
        (b"code,name_vi,name_en\n", "import.empty"),
        (b"code,name_vi\nburns,B\n", "import.missing_column"),
        (b"code,name_vi,name_en,colour\nburns,B,B,red\n", "import.unknown_column"),
        (b"code,name_vi,name_en,code\nburns,B,B,burns\n", "import.repeated_column"),
        (b'code,name_vi,name_en\nburns,"B"x,B\n', "import.malformed"),
        (b"x" * (LARGEST_BYTES + 1), "import.too_large"),
        (b"code,name_vi,name_en\n" + b"burns,B,B\n" * (MOST_ROWS + 1), "import.too_many_rows"),
        (b"code,name_vi,name_en\nbu\x00rns,B,B\n", "import.not_text"),
        (b"code,name_vi,name_en\nburns," + b"B" * 200_000 + b",B\n", "import.malformed"),
    ],
)
def test_files_that_cannot_be_used(data: bytes, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(data, COLUMNS[ImportKind.SPECIALTIES])
    assert caught.value.code == code


@pytest.mark.parametrize("kind", ImportKind)
def test_headings_of_both_languages_are_known_and_unambiguous(kind: ImportKind) -> None:
    columns = COLUMNS[kind]
    names = [heading(word) for column in columns for word in (column.name, column.vietnamese, *column.others)]
    assert len(names) == len(set(names))
    for header in ([column.name for column in columns], [column.vietnamese for column in columns]):
        out = io.StringIO()
        csv.writer(out).writerows([header, ["1"] * len(header)])
        [row] = read(out.getvalue().encode(), columns).rows
        assert list(row.cells) == [column.name for column in columns]


def test_each_word_of_a_choice_has_one_meaning() -> None:
    assert {member.value for member in CHOICES.values()} >= {role.value for role in Role}
    assert all(heading(word) == word for word in CHOICES)
    assert all(CHOICES[heading(member.value)] is member for member in CHOICES.values())
