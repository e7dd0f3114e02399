"""The other sixty-two citizens: drawn from name pools and profiles, the same ones for every installation."""

from datetime import date
from random import Random

from hoichan.demo.book import Book
from hoichan.demo.content import DemoCitizen, Sex, VitalSigns
from hoichan.demo.facilities import (
    BAU_SEN,
    CU_LAO_SEN,
    HON_MAY,
    MANG_ROI,
    RACH_TRAM,
    SONG_TRA,
    SUOI_DA,
    TRA_KHUC,
    VAM_RACH,
    YA_LOP,
)
from hoichan.demo.numbers import BhytFormat
from hoichan.demo.profiles import ANY_AGE, LATER_LIFE, Profile, Setting, antenatal, gout, hiv
from hoichan.demo.register import Person, Registration, born, years

FIRST = 19
LAST = 80

# commune: clinic of that commune, the hospital that its people go to, their insurance group
_PLACES = (
    ("21591", HON_MAY, SONG_TRA, "XD2"),
    ("23591", MANG_ROI, SONG_TRA, "DK2"),
    ("23991", SUOI_DA, YA_LOP, "DT2"),
    ("28791", BAU_SEN, CU_LAO_SEN, "GD4"),
    ("32191", VAM_RACH, CU_LAO_SEN, "GD4"),
    ("21592", TRA_KHUC, SONG_TRA, "GD4"),
    ("23992", YA_LOP, YA_LOP, "DT2"),
    ("28792", RACH_TRAM, CU_LAO_SEN, "HN3"),
)
_FAMILIES = (
    *("Nguyễn", "Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô"),
    *("Dương", "Lý", "Đinh", "Trương", "Lâm", "Mai", "Cao", "Tạ", "Hà", "Đoàn"),
)
_MEN = (
    *("Văn Hậu", "Minh Quân", "Công Danh", "Quốc Việt", "Văn Thạnh", "Hữu Nghĩa", "Thanh Tùng", "Đình Phúc"),
    *("Ngọc Sơn", "Văn Út", "Đức Huy", "Trung Kiên", "Hoàng Long", "Văn Chiến", "Tấn Tài", "Gia Bảo", "Nhật Minh"),
    *("Xuân Trường", "Bá Lộc", "Văn Đông", "Chí Thành", "Phước Lợi", "Anh Khoa", "Văn Năm"),
)
_WOMEN = (
    *("Thị Mỹ Linh", "Thị Hường", "Ngọc Ánh", "Thị Kim Chi", "Thúy Hằng", "Thị Mận", "Bích Ngọc", "Thị Đào"),
    *("Thu Trang", "Thị Út", "Diễm My", "Thị Lài", "Khánh Vy", "Thị Sương", "Mỹ Duyên", "Thị Tám", "Bảo Ngọc"),
    *("Thị Xuyến", "Hồng Nhung", "Thị Cẩm Tú", "Phương Thảo", "Thị Hiền", "Tường Vi", "Thị Chín"),
)
# commune of an ethnic minority: names of men and of women as Xơ Đăng and Gia Rai people bear them
_HIGHLANDS = {
    "23591": (
        ("A Thút", "A Brôl", "A Nhiêu", "A Lương", "A Đôn", "A Khiêm"),
        ("Y Blưng", "Y Hương", "Y Nhơn", "Y Lan", "Y Bút", "Y Mai"),
    ),
    "23991": (
        ("Rơ Châm Hlơn", "Ksor Tuân", "Siu Blơ", "Rmah Thin", "Kpă Y Nuân", "Rơ Châm Phúc"),
        ("Rơ Châm H'Nuân", "Ksor H'Liên", "Siu H'Rin", "Rmah H'Bíp", "Kpă H'Đoan", "Rơ Châm H'Yên"),
    ),
    "23992": (
        ("Ksor Bơng", "Nay Thuyên", "Siu Hrông", "Rah Lan Khuê", "Kpă Dũng", "Nay Y Thanh"),
        ("Nay H'Oanh", "Siu H'Loan", "Rah Lan H'Mơ", "Ksor H'Nhung", "Kpă H'Lam", "Nay H'Tuyết"),
    ),
}
_FORMATS: tuple[BhytFormat, ...] = ("card15", "card15", "social10", "cccd12")
_ALLERGIES = (
    ("Tôm, cua", "Mày đay, ngứa", False, "food"),
    ("Amoxicilin", "Ban đỏ, ngứa", False, "medication"),
    ("Ceftriaxon", "Phản vệ độ 2: mày đay, khó thở", True, "medication"),
    ("Ibuprofen", "Phù mi mắt", False, "medication"),
    ("Nọc ong", "Sưng nề lan rộng, choáng", True, "environment"),
)
_CHILD_VACCINES = (
    ("Vắc xin lao (BCG)", 2, 1),
    ("Vắc xin viêm gan B sơ sinh", 1, 1),
    ("Vắc xin 5 trong 1 (DPT-VGB-Hib)", 62, 1),
    ("Vắc xin 5 trong 1 (DPT-VGB-Hib)", 93, 2),
    ("Vắc xin 5 trong 1 (DPT-VGB-Hib)", 124, 3),
    ("Vắc xin sởi", 275, 1),
    ("Vắc xin sởi – rubella (MR)", 550, 1),
)


def population(today: date) -> list[DemoCitizen]:
    """Numbers 19 to 80: every fifth a child, every fifth an almost empty book, the rest sparse to rich."""
    return [_citizen(number, today) for number in range(FIRST, LAST + 1)]


def _citizen(number: int, today: date) -> DemoCitizen:
    # S311: deterministic invention, nothing secret.
    rng = Random(f"hoichan-population-{number}")  # noqa: S311 - invented data, no secret
    commune, clinic, hospital, group = _PLACES[number % len(_PLACES)]
    sex: Sex = rng.choice(("male", "female"))
    child = number % 5 == 0
    pregnant = number in (21, 46)
    if pregnant:
        sex = "female"
    birth = _birth(rng, today, child=child, pregnant=pregnant)
    insurance = None if number in (33, 58) else rng.choice(_FORMATS)
    if child:
        insurance, group = "card15", "TE1"
    person = Person(number, _name(number, rng, commune, sex), birth, sex, commune, insurance, group)
    entry = Registration(person, today, clinic)
    book = entry.book
    setting = Setting(clinic, hospital, sex, rng.randint(3, 60), rng)
    if child:
        _child(book, (today - birth).days, setting)
    elif pregnant:
        book.no_allergy(93, clinic)
        antenatal(book, setting)
    elif number % 5 == 1:
        _nearly_empty(book, setting)
    else:
        # The ills of later life are listed twice: they are the commoner ones there.
        pool = ANY_AGE if today.year - birth.year < 45 else (*ANY_AGE, *LATER_LIFE, *LATER_LIFE)
        _adult(book, setting, pool, restricted=number == 44, profiles=1 + number % 3)
    return entry.close()


def _birth(rng: Random, today: date, *, child: bool, pregnant: bool) -> date:
    if child:
        return born(today, rng.randint(400, 3600))
    year = rng.randint(1994, 2003) if pregnant else rng.randint(1940, 2004)
    return date(year, rng.randint(1, 12), rng.randint(1, 28))


def _name(number: int, rng: Random, commune: str, sex: Sex) -> str:
    """A name that fits the commune; the number walks through the pools, so that few names come twice."""
    turn = number // len(_PLACES)
    if commune in _HIGHLANDS and turn % 4:
        return _HIGHLANDS[commune][sex == "female"][turn % 6]
    given = _MEN if sex == "male" else _WOMEN
    return f"{rng.choice(_FAMILIES)} {given[number * 7 % len(given)]}"


def _child(book: Book, age_in_days: int, at: Setting) -> None:
    """Vaccines by the national schedule as far as the age goes, and one harmless illness."""
    for text, at_age, dose in _CHILD_VACCINES:
        if at_age < age_in_days:
            book.vaccine(text, age_in_days - at_age, at.clinic, dose)
    if at.rng.random() < 0.6:
        book.no_allergy(at.base, at.clinic)
    book.visit(at.rng.choice(("Viêm họng cấp", "Tiêu chảy cấp, không mất nước", "Sốt phát ban")), at.base, at.clinic)
    grown = age_in_days / 365.25
    weight = round(8 + 2.2 * grown + at.rng.uniform(-0.8, 0.8), 1)
    book.vitals(at.base, at.clinic, VitalSigns(temperature=37.4, pulse=108, weight=weight))


def _nearly_empty(book: Book, at: Setting) -> None:
    """Nobody ever asked about allergies; at most one visit or one vaccine is known."""
    kind = at.rng.randrange(3)
    if kind == 0:
        book.visit("Cảm cúm", at.base + 200, at.clinic)
    elif kind == 1:
        book.vaccine("Vắc xin COVID-19 (Pfizer)", years(4.5), at.clinic)


def _adult(book: Book, at: Setting, pool: tuple[Profile, ...], *, restricted: bool, profiles: int) -> None:
    """Some long illnesses; the more there are, the more the rest of the book is filled."""
    draw = at.rng.random()
    if draw < 0.35:
        text, reaction, severe, category = at.rng.choice(_ALLERGIES)
        book.allergy(text, reaction, years(at.rng.randint(1, 9)), at.hospital, severe=severe, category=category)
    elif draw < 0.75:
        book.no_allergy(at.base, at.clinic)
    for write in _pick(at.rng, pool, profiles, at.sex):
        write(book, at)
    if restricted:
        hiv(book, at)
    if profiles > 1:
        book.blood_group(at.rng.choice(("O", "A", "B", "AB")), "+", years(2), at.hospital)
        book.vaccine("Vắc xin COVID-19 (Pfizer)", years(4.5), at.clinic)
        book.vitals(at.base, at.clinic, VitalSigns(height=165.0 if at.sex == "male" else 154.0))


def _pick(rng: Random, pool: tuple[Profile, ...], count: int, sex: Sex) -> list[Profile]:
    """`count` different profiles; those listed twice in the pool come twice as easily; gout is left to men."""
    picked: list[Profile] = []
    while len(picked) < count:
        profile = rng.choice(pool)
        if profile not in picked and (profile is not gout or sex == "male"):
            picked.append(profile)
    return picked
