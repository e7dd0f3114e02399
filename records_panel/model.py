"""The book as a doctor reads it: frozen values, in IPS order, ready for a template. No store, no framework.

Every section either has entries or says why it has none: an empty list is a claim, and nobody makes it by accident.
Longer than most files here: it is the vocabulary of the panel, read as one list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:  # provenance names When in turn
    from records_panel.provenance import Conflict, SourceAnswer

T = TypeVar("T")


class AbsenceKind(StrEnum):
    """Five silences that never look alike."""

    KNOWN_NONE = "known-none"
    """Somebody asked, and there is none."""
    NO_INFORMATION = "no-information"
    """Nobody has written anything about it."""
    WITHHELD = "withheld"
    """There is something, and this reader may not see it."""
    UNAVAILABLE = "unavailable"
    """It could not be fetched."""
    LOADING = "loading"
    """It was asked for and is not here yet."""


class Precision(StrEnum):
    """How much of a FHIR date was given."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class When:
    """A FHIR date as precise as it was written. `instant` is aware and given only for `Precision.TIME`."""

    day: date
    precision: Precision
    instant: datetime | None = None

    @property
    def order(self) -> str:
        """A key that sorts by time."""
        return self.day.isoformat() + (self.instant.timetz().isoformat() if self.instant else "")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an entry comes from and when it was true. Each may be unknown, and then says so."""

    facility: str | None = None
    facility_code: str | None = None
    """The five-digit mã CSKCB, when the source gave it."""
    when: When | None = None
    source: str = ""
    """The sources that gave it, when there are several; names as in `records_panel.provenance`."""


@dataclass(frozen=True, slots=True)
class Absence:
    """One of the five silences: how many entries, or what the source said about it."""

    kind: AbsenceKind
    text: str = ""
    count: int = 0
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class Section(Generic[T]):
    """Entries of one kind, newest first unless said otherwise, and the silences beside them."""

    items: tuple[T, ...]
    absences: tuple[Absence, ...] = ()

    def __post_init__(self) -> None:
        if not self.items and not self.absences:
            raise ValueError("a section without entries has to say why")


class Mark(StrEnum):
    """How a value lies to its own reference range (HL7 ObservationInterpretation)."""

    HIGH = "H"
    VERY_HIGH = "HH"
    LOW = "L"
    VERY_LOW = "LL"
    ABNORMAL = "A"

    @property
    def upward(self) -> bool | None:
        """True above the range, False below, None when neither."""
        return {"H": True, "L": False}.get(self.value[0])


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit; the unit is shown as written, `key` tells units apart (UCUM where given)."""

    value: float
    unit: str = ""
    key: str = ""
    comparator: str = ""
    """`<`, `<=`, `>=` or `>`: the instrument's limit was passed."""


@dataclass(frozen=True, slots=True)
class Range:
    """The reference range of one result, in that result's own unit; `text` when it came in words."""

    low: float | None = None
    high: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A server-drawn line in SVG attributes. All coordinates lie within the box; `off` ends outside the range."""

    width: int
    height: int
    points: str
    last_x: float
    last_y: float
    band_y: float | None
    band_height: float
    off: bool


@dataclass(frozen=True, slots=True)
class Banner:
    """Who the patient is, as the book says."""

    name: str | None
    birth_date: When | None
    sex: str | None
    masked_number: str | None
    insurance_until: date | None
    insured: bool | None
    """Whether the insurance is valid today; None when the book says nothing about it."""
    blood_group: str | None
    weight: Quantity | None
    weight_when: When | None
    source: str
    """A message id: which book it is."""
    as_of: datetime
    is_test: bool = False
    """Whether the record is marked as test data (HL7 HTEST)."""


class RedLineKind(StrEnum):
    """What never leaves the screen."""

    ALLERGY = "allergy"
    ALERT = "alert"
    PREGNANCY = "pregnancy"
    ANTICOAGULANT = "anticoagulant"
    IMPLANT = "implant"
    DIRECTIVE = "directive"


@dataclass(frozen=True, slots=True)
class RedLine:
    """One line of it. `severe` is a high criticality; `weeks` and `due` belong to a pregnancy."""

    kind: RedLineKind
    text: str
    detail: str = ""
    severe: bool = False
    origin: Origin = Origin()
    weeks: int | None = None
    due: date | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that is told in words: problem, procedure, vaccine, device, document, family or social history."""

    text: str
    detail: str = ""
    origin: Origin = Origin()
    until: When | None = None
    code: str = ""
    """ICD-10, LOINC or SNOMED CT, carried beside the record's own text."""
    not_done: bool = False
    """It was decided against or refused: a vaccine not given, a procedure not done."""
    file: str = ""
    """Id of the file of this installation that it is about."""


class DrugState(StrEnum):
    """Whether a drug is taken, as far as the record says."""

    ACTIVE = "active"
    ON_HOLD = "on-hold"
    UNSURE = "unsure"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug with its dose as prescribed; an empty dose is shown as not stated."""

    text: str
    dose: str
    state: DrugState
    origin: Origin = Origin()
    until: When | None = None


class VitalKind(StrEnum):
    """The signs of the panel, in its order."""

    BLOOD_PRESSURE = "blood_pressure"
    PULSE = "pulse"
    OXYGEN = "oxygen"
    TEMPERATURE = "temperature"
    BREATHS = "breaths"
    GLUCOSE = "glucose"
    COMA_SCALE = "coma_scale"
    PAIN = "pain"


@dataclass(frozen=True, slots=True)
class Vital:
    """The latest of one sign. A blood pressure has two values; the others one; None was never measured."""

    kind: VitalKind
    values: tuple[float, ...] = ()
    unit: str = ""
    mark: Mark | None = None
    origin: Origin = Origin()
    spark: Sparkline | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The latest of one laboratory result. Change and line compare only what has the same unit."""

    name: str
    quantity: Quantity | None
    text: str
    """The value in words, when it is no number; empty with a number."""
    reference: Range | None
    mark: Mark | None
    change: float | None
    spark: Sparkline | None
    origin: Origin = Origin()
    preliminary: bool = False
    code: str = ""
    trend: str = ""
    """The key of its `Trend`."""


@dataclass(frozen=True, slots=True)
class Report:
    """An imaging or functional report. `kind` is `imaging`, `cardiology`, `laboratory` or `other`."""

    name: str
    conclusion: str
    kind: str
    origin: Origin = Origin()
    preliminary: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """One encounter. `kind` is `ambulatory`, `inpatient`, `emergency`, `virtual` or `other`."""

    reason: str
    kind: str
    origin: Origin = Origin()
    until: When | None = None


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A value on an axis: seconds since 1970, the number and its own range, both in the axis's unit."""

    at: float
    value: float
    low: float | None = None
    high: float | None = None
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class TrendLine:
    """The points of one thing, oldest first."""

    name: str
    points: tuple[TrendPoint, ...]


@dataclass(frozen=True, slots=True)
class TrendChart:
    """Lines over one axis of one unit. `converted`: some values were recorded in another unit, and turned exactly."""

    unit: str
    lines: tuple[TrendLine, ...]
    converted: bool = False


@dataclass(frozen=True, slots=True)
class TrendValue:
    """One value as it was recorded, in its own unit and with its own range."""

    name: str
    quantity: Quantity | None
    text: str
    reference: Range | None
    mark: Mark | None
    origin: Origin = Origin()
    preliminary: bool = False


@dataclass(frozen=True, slots=True)
class Trend:
    """One thing over time: every value, newest first, and a chart for each unit that cannot be turned into another."""

    key: str
    name: str
    values: tuple[TrendValue, ...]
    charts: tuple[TrendChart, ...]


@dataclass(frozen=True, slots=True)
class BookView:
    """The whole panel."""

    banner: Banner
    red_line: Section[RedLine]
    """Allergies, alerts, directives and what else must not be overlooked."""
    past_allergies: Section[Entry]
    """Allergies that are over or were ruled out; those that hold stand on the red line."""
    problems: Section[Entry]
    past_problems: Section[Entry]
    drugs: Section[Drug]
    stopped_drugs: Section[Drug]
    vitals: Section[Vital]
    measures: Section[Result]
    """Height, body mass index, scores and other findings that are neither a panel's vital sign nor a result."""
    abnormal: Section[Result]
    results: Section[Result]
    reports: Section[Report]
    visits: Section[Visit]
    procedures: Section[Entry]
    vaccines: Section[Entry]
    devices: Section[Entry]
    family: Section[Entry]
    social: Section[Entry]
    pregnancies: Section[Entry]
    """Status, expected day of birth and outcomes, as told; a pregnancy of today also stands on the red line."""
    functional: Section[Entry]
    """What the person can and cannot do: disabilities and assessments."""
    story: Section[Entry]
    """What matters to the patient, in the patient's words."""
    directives: Section[Entry]
    consents: Section[Entry]
    documents: Section[Entry]
    plans: Section[Entry]
    others: Section[Entry]
    """Sections that this system has no place for: the title and what is in them, so that nothing is left out."""
    withheld: int = field(default=0)
    """How many entries of the whole book were held back."""
    trends: Sequence[Trend] = ()
    """Each vital sign, result and other measurement that has a value, over all the time that was read."""
    several: frozenset[str] = frozenset()
    """The keys of the trends with more than one value."""
    sources: tuple[SourceAnswer, ...] = ()
    """How each source answered; none when the book has one source alone and it gave everything."""
    conflicts: tuple[Conflict, ...] = ()
    """Of what the sources say different things."""
