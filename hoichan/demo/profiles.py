"""The common long illnesses of a commune: each profile writes one into a book, at a clinic and its hospital.

Numbers vary with the given random source, within what a doctor would believe.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from hoichan.demo.book import Book
from hoichan.demo.content import Sex, VitalSigns
from hoichan.demo.register import years


@dataclass(frozen=True)
class Setting:
    """Where and for whom a profile is written. `base` is how many days ago the last visit was."""

    clinic: str
    hospital: str
    sex: Sex
    base: int
    rng: Random

    def spread(self, middle: float, reach: float, digits: int = 1) -> float:
        """A value around a middle, rounded; whole numbers for zero digits."""
        value = round(self.rng.uniform(middle - reach, middle + reach), digits)
        return int(value) if digits == 0 else value


def hypertension(book: Book, at: Setting) -> None:
    """High blood pressure with lipids, followed at the clinic. Its drugs go together with those of heart failure."""
    book.problem("Tăng huyết áp", "I10", years(at.rng.randint(2, 12)), at.clinic)
    book.problem("Rối loạn lipid máu", "E78.5", years(2), at.hospital)
    book.drug(
        at.rng.choice(("Amlodipin 5 mg", "Indapamid 1,5 mg (phóng thích kéo dài)")),
        "Uống 1 viên, sáng",
        at.base,
        at.clinic,
    )
    book.drug("Atorvastatin 10 mg", "Uống 1 viên, tối", at.base, at.hospital)
    for step in range(3):
        days = at.base + step * 45
        book.visit("Tái khám tăng huyết áp, lĩnh thuốc", days, at.clinic)
        pressure = (int(at.spread(142, 14, 0)), int(at.spread(86, 7, 0)))
        book.vitals(days, at.clinic, VitalSigns(pressure, int(at.spread(76, 8, 0)), weight=at.spread(57, 8)))
    for days in (at.base + 30, at.base + 210):
        book.results(
            days,
            at.hospital,
            cholesterol=at.spread(5.4, 0.9),
            ldl=at.spread(3.3, 0.8),
            creatinine=at.spread(82, 14, 0),
            potassium=at.spread(4.1, 0.5),
        )
    book.imaging("ecg", "Nhịp xoang, dày thất trái theo tiêu chuẩn Sokolow.", at.base + 30, at.hospital)


def diabetes(book: Book, at: Setting) -> None:
    """Type 2 diabetes on tablets."""
    book.problem("Đái tháo đường típ 2", "E11", years(at.rng.randint(2, 10)), at.hospital)
    book.drug("Metformin 850 mg", "Uống 1 viên x 2 lần/ngày, sau ăn", at.base, at.hospital)
    book.drug("Gliclazid MR 30 mg", "Uống 1 viên, sáng", at.base, at.hospital)
    for step in range(3):
        days = at.base + step * 90
        book.visit("Tái khám đái tháo đường", days, at.hospital)
        book.results(
            days,
            at.hospital,
            glucose=at.spread(8.6, 2.2),
            hba1c=at.spread(7.8, 1.1),
            creatinine=at.spread(78, 15, 0),
            triglycerides=at.spread(2.3, 0.9),
        )
        book.vitals(days, at.hospital, VitalSigns((132, 80), 78, glucose=at.spread(9.2, 2.4), weight=at.spread(60, 7)))


def lung_disease(book: Book, at: Setting) -> None:
    """Chronic obstructive lung disease, from tobacco or from a wood fire."""
    book.problem("Bệnh phổi tắc nghẽn mạn tính", "J44.9", years(6), at.hospital)
    book.drug("Tiotropium 2,5 µg/nhát", "Hít 2 nhát, sáng", at.base, at.hospital)
    book.drug("Salbutamol bình xịt 100 µg/nhát", "Xịt 2 nhát khi khó thở", at.base, at.hospital)
    book.smoking(
        "Đã bỏ, khoảng 35 gói-năm" if at.sex == "male" else "Không hút; nấu bếp củi trên 30 năm", at.base, at.clinic
    )
    book.visit("Đợt cấp bệnh phổi tắc nghẽn mạn tính", at.base + 120, at.hospital, nights=6)
    book.visit("Tái khám, lĩnh thuốc hít", at.base, at.hospital)
    book.results(at.base + 120, at.hospital, leukocytes=at.spread(13.2, 2.0), crp=at.spread(48, 20, 0), haemoglobin=152)
    book.vitals(
        at.base, at.clinic, VitalSigns((128, 76), 88, 22, 36.7, int(at.spread(93, 2, 0)), weight=at.spread(49, 4))
    )
    book.imaging(
        "chest_xray", "Hai phổi tăng sáng, vòm hoành dẹt. Không thấy thâm nhiễm mới.", at.base + 120, at.hospital
    )


def hepatitis(book: Book, at: Setting) -> None:
    """Chronic hepatitis B under treatment."""
    book.problem("Viêm gan vi rút B mạn", "B18.1", years(5), at.hospital)
    book.drug("Tenofovir disoproxil 300 mg", "Uống 1 viên, tối", years(2), at.hospital)
    for days in (at.base, at.base + 95, at.base + 200):
        book.visit("Tái khám viêm gan B", days, at.hospital)
        book.results(
            days, at.hospital, ast=at.spread(36, 14, 0), alt=at.spread(41, 18, 0), platelets=at.spread(205, 50, 0)
        )
    book.imaging("abdomen_us", "Nhu mô gan thô nhẹ, không thấy khối khu trú. Lách không to.", at.base, at.hospital)


def gout(book: Book, at: Setting) -> None:
    """Gout with attacks."""
    book.problem("Gút", "M10.0", years(4), at.hospital)
    book.drug("Allopurinol 300 mg", "Uống 1 viên, sau ăn", at.base + 60, at.hospital)
    book.drug("Colchicin 1 mg", "Uống ½ viên khi đau cấp", at.base, at.clinic)
    book.visit("Cơn gút cấp", at.base, at.clinic)
    book.results(at.base + 60, at.hospital, uric_acid=at.spread(520, 60, 0), creatinine=at.spread(96, 14, 0))
    book.results(at.base + 240, at.hospital, uric_acid=at.spread(560, 60, 0), creatinine=at.spread(94, 12, 0))


def knee_pain(book: Book, at: Setting) -> None:
    """Osteoarthritis of the knee."""
    book.problem("Thoái hóa khớp gối hai bên", "M17.0", years(5), at.hospital)
    book.drug("Paracetamol 500 mg", "Uống 1–2 viên khi đau, tối đa 6 viên/ngày", at.base, at.clinic)
    book.visit("Đau gối khi lên dốc", at.base, at.clinic)
    book.imaging(
        "knee_xray",
        "Hẹp khe khớp trong hai bên, gai xương mâm chày. Kellgren–Lawrence độ 3.",
        at.base + 25,
        at.hospital,
    )
    book.vitals(at.base, at.clinic, VitalSigns((134, 80), 74, pain=5, weight=at.spread(58, 6)))


def thyroid(book: Book, at: Setting) -> None:
    """Graves' disease under tablets."""
    book.problem("Basedow", "E05.0", 420, at.hospital)
    book.drug("Thiamazol 5 mg", "Uống 2 viên, sáng", at.base, at.hospital)
    book.drug("Propranolol 40 mg", "Uống ½ viên x 2 lần/ngày", 420, at.hospital, until=at.base + 80)
    for days, tsh, ft4 in ((at.base + 210, 0.01, 38.2), (at.base + 100, 0.08, 24.6), (at.base, 0.6, 15.8)):
        book.visit("Tái khám Basedow", days, at.hospital)
        book.results(days, at.hospital, tsh=tsh, ft4=ft4, leukocytes=at.spread(5.8, 1.2))
    book.imaging("thyroid_us", "Tuyến giáp to lan tỏa, tăng sinh mạch. Không thấy nhân.", at.base + 210, at.hospital)


def hiv(book: Book, at: Setting) -> None:
    """HIV under treatment: condition and drug carry the label R."""
    book.problem("Nhiễm HIV, đang điều trị ARV", "B24", years(6), at.hospital, restricted=True)
    book.drug(
        "Tenofovir/lamivudin/dolutegravir 300/300/50 mg", "Uống 1 viên, tối", years(4), at.hospital, restricted=True
    )
    book.visit("Khám định kỳ", at.base, at.hospital)
    book.results(at.base, at.hospital, creatinine=at.spread(84, 10, 0), alt=at.spread(26, 8, 0), haemoglobin=138)


def thalassaemia(book: Book, at: Setting) -> None:
    """Beta thalassaemia carried with mild anaemia."""
    book.problem("Beta thalassemia thể nhẹ", "D56.1", years(3), at.hospital)
    book.visit("Thiếu máu hồng cầu nhỏ, tư vấn di truyền", at.base, at.hospital)
    for days in (at.base, at.base + 365):
        book.results(
            days, at.hospital, haemoglobin=at.spread(104, 6, 0), mcv=at.spread(66, 3, 0), ferritin=at.spread(120, 25, 0)
        )


def heart_failure(book: Book, at: Setting) -> None:
    """Heart failure with reduced ejection fraction."""
    book.problem("Suy tim, EF giảm, NYHA II", "I50.0", years(2), at.hospital)
    book.drug("Sacubitril/valsartan 50 mg", "Uống 1 viên x 2 lần/ngày", at.base, at.hospital)
    book.drug("Bisoprolol 2,5 mg", "Uống 1 viên, sáng", at.base, at.hospital)
    book.drug("Spironolacton 25 mg", "Uống 1 viên, sáng", at.base, at.hospital)
    book.drug("Dapagliflozin 10 mg", "Uống 1 viên, sáng", at.base, at.hospital)
    for days, marker in ((at.base + 180, 2840), (at.base + 60, 1510), (at.base, 1120)):
        book.visit("Tái khám suy tim", days, at.hospital)
        book.results(
            days, at.hospital, nt_probnp=marker, potassium=at.spread(4.7, 0.5), creatinine=at.spread(102, 16, 0)
        )
        book.vitals(days, at.hospital, VitalSigns((108, 66), 68, 18, 36.6, 96, weight=at.spread(55, 1)))
    book.imaging(
        "echo",
        "Thất trái giãn 60 mm, EF 36 %, giảm động toàn bộ. Áp lực động mạch phổi 38 mmHg.",
        at.base + 180,
        at.hospital,
    )


def tuberculosis(book: Book, at: Setting) -> None:
    """Lung tuberculosis, cured."""
    book.problem("Lao phổi AFB dương tính, đã điều trị khỏi", "A15.0", years(3), at.hospital, until=years(2.5))
    book.drug("Phác đồ 2RHZE/4RHE", "Theo chương trình chống lao, 6 tháng", years(3), at.clinic, until=years(2.5))
    book.visit("Khám kết thúc điều trị lao", years(2.5), at.hospital)
    book.imaging("chest_xray", "Xơ hóa đỉnh phổi phải, không thấy tổn thương hoạt động.", years(2.5), at.hospital)


def antenatal(book: Book, at: Setting) -> None:
    """A normal pregnancy of 26 weeks."""
    book.pregnancy(26, at.clinic, 9)
    book.problem("Thai 26 tuần", "Z34.0", 100, at.clinic)
    book.drug("Sắt fumarat 200 mg/acid folic 1 mg", "Uống 1 viên, trưa", 90, at.clinic)
    for days, pressure, weight in ((93, (104, 64), 47.0), (51, (108, 66), 50.5), (9, (110, 70), 54.0)):
        book.visit("Khám thai", days, at.clinic)
        book.vitals(days, at.clinic, VitalSigns(pressure, 82, weight=weight))
    book.results(51, at.hospital, haemoglobin=113, platelets=210, glucose=4.7)
    book.imaging(
        "fetal_us",
        "Một thai sống, hình thái 20 tuần chưa thấy bất thường. Nhau mặt sau, ối bình thường.",
        51,
        at.hospital,
    )
    book.vaccine("Vắc xin uốn ván hấp phụ (VAT)", 40, at.clinic)


Profile = Callable[[Book, Setting], None]
"""Writes one illness into a book."""

ANY_AGE: tuple[Profile, ...] = (hepatitis, thyroid, thalassaemia, tuberculosis)
"""Fits any adult. `hiv` and `antenatal` are given to chosen people instead."""

LATER_LIFE: tuple[Profile, ...] = (hypertension, diabetes, lung_disease, gout, knee_pain, heart_failure)
"""Fits people from about 45 years on."""
