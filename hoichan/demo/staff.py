"""The forty invented people who sign in to the demo."""

from datetime import date

from hoichan.demo.content import DemoStaff, StaffRole
from hoichan.demo.facilities import (
    BAU_SEN,
    CU_LAO_SEN,
    HAI_VAN,
    HON_MAY,
    MANG_ROI,
    RACH_TRAM,
    SONG_TRA,
    SUOI_DA,
    TRA_KHUC,
    TRUONG_SON,
    VAM_RACH,
    YA_LOP,
)
from hoichan.demo.specialties import (
    BURNS,
    CARDIOLOGY,
    ENDOCRINOLOGY,
    OBSTETRICS,
    PAEDIATRICS,
    STROKE,
    SURGERY,
    TOXICOLOGY,
)

# user name, shown name, clinic, room
_RURAL = (
    ("bs.bao", "BS. Lê Quốc Bảo", HON_MAY, "Phòng cấp cứu"),
    ("ys.loan", "YS. Trịnh Thị Loan", HON_MAY, "Phòng khám"),
    ("bs.dan", "BS. A Dân", MANG_ROI, "Phòng khám"),
    ("bs.thuan", "BS. Rơ Châm Thuận", SUOI_DA, "Phòng cấp cứu"),
    ("bs.hami", "BS. Dương Hà Mi", BAU_SEN, "Phòng khám"),
    ("bs.nghia", "BS. Trần Trọng Nghĩa", VAM_RACH, "Phòng cấp cứu"),
    ("bs.kimoanh", "BS. Phạm Kim Oanh", TRA_KHUC, "Khoa Sản"),
    ("bs.chuong", "BS. Đoàn Văn Chương", TRA_KHUC, "Khoa Cấp cứu"),
    ("bs.quyen", "BS. Thái Lệ Quyên", RACH_TRAM, "Khoa Cấp cứu"),
    ("bs.siuhoan", "BS. Siu Hoàn", YA_LOP, "Khoa Cấp cứu"),
)

# user name, shown name, hospital, specialty
_SPECIALISTS = (
    ("bs.thuha", "BS.CKII Trần Thị Thu Hà", SONG_TRA, STROKE),
    ("bs.khai", "BS. Vũ Đình Khải", HAI_VAN, STROKE),
    ("bs.hoaian", "BS. Nguyễn Hoài An", SONG_TRA, STROKE),
    ("bs.giabinh", "BS. Phùng Gia Bình", SONG_TRA, STROKE),
    ("bs.tayen", "BS. Tạ Thị Yên", SONG_TRA, STROKE),
    ("bs.phong", "BS.CKII Đặng Hữu Phong", HAI_VAN, CARDIOLOGY),
    ("bs.dieuhien", "ThS.BS. Hoàng Thị Diệu Hiền", TRUONG_SON, CARDIOLOGY),
    ("bs.minhtuan", "BS.CKI Lý Minh Tuấn", CU_LAO_SEN, CARDIOLOGY),
    ("bs.nguyet", "BS. Cao Minh Nguyệt", HAI_VAN, OBSTETRICS),
    ("bs.hanhnguyen", "BS.CKII Tôn Nữ Hạnh Nguyên", TRUONG_SON, OBSTETRICS),
    ("bs.tho", "BS. Bùi Thị Anh Thơ", SONG_TRA, OBSTETRICS),
    ("bs.duykhang", "BS.CKI Trương Duy Khang", HAI_VAN, PAEDIATRICS),
    ("bs.thuyvy", "BS. Lê Thúy Vy", TRUONG_SON, PAEDIATRICS),
    ("bs.truc", "BS. Ngô Thanh Trúc", SONG_TRA, PAEDIATRICS),
    ("bs.manhcuong", "BS.CKII Đinh Mạnh Cường", HAI_VAN, BURNS),
    ("bs.baochau", "BS. Hồ Bảo Châu", TRUONG_SON, BURNS),
    ("bs.ngocdiep", "BS.CKI Võ Ngọc Điệp", CU_LAO_SEN, BURNS),
    ("bs.haiyen", "TS.BS. Phan Hải Yến", HAI_VAN, ENDOCRINOLOGY),
    ("bs.vietthang", "BS. Châu Việt Thắng", TRUONG_SON, ENDOCRINOLOGY),
    ("bs.son", "BS. Huỳnh Lâm Sơn", SONG_TRA, ENDOCRINOLOGY),
    ("bs.loc", "BS. Mai Xuân Lộc", HAI_VAN, TOXICOLOGY),
    ("bs.tuyetlan", "ThS.BS. Đỗ Tuyết Lan", TRUONG_SON, TOXICOLOGY),
    ("bs.quangvinh", "BS. Nguyễn Quang Vinh", SONG_TRA, TOXICOLOGY),
    ("bs.hoangnam", "BS.CKII Lương Hoàng Nam", HAI_VAN, SURGERY),
    ("bs.xuanmai", "BS. Hà Xuân Mai", TRUONG_SON, SURGERY),
    ("bs.thinh", "BS. Lưu Đức Thịnh", SONG_TRA, SURGERY),
)

# user name, shown name, hospital, room, role
_OFFICE: tuple[tuple[str, str, str, str, StaffRole], ...] = (
    ("dp.khue", "CN. Đỗ Minh Khuê", SONG_TRA, "Phòng Kế hoạch tổng hợp", "coordinator"),
    ("dp.ngan", "CN. Quách Kim Ngân", CU_LAO_SEN, "Phòng Kế hoạch tổng hợp", "coordinator"),
    ("qt.hieu", "KS. Tống Trung Hiếu", SONG_TRA, "Phòng Công nghệ thông tin", "administrator"),
    ("bv.linh", "ThS. Khổng Thùy Linh", HAI_VAN, "Phòng Kế hoạch tổng hợp", "data_protection_officer"),
)

# specialty: department of the hospital, scope of practice as the licence words it
_DEPARTMENTS = {
    STROKE: ("Khoa Đột quỵ", "Khám bệnh, chữa bệnh chuyên khoa Thần kinh"),
    CARDIOLOGY: ("Khoa Nội tim mạch", "Khám bệnh, chữa bệnh chuyên khoa Nội tim mạch"),
    OBSTETRICS: ("Khoa Sản phụ", "Khám bệnh, chữa bệnh chuyên khoa Phụ sản"),
    PAEDIATRICS: ("Khoa Nhi", "Khám bệnh, chữa bệnh chuyên khoa Nhi"),
    BURNS: ("Khoa Bỏng – Tạo hình", "Khám bệnh, chữa bệnh chuyên khoa Bỏng và Phẫu thuật tạo hình"),
    ENDOCRINOLOGY: ("Khoa Nội tiết", "Khám bệnh, chữa bệnh chuyên khoa Nội tiết"),
    TOXICOLOGY: ("Đơn vị Chống độc", "Khám bệnh, chữa bệnh chuyên khoa Hồi sức cấp cứu và Chống độc"),
    SURGERY: ("Khoa Ngoại tổng hợp", "Khám bệnh, chữa bệnh chuyên khoa Ngoại"),
}

_ISSUERS = {
    SONG_TRA: "QNG",
    HON_MAY: "QNG",
    MANG_ROI: "QNG",
    TRA_KHUC: "QNG",
    SUOI_DA: "GL",
    YA_LOP: "GL",
    BAU_SEN: "ĐT",
    RACH_TRAM: "ĐT",
    CU_LAO_SEN: "ĐT",
    VAM_RACH: "CM",
    HAI_VAN: "BYT",
    TRUONG_SON: "BYT",
}


def _licence(serial: int, facility: str, today: date) -> tuple[str, date]:
    """A licence number as the issuer writes it, and an expiry one to four years ahead."""
    return f"{4100 + serial * 37:06d}/{_ISSUERS[facility]}-GPHN", date(today.year + 1 + serial % 4, 1 + serial % 12, 15)


def staff(today: date) -> tuple[DemoStaff, ...]:
    """All forty; licences are valid on `today`. Office people hold no licence."""
    people: list[DemoStaff] = []
    for serial, (user_name, full_name, facility, room) in enumerate(_RURAL):
        number, expires = _licence(serial, facility, today)
        scope = (
            "Khám bệnh, chữa bệnh đa khoa" if user_name.startswith("bs.") else "Khám bệnh, chữa bệnh của y sĩ đa khoa"
        )
        people.append(DemoStaff(user_name, full_name, ("rural_doctor",), facility, room, (), number, scope, expires))
    for serial, (user_name, full_name, facility, specialty) in enumerate(_SPECIALISTS, start=len(_RURAL)):
        number, expires = _licence(serial, facility, today)
        room, scope = _DEPARTMENTS[specialty]
        people.append(
            DemoStaff(user_name, full_name, ("specialist",), facility, room, (specialty,), number, scope, expires)
        )
    for user_name, full_name, facility, room, role in _OFFICE:
        people.append(DemoStaff(user_name, full_name, (role,), facility, room, (), None, None, None))
    return tuple(people)
