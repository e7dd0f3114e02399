"""The columns of each CSV file, and the words that its cells may use for fixed values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from foundation.sheets import Column, heading
from identity.model import FacilityKind, ManagingLevel, Role, TechnicalLevel


class ImportKind(StrEnum):
    """What a file lists."""

    FACILITIES = "facilities"
    LINKS = "links"
    DEPARTMENTS = "departments"
    SPECIALTIES = "specialties"
    STAFF = "staff"
    TERMINALS = "terminals"


COLUMNS: Mapping[ImportKind, tuple[Column, ...]] = {
    ImportKind.FACILITIES: (
        Column("code", "Mã CSKCB", others=("facility_code", "mã cơ sở")),
        Column("name", "Tên cơ sở", others=("tên",)),
        Column("kind", "Loại cơ sở", others=("loại",)),
        Column("technical_level", "Cấp chuyên môn"),
        Column("managing_level", "Cấp quản lý"),
        Column("province_code", "Mã tỉnh"),
        Column("commune_code", "Mã xã"),
        Column("address", "Địa chỉ", required=False),
        Column("telephone", "Điện thoại", required=False),
        Column("emergency_telephone", "Điện thoại cấp cứu", required=False),
        Column("is_hub", "Hội chẩn cho tuyến dưới", required=False, others=("hub",)),
        Column("zone", "Múi giờ", required=False, others=("time_zone",)),
    ),
    ImportKind.LINKS: (
        Column("spoke_code", "Mã cơ sở yêu cầu", others=("spoke",)),
        Column("hub_code", "Mã cơ sở hội chẩn", others=("hub",)),
        Column("rank", "Thứ tự", required=False, others=("order",)),
        Column("hours", "Giờ nhận hội chẩn", required=False, others=("giờ nhận", "giờ")),
    ),
    ImportKind.DEPARTMENTS: (
        Column("facility_code", "Mã CSKCB", others=("mã cơ sở",)),
        Column("name", "Tên khoa phòng", others=("khoa", "khoa phòng", "department")),
    ),
    ImportKind.SPECIALTIES: (
        Column("code", "Mã chuyên khoa"),
        Column("name_vi", "Tên tiếng Việt"),
        Column("name_en", "Tên tiếng Anh"),
        Column("parent_code", "Chuyên khoa sâu của", required=False, others=("parent",)),
        Column("licence_scopes", "Phạm vi hành nghề cần có", required=False),
    ),
    ImportKind.STAFF: (
        Column("user_name", "Tên đăng nhập"),
        Column("full_name", "Họ và tên", others=("họ tên",)),
        Column("facility_code", "Mã CSKCB", others=("mã cơ sở",)),
        Column("roles", "Vai trò", others=("role",)),
        Column("department", "Khoa phòng", required=False, others=("khoa",)),
        Column("specialties", "Chuyên khoa", required=False, others=("specialty",)),
        Column("licence_number", "Số giấy phép hành nghề", required=False, others=("license_number", "số GPHN")),
        Column("licence_scope", "Phạm vi hành nghề", required=False, others=("license_scope",)),
        Column("licence_expires", "Ngày hết hạn giấy phép", required=False, others=("license_expires", "hết hạn")),
        Column("language", "Ngôn ngữ", required=False),
        Column("languages", "Ngôn ngữ khi hội chẩn", required=False, others=("spoken_languages",)),
        Column("installation_wide", "Toàn hệ thống", required=False),
    ),
    ImportKind.TERMINALS: (
        Column("facility_code", "Mã CSKCB", others=("mã cơ sở",)),
        Column("code", "Mã máy trạm", others=("terminal_code", "mã máy")),
        Column("name", "Tên máy trạm", others=("tên máy",)),
    ),
}

CHOICES: Mapping[str, StrEnum] = {
    heading(word): member
    for member, words in (
        (FacilityKind.COMMUNE_STATION, ("Commune health station", "Trạm y tế", "Trạm y tế xã")),
        (FacilityKind.REGIONAL_CENTRE, ("Regional health centre", "Trung tâm y tế", "Trung tâm y tế khu vực")),
        (FacilityKind.PROVINCIAL_HOSPITAL, ("Bệnh viện tỉnh", "Bệnh viện tuyến tỉnh", "Bệnh viện đa khoa tỉnh")),
        (FacilityKind.CENTRAL_HOSPITAL, ("Bệnh viện trung ương", "Bệnh viện tuyến trung ương")),
        (TechnicalLevel.INITIAL, ("Ban đầu", "Cấp ban đầu")),
        (TechnicalLevel.BASIC, ("Cơ bản", "Cấp cơ bản")),
        (TechnicalLevel.SPECIALISED, ("Chuyên sâu", "Cấp chuyên sâu", "specialized")),
        (ManagingLevel.COMMUNE, ("Xã", "Cấp xã")),
        (ManagingLevel.REGIONAL, ("Khu vực", "Cấp khu vực")),
        (ManagingLevel.PROVINCIAL, ("Tỉnh", "Cấp tỉnh")),
        (ManagingLevel.CENTRAL, ("Trung ương", "Cấp trung ương")),
        (Role.RURAL_DOCTOR, ("Doctor on site", "Bác sĩ tuyến cơ sở", "Bác sĩ tuyến dưới", "Bác sĩ cơ sở")),
        (Role.SPECIALIST, ("Chuyên gia", "Bác sĩ chuyên khoa")),
        (Role.COORDINATOR, ("Điều phối", "Điều phối viên")),
        (Role.ADMINISTRATOR, ("Quản trị", "Quản trị viên")),
        (Role.DATA_PROTECTION_OFFICER, ("Người phụ trách bảo vệ dữ liệu", "DPO")),
    )
    for word in (member.value, *words)
}
"""What a cell may say for a value of a fixed set, by `heading` form: the code, or a Vietnamese word for it."""

FLAGS: Mapping[str, bool] = {"1": True, "x": True, "yes": True, "true": True, "co": True} | {
    "": False,
    "0": False,
    "no": False,
    "false": False,
    "khong": False,
}
