"""Pre-eclampsia at 34 weeks, with a scar from an earlier caesarean section."""

from datetime import date

from hoichan.demo.content import DemoCitizen, DemoStory, VitalSigns
from hoichan.demo.facilities import SONG_TRA, TRA_KHUC
from hoichan.demo.register import Person, Registration, years
from hoichan.demo.specialties import OBSTETRICS


def citizen(today: date) -> DemoCitizen:
    """Đặng Thị Ngọc Mơ, second pregnancy."""
    person = Person(2, "Đặng Thị Ngọc Mơ", date(1997, 6, 20), "female", "21592", "cccd12")
    entry = Registration(person, today, TRA_KHUC)
    book = entry.book
    book.no_allergy(150, TRA_KHUC)
    book.blood_group("A", "+", years(4), SONG_TRA)
    book.pregnancy(34, TRA_KHUC, 3)
    book.problem("Thai 34 tuần, con lần 2", "Z34.8", 165, TRA_KHUC)
    book.problem("Tiền sản giật", "O14.9", 10, TRA_KHUC)
    book.problem("Sẹo mổ lấy thai cũ", "O34.2", 165, TRA_KHUC)
    book.problem("Thiếu máu thiếu sắt thai kỳ", "O99.0", 92, TRA_KHUC)
    book.problem("Tiền sản giật ở lần thai trước", "O14.0", years(4) + 20, SONG_TRA, until=years(4) - 40)
    book.drug("Methyldopa 250 mg", "Uống 1 viên x 3 lần/ngày", 10, TRA_KHUC)
    book.drug("Sắt fumarat 200 mg/acid folic 1 mg", "Uống 1 viên, trưa, sau ăn 1 giờ", 92, TRA_KHUC)
    book.drug("Calci carbonat 1.250 mg (500 mg calci)", "Uống 1 viên x 2 lần/ngày", 120, TRA_KHUC)
    book.drug("Acid acetylsalicylic 81 mg", "Uống 1 viên, tối", 147, SONG_TRA, until=3)
    book.procedure("Mổ lấy thai lần 1, thai 37 tuần, con gái 2.600 g", years(4), SONG_TRA)
    for reason, days, site in (
        ("Khám thai 34 tuần: huyết áp 152/98, protein niệu tăng", 3, TRA_KHUC),
        ("Khám thai 33 tuần: huyết áp 146/94, bắt đầu methyldopa", 10, TRA_KHUC),
        ("Khám thai 31 tuần", 24, TRA_KHUC),
        ("Khám thai 28 tuần, nghiệm pháp dung nạp glucose bình thường", 45, TRA_KHUC),
        ("Khám thai 22 tuần, siêu âm hình thái", 87, SONG_TRA),
        ("Khám thai 16 tuần", 129, TRA_KHUC),
        ("Khám thai lần đầu, thai 11 tuần", 163, TRA_KHUC),
    ):
        book.visit(reason, days, site)
    book.visit("Mổ lấy thai vì tiền sản giật, mẹ con ổn định", years(4), SONG_TRA, nights=6)
    book.results(163, TRA_KHUC, haemoglobin=114, haematocrit=34.6, platelets=236, glucose=4.6, creatinine=52)
    book.results(92, SONG_TRA, haemoglobin=106, haematocrit=32.4, mcv=78, ferritin=9, platelets=224)
    book.results(24, TRA_KHUC, haemoglobin=112, platelets=188, ast=22, alt=19, creatinine=56, uric_acid=312)
    book.results(10, TRA_KHUC, platelets=162, ast=29, alt=27, creatinine=63, uric_acid=356, urine_protein_day=0.62)
    book.results(
        3,
        TRA_KHUC,
        haemoglobin=115,
        haematocrit=36.8,
        platelets=138,
        ast=48,
        alt=44,
        ldh=268,
        creatinine=78,
        uric_acid=398,
        albumin=31,
        urine_protein_day=1.2,
    )
    for days, pressure, weight in (
        (163, (108, 68), 49.5),
        (129, (110, 70), 51.0),
        (87, (116, 74), 54.0),
        (45, (122, 78), 57.5),
        (24, (132, 84), 60.0),
        (10, (146, 94), 62.8),
        (3, (152, 98), 64.5),
    ):
        signs = VitalSigns(pressure, 84, 18, 36.8, 98, weight=weight, height=156 if days == 163 else None)
        book.vitals(days, SONG_TRA if days == 87 else TRA_KHUC, signs)
    book.imaging(
        "fetal_us",
        "Một thai sống, ngôi đầu. Ước lượng cân nặng 1.980 g, bách phân vị 10. Nhau bám mặt trước, nhóm II. "
        "Chỉ số ối 8 cm. Doppler động mạch rốn RI 0,72, còn dòng cuối tâm trương.",
        3,
        TRA_KHUC,
    )
    book.imaging(
        "fetal_us",
        "Thai 22 tuần, hình thái chưa thấy bất thường. Doppler động mạch tử cung hai bên có khuyết tiền tâm trương.",
        87,
        SONG_TRA,
    )
    book.finding("HBsAg test nhanh", "Âm tính", 163, TRA_KHUC)
    book.finding("Giang mai test nhanh", "Âm tính", 163, TRA_KHUC)
    book.vaccine("Vắc xin uốn ván hấp phụ (VAT)", years(4.3), TRA_KHUC, 1)
    book.vaccine("Vắc xin uốn ván hấp phụ (VAT)", years(4.2), TRA_KHUC, 2)
    book.vaccine("Vắc xin uốn ván hấp phụ (VAT)", 80, TRA_KHUC, 3)
    return entry.close("pre-eclampsia")


def story() -> DemoStory:
    """What the regional centre asks."""
    return DemoStory(
        code="pre-eclampsia",
        title_vi="Tiền sản giật, thai 34 tuần",
        title_en="Pre-eclampsia at 34 weeks",
        citizen_key="bn-002",
        clinic_code=TRA_KHUC,
        requester="bs.kimoanh",
        specialty_code=OBSTETRICS,
        urgency="urgent",
        situation="Thai 34 tuần, đau đầu vùng trán từ sáng, phù hai chi dưới. "
        "HA 158/104, đo lại sau 15 phút 156/102 mmHg.",
        background="Con lần 2, vết mổ cũ 4 năm vì tiền sản giật. Đang uống methyldopa 250 mg x 3. Không có dị ứng.",
        assessment="Tiền sản giật, nghĩ có dấu hiệu nặng. "
        "Ba ngày trước: tiểu cầu 138 G/L, AST 48 U/L, protein niệu 1,2 g/24 giờ. "
        "Tim thai 142/phút, chưa có cơn gò, phản xạ gân xương tăng nhẹ.",
        recommendation="Có dùng magnesi sulfat và thuốc trưởng thành phổi trước khi chuyển không, "
        "hạ áp bằng gì, chuyển về đâu?",
        vital_signs=VitalSigns((158, 104), 92, 20, 36.9, 97, weight=65.0),
    )
