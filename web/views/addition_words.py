"""How additions are written for people: one line each, and whether they are still new to the reader."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from foundation.i18n import N_, Language
from foundation.ids import StaffId
from records_panel.addition_store import Addition, AdditionKind
from records_panel.bedside import BOUNDS, Sign

NEW_FOR = timedelta(minutes=10)
"""How long an addition counts as new to somebody who has not seen it."""
SIGN_NAMES = {
    Sign.SYSTOLIC: N_("BP, upper number"),
    Sign.DIASTOLIC: N_("BP, lower number"),
    Sign.PULSE: N_("Pulse"),
    Sign.OXYGEN: N_("SpO₂"),
    Sign.TEMPERATURE: N_("Temp."),
    Sign.BREATHS: N_("Breaths"),
    Sign.GLUCOSE: N_("Glucose"),
    Sign.COMA_SCALE: N_("Glasgow"),
    Sign.PAIN: N_("Pain, 0–10"),
    Sign.WEIGHT: N_("Weight"),
}
UNITS = {"mm[Hg]": "mmHg", "/min": N_("/min"), "Cel": "°C", "{score}": "", "%": "%", "mmol/L": "mmol/L", "kg": "kg"}
_FILES = {AdditionKind.PICTURE: N_("Photograph"), AdditionKind.DOCUMENT: N_("Document")}


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of the quick form; its unit is fixed and shown."""

    name: str
    label: str
    unit: str
    decimals: int


@dataclass(frozen=True, slots=True)
class QuickForm:
    """The quick form's fields, and by their names the bounds outside which it asks before it saves."""

    fields: tuple[FormField, ...]
    usual: dict[str, tuple[float, float]]


def form_of(language: Language) -> QuickForm:
    """The form in one language."""
    fields = tuple(
        FormField(sign.value, language.text(SIGN_NAMES[sign]), language.text(UNITS[bounds.unit]), bounds.decimals)
        for sign, bounds in BOUNDS.items()
    )
    return QuickForm(fields, {sign.value: bounds.usual for sign, bounds in BOUNDS.items()})


class AdditionWords:
    """Writes additions in one language for one reader, seen at one moment in the installation's zone."""

    def __init__(self, language: Language, zone: ZoneInfo, now: datetime, reader: StaffId) -> None:
        self._language = language
        self._zone = zone
        self._now = now
        self._reader = reader

    def line(self, addition: Addition) -> str:
        """`HA 178/96 mmHg · Mạch 92 /phút`, `Kali 6,1 mmol/L (3,5–5)`, or what a file is called."""
        match addition.kind:
            case AdditionKind.VITALS:
                return " · ".join(self._signs(addition))
            case AdditionKind.RESULT:
                return self._result(dict(addition.facts))
            case kind:
                return str(addition.facts["words"]) or self._language.text(_FILES[kind])

    def device(self, addition: Addition) -> str:
        """The instrument that gave the values, when one did."""
        return str(addition.facts.get("device") or "")

    def when(self, addition: Addition) -> str:
        """When it was taken: the time today, else with the day."""
        zone, taken = self._zone, addition.taken_at
        if taken.astimezone(zone).date() == self._now.astimezone(zone).date():
            return self._language.time(taken, zone)
        return self._language.moment(taken, zone)

    def is_new(self, addition: Addition) -> bool:
        """Whether to mark it: somebody else added it a short while ago. A page takes the mark off once it was seen."""
        return addition.author_id != self._reader and self._now - addition.at < NEW_FOR

    def is_own(self, addition: Addition) -> bool:
        """Whether the reader may take it back."""
        return addition.author_id == self._reader

    def ending(self, addition: Addition) -> str:
        """`PDF` for a document."""
        return str(addition.facts.get("type", "")).rpartition("/")[2].upper()

    def unusual(self, values: dict[Sign, float], signs: tuple[Sign, ...]) -> str:
        """The values that should be looked at once more, as one line."""
        return ", ".join(self._sign(sign, values[sign]) for sign in signs)

    def _signs(self, addition: Addition) -> list[str]:
        values = dict(addition.signs)
        upper, lower = values.pop(Sign.SYSTOLIC, None), values.pop(Sign.DIASTOLIC, None)
        told = []
        if upper is not None and lower is not None:
            number = self._language.number
            told.append(f"{self._language.text(N_('BP'))} {number(upper)}/{number(lower)} mmHg")
        return told + [self._sign(sign, value) for sign, value in values.items()]

    def _sign(self, sign: Sign, value: float) -> str:
        unit = self._language.text(UNITS[BOUNDS[sign].unit])
        name = self._language.text(SIGN_NAMES[sign])
        return f"{name} {self._language.number(value)} {unit}".rstrip().replace(" /", "/")

    def _result(self, facts: dict[str, Any]) -> str:
        number = self._language.number
        value = facts["words"] if facts["number"] is None else f"{facts['comparator']}{number(facts['number'])}"
        low, high = facts["low"], facts["high"]
        told = f"{facts['name']} {value} {facts['unit']}".rstrip()
        if low is not None and high is not None:
            return f"{told} ({number(low)}–{number(high)})"
        if high is not None:
            return f"{told} (≤ {number(high)})"
        return f"{told} (≥ {number(low)})" if low is not None else told
