"""The eight specialties that the demo can ask."""

from hoichan.demo.content import DemoSpecialty

STROKE = "than-kinh-dot-quy"
CARDIOLOGY = "tim-mach"
OBSTETRICS = "san-phu-khoa"
PAEDIATRICS = "nhi"
BURNS = "bong-tao-hinh"
ENDOCRINOLOGY = "noi-tiet"
TOXICOLOGY = "chong-doc"
SURGERY = "ngoai-tong-hop"


def specialties() -> tuple[DemoSpecialty, ...]:
    """In the order in which a clinic most often needs them at once."""
    return (
        DemoSpecialty(STROKE, "Thần kinh, đột quỵ", "Neurology, stroke", "Thần kinh"),
        DemoSpecialty(CARDIOLOGY, "Tim mạch", "Cardiology", "Tim mạch"),
        DemoSpecialty(OBSTETRICS, "Sản phụ khoa", "Obstetrics and gynaecology", "Phụ sản, Sản phụ khoa"),
        DemoSpecialty(PAEDIATRICS, "Nhi", "Paediatrics", "chuyên khoa Nhi"),
        DemoSpecialty(BURNS, "Bỏng, tạo hình", "Burns and plastic surgery", "Bỏng"),
        DemoSpecialty(ENDOCRINOLOGY, "Nội tiết", "Endocrinology", "Nội tiết"),
        DemoSpecialty(TOXICOLOGY, "Chống độc", "Toxicology", "Chống độc"),
        DemoSpecialty(SURGERY, "Ngoại tổng hợp", "General surgery", "chuyên khoa Ngoại"),
    )
