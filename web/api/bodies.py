"""What systems send: strict models, unknown fields refused. Texts are plain, times carry their offset (RFC 3339)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, RootModel

from consult_rooms.appointment import MoveReason
from consult_rooms.bounds import OPINION
from consult_rooms.model import CancelReason, ConsentBy, Urgency
from records_panel.identifiers import NumberKind


def _sensible(at: datetime) -> datetime:
    """In UTC. Years far away cannot be turned into it, and mean nothing here."""
    if not 2000 <= at.year <= 2200:
        raise ValueError("a year from 2000 to 2200")
    return at.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_sensible)]
PatientRef = Annotated[str, Field(pattern=r"^pat_[0-9a-f]{32}$", description="as given by the patient look-up")]
UserName = Annotated[str, Field(min_length=1, max_length=64, description="the name with which the person signs in")]
SpecialtyCode = Annotated[str, Field(min_length=1, max_length=64, examples=["neurology"])]
Part = Annotated[str, Field(max_length=4000)]
Line = Annotated[str, Field(min_length=1, max_length=200)]
TAGS = frozenset({"identifier", "name_and_birth_year", "established", "temporary"})
"""The values that choose between forms of a body; the validator puts them into the path of a field."""
SexCode = Literal["male", "female", "other"]
Cursor = Annotated[str | None, Field(max_length=200, description="`next` of the page before")]
Limit = Annotated[int, Field(ge=1, le=100, description="rows of a page")]


class Strict(BaseModel):
    """The base of all of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SignIn(Strict):
    """A person's own sign-in, for programs that hold a consult over the socket."""

    user_name: UserName
    password: Annotated[str, Field(min_length=1, max_length=1000, json_schema_extra={"format": "password"})]


class FindByNumber(Strict):
    """One citizen, by a number written on a card."""

    by: Literal["identifier"]
    kind: NumberKind
    number: Annotated[str, Field(min_length=1, max_length=40)]


class FindByName(Strict):
    """Citizens by words of the name, in any spelling, and the birth year; in the name of a person of the facility."""

    by: Literal["name_and_birth_year"]
    requester_user_name: UserName
    name: Line
    birth_year: Annotated[int, Field(ge=1880, le=2200)]
    commune: Annotated[str | None, Field(max_length=200, description="its name, a part of it, or its five digits")] = (
        None
    )
    sex: SexCode | None = None


class FindPatients(RootModel[Annotated[FindByNumber | FindByName, Field(discriminator="by")]]):
    """A look-up of patients."""


class EvidenceOfIdentity(Strict):
    """What the patient or a paper at the bedside says. Two different ones have to be given, and none may disagree."""

    cccd: Annotated[str | None, Field(max_length=40, description="citizen number, 12 digits")] = None
    bhyt: Annotated[str | None, Field(max_length=40, description="insurance number in any of its three forms")] = None
    birth_date: Annotated[str | None, Field(max_length=40, description="2026-11-23 or 23/11/2026")] = None
    name: Annotated[str | None, Field(max_length=200, description="the full name, in any spelling")] = None


class EstablishedPatient(Strict):
    """Somebody found by the look-up, with two identifiers that prove who it is."""

    identity: Literal["established"]
    patient_id: PatientRef
    evidence: EvidenceOfIdentity


class TemporaryPatient(Strict):
    """Somebody not known yet. Only an emergency may go out so, and no book is shown."""

    identity: Literal["temporary"]
    sex: SexCode | None = None
    age_years: Annotated[int | None, Field(ge=0, le=130, description="an estimate")] = None


class SbarQuestion(Strict):
    """The question in SBAR form. In an emergency every part may be empty."""

    situation: Part = ""
    background: Part = ""
    assessment: Part = ""
    recommendation: Part = ""


class PatientConsent(Strict):
    """The patient's consent, given by whom; a refusal is recorded too."""

    consult: bool
    record_view: bool
    by: ConsentBy
    note: Annotated[str, Field(max_length=1000)] = ""


class NewRequest(Strict):
    """A request for a consult, in the name of a doctor of the token's facility. It rings at once.

    A routine question with `in_writing` rings for nobody and is answered in writing.
    """

    requester_user_name: UserName
    specialty: SpecialtyCode
    urgency: Urgency
    patient: Annotated[EstablishedPatient | TemporaryPatient, Field(discriminator="identity")]
    question: SbarQuestion = SbarQuestion()
    consent: PatientConsent | None = None
    terminal_code: Annotated[str | None, Field(max_length=64)] = None
    in_writing: bool = False


class ByRequester(Strict):
    """In whose name of the token's facility, who asked, it is done."""

    requester_user_name: UserName


class BySpecialist(Strict):
    """In whose name of the token's facility, who takes the case, it is done."""

    specialist_user_name: UserName


class WrittenAnswer(Strict):
    """The specialist's answer, in the name of the one of the token's facility who holds the consult.

    `version` is the draft that was read on the consult's page, 0 for none.
    """

    specialist_user_name: UserName
    text: Annotated[str, Field(min_length=1, max_length=OPINION)]
    version: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class Cancellation(Strict):
    """Giving up a request, in the name of its requester or of a coordinator in charge."""

    requester_user_name: UserName
    reason: CancelReason = CancelReason.NO_LONGER_NEEDED


class Booking(Strict):
    """A slot for a patient of a clinic: the requester's. Who books is of the token's facility: a coordinator, or the
    requester."""

    coordinator_user_name: UserName
    requester_user_name: UserName
    patient: EstablishedPatient
    question: SbarQuestion
    consent: PatientConsent
    terminal_code: Annotated[str | None, Field(max_length=64)] = None
    resource_ids: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=8)] = []
    """Rooms and devices of either side that it needs."""


class SlotHold(Strict):
    """Who keeps the slot: a coordinator, or a doctor who asks for consults, of the token's facility."""

    coordinator_user_name: UserName


class Move(Strict):
    """Another slot for a booking. `version` is the one that was read last; an older one is refused."""

    coordinator_user_name: UserName
    slot_id: Annotated[str, Field(pattern=r"^[a-z]{3}_[0-9a-f]{32}$")]
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]
    reason: MoveReason = MoveReason.OTHER


class AppointmentCancellation(Strict):
    """Giving up a booking."""

    coordinator_user_name: UserName
    reason: CancelReason = CancelReason.NO_LONGER_NEEDED


class ConsultsQuery(Strict):
    """Which consults: those changed since then, a page at a time."""

    updated_since: Moment | None = None
    cursor: Cursor = None
    limit: Limit = 50


class TimelineQuery(Strict):
    """Which part of the timeline."""

    after: Annotated[int, Field(ge=0, le=2**31 - 1, description="entries behind this number")] = 0


class SlotsQuery(Strict):
    """Which slots: those that start in this span, 92 days at most; by default the next 14 days."""

    from_: Annotated[Moment | None, Field(alias="from")] = None
    to: Moment | None = None
    specialty: SpecialtyCode | None = None
    cursor: Cursor = None
    limit: Limit = 50
