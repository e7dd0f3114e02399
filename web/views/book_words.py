"""How the book's values are written for people: dates as precise as known, ages, numbers, marks. Decides nothing."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from foundation.i18n import N_, Language
from records_panel.model import (
    Absence,
    AbsenceKind,
    Mark,
    Origin,
    Precision,
    Quantity,
    Range,
    Result,
    Vital,
    VitalKind,
    When,
)
from web.views.book_ages import Ages
from web.views.source_words import SourceWords

VITAL_NAMES = {
    VitalKind.BLOOD_PRESSURE: N_("BP"),
    VitalKind.PULSE: N_("Pulse"),
    VitalKind.OXYGEN: N_("SpO₂"),
    VitalKind.TEMPERATURE: N_("Temp."),
    VitalKind.BREATHS: N_("Breaths"),
    VitalKind.GLUCOSE: N_("Gluc."),
    VitalKind.COMA_SCALE: N_("Glasgow"),
    VitalKind.PAIN: N_("Pain, 0–10"),
}
VITAL_FULL_NAMES = {
    VitalKind.BLOOD_PRESSURE: N_("Blood pressure"),
    VitalKind.PULSE: N_("Pulse"),
    VitalKind.OXYGEN: N_("Oxygen saturation"),
    VitalKind.TEMPERATURE: N_("Temperature"),
    VitalKind.BREATHS: N_("Breaths"),
    VitalKind.GLUCOSE: N_("Glucose"),
    VitalKind.COMA_SCALE: N_("Glasgow"),
    VitalKind.PAIN: N_("Pain, 0–10"),
}
WEIGHT = N_("Weight")
REPORT_KINDS = {
    "imaging": N_("Imaging"),
    "cardiology": N_("Cardiac testing"),
    "laboratory": N_("Laboratory"),
    "other": N_("Report"),
}
VISIT_KINDS = {
    "ambulatory": N_("Outpatient"),
    "inpatient": N_("Inpatient"),
    "emergency": N_("Emergency"),
    "virtual": N_("Remote"),
    "other": N_("Visit"),
}
SEXES = {"male": N_("Male"), "female": N_("Female"), "other": N_("Other sex"), "unknown": N_("Sex unknown")}
_ABSENT = {
    AbsenceKind.KNOWN_NONE: N_("Asked: none"),
    AbsenceKind.NO_INFORMATION: N_("No information"),
    AbsenceKind.UNAVAILABLE: N_("Could not be fetched"),
    AbsenceKind.LOADING: N_("Still loading"),
}
ABSENCE_ICONS = {
    AbsenceKind.KNOWN_NONE: "check",
    AbsenceKind.WITHHELD: "lock",
    AbsenceKind.UNAVAILABLE: "unlink",
    AbsenceKind.LOADING: "clock",
}
# UCUM codes that some systems send as the unit to be read.
UNITS = {
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "/min": N_("/min"),
    "/phút": N_("/min"),
    "{score}": "",
    "10*9/L": "10⁹/L",
    "10*12/L": "10¹²/L",
}
_UNITLESS = (VitalKind.COMA_SCALE, VitalKind.PAIN)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_YEAR = 365  # days


class BookWords:
    """Writes values in one language, seen at one moment in the installation's zone."""

    def __init__(self, language: Language, zone: ZoneInfo, now: datetime, ages: Ages | None = None) -> None:
        self.ages = ages or Ages()
        self._language = language
        self._zone = zone
        self._now = now
        self._today = now.astimezone(zone).date()
        self.sources = SourceWords(language, zone, self.when)

    def when(self, moment: When | None) -> str:
        """`2018`, `03/2018`, `12/03/2018`; today's is told as a time. Empty when unknown."""
        if moment is None:
            return ""
        if moment.precision is Precision.YEAR:
            return str(moment.day.year)
        if moment.precision is Precision.MONTH:
            return f"{moment.day:%m/%Y}"
        if moment.instant is not None:
            if self._day(moment) == self._today:
                return self._language.time(moment.instant, self._zone)
            return self._language.date(moment.instant, self._zone)
        return self._language.date(moment.day)

    def brief(self, moment: When | None) -> str:
        """As short as still says enough: the time today, day and month this half year, the year alone long ago."""
        if moment is None or moment.precision in (Precision.YEAR, Precision.MONTH):
            return self.when(moment)
        days = (self._today - self._day(moment)).days
        if days > _YEAR:
            return str(self._day(moment).year)
        return f"{self._day(moment):%d/%m}" if 0 < days < _YEAR // 2 else self.when(moment)

    def ago(self, moment: When | None) -> str:
        """How long ago, in the largest whole unit; empty when unknown or known by the year alone."""
        if moment is None or moment.precision is Precision.YEAR:
            return ""
        say = self._language
        if moment.instant is not None and (seconds := (self._now - moment.instant).total_seconds()) < _DAY:
            if seconds < _HOUR:
                return say.text(N_("%(count)s min ago"), count=max(0, int(seconds // _MINUTE)))
            return say.text(N_("%(count)s h ago"), count=int(seconds // _HOUR))
        days = (self._today - self._day(moment)).days
        if days <= 0:
            return say.text(N_("today"))
        if days < 60:
            return say.plural("%(count)s day ago", "%(count)s days ago", days)
        if days < 730:
            return say.plural("%(count)s month ago", "%(count)s months ago", round(days / 30.44))
        return say.plural("%(count)s year ago", "%(count)s years ago", round(days / 365.25))

    def is_old(self, moment: When | None, after: timedelta) -> bool:
        """Whether it is longer ago than that. What has no date, or a day of today, is not called old."""
        if moment is None:
            return False
        if moment.instant is not None:
            return self._now - moment.instant > after
        return self._today - moment.day > max(after, timedelta(days=1))

    def age(self, born: When | None) -> str:
        """`68 tuổi`; a small child's in months, a newborn's in days. Empty when the birth date is unknown."""
        if born is None:
            return ""
        today, day = self._today, born.day
        months = (today.year - day.year) * 12 + today.month - day.month - (1 if today.day < day.day else 0)
        if born.precision in (Precision.YEAR, Precision.MONTH) or months >= 36:
            return self._language.text(N_("%(count)s years old"), count=max(0, months // 12))
        if months >= 1:
            return self._language.plural("%(count)s month old", "%(count)s months old", months)
        return self._language.plural("%(count)s day old", "%(count)s days old", max(0, (today - day).days))

    def source(self, origin: Origin, *, brief: bool = False) -> str:
        """Facility and date, such as `BV Sông Trà, 18/11/2026`; each part that is known."""
        facility = origin.facility or (
            self._language.text(N_("facility %(code)s"), code=origin.facility_code) if origin.facility_code else ""
        )
        at = self.brief(origin.when) if brief else self.when(origin.when)
        # Which of several sources gave it: in place of a facility that nobody named, and beside it where there is room.
        given = ", ".join(self.sources.name(name) for name in origin.source.splitlines())
        if given and not facility:
            facility = given
        elif given and not brief:
            facility = f"{facility} ({given})"
        return ", ".join(part for part in (facility, at) if part)

    def latest(self, vitals: tuple[Vital, ...]) -> Origin | None:
        """The origin of the newest value among the vital signs."""
        dated = [vital.origin for vital in vitals if vital.origin.when is not None]
        return max(dated, key=lambda origin: origin.when.order if origin.when else "", default=None)

    def unit(self, unit: str) -> str:
        """A unit as people write it."""
        return self._language.text(UNITS.get(unit, unit))

    def quantity(self, amount: Quantity) -> str:
        """`128 µmol/L`, with the language's decimal mark and the comparator."""
        return f"{amount.comparator}{self._language.number(amount.value)} {self.unit(amount.unit)}".strip()

    def result(self, result: Result) -> str:
        """A result's value, in number or words."""
        return self.quantity(result.quantity) if result.quantity is not None else result.text

    def range(self, reference: Range | None) -> str:
        """`3,5–5,0`, `≤ 5`, `≥ 90`, or the source's own words."""
        if reference is None:
            return ""
        low, high = reference.low, reference.high
        if low is not None and high is not None:
            return f"{self._language.number(low)}–{self._language.number(high)}"
        if high is not None:
            return f"≤ {self._language.number(high)}"
        return f"≥ {self._language.number(low)}" if low is not None else reference.text

    def change(self, result: Result) -> str:
        """`+0,3`, `−0,4`, `0`; empty when there is nothing to compare with."""
        if result.change is None:
            return ""
        sign = "+" if result.change > 0 else "−" if result.change < 0 else ""
        return sign + self._language.number(abs(result.change))

    def mark(self, mark: Mark) -> str:
        """What a mark says when it is read aloud."""
        upward = mark.upward
        return self._language.text(N_("abnormal") if upward is None else N_("high") if upward else N_("low"))

    def vital_label(self, vital: Vital) -> str:
        """`HA, mmHg`."""
        name = self._language.text(VITAL_NAMES[vital.kind])
        unit = self.unit(vital.unit) if vital.unit and vital.kind not in _UNITLESS else ""
        return f"{name}, {unit}" if unit else name

    def vital_name(self, vital: Vital) -> str:
        """`Huyết áp`, where there is room for it."""
        return self._language.text(VITAL_FULL_NAMES[vital.kind])

    def vital_value(self, vital: Vital) -> str:
        """`178/96`, `36,8`."""
        return "/".join(self._language.number(value) for value in vital.values)

    def absence(self, absence: Absence) -> str:
        """The silence in words; what the source itself said about it follows."""
        if absence.kind is AbsenceKind.WITHHELD:
            if not absence.count:
                return self._language.text(N_("Withheld by the source"))
            return self._language.plural(
                "%(count)s entry is withheld (R)", "%(count)s entries are withheld (R)", absence.count
            )
        if absence.kind is AbsenceKind.KNOWN_NONE and absence.text:
            return absence.text  # the record's own words for “none”
        said = self._language.text(_ABSENT[absence.kind])
        # What did not come is told by the name of its source, and ours has a name in each language.
        by_source = absence.kind in (AbsenceKind.UNAVAILABLE, AbsenceKind.LOADING)
        told = self.sources.name(absence.text) if by_source else absence.text
        return f"{said}: {told}" if absence.text else said

    def _day(self, moment: When) -> date:
        return moment.instant.astimezone(self._zone).date() if moment.instant is not None else moment.day
