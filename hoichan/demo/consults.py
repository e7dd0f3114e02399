"""Consults that are over, so that the lists of past consults and their opinions are not empty."""

from hoichan.demo.content import DemoPastConsult
from hoichan.demo.facilities import BAU_SEN, HON_MAY, MANG_ROI, SUOI_DA, TRA_KHUC, VAM_RACH
from hoichan.demo.specialties import (
    BURNS,
    CARDIOLOGY,
    ENDOCRINOLOGY,
    OBSTETRICS,
    PAEDIATRICS,
    STROKE,
    SURGERY,
    TOXICOLOGY,
)


def past_consults() -> tuple[DemoPastConsult, ...]:
    """Newest first. Each was held between a clinic and a hospital that are linked."""
    return (
        DemoPastConsult(
            "bn-012", STROKE, TRA_KHUC, "bs.chuong", "bs.thuha", "emergency", 4, "09:40", 14,
            "Nữ 74 tuổi, chóng mặt cấp khi xoay đầu, nôn, không yếu liệt. Có phải đột quỵ tuần hoàn sau không?",
            "Nghĩ chóng mặt tư thế lành tính: Dix–Hallpike phải dương tính, không có dấu thần kinh khu trú. "
            "Làm nghiệm pháp Epley tại chỗ, theo dõi 24 giờ. Gọi lại ngay nếu nói khó, nhìn đôi hoặc đi không vững.",
        ),
        DemoPastConsult(
            "bn-013", STROKE, TRA_KHUC, "bs.chuong", "bs.thuha", "urgent", 5, "10:15", 18,
            "Nam 58 tuổi, méo miệng, mắt trái nhắm không kín từ sáng. Phân biệt liệt mặt trung ương và ngoại biên.",
            "Liệt mặt ngoại biên trái, House–Brackmann độ 4. Prednisolon 60 mg/ngày 5 ngày rồi giảm dần, bảo vệ mắt "
            "bằng nước mắt nhân tạo và băng mắt khi ngủ. Tái khám sau 1 tuần.",
        ),
        DemoPastConsult(
            "bn-014", STROKE, HON_MAY, "bs.bao", "bs.thuha", "emergency", 6, "07:25", 22,
            "Nữ 66 tuổi, yếu nửa người trái 1 giờ, NIHSS 7, HA 168/94, không dùng chống đông. Chuyển thế nào?",
            "Còn trong cửa sổ tiêu sợi huyết. Chuyển tàu cấp cứu ngay về BV Đa khoa Sông Trà, đã báo đơn vị đột quỵ. "
            "Không hạ áp khi dưới 185/110 mmHg, không uống gì, đặt đường truyền natri clorid 0,9 %.",
        ),
        DemoPastConsult(
            "bn-008", SURGERY, HON_MAY, "bs.bao", "bs.thinh", "emergency", 8, "07:10", 16,
            "Nam 44 tuổi, đau hố chậu phải 10 giờ, sốt 38,4 °C, phản ứng thành bụng. Có mổ không, chuyển lúc nào?",
            "Nghĩ viêm ruột thừa cấp. Nhịn ăn, truyền dịch, ceftriaxon 2 g và metronidazol 500 mg tĩnh mạch, "
            "chuyển chuyến tàu gần nhất. Tránh diclofenac vì tiền sử phù mạch.",
        ),
        DemoPastConsult(
            "bn-006", ENDOCRINOLOGY, HON_MAY, "bs.bao", "bs.son", "routine", 20, "14:15", 25,
            "Loét ngón 1 chân phải tuần thứ 6, đường huyết đói 11 mmol/L. Chỉnh insulin thế nào?",
            "Tăng mũi sáng 20 lên 22 IU, giữ mũi chiều. Thay băng ngày 1 lần bằng natri clorid 0,9 %, "
            "không dùng povidon–iod. "
            "Giày giảm tải. Về BV Sông Trà ngay nếu sốt, đau tăng hoặc thăm dò chạm xương.",
        ),
        DemoPastConsult(
            "bn-002", OBSTETRICS, TRA_KHUC, "bs.kimoanh", "bs.tho", "urgent", 10, "10:30", 17,
            "Thai 33 tuần, HA 146/94, protein niệu 0,62 g/24 giờ, vết mổ cũ. Điều trị tại trung tâm được không?",
            "Tiền sản giật chưa có dấu hiệu nặng. Methyldopa 250 mg x 3, theo dõi huyết áp ngày 2 lần, xét nghiệm lại "
            "sau 1 tuần. Chuyển ngay khi đau đầu, nhìn mờ, đau thượng vị hoặc HA từ 160/110 mmHg.",
        ),
        DemoPastConsult(
            "bn-003", CARDIOLOGY, VAM_RACH, "bs.nghia", "bs.minhtuan", "routine", 60, "15:00", 20,
            "Nam 59 tuổi, đã đặt stent, HA còn 150/92. Tăng thuốc nào trước?",
            "Tăng perindopril lên 5 mg, giữ bisoprolol 2,5 mg. Thử kali và creatinin sau 2 tuần. Tư vấn bỏ thuốc lá.",
        ),
        DemoPastConsult(
            "bn-005", BURNS, BAU_SEN, "bs.hami", "bs.ngocdiep", "urgent", 2, "09:00", 15,
            "Bỏng lửa gas 12 % ngày 2, dị ứng co-trimoxazol. Thay băng bằng gì tại trạm?",
            "Gạc lưới paraffin và gel nano bạc, không dùng sulfadiazin bạc. Kê cao tay, tập gấp duỗi ngón. "
            "Gọi lại khi sốt từ 38,5 °C, mủ, mùi hôi hoặc tê ngón tay.",
        ),
        DemoPastConsult(
            "bn-004", PAEDIATRICS, MANG_ROI, "bs.dan", "bs.truc", "urgent", 1, "08:10", 13,
            "Bé 4 tuổi sốt ngày 3, NS1 dương tính, tiểu cầu 112 G/L, còn uống được. Theo dõi tại trạm được không?",
            "Theo dõi tại trạm: mạch, huyết áp, lượng nước tiểu mỗi 4 giờ; công thức máu ngày 2 lần; oresol từng ngụm. "
            "Không dùng ibuprofen, aspirin. Gọi lại khi đau bụng, nôn nhiều, li bì, Hct tăng từ 20 %.",
        ),
        DemoPastConsult(
            "bn-011", STROKE, SUOI_DA, "bs.thuan", "bs.khai", "routine", 12, "15:30", 21,
            "Nam 19 tuổi, động kinh, 2 cơn trong tháng do quên thuốc. Có tăng liều không?",
            "Chưa tăng liều. Chuyển valproat uống 2 lần gắn với bữa ăn, người nhà nhắc. "
            "Không dùng carbamazepin vì từng nổi ban. "
            "Hẹn lại sau 1 tháng.",
        ),
        DemoPastConsult(
            "bn-007", TOXICOLOGY, SUOI_DA, "bs.thuan", "bs.loc", "emergency", 1, "19:15", 19,
            "Nam 51 tuổi, rắn cắn cẳng chân trái lúc 18:20, sưng nhanh. Sơ cứu và xét nghiệm gì tại trạm?",
            "Bất động chân, không garô, không rạch. Làm 20WBCT, gửi máu đông máu mỗi 3–6 giờ, không tiêm bắp. "
            "Chuẩn bị adrenalin trước khi dùng huyết thanh kháng nọc vì tiền sử phản vệ. Báo lại khi có kết quả.",
        ),
    )  # fmt: skip
