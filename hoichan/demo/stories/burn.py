"""A gas-flame burn in the Mekong delta, infected on the third day, in a woman who must not have sulfonamides."""

from datetime import date

from hoichan.demo.content import DemoCitizen, DemoStory, VitalSigns
from hoichan.demo.facilities import BAU_SEN, CU_LAO_SEN, RACH_TRAM
from hoichan.demo.register import Person, Registration, years
from hoichan.demo.specialties import BURNS


def citizen(today: date) -> DemoCitizen:
    """Lê Thị Bông, burnt on arm and thigh three days ago."""
    person = Person(5, "Lê Thị Bông", date(1990, 2, 14), "female", "28791", "card15", "HN3")
    entry = Registration(person, today, BAU_SEN)
    book = entry.book
    book.allergy(
        "Sulfamethoxazol/trimethoprim",
        "Ban đỏ toàn thân, loét miệng, theo dõi hội chứng Stevens–Johnson",
        years(6),
        CU_LAO_SEN,
        severe=True,
    )
    book.blood_group("O", "+", years(8), CU_LAO_SEN)
    book.problem("Bỏng lửa gas, 12 % diện tích cơ thể", "T31.1", 3, RACH_TRAM)
    book.problem("Bỏng độ 2 sâu cẳng, cánh tay phải", "T22.2", 3, RACH_TRAM)
    book.problem("Bỏng độ 2 mặt trước đùi phải", "T24.2", 3, RACH_TRAM)
    book.problem("Thiếu máu thiếu sắt", "D50.9", years(1.5), RACH_TRAM)
    book.drug("Cefuroxim 500 mg", "Uống 1 viên x 2 lần/ngày", 2, BAU_SEN)
    book.drug("Paracetamol 500 mg", "Uống 1 viên mỗi 6 giờ", 3, RACH_TRAM)
    book.drug("Tramadol 37,5 mg/paracetamol 325 mg", "Uống 1 viên trước khi thay băng", 3, RACH_TRAM)
    book.drug("Gạc lưới tẩm paraffin và gel nano bạc", "Thay băng ngày 1 lần", 3, RACH_TRAM)
    book.drug("Sắt fumarat 200 mg/acid folic 1 mg", "Uống 1 viên, sáng", years(1.5), RACH_TRAM, until=years(1))
    book.procedure("Cắt lọc nốt phỏng, rửa vết bỏng, băng ẩm", 3, RACH_TRAM)
    book.procedure("Mổ lấy thai, con trai 3.100 g", years(8), CU_LAO_SEN)
    book.visit("Thay băng: vết bỏng tay phải có dịch mủ, sốt 38,2 °C", 1, BAU_SEN)
    book.visit("Thay băng lần 1", 2, BAU_SEN)
    book.visit("Bỏng lửa gas khi nấu ăn, sơ cứu và cắt lọc", 3, RACH_TRAM, emergency=True)
    book.visit("Khám phụ khoa định kỳ", 210, RACH_TRAM)
    book.visit("Mệt, da xanh: thiếu máu thiếu sắt", years(1.5), RACH_TRAM)
    book.visit("Dị ứng thuốc sau co-trimoxazol", years(6), CU_LAO_SEN, nights=9)
    book.results(years(1.5), RACH_TRAM, haemoglobin=98, mcv=72, ferritin=6, platelets=342)
    book.results(210, RACH_TRAM, haemoglobin=121, mcv=82, ferritin=28, leukocytes=6.8, creatinine=58)
    book.results(3, RACH_TRAM, leukocytes=11.2, neutrophils=74, haemoglobin=128, crp=18, albumin=38, potassium=4.1)
    book.results(1, RACH_TRAM, leukocytes=15.6, neutrophils=86, haemoglobin=116, crp=96, albumin=32, creatinine=61)
    book.vitals(210, RACH_TRAM, VitalSigns((112, 70), 76, 18, 36.6, 99, weight=51.0, height=154))
    book.vitals(3, RACH_TRAM, VitalSigns((124, 78), 104, 22, 36.9, 98, pain=7, weight=51.0))
    book.vitals(2, BAU_SEN, VitalSigns((116, 74), 94, 20, 37.4, 98, pain=5))
    book.vitals(1, BAU_SEN, VitalSigns((110, 70), 108, 22, 38.2, 97, pain=6), "16:20")
    book.imaging("chest_xray", "Không thấy tổn thương nhu mô phổi. Không có dấu hiệu bỏng hô hấp.", 3, RACH_TRAM)
    book.imaging(
        "soft_tissue_us",
        "Phù nề mô dưới da cẳng tay phải. Không thấy ổ tụ dịch. Động mạch quay và trụ còn dòng chảy ba pha.",
        1,
        RACH_TRAM,
    )
    book.vaccine("Huyết thanh kháng uốn ván (SAT) 1.500 đơn vị", 3, RACH_TRAM)
    book.vaccine("Vắc xin uốn ván hấp phụ (VAT)", 3, RACH_TRAM, 1)
    book.vaccine("Vắc xin uốn ván hấp phụ (VAT)", years(8.3), BAU_SEN, 2)
    return entry.close("burn")


def story() -> DemoStory:
    """What the delta station asks."""
    return DemoStory(
        code="burn",
        title_vi="Bỏng lửa gas ngày thứ ba, nghi nhiễm trùng",
        title_en="Gas-flame burn on day three, suspected infection",
        citizen_key="bn-005",
        clinic_code=BAU_SEN,
        requester="bs.hami",
        specialty_code=BURNS,
        urgency="urgent",
        situation="Bỏng lửa gas ngày thứ 3, vết bỏng tay phải có mủ xanh, mùi hôi; sốt 38,6 °C, đau tăng.",
        background="Bỏng 12 %, độ 2 sâu tay phải, độ 2 đùi phải. Đang uống cefuroxim. "
        "Dị ứng co-trimoxazol, nghi Stevens–Johnson.",
        assessment="Nhiễm trùng vết bỏng, nghĩ trực khuẩn mủ xanh. "
        "Bạch cầu 15,6 G/L, CRP 96 mg/L. HA 108/68, mạch 112.",
        recommendation="Đổi kháng sinh gì, có tránh kem sulfadiazin bạc không, "
        "bàn tay có cần rạch giải áp, chuyển lúc nào?",
        vital_signs=VitalSigns((108, 68), 112, 24, 38.6, 97, 6.8, 15, 7),
    )
