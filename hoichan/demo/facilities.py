"""The twelve invented facilities of the demo and the links between them."""

from hoichan.demo.content import DemoFacility, DemoLink
from hoichan.demo.provinces import COMMUNES

HON_MAY = "51901"
MANG_ROI = "62901"
SUOI_DA = "64901"
BAU_SEN = "87901"
VAM_RACH = "96901"
TRA_KHUC = "51911"
YA_LOP = "64911"
RACH_TRAM = "87911"
SONG_TRA = "51921"
CU_LAO_SEN = "87921"
HAI_VAN = "48931"
TRUONG_SON = "46931"

_STATION_ROOMS = ("Phòng khám", "Phòng cấp cứu")
_CENTRE_ROOMS = ("Khoa Khám bệnh", "Khoa Cấp cứu", "Khoa Sản", "Khoa Xét nghiệm")
_HOSPITAL_ROOMS = (
    "Khoa Đột quỵ",
    "Khoa Nội tim mạch",
    "Khoa Sản phụ",
    "Khoa Nhi",
    "Khoa Bỏng – Tạo hình",
    "Khoa Nội tiết",
    "Đơn vị Chống độc",
    "Khoa Ngoại tổng hợp",
    "Phòng Kế hoạch tổng hợp",
    "Phòng Công nghệ thông tin",
)


def _station(
    code: str,
    name: str,
    commune: str,
    street: str,
    telephone: str,
    terminals: tuple[tuple[str, str, str], ...],
) -> DemoFacility:
    place = COMMUNES[commune]
    return DemoFacility(
        code=code,
        name=name,
        kind="commune_station",
        technical_level="initial",
        managing_level="commune",
        province_code=place.province_code,
        commune_code=commune,
        address=f"{street}, {place.address}",
        telephone=f"{telephone} 0100",
        emergency_telephone=f"{telephone} 0120",
        is_hub=False,
        departments=_STATION_ROOMS,
        terminals=terminals,
    )


def _centre(
    code: str,
    name: str,
    commune: str,
    street: str,
    telephone: str,
    terminals: tuple[tuple[str, str, str], ...],
) -> DemoFacility:
    place = COMMUNES[commune]
    return DemoFacility(
        code=code,
        name=name,
        kind="regional_centre",
        technical_level="basic",
        managing_level="regional",
        province_code=place.province_code,
        commune_code=commune,
        address=f"{street}, {place.address}",
        telephone=f"{telephone} 0110",
        emergency_telephone=f"{telephone} 0130",
        is_hub=False,
        departments=_CENTRE_ROOMS,
        terminals=terminals,
    )


def _hospital(code: str, name: str, commune: str, street: str, telephone: str, *, central: bool) -> DemoFacility:
    place = COMMUNES[commune]
    return DemoFacility(
        code=code,
        name=name,
        kind="central_hospital" if central else "provincial_hospital",
        technical_level="specialised",
        managing_level="central" if central else "provincial",
        province_code=place.province_code,
        commune_code=commune,
        address=f"{street}, {place.address}",
        telephone=f"{telephone} 0105",
        emergency_telephone=f"{telephone} 0115",
        is_hub=True,
        departments=_HOSPITAL_ROOMS,
    )


def facilities() -> tuple[DemoFacility, ...]:
    """All twelve: five commune stations, three regional centres, two provincial and two central hospitals.

    Telephone numbers have an exchange of zeros behind a real area code: no subscriber has such a number.
    """
    return (
        _station(
            HON_MAY,
            "Trạm Y tế đảo Hòn Mây",
            "21591",
            "Thôn Đông",
            "0255 000",
            (("HM-01", "Máy phòng khám", "Phòng khám"), ("HM-02", "Máy phòng cấp cứu", "Phòng cấp cứu")),
        ),
        _station(
            MANG_ROI,
            "Trạm Y tế Măng Rơi",
            "23591",
            "Làng Kon Pring",
            "0260 000",
            (("MR-01", "Máy trạm Măng Rơi", "Phòng khám"),),
        ),
        _station(
            SUOI_DA,
            "Trạm Y tế Suối Đá",
            "23991",
            "Thôn 4",
            "0269 000",
            (("SD-01", "Máy trạm Suối Đá", "Phòng cấp cứu"),),
        ),
        _station(
            BAU_SEN,
            "Trạm Y tế Bàu Sen",
            "28791",
            "Ấp Hậu Thành",
            "0277 000",
            (("BS-01", "Máy trạm Bàu Sen", "Phòng khám"),),
        ),
        _station(
            VAM_RACH,
            "Trạm Y tế Vàm Rạch",
            "32191",
            "Ấp Vàm Lớn",
            "0290 000",
            (("VR-01", "Máy trạm Vàm Rạch", "Phòng cấp cứu"),),
        ),
        _centre(
            TRA_KHUC,
            "TTYT khu vực Trà Khúc",
            "21592",
            "Thôn Phú Lộc",
            "0255 001",
            (("TK-01", "Máy khoa Cấp cứu", "Khoa Cấp cứu"), ("TK-02", "Máy khoa Sản", "Khoa Sản")),
        ),
        _centre(
            YA_LOP,
            "TTYT khu vực Ya Lốp",
            "23992",
            "Thôn 1",
            "0269 001",
            (("YL-01", "Máy khoa Cấp cứu", "Khoa Cấp cứu"),),
        ),
        _centre(
            RACH_TRAM,
            "TTYT khu vực Rạch Tràm",
            "28792",
            "Ấp Rạch Cái",
            "0277 001",
            (("RT-01", "Máy khoa Cấp cứu", "Khoa Cấp cứu"),),
        ),
        _hospital(SONG_TRA, "BV Đa khoa Sông Trà", "21593", "Tổ dân phố 3", "0255 000", central=False),
        _hospital(CU_LAO_SEN, "BV Đa khoa Cù Lao Sen", "28793", "Khóm 2", "0273 000", central=False),
        _hospital(HAI_VAN, "BV Trung ương Hải Vân", "20391", "Tổ dân phố 12", "0236 000", central=True),
        _hospital(TRUONG_SON, "BV Trung ương Trường Sơn", "19891", "Tổ dân phố 9", "0234 000", central=True),
    )


def links() -> tuple[DemoLink, ...]:
    """Every clinic may ask the provincial hospital of its part of the country, and after it both central hospitals.

    The island and the border clinic ask all three at once: from there every transport takes a day. In the south the
    provincial hospital consults in working hours; an emergency reaches whoever of it is at hand at any hour.
    """
    at_once = [(spoke, hub) for spoke in (HON_MAY, YA_LOP) for hub in (SONG_TRA, HAI_VAN, TRUONG_SON)]
    in_turn = [(spoke, SONG_TRA, "") for spoke in (MANG_ROI, SUOI_DA, TRA_KHUC)]
    in_turn += [(spoke, CU_LAO_SEN, "1-5 07:00-17:00") for spoke in (BAU_SEN, VAM_RACH, RACH_TRAM)]
    return (
        *(DemoLink(spoke, hub) for spoke, hub in at_once),
        *(DemoLink(spoke, hub, 1, hours) for spoke, hub, hours in in_turn),
        *(DemoLink(spoke, hub, 2) for spoke, _, _ in in_turn for hub in (HAI_VAN, TRUONG_SON)),
    )
