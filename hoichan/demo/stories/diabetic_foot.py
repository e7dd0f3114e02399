"""A diabetic foot ulcer on the island, followed up by video."""

from datetime import date

from hoichan.demo.content import DemoCitizen, DemoStory, VitalSigns
from hoichan.demo.facilities import HON_MAY, SONG_TRA
from hoichan.demo.register import Person, Registration, years
from hoichan.demo.specialties import ENDOCRINOLOGY


def citizen(today: date) -> DemoCitizen:
    """Trần Thị Lụa, twelve years of diabetes, on insulin."""
    person = Person(6, "Trần Thị Lụa", date(1969, 4, 2), "female", "21591", "card15", "XD2")
    entry = Registration(person, today, HON_MAY)
    book = entry.book
    book.allergy("Povidon–iod", "Viêm da tiếp xúc: đỏ, phỏng nước quanh vết thương", 60, HON_MAY, severe=False)
    book.blood_group("AB", "+", years(3), SONG_TRA)
    book.problem("Đái tháo đường típ 2 có biến chứng bàn chân", "E11.5", years(12), SONG_TRA)
    book.problem("Loét ngón 1 bàn chân phải, Wagner độ 2", "L97", 66, HON_MAY)
    book.problem("Bệnh thần kinh ngoại biên do đái tháo đường", "G63.2", years(4), SONG_TRA)
    book.problem("Bệnh động mạch chi dưới", "I70.2", 62, SONG_TRA)
    book.problem("Tăng huyết áp", "I10", years(8), HON_MAY)
    book.problem("Tổn thương thận do đái tháo đường", "N08.3", years(2), SONG_TRA)
    book.drug(
        "Insulin hỗn hợp 30/70 (100 IU/ml)", "Tiêm dưới da 22 IU trước ăn sáng, 14 IU trước ăn chiều", 20, SONG_TRA
    )
    book.drug("Metformin 850 mg", "Uống 1 viên x 2 lần/ngày, sau ăn", 34, SONG_TRA)
    book.drug("Perindopril 5 mg", "Uống 1 viên, sáng", 34, SONG_TRA)
    book.drug("Rosuvastatin 10 mg", "Uống 1 viên, tối", 34, SONG_TRA)
    book.drug("Acid acetylsalicylic 81 mg", "Uống 1 viên, trưa", 62, SONG_TRA)
    book.drug("Amoxicilin/acid clavulanic 1 g", "Uống 1 viên x 2 lần/ngày, 14 ngày", 6, SONG_TRA)
    book.drug("Pregabalin 75 mg", "Uống 1 viên, tối", years(1), SONG_TRA)
    book.drug("Gliclazid MR 60 mg", "Uống 1 viên, sáng", years(6), SONG_TRA, until=62)
    book.procedure("Cắt lọc vết loét ngón 1 bàn chân phải", 34, SONG_TRA)
    book.procedure("Cắt lọc vết loét ngón 1 bàn chân phải", 62, SONG_TRA)
    for reason, days, site in (
        ("Thay băng, đo đường huyết", 2, HON_MAY),
        ("Tái khám bàn chân, thêm kháng sinh 14 ngày", 6, SONG_TRA),
        ("Thay băng, dặn giày giảm tải", 20, HON_MAY),
        ("Cắt lọc vết loét, chỉnh insulin", 34, SONG_TRA),
        ("Loét ngón 1 bàn chân phải sau giẫm vỏ hàu", 66, HON_MAY),
        ("Tái khám đái tháo đường", 128, SONG_TRA),
        ("Khám đáy mắt: bệnh võng mạc không tăng sinh mức vừa", 220, SONG_TRA),
    ):
        book.visit(reason, days, site)
    book.visit("Loét bàn chân đái tháo đường nhiễm trùng, chuyển sang insulin", 62, SONG_TRA, nights=10)
    book.results(220, SONG_TRA, hba1c=8.9, glucose=10.4, creatinine=72, egfr=84, urine_albumin=128)
    book.results(128, SONG_TRA, hba1c=10.2, glucose=13.1, creatinine=76, egfr=79, urine_albumin=164, ldl=3.6)
    book.results(62, SONG_TRA, hba1c=10.6, glucose=17.8, leukocytes=14.2, crp=88, creatinine=84, haemoglobin=112)
    book.results(34, SONG_TRA, hba1c=9.8, glucose=9.6, leukocytes=9.1, crp=21, creatinine=80, egfr=74)
    book.results(6, SONG_TRA, glucose=9.2, leukocytes=10.8, crp=34, creatinine=82, egfr=71, potassium=4.6, albumin=36)
    book.finding("Cấy mủ vết loét", "Staphylococcus aureus nhạy oxacilin", 60, SONG_TRA)
    for days, pressure, glucose in (
        (128, (146, 86), 12.8),
        (66, (150, 88), 18.2),
        (34, (138, 82), 9.4),
        (20, (140, 84), 11.2),
        (6, (136, 80), 9.0),
        (2, (138, 82), 10.6),
    ):
        site = HON_MAY if days in (66, 20, 2) else SONG_TRA
        signs = VitalSigns(pressure, 84, 18, 37.0, 97, glucose, weight=58.5, height=152 if days == 128 else None)
        book.vitals(days, site, signs)
    book.imaging(
        "foot_xray", "Phù nề phần mềm ngón 1 chân phải. Chưa thấy hủy xương, không có khí trong mô mềm.", 6, SONG_TRA
    )
    book.imaging("foot_xray", "Phù nề phần mềm ngón 1 chân phải. Không thấy tổn thương xương.", 62, SONG_TRA)
    book.imaging(
        "leg_doppler",
        "Xơ vữa lan tỏa hai bên. Động mạch chày trước phải hẹp khoảng 60 %, ABI phải 0,72, trái 0,88.",
        61,
        SONG_TRA,
    )
    book.vaccine("Vắc xin uốn ván hấp phụ (VAT)", 66, HON_MAY)
    book.vaccine("Vắc xin cúm mùa", 48, HON_MAY)
    return entry.close("diabetic-foot")


def story() -> DemoStory:
    """What the island clinic asks."""
    return DemoStory(
        code="diabetic-foot",
        title_vi="Bàn chân đái tháo đường, tái khám",
        title_en="Diabetic foot, follow-up",
        citizen_key="bn-006",
        clinic_code=HON_MAY,
        requester="bs.bao",
        specialty_code=ENDOCRINOLOGY,
        urgency="routine",
        situation="Loét ngón 1 chân phải tuần thứ 9, đáy còn giả mạc, tăng tiết dịch từ 3 ngày nay, không sốt.",
        background="Đái tháo đường típ 2 12 năm, insulin 30/70 22–14 IU. ABI phải 0,72. Viêm da với povidon–iod.",
        assessment="Wagner độ 2, chưa chạm xương khi thăm dò. CRP 34 mg/L, đường huyết đói 9–11 mmol/L.",
        recommendation="Có cần chụp MRI tìm viêm xương và khám mạch máu không, "
        "chỉnh insulin thế nào, rửa vết thương bằng gì?",
        vital_signs=VitalSigns((138, 84), 86, 18, 37.1, 97, 10.9, 15, 2, weight=58.0),
    )
