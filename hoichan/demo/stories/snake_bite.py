"""A Malayan pit viper bite in the highlands, in a man who once reacted to horse serum."""

from datetime import date

from hoichan.demo.content import DemoCitizen, DemoStory, VitalSigns
from hoichan.demo.facilities import SUOI_DA, YA_LOP
from hoichan.demo.register import Person, Registration, years
from hoichan.demo.specialties import TOXICOLOGY


def citizen(today: date) -> DemoCitizen:
    """Bùi Văn Sáu, bitten last evening while tapping rubber."""
    person = Person(7, "Bùi Văn Sáu", date(1975, 10, 5), "male", "23991", "card15", "DK2")
    entry = Registration(person, today, SUOI_DA)
    book = entry.book
    book.allergy(
        "Huyết thanh kháng uốn ván nguồn ngựa (SAT)",
        "Mày đay toàn thân, khó thở, tụt huyết áp",
        years(11),
        YA_LOP,
        severe=True,
    )
    book.blood_group("B", "+", years(11), YA_LOP)
    book.alert(
        "Tiền sử phản ứng với huyết thanh nguồn ngựa: thận trọng khi dùng huyết thanh kháng nọc rắn", years(11), YA_LOP
    )
    book.problem("Rắn chàm quạp cắn cẳng chân trái", "T63.0", 1, SUOI_DA)
    book.problem("Rối loạn đông máu do nọc rắn", "D68.8", 1, YA_LOP)
    book.problem("Gút mạn tính", "M10.0", years(5), YA_LOP)
    book.problem("Tăng huyết áp", "I10", years(3), SUOI_DA)
    book.problem("Sốt rét do P. vivax", "B51.9", years(13), SUOI_DA, until=years(13) - 14)
    book.drug("Allopurinol 300 mg", "Uống 1 viên, sau ăn", years(2), YA_LOP)
    book.drug("Losartan 50 mg", "Uống 1 viên, sáng", years(3), SUOI_DA)
    book.drug("Paracetamol 500 mg", "Uống 1 viên mỗi 6 giờ khi đau", 1, SUOI_DA)
    book.drug("Ibuprofen 400 mg", "Uống 1 viên khi đau khớp", years(1), SUOI_DA, until=40)
    book.procedure("Khâu vết rách bàn tay phải do dao", years(11), YA_LOP)
    book.visit("Rắn cắn cẳng chân trái lúc 18:20: sơ cứu, lấy máu gửi TTYT Ya Lốp", 1, SUOI_DA, emergency=True)
    book.visit("Đo huyết áp, lĩnh thuốc", 33, SUOI_DA)
    book.visit("Cơn gút cấp khớp bàn ngón 1 chân phải", 190, YA_LOP)
    book.visit("Khám sức khỏe định kỳ", 372, YA_LOP)
    book.visit("Phản vệ sau tiêm SAT", years(11), YA_LOP, nights=2, emergency=True)
    book.results(372, YA_LOP, inr=1.0, platelets=238, haemoglobin=146, creatinine=92, uric_acid=512)
    book.results(190, YA_LOP, leukocytes=9.8, platelets=251, haemoglobin=148, creatinine=98, uric_acid=546, crp=31)
    book.results(
        1,
        YA_LOP,
        "20:10",
        inr=2.1,
        aptt=58,
        fibrinogen=0.9,
        platelets=118,
        haemoglobin=141,
        leukocytes=12.4,
        creatinine=101,
        ck=420,
    )
    book.results(1, YA_LOP, "23:40", inr=4.2, aptt=96, fibrinogen=0.5, platelets=64, haemoglobin=132, creatinine=108)
    book.finding("Máu đông toàn phần 20 phút (20WBCT)", "Không đông sau 20 phút", 1, SUOI_DA)
    book.vitals(372, YA_LOP, VitalSigns((138, 86), 74, 18, 36.7, 98, weight=63.0, height=165))
    book.vitals(33, SUOI_DA, VitalSigns((142, 88), 76, 18, 36.6, 98, weight=64.0))
    book.vitals(1, SUOI_DA, VitalSigns((136, 84), 98, 20, 36.9, 98, pain=7), "19:00")
    book.vitals(1, SUOI_DA, VitalSigns((124, 76), 104, 22, 37.2, 97, pain=8), "22:50")
    book.imaging("ecg", "Nhịp xoang nhanh 102/phút, không rối loạn nhịp.", 1, SUOI_DA, "19:20")
    book.imaging(
        "soft_tissue_us",
        "Phù nề lan tỏa mô dưới da cẳng chân trái đến gối. "
        "Tĩnh mạch khoeo ép xẹp hoàn toàn, động mạch chày sau còn dòng chảy.",
        1,
        SUOI_DA,
        "21:40",
    )
    book.imaging("chest_xray", "Tim phổi trong giới hạn bình thường.", 372, YA_LOP)
    book.vaccine("Vắc xin uốn ván hấp phụ (VAT)", 372, SUOI_DA, 3)
    book.vaccine("Vắc xin COVID-19 (Pfizer)", years(4.8), SUOI_DA, 1)
    return entry.close("snake-bite")


def story() -> DemoStory:
    """What the highland station asks."""
    return DemoStory(
        code="snake-bite",
        title_vi="Rắn chàm quạp cắn",
        title_en="Malayan pit viper bite",
        citizen_key="bn-007",
        clinic_code=SUOI_DA,
        requester="bs.thuan",
        specialty_code=TOXICOLOGY,
        urgency="emergency",
        situation="Rắn cắn cẳng chân trái lúc 18:20 hôm qua, sưng tới gối, phỏng nước máu, chảy máu chân răng từ sáng.",
        background="Từng phản vệ với SAT nguồn ngựa. Gút, tăng huyết áp. Người nhà có chụp hình con rắn.",
        assessment="Rắn chàm quạp cắn, rối loạn đông máu nặng: "
        "20WBCT không đông, INR 4,2, fibrinogen 0,5 g/L, tiểu cầu 64 G/L.",
        recommendation="Dùng huyết thanh kháng nọc thế nào khi có tiền sử phản vệ với huyết thanh ngựa, "
        "bao nhiêu lọ, chuyển về đâu?",
        vital_signs=VitalSigns((112, 70), 112, 22, 37.4, 97, 7.1, 15, 8),
    )
