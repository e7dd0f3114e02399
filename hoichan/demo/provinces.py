"""The 34 provinces and cities since 1 July 2025, and the invented communes of the demo.

Source: Resolution 202/2025/QH15 (names) and Decision 19/2025/QĐ-TTg (two-digit codes). Communes are invented; their
codes have the right shape (five digits) and none belongs to a real commune with that name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PROVINCES: Mapping[str, str] = MappingProxyType(
    {
        "01": "Thành phố Hà Nội",
        "04": "Tỉnh Cao Bằng",
        "08": "Tỉnh Tuyên Quang",
        "11": "Tỉnh Điện Biên",
        "12": "Tỉnh Lai Châu",
        "14": "Tỉnh Sơn La",
        "15": "Tỉnh Lào Cai",
        "19": "Tỉnh Thái Nguyên",
        "20": "Tỉnh Lạng Sơn",
        "22": "Tỉnh Quảng Ninh",
        "24": "Tỉnh Bắc Ninh",
        "25": "Tỉnh Phú Thọ",
        "31": "Thành phố Hải Phòng",
        "33": "Tỉnh Hưng Yên",
        "37": "Tỉnh Ninh Bình",
        "38": "Tỉnh Thanh Hóa",
        "40": "Tỉnh Nghệ An",
        "42": "Tỉnh Hà Tĩnh",
        "44": "Tỉnh Quảng Trị",
        "46": "Thành phố Huế",
        "48": "Thành phố Đà Nẵng",
        "51": "Tỉnh Quảng Ngãi",
        "52": "Tỉnh Gia Lai",
        "56": "Tỉnh Khánh Hòa",
        "66": "Tỉnh Đắk Lắk",
        "68": "Tỉnh Lâm Đồng",
        "75": "Tỉnh Đồng Nai",
        "79": "Thành phố Hồ Chí Minh",
        "80": "Tỉnh Tây Ninh",
        "82": "Tỉnh Đồng Tháp",
        "86": "Tỉnh Vĩnh Long",
        "91": "Tỉnh An Giang",
        "92": "Thành phố Cần Thơ",
        "96": "Tỉnh Cà Mau",
    }
)


@dataclass(frozen=True)
class DemoCommune:
    """A commune or ward. `birth_codes` are the CCCD codes of people born there: the old provinces persist."""

    code: str
    name: str
    province_code: str
    birth_codes: tuple[str, ...]
    hamlets: tuple[str, ...]

    @property
    def address(self) -> str:
        """Commune and province, as they end a postal address."""
        province = PROVINCES[self.province_code]
        return f"{self.name}, {province[0].lower()}{province[1:]}"


COMMUNES: Mapping[str, DemoCommune] = MappingProxyType(
    {
        commune.code: commune
        for commune in (
            DemoCommune("21591", "xã đảo Hòn Mây", "51", ("051",), ("Thôn Đông", "Thôn Tây", "Thôn Bãi Dừa")),
            DemoCommune("23591", "xã Măng Rơi", "51", ("062",), ("Làng Kon Pring", "Làng Đăk Lia", "Làng Kon Tu")),
            DemoCommune("21592", "xã Trà Khúc", "51", ("051",), ("Thôn Phú Lộc", "Thôn An Hà", "Thôn Tân Mỹ")),
            DemoCommune("21593", "phường Sông Trà", "51", ("051",), ("Tổ dân phố 3", "Tổ dân phố 7")),
            DemoCommune("23991", "xã Suối Đá", "52", ("064", "052"), ("Làng Ia Nhin", "Thôn 4", "Làng Plei Pông")),
            DemoCommune("23992", "xã Ya Lốp", "52", ("064",), ("Thôn 1", "Làng Bôn Hoai")),
            DemoCommune("28791", "xã Bàu Sen", "82", ("087", "082"), ("Ấp Hậu Thành", "Ấp Bàu Gốc", "Ấp Tân Bình")),
            DemoCommune("28792", "xã Rạch Tràm", "82", ("087",), ("Ấp Rạch Cái", "Ấp Tràm Chim Bé")),
            DemoCommune("28793", "phường Cù Lao Sen", "82", ("082",), ("Khóm 2", "Khóm 5")),
            DemoCommune("32191", "xã Vàm Rạch", "96", ("096", "095"), ("Ấp Vàm Lớn", "Ấp Kinh Ba", "Ấp Xẻo Đước")),
            DemoCommune("20391", "phường Hải Vân Đông", "48", ("048",), ("Tổ dân phố 12",)),
            DemoCommune("19891", "phường Trường Sơn", "46", ("046",), ("Tổ dân phố 9",)),
        )
    }
)
