"""Ten people around the stories, written by hand: those of past consults, and those whose names are alike."""

from datetime import date

from hoichan.demo.content import DemoCitizen, VitalSigns
from hoichan.demo.facilities import BAU_SEN, HON_MAY, MANG_ROI, SONG_TRA, SUOI_DA, TRA_KHUC, YA_LOP
from hoichan.demo.register import Person, Registration, years


def neighbours(today: date) -> list[DemoCitizen]:
    """Numbers 9 to 18."""
    return [
        _after_infarct(today),
        _headache(today),
        _epilepsy(today),
        _vertigo(today),
        _facial_palsy(today),
        _recovered(today),
        _diabetic(today),
        *_namesakes(today),
    ]


def _after_infarct(today: date) -> DemoCitizen:
    entry = Registration(Person(9, "Hồ Văn Phước", date(1965, 1, 18), "male", "21592", "card15"), today, TRA_KHUC)
    book = entry.book
    book.no_allergy(21, SONG_TRA)
    book.blood_group("O", "+", 21, SONG_TRA)
    book.problem("Nhồi máu não bán cầu trái, ngày 21", "I63.9", 21, SONG_TRA)
    book.problem("Tăng huyết áp", "I10", years(7), TRA_KHUC)
    book.problem("Rối loạn lipid máu", "E78.5", 21, SONG_TRA)
    book.drug("Acid acetylsalicylic 81 mg", "Uống 1 viên, trưa", 20, SONG_TRA)
    book.drug("Clopidogrel 75 mg", "Uống 1 viên, sáng, đủ 21 ngày", 20, SONG_TRA)
    book.drug("Rosuvastatin 20 mg", "Uống 1 viên, tối", 20, SONG_TRA)
    book.drug("Perindopril 5 mg/indapamid 1,25 mg", "Uống 1 viên, sáng", 14, SONG_TRA)
    book.visit("Nhồi máu não, NIHSS 5, ra viện NIHSS 2", 21, SONG_TRA, nights=9)
    book.visit("Tái khám sau đột quỵ, đo huyết áp", 5, TRA_KHUC)
    book.results(21, SONG_TRA, inr=1.0, glucose=6.8, ldl=4.4, creatinine=86, platelets=240, hba1c=5.8)
    book.results(5, TRA_KHUC, ldl=2.3, ast=31, alt=36, creatinine=89, potassium=4.0)
    book.vitals(21, SONG_TRA, VitalSigns((172, 98), 82, 18, 36.8, 97, 7.2, 15, weight=64, height=164))
    book.vitals(5, TRA_KHUC, VitalSigns((138, 84), 74, 18, 36.6, 98, weight=63.5))
    book.imaging("head_ct", "Giảm tỉ trọng vùng vành tia trái, không xuất huyết.", 20, SONG_TRA)
    book.imaging("ecg", "Nhịp xoang 78/phút, dày thất trái.", 21, SONG_TRA)
    return entry.close()


def _headache(today: date) -> DemoCitizen:
    entry = Registration(Person(10, "Y Thương", date(1993, 7, 7), "female", "23591", "card15", "DK2"), today, MANG_ROI)
    book = entry.book
    book.problem("Đau nửa đầu không có tiền triệu", "G43.0", 320, MANG_ROI)
    book.drug("Paracetamol 500 mg", "Uống 2 viên khi đau đầu, không quá 10 ngày mỗi tháng", 40, MANG_ROI)
    book.drug("Flunarizin 5 mg", "Uống 1 viên, tối", 40, MANG_ROI)
    book.visit("Đau đầu kéo dài, kèm buồn nôn", 40, MANG_ROI)
    book.visit("Đau đầu", 320, MANG_ROI)
    book.vitals(40, MANG_ROI, VitalSigns((114, 72), 76, 18, 36.6, 98, pain=5, weight=46))
    return entry.close()


def _epilepsy(today: date) -> DemoCitizen:
    entry = Registration(Person(11, "Lý A Páo", date(2007, 9, 1), "male", "23991", "cccd12"), today, SUOI_DA)
    book = entry.book
    book.allergy("Carbamazepin", "Ban dát sần toàn thân", years(3), YA_LOP, severe=True)
    book.problem("Động kinh toàn thể", "G40.3", years(5), YA_LOP)
    book.drug("Natri valproat 500 mg (phóng thích kéo dài)", "Uống 1 viên x 2 lần/ngày", 60, YA_LOP)
    book.visit("Lên 2 cơn trong tháng, quên thuốc khi đi rẫy", 12, SUOI_DA)
    book.visit("Tái khám động kinh, tăng liều valproat", 60, YA_LOP)
    book.results(60, YA_LOP, ast=24, alt=22, platelets=188, haemoglobin=142)
    book.results(years(1), YA_LOP, ast=21, alt=20, platelets=214)
    book.vitals(12, SUOI_DA, VitalSigns((112, 70), 74, 16, 36.5, 98, weight=52))
    book.imaging("eeg", "Sóng nhọn – chậm toàn thể từng đợt khi thở sâu.", years(3), YA_LOP)
    return entry.close()


def _vertigo(today: date) -> DemoCitizen:
    entry = Registration(Person(12, "Nguyễn Thị Dần", date(1952, 2, 3), "female", "21592", "card15"), today, TRA_KHUC)
    book = entry.book
    book.no_allergy(years(1), TRA_KHUC)
    book.problem("Chóng mặt tư thế kịch phát lành tính", "H81.1", 4, TRA_KHUC)
    book.problem("Tăng huyết áp", "I10", years(11), TRA_KHUC)
    book.problem("Loãng xương", "M81.0", years(4), SONG_TRA)
    book.drug("Amlodipin 5 mg", "Uống 1 viên, sáng", 30, TRA_KHUC)
    book.drug("Acetyl-leucin 500 mg", "Uống 1 viên x 2 lần/ngày, 5 ngày", 4, TRA_KHUC)
    book.drug("Calci carbonat 1.250 mg/vitamin D3 400 IU", "Uống 1 viên, trưa", years(1), SONG_TRA)
    book.visit("Chóng mặt cấp khi xoay đầu, hội chẩn từ xa", 4, TRA_KHUC, emergency=True)
    book.visit("Lĩnh thuốc huyết áp", 30, TRA_KHUC)
    book.results(30, TRA_KHUC, glucose=5.8, creatinine=74, potassium=4.2, sodium=139)
    book.vitals(30, TRA_KHUC, VitalSigns((142, 82), 72, 18, 36.5, 97, weight=47, height=148))
    book.vitals(4, TRA_KHUC, VitalSigns((150, 84), 78, 18, 36.6, 97))
    return entry.close()


def _facial_palsy(today: date) -> DemoCitizen:
    entry = Registration(Person(13, "Đinh Văn Rin", date(1968, 11, 2), "male", "21592", "social10"), today, TRA_KHUC)
    book = entry.book
    book.no_allergy(5, TRA_KHUC)
    book.problem("Liệt mặt ngoại biên bên trái (Bell)", "G51.0", 5, TRA_KHUC)
    book.drug("Prednisolon 5 mg", "Uống 12 viên, sáng, 5 ngày, rồi giảm dần", 5, TRA_KHUC)
    book.drug("Nước mắt nhân tạo", "Nhỏ mắt trái 1 giọt mỗi 3 giờ", 5, TRA_KHUC)
    book.visit("Méo miệng, mắt trái nhắm không kín, hội chẩn từ xa", 5, TRA_KHUC)
    book.results(5, TRA_KHUC, glucose=5.9, haemoglobin=150, leukocytes=7.8, platelets=236)
    book.vitals(5, TRA_KHUC, VitalSigns((132, 80), 76, 18, 36.7, 98, 6.0, 15))
    return entry.close()


def _recovered(today: date) -> DemoCitizen:
    entry = Registration(
        Person(14, "Phan Thị Hoa", date(1960, 5, 11), "female", "21591", "card15", "XD2"), today, HON_MAY
    )
    book = entry.book
    book.no_allergy(6, SONG_TRA)
    book.blood_group("B", "+", 6, SONG_TRA)
    book.problem("Nhồi máu não cấp, đã tiêu sợi huyết", "I63.9", 6, SONG_TRA)
    book.problem("Tăng huyết áp", "I10", years(5), HON_MAY)
    book.drug("Acid acetylsalicylic 81 mg", "Uống 1 viên, trưa", 5, SONG_TRA)
    book.drug("Atorvastatin 40 mg", "Uống 1 viên, tối", 5, SONG_TRA)
    book.drug("Amlodipin 5 mg", "Uống 1 viên, sáng", 3, SONG_TRA)
    book.procedure("Tiêu sợi huyết alteplase 0,9 mg/kg đường tĩnh mạch", 6, SONG_TRA)
    book.visit("Yếu nửa người trái 1 giờ, hội chẩn và chuyển tàu cấp cứu", 6, HON_MAY, emergency=True)
    book.visit("Nhồi máu não, tiêu sợi huyết, ra viện tự đi lại", 6, SONG_TRA, nights=4)
    book.results(6, SONG_TRA, inr=1.0, glucose=6.9, platelets=228, creatinine=66, ldl=3.9)
    book.results(3, SONG_TRA, glucose=5.6, creatinine=68, haemoglobin=126)
    book.vitals(6, HON_MAY, VitalSigns((168, 94), 84, 18, 36.7, 96, 7.4, 15, weight=52, height=153))
    book.vitals(2, SONG_TRA, VitalSigns((134, 80), 76, 18, 36.6, 98))
    book.imaging(
        "head_ct", "Sau tiêu sợi huyết 24 giờ: không chảy máu, ổ giảm tỉ trọng nhỏ thùy đảo phải.", 5, SONG_TRA
    )
    return entry.close()


def _diabetic(today: date) -> DemoCitizen:
    entry = Registration(Person(15, "Phan Văn Bảy", date(1963, 12, 12), "male", "21591", "social10"), today, HON_MAY)
    book = entry.book
    book.problem("Đái tháo đường típ 2", "E11", years(3), HON_MAY)
    book.drug("Metformin 500 mg", "Uống 1 viên x 2 lần/ngày", 45, HON_MAY)
    book.visit("Tái khám, trạm thiếu gliclazid", 45, HON_MAY)
    book.vitals(45, HON_MAY, VitalSigns((136, 82), 78, glucose=11.4, weight=69))
    return entry.close()


def _namesakes(today: date) -> list[DemoCitizen]:
    """Two more of the name Nguyễn Văn Lành and one that differs by a tone mark: a search must tell them apart."""
    old = Registration(Person(16, "Nguyễn Văn Lành", date(1949, 10, 20), "male", "28791", "card15"), today, BAU_SEN)
    old.book.problem("Bệnh phổi tắc nghẽn mạn tính", "J44.9", years(6), BAU_SEN)
    old.book.visit("Ho khạc đờm tăng", 70, BAU_SEN)
    young = Registration(Person(17, "Nguyễn Văn Lành", date(1988, 6, 6), "male", "21591", None), today, HON_MAY)
    tone = Registration(Person(18, "Nguyễn Văn Lãnh", date(1958, 4, 25), "male", "21592", "cccd12"), today, TRA_KHUC)
    tone.book.no_allergy(200, TRA_KHUC)
    tone.book.problem("Tăng sản lành tính tuyến tiền liệt", "N40", years(2), TRA_KHUC)
    tone.book.drug("Tamsulosin 0,4 mg", "Uống 1 viên, tối", 200, TRA_KHUC)
    return [old.close(), young.close(), tone.close()]
