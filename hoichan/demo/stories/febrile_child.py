"""A four-year-old on the fourth day of fever, with warning signs of dengue."""

from datetime import date

from hoichan.demo.content import DemoCitizen, DemoStory, VitalSigns
from hoichan.demo.facilities import MANG_ROI, SONG_TRA, TRA_KHUC
from hoichan.demo.register import Person, Registration, born, years
from hoichan.demo.specialties import PAEDIATRICS

_AGE = years(4) + 96


def citizen(today: date) -> DemoCitizen:
    """Phạm Gia Hân, four years and three months old, fully vaccinated."""
    person = Person(4, "Phạm Gia Hân", born(today, _AGE), "female", "23591", "card15", "TE1")
    entry = Registration(person, today, MANG_ROI)
    book = entry.book
    book.no_allergy(2, MANG_ROI)
    book.blood_group("O", "+", _AGE - 2, SONG_TRA)
    book.problem("Sốt xuất huyết Dengue, theo dõi dấu hiệu cảnh báo", "A97.1", 1, MANG_ROI)
    book.problem("Khò khè tái diễn do vi rút", "J45.9", years(2), SONG_TRA)
    book.problem("Co giật do sốt, cơn đơn giản", "R56.0", _AGE - 545, SONG_TRA, until=_AGE - 546)
    book.problem("Viêm phổi", "J18.9", years(2), SONG_TRA, until=years(2) - 9)
    book.drug(
        "Paracetamol 250 mg (gói bột)",
        "Uống 1 gói khi sốt từ 38,5 °C, cách ít nhất 6 giờ",
        2,
        MANG_ROI,
    )
    book.drug("Oresol (gói 4,1 g pha 200 ml)", "Uống từng ngụm, 700–1.000 ml/ngày", 2, MANG_ROI)
    book.drug("Salbutamol bình xịt 100 µg/nhát", "Xịt 2 nhát qua buồng đệm khi khò khè", years(2), SONG_TRA)
    book.visit("Sốt ngày 3, đau bụng, nôn 3 lần, tiểu cầu giảm", 1, MANG_ROI)
    book.visit("Sốt ngày 2, NS1 dương tính, hướng dẫn theo dõi tại nhà", 2, MANG_ROI)
    book.visit("Uống vitamin A, tẩy giun định kỳ", 160, MANG_ROI)
    book.visit("Khò khè khi cảm lạnh", 320, TRA_KHUC)
    book.visit("Viêm phổi, khò khè", years(2), SONG_TRA, nights=6)
    book.visit("Co giật do sốt, theo dõi 24 giờ", _AGE - 545, SONG_TRA, nights=1, emergency=True)
    book.results(years(2), SONG_TRA, leukocytes=16.8, neutrophils=68, haemoglobin=112, platelets=318, crp=42)
    book.results(320, TRA_KHUC, leukocytes=9.4, haemoglobin=118, haematocrit=35.6, platelets=264)
    book.results(2, MANG_ROI, "09:00", leukocytes=4.6, neutrophils=52, haematocrit=36.2, platelets=148, crp=6)
    book.results(1, MANG_ROI, "07:30", leukocytes=3.4, neutrophils=41, haematocrit=38.4, platelets=112)
    book.results(1, MANG_ROI, "20:00", leukocytes=2.9, neutrophils=36, haematocrit=41.0, platelets=96)
    book.finding("Dengue NS1 Ag test nhanh", "Dương tính", 2, MANG_ROI, "75377-2")
    book.vitals(320, TRA_KHUC, VitalSigns((94, 58), 104, 28, 37.2, 97, weight=14.6, height=97))
    book.vitals(160, MANG_ROI, VitalSigns(None, 98, 24, 36.7, 99, weight=15.6, height=100))
    book.vitals(2, MANG_ROI, VitalSigns((92, 60), 128, 28, 39.2, 98, weight=16.0))
    book.vitals(1, MANG_ROI, VitalSigns((90, 62), 132, 30, 38.6, 98, weight=16.0), "07:20")
    book.vitals(1, MANG_ROI, VitalSigns((88, 66), 136, 32, 37.9, 97, weight=16.0), "20:10")
    book.imaging(
        "abdomen_us",
        "Dịch tự do ổ bụng lượng ít. Thành túi mật dày 5 mm. Gan to dưới bờ sườn 2 cm. Ít dịch màng phổi phải.",
        1,
        MANG_ROI,
        "15:30",
    )
    book.imaging(
        "chest_xray", "Thâm nhiễm phế nang thùy dưới phổi phải. Không tràn dịch màng phổi.", years(2), SONG_TRA
    )
    for text, age_in_days, dose in (
        ("Vắc xin lao (BCG)", 2, 1),
        ("Vắc xin viêm gan B sơ sinh", 1, 1),
        ("Vắc xin 5 trong 1 (DPT-VGB-Hib)", 62, 1),
        ("Vắc xin 5 trong 1 (DPT-VGB-Hib)", 93, 2),
        ("Vắc xin 5 trong 1 (DPT-VGB-Hib)", 124, 3),
        ("Vắc xin bại liệt uống (bOPV)", 62, 1),
        ("Vắc xin bại liệt uống (bOPV)", 93, 2),
        ("Vắc xin bại liệt uống (bOPV)", 124, 3),
        ("Vắc xin bại liệt tiêm (IPV)", 155, 1),
        ("Vắc xin sởi", 276, 1),
        ("Vắc xin viêm não Nhật Bản", 370, 1),
        ("Vắc xin viêm não Nhật Bản", 384, 2),
        ("Vắc xin sởi – rubella (MR)", 560, 1),
        ("Vắc xin DPT nhắc lại", 565, 4),
        ("Vắc xin viêm não Nhật Bản", 745, 3),
    ):
        book.vaccine(text, _AGE - age_in_days, MANG_ROI, dose)
    return entry.close("febrile-child")


def story() -> DemoStory:
    """What the mountain station asks."""
    return DemoStory(
        code="febrile-child",
        title_vi="Trẻ sốt ngày thứ tư",
        title_en="Child on the fourth day of fever",
        citizen_key="bn-004",
        clinic_code=MANG_ROI,
        requester="bs.dan",
        specialty_code=PAEDIATRICS,
        urgency="urgent",
        situation="Bé gái 4 tuổi, sốt cao ngày thứ 4, nôn 4 lần, đau bụng vùng gan, li bì hơn từ sáng, tiểu ít.",
        background="NS1 dương tính. Từng co giật do sốt và khò khè. Tiêm chủng đủ. Không có dị ứng. Cân nặng 16 kg.",
        assessment="Sốt xuất huyết Dengue có dấu hiệu cảnh báo. Tiểu cầu 148 còn 96 G/L, Hct 36,2 lên 41 %. "
        "HA 86/66, mạch 140 rõ, tay chân còn ấm.",
        recommendation="Truyền dịch gì, tốc độ bao nhiêu, theo dõi thế nào, khi nào phải chuyển (đường đèo 3 giờ)?",
        vital_signs=VitalSigns((86, 66), 140, 32, 38.1, 97, 4.6, 15, weight=16.0),
    )
