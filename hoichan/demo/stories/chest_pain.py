"""Chest pain in the Mekong delta, two years after a coronary stent."""

from datetime import date

from hoichan.demo.content import DemoCitizen, DemoStory, VitalSigns
from hoichan.demo.facilities import CU_LAO_SEN, VAM_RACH
from hoichan.demo.register import Person, Registration, years
from hoichan.demo.specialties import CARDIOLOGY


def citizen(today: date) -> DemoCitizen:
    """Lâm Văn Hiếu, a smoker with a stent and an allergy to contrast medium."""
    person = Person(3, "Lâm Văn Hiếu", date(1967, 8, 9), "male", "32191", "social10")
    entry = Registration(person, today, VAM_RACH)
    book = entry.book
    book.allergy("Thuốc cản quang chứa iod (iohexol)", "Mày đay, ngứa, phù mi mắt", years(2), CU_LAO_SEN, severe=False)
    book.blood_group("B", "+", years(2), CU_LAO_SEN)
    book.problem("Bệnh mạch vành mạn, đã đặt stent động mạch liên thất trước", "I25.1", years(2), CU_LAO_SEN)
    book.problem("Tăng huyết áp", "I10", years(9), VAM_RACH)
    book.problem("Rối loạn lipid máu hỗn hợp", "E78.2", years(6), CU_LAO_SEN)
    book.problem("Nghiện thuốc lá", "F17.2", years(20), VAM_RACH)
    book.problem("Nhồi máu cơ tim cấp thành trước", "I21.0", years(2), CU_LAO_SEN, until=years(2) - 28)
    book.drug("Acid acetylsalicylic 81 mg", "Uống 1 viên, trưa, sau ăn", 28, CU_LAO_SEN)
    book.drug("Atorvastatin 40 mg", "Uống 1 viên, tối", 28, CU_LAO_SEN)
    book.drug("Bisoprolol 2,5 mg", "Uống 1 viên, sáng", 28, CU_LAO_SEN)
    book.drug("Perindopril 5 mg", "Uống 1 viên, sáng", 28, CU_LAO_SEN)
    book.drug("Nitroglycerin 2,6 mg", "Uống 1 viên x 2 lần/ngày", 28, CU_LAO_SEN)
    book.drug("Clopidogrel 75 mg", "Uống 1 viên, sáng", years(2), CU_LAO_SEN, until=years(1))
    book.procedure("Chụp và can thiệp động mạch vành qua da, đặt 1 stent phủ thuốc LAD I", years(2), CU_LAO_SEN)
    book.device("Stent mạch vành phủ thuốc 3,0 x 24 mm (LAD I)", years(2), CU_LAO_SEN, "Tương thích MRI có điều kiện")
    for reason, days, site in (
        ("Tái khám mạch vành, đau ngực nhẹ khi gắng sức 2 tuần nay", 28, CU_LAO_SEN),
        ("Đo huyết áp, lĩnh thuốc", 60, VAM_RACH),
        ("Tái khám mạch vành", 92, CU_LAO_SEN),
        ("Tái khám mạch vành, ngưng clopidogrel", years(1), CU_LAO_SEN),
        ("Viêm phế quản cấp", years(1.3), VAM_RACH),
    ):
        book.visit(reason, days, site)
    book.visit("Nhồi máu cơ tim cấp thành trước, can thiệp mạch vành", years(2), CU_LAO_SEN, nights=7)
    book.results(years(2), CU_LAO_SEN, troponin_t=1240, ck=1860, creatinine=88, ldl=4.3, glucose=7.1, potassium=4.1)
    book.results(years(1), CU_LAO_SEN, ldl=2.6, cholesterol=4.6, triglycerides=2.4, creatinine=91, hba1c=5.9)
    book.results(92, CU_LAO_SEN, ldl=2.9, cholesterol=5.0, triglycerides=2.6, hdl=0.9, creatinine=94, ast=30, alt=36)
    book.results(
        28,
        CU_LAO_SEN,
        troponin_t=9,
        nt_probnp=210,
        ldl=3.2,
        triglycerides=2.8,
        creatinine=96,
        egfr=81,
        potassium=4.3,
        haemoglobin=148,
        platelets=246,
        hba1c=6.1,
    )
    for days, pressure, pulse in ((92, (144, 88), 72), (60, (150, 92), 76), (28, (146, 90), 74), (2, (148, 92), 78)):
        site = VAM_RACH if days in (60, 2) else CU_LAO_SEN
        book.vitals(
            days, site, VitalSigns(pressure, pulse, 18, 36.7, 97, weight=71.0, height=167 if days == 92 else None)
        )
    book.imaging(
        "ecg", "Nhịp xoang 74/phút, sóng Q ở V1–V3, T dẹt ở V5–V6. Không thay đổi so với lần trước.", 28, CU_LAO_SEN
    )
    book.imaging("echo", "Giảm động mỏm và vách liên thất phía trước. EF 48 %. Hở van hai lá nhẹ.", 28, CU_LAO_SEN)
    book.imaging(
        "chest_xray", "Bóng tim không to. Hai phế trường tăng sáng nhẹ, không thấy thâm nhiễm.", 92, CU_LAO_SEN
    )
    book.imaging(
        "angiography",
        "Tắc hoàn toàn LAD I, đã đặt stent, dòng chảy TIMI 3. RCA II hẹp 50 %, LCx hẹp 40 %.",
        years(2),
        CU_LAO_SEN,
    )
    book.smoking("Đang hút, khoảng 30 gói-năm", 28, CU_LAO_SEN)
    book.vaccine("Vắc xin COVID-19 (Vero Cell)", years(5), VAM_RACH, 1)
    book.vaccine("Vắc xin COVID-19 (Vero Cell)", years(4.9), VAM_RACH, 2)
    return entry.close("chest-pain")


def story() -> DemoStory:
    """What the delta station asks."""
    return DemoStory(
        code="chest-pain",
        title_vi="Đau ngực sau đặt stent",
        title_en="Chest pain after a coronary stent",
        citizen_key="bn-003",
        clinic_code=VAM_RACH,
        requester="bs.nghia",
        specialty_code=CARDIOLOGY,
        urgency="emergency",
        situation="Đau thắt ngực sau xương ức 50 phút, lan vai trái, vã mồ hôi, "
        "không giảm sau nitroglycerin xịt dưới lưỡi.",
        background="Đặt stent LAD 2 năm trước, RCA còn hẹp 50 %. Uống aspirin 81 mg, tự bỏ thuốc 1 tuần. "
        "Dị ứng thuốc cản quang (mày đay). Còn hút thuốc.",
        assessment="Nghĩ hội chứng mạch vành cấp. Điện tim: ST chênh lên 2 mm ở DII, DIII, aVF. HA 104/66, mạch 54.",
        recommendation="Cho aspirin và clopidogrel liều nạp bao nhiêu, "
        "có tiêu sợi huyết trước chuyển không (đường thủy và bộ 2 giờ 30)?",
        vital_signs=VitalSigns((104, 66), 54, 22, 36.5, 94, 8.2, 15, 8),
    )
