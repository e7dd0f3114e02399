"""A man seven days after laparoscopic appendectomy, back on the island."""

from datetime import date

from hoichan.demo.content import DemoCitizen, DemoStory, VitalSigns
from hoichan.demo.facilities import HON_MAY, SONG_TRA
from hoichan.demo.register import Person, Registration, years
from hoichan.demo.specialties import SURGERY


def citizen(today: date) -> DemoCitizen:
    """Võ Văn Tư, fisherman."""
    person = Person(8, "Võ Văn Tư", date(1982, 5, 30), "male", "21591", "social10")
    entry = Registration(person, today, HON_MAY)
    book = entry.book
    book.allergy("Diclofenac", "Phù mạch mi mắt và môi, mày đay", years(3), HON_MAY, severe=True)
    book.blood_group("A", "+", 8, SONG_TRA)
    book.problem("Sau mổ nội soi cắt ruột thừa viêm mủ, ngày 7", "Z48.8", 7, SONG_TRA)
    book.problem("Viêm gan vi rút B mạn", "B18.1", years(4), SONG_TRA)
    book.problem("Viêm dạ dày, H. pylori dương tính", "K29.5", years(2), SONG_TRA, until=years(2) - 60)
    book.problem("Viêm ruột thừa cấp có mủ", "K35.8", 8, SONG_TRA, until=7)
    book.drug("Cefixim 200 mg", "Uống 1 viên x 2 lần/ngày", 4, SONG_TRA)
    book.drug("Metronidazol 250 mg", "Uống 2 viên x 3 lần/ngày", 4, SONG_TRA)
    book.drug("Paracetamol 500 mg", "Uống 1 viên khi đau, cách ít nhất 6 giờ", 4, SONG_TRA)
    book.drug("Tenofovir alafenamid 25 mg", "Uống 1 viên, sau ăn tối", years(1), SONG_TRA)
    book.drug("Esomeprazol 40 mg", "Uống 1 viên, sáng trước ăn", years(2), SONG_TRA, until=years(2) - 56)
    book.procedure("Phẫu thuật nội soi cắt ruột thừa viêm mủ, rửa bụng, dẫn lưu hố chậu phải", 7, SONG_TRA)
    book.procedure("Nội soi dạ dày, test H. pylori", years(2), SONG_TRA)
    book.visit("Thay băng, sốt nhẹ 37,9 °C", 1, HON_MAY)
    book.visit("Viêm ruột thừa cấp, mổ nội soi", 8, SONG_TRA, nights=4)
    book.visit("Đau bụng hố chậu phải 10 giờ, hội chẩn và chuyển tàu", 8, HON_MAY, emergency=True)
    book.visit("Tái khám viêm gan B, lĩnh tenofovir", 88, SONG_TRA)
    book.visit("Tái khám viêm gan B", 270, SONG_TRA)
    book.visit("Phù mạch sau uống diclofenac", years(3), HON_MAY, emergency=True)
    book.results(270, SONG_TRA, ast=52, alt=68, bilirubin=12, platelets=214)
    book.results(88, SONG_TRA, ast=34, alt=38, bilirubin=11, platelets=220, creatinine=84, egfr=101)
    book.results(
        8, SONG_TRA, leukocytes=16.2, neutrophils=88, crp=112, platelets=232, creatinine=88, potassium=3.8, inr=1.1
    )
    book.results(4, SONG_TRA, leukocytes=11.4, neutrophils=79, crp=48, haemoglobin=134, potassium=3.9)
    book.results(1, HON_MAY, leukocytes=11.9, neutrophils=80, haemoglobin=133, platelets=318)
    book.finding("HBV-DNA định lượng", "Dưới ngưỡng phát hiện (< 20 IU/mL)", 88, SONG_TRA)
    book.vitals(88, SONG_TRA, VitalSigns((124, 78), 72, 18, 36.6, 98, weight=66.0, height=168))
    book.vitals(8, HON_MAY, VitalSigns((132, 80), 98, 20, 38.4, 98, pain=7))
    book.vitals(4, SONG_TRA, VitalSigns((122, 76), 80, 18, 37.1, 98, pain=3))
    book.vitals(1, HON_MAY, VitalSigns((124, 78), 88, 18, 37.9, 98, pain=4, weight=64.5), "15:40")
    book.imaging(
        "abdomen_us",
        "Hố chậu phải có ổ tụ dịch 18 x 12 mm, chưa có vỏ. Quai ruột có nhu động. Không có dịch tự do.",
        4,
        SONG_TRA,
    )
    book.imaging(
        "abdomen_us", "Ruột thừa đường kính 12 mm, có sỏi phân, thâm nhiễm mỡ quanh. Ít dịch hố chậu phải.", 8, SONG_TRA
    )
    book.imaging("chest_xray", "Tim phổi bình thường. Không thấy liềm hơi dưới hoành.", 8, SONG_TRA)
    book.vaccine("Vắc xin uốn ván hấp phụ (VAT)", years(3), HON_MAY)
    book.vaccine("Vắc xin COVID-19 (AstraZeneca)", years(5), HON_MAY, 1)
    return entry.close("after-surgery")


def story() -> DemoStory:
    """What the island clinic asks."""
    return DemoStory(
        code="after-surgery",
        title_vi="Sau mổ ruột thừa ngày 7",
        title_en="Day 7 after appendectomy",
        citizen_key="bn-008",
        clinic_code=HON_MAY,
        requester="bs.bao",
        specialty_code=SURGERY,
        urgency="routine",
        situation="Sau mổ nội soi ruột thừa ngày 7, sốt 37,9 °C chiều qua, lỗ trocar rốn đỏ, rỉ ít dịch đục.",
        background="Ruột thừa viêm mủ, đã rửa bụng. Viêm gan B đang uống tenofovir. Phù mạch do diclofenac.",
        assessment="Nghĩ nhiễm trùng vết mổ nông, chưa loại trừ tụ dịch hố chậu phải. "
        "Bụng mềm, trung tiện được. Bạch cầu 11,9 G/L.",
        recommendation="Có mở bớt mép vết mổ và cấy dịch tại trạm được không, "
        "giữ hay đổi kháng sinh, khi nào siêu âm lại?",
        vital_signs=VitalSigns((126, 78), 86, 18, 37.8, 98, pain=3, weight=64.5),
    )
