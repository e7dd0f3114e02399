"""A suspected stroke on an island, in a man with atrial fibrillation on acenocoumarol and a pacemaker."""

from datetime import date

from hoichan.demo.content import DemoCitizen, DemoStory, VitalSigns
from hoichan.demo.facilities import HAI_VAN, HON_MAY, SONG_TRA, TRA_KHUC
from hoichan.demo.register import Person, Registration, years
from hoichan.demo.specialties import STROKE


def citizen(today: date) -> DemoCitizen:
    """Nguyễn Văn Lành and his book: 14 visits, results over three years."""
    person = Person(
        1, "Nguyễn Văn Lành", date(1958, 3, 12), "male", "21591", "card15", "XD2", last_six=4471, birth_code="051"
    )
    entry = Registration(person, today, HON_MAY)
    book = entry.book
    book.allergy(
        "Penicillin", "Phản vệ: tụt huyết áp, co thắt phế quản, mày đay toàn thân", years(7), SONG_TRA, severe=True
    )
    book.blood_group("O", "+", years(5), SONG_TRA)
    book.problem("Rung nhĩ mạn tính không do bệnh van tim", "I48.2", years(8), SONG_TRA)
    book.problem("Tăng huyết áp", "I10", years(14), HON_MAY)
    book.problem("Đái tháo đường típ 2", "E11", years(10), TRA_KHUC)
    book.problem("Bệnh thận mạn, giai đoạn 3a", "N18.3", years(3), SONG_TRA)
    book.problem("Hội chứng suy nút xoang, đã cấy máy tạo nhịp", "I49.5", years(5.2), HAI_VAN)
    book.problem("Rối loạn lo âu và trầm cảm hỗn hợp", "F41.2", years(2), SONG_TRA, restricted=True)
    book.problem("Viêm phổi mắc phải tại cộng đồng", "J18.9", years(7), SONG_TRA, until=years(7) - 12)
    book.problem("Đục thủy tinh thể mắt phải, đã mổ", "H25.1", years(6.5), SONG_TRA, until=years(6))
    book.drug("Acenocoumarol 2 mg", "Uống 1 viên, tối 20 giờ", 21, SONG_TRA)
    book.drug("Bisoprolol 2,5 mg", "Uống 1 viên, sáng", 21, SONG_TRA)
    book.drug("Amlodipin 5 mg", "Uống 1 viên, sáng", 21, SONG_TRA)
    book.drug("Metformin 500 mg", "Uống 1 viên, sáng và tối, sau ăn", 21, SONG_TRA)
    book.drug("Atorvastatin 20 mg", "Uống 1 viên, tối", 21, SONG_TRA)
    book.drug("Amoxicilin/acid clavulanic 1 g", "Uống 1 viên x 2 lần/ngày", years(7), SONG_TRA, until=years(7) - 1)
    book.device(
        "Máy tạo nhịp vĩnh viễn một buồng (VVIR)",
        years(5),
        HAI_VAN,
        "Chưa rõ tương thích MRI",
    )
    book.procedure("Cấy máy tạo nhịp vĩnh viễn một buồng", years(5), HAI_VAN)
    book.procedure("Phẫu thuật Phaco mắt phải, đặt thủy tinh thể nhân tạo", years(6), SONG_TRA)
    _visits(entry)
    _results(entry)
    _imaging(entry)
    book.smoking("Đã bỏ thuốc lá, trước đây 20 gói-năm", years(5), HON_MAY)
    book.vaccine("Vắc xin COVID-19 (AstraZeneca)", years(5.1), HON_MAY, 1)
    book.vaccine("Vắc xin COVID-19 (AstraZeneca)", years(4.9), HON_MAY, 2)
    book.vaccine("Vắc xin COVID-19 (Pfizer)", years(4.4), HON_MAY, 3)
    book.vaccine("Vắc xin cúm mùa", 400, HON_MAY)
    book.vaccine("Vắc xin cúm mùa", 47, HON_MAY, 2)
    return entry.close("stroke")


def _visits(entry: Registration) -> None:
    book = entry.book
    for reason, days, site in (
        ("Khám mạn tính: INR tăng, kali giảm, hẹn thử lại INR sau 1 tuần", 5, SONG_TRA),
        ("Tái khám, lĩnh thuốc 30 ngày", 21, SONG_TRA),
        ("Tiêm vắc xin cúm mùa", 47, HON_MAY),
        ("Tái khám tăng huyết áp, đái tháo đường", 95, SONG_TRA),
        ("Chóng mặt tư thế, chỉnh giờ uống thuốc", 132, HON_MAY),
        ("Kiểm tra máy tạo nhịp định kỳ: ngưỡng tạo nhịp tốt, pin còn khoảng 6 năm", 150, HAI_VAN),
        ("Tái khám tăng huyết áp, đái tháo đường", 181, SONG_TRA),
        ("Khám đáy mắt: bệnh võng mạc đái tháo đường không tăng sinh, mức nhẹ", 290, SONG_TRA),
        ("Viêm khớp bàn ngón chân cái bên trái", 365, HON_MAY),
        ("Đau đầu sau ngã, chụp sọ não không thấy xuất huyết", years(2), SONG_TRA),
        ("Khám sức khỏe người cao tuổi", years(2.4), HON_MAY),
        ("Mệt, creatinin tăng: chẩn đoán bệnh thận mạn", years(3), SONG_TRA),
    ):
        book.visit(reason, days, site)
    book.visit("Ngất do suy nút xoang, cấy máy tạo nhịp vĩnh viễn", years(5) + 2, HAI_VAN, nights=5)
    book.visit("Viêm phổi; phản vệ sau liều đầu amoxicilin/acid clavulanic", years(7), SONG_TRA, nights=8)


def _results(entry: Registration) -> None:
    book = entry.book
    book.results(years(3), SONG_TRA, creatinine=119, egfr=58, potassium=4.2, hba1c=7.2, ldl=3.1)
    book.results(years(2), SONG_TRA, inr=2.2, creatinine=117, egfr=59, haemoglobin=134, platelets=221)
    book.results(365, SONG_TRA, inr=1.9, creatinine=118, egfr=58, potassium=4.0, hba1c=7.4, uric_acid=438)
    book.results(181, SONG_TRA, inr=2.1, creatinine=121, egfr=56, potassium=3.9, hba1c=7.6, ldl=2.4)
    book.results(95, SONG_TRA, inr=2.5, creatinine=116, egfr=59, potassium=3.7, hba1c=7.6, ast=24, alt=27)
    book.results(
        5,
        SONG_TRA,
        inr=2.8,
        creatinine=128,
        egfr=52,
        potassium=3.3,
        sodium=138,
        hba1c=8.1,
        glucose=8.9,
        urea=7.9,
        haemoglobin=136,
        platelets=208,
        leukocytes=7.1,
        ldl=2.2,
        cholesterol=4.3,
        triglycerides=1.9,
        ast=22,
        alt=25,
    )
    for days, pressure, pulse, weight in (
        (181, (138, 82), 74, 63.5),
        (132, (118, 70), 70, 63.0),
        (95, (142, 84), 76, 62.8),
        (47, (146, 88), 78, 62.5),
        (21, (148, 86), 80, 62.0),
        (5, (152, 88), 78, 62.0),
    ):
        signs = VitalSigns(pressure, pulse, 18, 36.7, 96, weight=weight, height=163 if days == 181 else None)
        book.vitals(days, HON_MAY if days in (132, 47) else SONG_TRA, signs)
    book.vitals(1, HON_MAY, VitalSigns((156, 90), 82, 18, 36.6, 96, 8.7, weight=62.0), "16:40")


def _imaging(entry: Registration) -> None:
    book = entry.book
    book.imaging("ecg", "Rung nhĩ, tần số thất 78/phút, có nhịp tạo từ máy. Không thấy ST chênh.", 5, SONG_TRA)
    book.imaging(
        "chest_xray",
        "Bóng tim to nhẹ, chỉ số tim ngực 0,54. Máy tạo nhịp vùng ngực trái, dây điện cực ở vị trí thất phải. "
        "Phổi không thấy tổn thương tiến triển.",
        95,
        SONG_TRA,
    )
    book.imaging(
        "echo",
        "Nhĩ trái giãn 46 mm. EF 58 %. Hở van hai lá nhẹ. Không thấy huyết khối trong buồng tim qua thành ngực. "
        "Dây máy tạo nhịp ở thất phải.",
        150,
        HAI_VAN,
    )
    book.imaging("carotid_doppler", "Xơ vữa rải rác, hẹp khoảng 30 % gốc động mạch cảnh trong trái.", 181, SONG_TRA)
    book.imaging(
        "head_ct",
        "Không thấy xuất huyết nội sọ, không thấy ổ nhồi máu mới. Thoái hóa chất trắng quanh não thất mức độ nhẹ.",
        years(2),
        SONG_TRA,
    )


def story() -> DemoStory:
    """What the island clinic asks, in its own words."""
    return DemoStory(
        code="stroke",
        title_vi="Nghi đột quỵ trên đảo",
        title_en="Suspected stroke on an island",
        citizen_key="bn-001",
        clinic_code=HON_MAY,
        requester="bs.bao",
        specialty_code=STROKE,
        urgency="emergency",
        situation="Yếu nửa người phải và nói khó, khởi phát đột ngột lúc 13:20. Lần cuối còn bình thường: 13:05.",
        background="Rung nhĩ, đang uống acenocoumarol, liều cuối tối qua. "
        "Có máy tạo nhịp. Dị ứng penicillin (phản vệ).",
        assessment="Theo dõi nhồi máu não cấp, NIHSS 11. "
        "HA 178/96, mạch 92 không đều, SpO₂ 95 %, đường huyết 9,8 mmol/L.",
        recommendation="Có chỉ định tái tưới máu không, chuyển bằng tàu nào, xử trí gì trên đường?",
        vital_signs=VitalSigns((178, 96), 92, 18, 36.8, 95, 9.8, 14),
    )
