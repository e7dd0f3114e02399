"""What systems get. Codes and ids are stable; texts for people are in the language that was asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from identity.model import FacilityKind, Role, Scope


class Answer(BaseModel):
    """The base of all of them. New fields may come; clients pass over those that they do not know."""

    model_config = ConfigDict(frozen=True)


class Problem(Answer):
    """What went wrong (RFC 9457). Act on `code`; `detail` is for people."""

    type: str
    title: str
    status: int
    code: Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z_]+)*$")]
    detail: str
    request_id: str
    field: Annotated[str | None, Field(description="the field to correct, when there is one")] = None


class FacilityRef(Answer):
    """A facility in a few words."""

    id: str
    code: Annotated[str, Field(description="mã CSKCB, five digits")]
    name: str


class SessionStaff(Answer):
    """The person who signed in."""

    id: str
    user_name: str
    full_name: str
    roles: list[Role]
    facility: FacilityRef


class SessionAnswer(Answer):
    """A session. Its secret is in the cookie `hoichan_session` alone."""

    staff: SessionStaff
    csrf_token: Annotated[str, Field(description="send it as X-CSRF-Token with what changes anything")]
    expires_at: datetime
    locked: bool
    must_change_password: bool


class TokenAnswer(Answer):
    """The token with which this was asked."""

    id: str
    name: str
    facility: FacilityRef
    scopes: list[Scope]
    expires_at: datetime | None


class SpecialtyAnswer(Answer):
    """A field in which consults are asked for."""

    id: str
    code: str
    name: str
    name_vi: str
    name_en: str


class Specialties(Answer):
    """All of them."""

    items: list[SpecialtyAnswer]


class FacilityAnswer(Answer):
    """The own facility, or one linked to it."""

    id: str
    code: str
    name: str
    kind: FacilityKind
    relation: Annotated[str, Field(pattern="^(own|hub|clinic)$", description="what it is to the own facility")]
    is_hub: bool
    province_code: str
    commune_code: str
    telephone: str
    emergency_telephone: str


class Facilities(Answer):
    """The own facility first."""

    items: list[FacilityAnswer]


class PatientRow(Answer):
    """A citizen as a look-up may show them; numbers are masked but for their last four digits."""

    patient_id: str
    name: str
    sex: str
    birth_year: int
    commune: str
    masked_cccd: str | None
    masked_bhyt: str | None


class PatientRows(Answer):
    """At most ten. With `more`, others match too: add the commune or the sex."""

    items: list[PatientRow]
    more: bool


class StaffRef(Answer):
    """A person in a few words."""

    id: str
    full_name: str
    facility_id: str


class SlotAnswer(Answer):
    """A specialist's published time. Of a booking, only its two sides see more than that it is there."""

    id: str
    specialist: StaffRef
    specialty: str
    facility_id: str
    starts_at: datetime
    ends_at: datetime
    booked: bool
    appointment_id: str | None
    consult_id: str | None
    clinic_id: str | None
    version: int | None


class SlotHoldAnswer(Answer):
    """A slot that is kept for the coordinator until then."""

    slot_id: str
    held_until: datetime


class Slots(Answer):
    """A page in the order of time. `next` is the cursor of the next page, null on the last."""

    items: list[SlotAnswer]
    next: str | None


class AppointmentAnswer(Answer):
    """A booked slot. `version` grows with each move."""

    id: str
    slot_id: str
    consult_id: str
    clinic_id: str
    requester_id: str
    terminal_id: str | None
    starts_at: datetime
    ends_at: datetime
    version: int
