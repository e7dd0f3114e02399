"""Who is on call when, and which free times specialists offer.

Stroke is held day and night by two people at two hospitals, so that a demonstration rings two screens at any hour,
with a backup at one of them. In every other specialty the two central hospitals take turns, day by day, each the
backup of the other, and the third doctor adds office hours.
"""

from datetime import date

from hoichan.demo.content import DemoAppointment, DemoShift, DemoSlot
from hoichan.demo.facilities import CU_LAO_SEN, HAI_VAN, HON_MAY, SONG_TRA, TRA_KHUC, TRUONG_SON, VAM_RACH
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

# specialty: (on call at Hải Vân, at Trường Sơn, at a provincial hospital, which hospital that is)
_TURNS = (
    (CARDIOLOGY, "bs.phong", "bs.dieuhien", "bs.minhtuan", CU_LAO_SEN),
    (OBSTETRICS, "bs.nguyet", "bs.hanhnguyen", "bs.tho", SONG_TRA),
    (PAEDIATRICS, "bs.duykhang", "bs.thuyvy", "bs.truc", SONG_TRA),
    (BURNS, "bs.manhcuong", "bs.baochau", "bs.ngocdiep", CU_LAO_SEN),
    (ENDOCRINOLOGY, "bs.haiyen", "bs.vietthang", "bs.son", SONG_TRA),
    (TOXICOLOGY, "bs.loc", "bs.tuyetlan", "bs.quangvinh", SONG_TRA),
    (SURGERY, "bs.hoangnam", "bs.xuanmai", "bs.thinh", SONG_TRA),
)


def shifts() -> tuple[DemoShift, ...]:
    """The weekly pattern: at every minute each specialty has one to three on call for each clinic, backups besides."""
    rota: list[DemoShift] = []
    for weekday in range(7):
        for user_name, hospital in (("bs.thuha", SONG_TRA), ("bs.khai", HAI_VAN)):
            rota.append(DemoShift(user_name, STROKE, hospital, weekday, "07:00", "19:00"))
            rota.append(DemoShift(user_name, STROKE, hospital, weekday, "19:00", "07:00"))
        backup = "bs.hoaian" if weekday % 2 == 0 else "bs.giabinh"
        rota.append(DemoShift(backup, STROKE, SONG_TRA, weekday, "07:00", "07:00", "backup"))
    for turn, (specialty, at_hai_van, at_truong_son, at_province, province) in enumerate(_TURNS):
        for weekday in range(7):
            # Neighbouring specialties start with the other hospital, so that neither carries a whole day alone.
            central = ((at_hai_van, HAI_VAN), (at_truong_son, TRUONG_SON))
            (holder, hospital), (backup, other) = central if (weekday + turn) % 2 == 0 else central[::-1]
            rota.append(DemoShift(holder, specialty, hospital, weekday, "07:00", "17:00"))
            rota.append(DemoShift(holder, specialty, hospital, weekday, "17:00", "07:00"))
            rota.append(DemoShift(backup, specialty, other, weekday, "07:00", "07:00", "backup"))
            if weekday < 5:
                rota.append(DemoShift(at_province, specialty, province, weekday, "07:30", "16:30"))
    return tuple(rota)


def slots(today: date) -> tuple[DemoSlot, ...]:
    """Free times of the coming days, on working days only; `offset_days` counts from `today`."""
    wanted = (
        ("bs.thuha", STROKE, 1, "15:00", 30),
        ("bs.thuha", STROKE, 1, "15:30", 30),
        ("bs.thuha", STROKE, 2, "14:00", 30),
        ("bs.hoaian", STROKE, 1, "09:00", 30),
        ("bs.hoaian", STROKE, 3, "09:30", 30),
        ("bs.khai", STROKE, 2, "10:00", 30),
        ("bs.son", ENDOCRINOLOGY, 1, "15:15", 30),
        ("bs.son", ENDOCRINOLOGY, 2, "15:15", 30),
        ("bs.nguyet", OBSTETRICS, 1, "16:00", 30),
        ("bs.tho", OBSTETRICS, 2, "08:30", 30),
        ("bs.thinh", SURGERY, 1, "16:00", 20),
        ("bs.thinh", SURGERY, 3, "16:00", 20),
        ("bs.truc", PAEDIATRICS, 1, "10:30", 20),
        ("bs.minhtuan", CARDIOLOGY, 1, "16:00", 30),
        ("bs.minhtuan", CARDIOLOGY, 3, "14:30", 30),
        ("bs.ngocdiep", BURNS, 2, "13:30", 30),
        ("bs.quangvinh", TOXICOLOGY, 4, "14:00", 30),
    )
    return tuple(
        DemoSlot(user_name, specialty, _working_offset(today, days), starts, minutes)
        for user_name, specialty, days, starts, minutes in wanted
    )


def appointments(today: date) -> tuple[DemoAppointment, ...]:
    """Times already booked on the next working days; they overlap none of the free ones."""
    wanted = (
        (
            "bs.son",
            ENDOCRINOLOGY,
            1,
            "14:15",
            30,
            "bn-006",
            HON_MAY,
            "bs.bao",
            "Bàn chân đái tháo đường, tái khám",
        ),
        (
            "bs.thinh",
            SURGERY,
            1,
            "16:30",
            20,
            "bn-008",
            HON_MAY,
            "bs.bao",
            "Sau mổ ruột thừa, kiểm tra vết mổ",
        ),
        ("bs.thuha", STROKE, 1, "13:30", 30, "bn-009", TRA_KHUC, "bs.chuong", "Sau nhồi máu não ngày 21"),
        (
            "bs.nguyet",
            OBSTETRICS,
            1,
            "15:00",
            30,
            "bn-002",
            TRA_KHUC,
            "bs.kimoanh",
            "Thai 34 tuần, theo dõi huyết áp",
        ),
        (
            "bs.minhtuan",
            CARDIOLOGY,
            2,
            "15:00",
            30,
            "bn-003",
            VAM_RACH,
            "bs.nghia",
            "Sau đặt stent, chỉnh thuốc",
        ),
    )
    return tuple(
        DemoAppointment(
            DemoSlot(user_name, specialty, _working_offset(today, days), starts, minutes),
            citizen,
            clinic,
            requester,
            reason,
        )
        for user_name, specialty, days, starts, minutes, citizen, clinic, requester, reason in wanted
    )


def _working_offset(today: date, working_days: int) -> int:
    """Days from `today` to the n-th Monday-to-Friday day after it."""
    offset = 0
    while working_days:
        offset += 1
        if (today.weekday() + offset) % 7 < 5:
            working_days -= 1
    return offset
