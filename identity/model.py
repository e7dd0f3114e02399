"""Who acts: facilities and the people who work in them. Plain frozen values, no store, no framework."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from foundation.ids import DepartmentId, FacilityId, SessionId, SpecialtyId, StaffId, TerminalId, TokenId


class Role(StrEnum):
    """What a member of staff may be. One person can be several."""

    RURAL_DOCTOR = "rural_doctor"
    SPECIALIST = "specialist"
    COORDINATOR = "coordinator"
    ADMINISTRATOR = "administrator"
    DATA_PROTECTION_OFFICER = "data_protection_officer"


class Sensitivity(StrEnum):
    """Kinds of restricted entries in a health book, each read by those alone who have the scope for it.

    They gather the HL7 v3 ActCode sensitivity labels (`records_panel.sensitivity`); `other` is v3-Confidentiality R
    with no kind beside it, `very_restricted` is V, which comes on top of its kind.
    """

    HIV = "hiv"
    PSYCHIATRIC = "psychiatric"
    SUBSTANCE = "substance"
    REPRODUCTIVE = "reproductive"
    VIOLENCE = "violence"
    GENETIC = "genetic"
    OTHER = "other"
    VERY_RESTRICTED = "very_restricted"


class FacilityKind(StrEnum):
    """The places between which consults are held."""

    COMMUNE_STATION = "commune_station"
    REGIONAL_CENTRE = "regional_centre"
    PROVINCIAL_HOSPITAL = "provincial_hospital"
    CENTRAL_HOSPITAL = "central_hospital"


class TechnicalLevel(StrEnum):
    """Technical level of a facility (since 2025)."""

    INITIAL = "initial"
    BASIC = "basic"
    SPECIALISED = "specialised"


class ManagingLevel(StrEnum):
    """Level of the authority that manages a facility; independent of the technical level."""

    COMMUNE = "commune"
    REGIONAL = "regional"
    PROVINCIAL = "provincial"
    CENTRAL = "central"


@dataclass(frozen=True, slots=True)
class Facility:
    """A place of care. `code` is the five-digit mã CSKCB, a string; `emergency_telephone` answers at any hour."""

    id: FacilityId
    code: str
    name: str
    kind: FacilityKind
    technical_level: TechnicalLevel
    managing_level: ManagingLevel
    province_code: str
    commune_code: str
    address: str
    telephone: str
    emergency_telephone: str
    is_hub: bool
    """Whether it consults for others."""
    active: bool = True
    zone: str | None = None
    """Its time zone (IANA), in which opening hours are meant; None: the installation's."""


@dataclass(frozen=True, slots=True)
class Link:
    """A hospital that consults for a clinic: `rank` 1 is asked first; `hours` are `identity.hours`, empty: always."""

    hub: Facility
    rank: int = 1
    hours: str = ""


@dataclass(frozen=True, slots=True)
class Specialty:
    """A field in which consults are asked for. `code` is an ASCII word such as `neurology`."""

    id: SpecialtyId
    code: str
    name_vi: str
    name_en: str
    parent_id: SpecialtyId | None = None
    """The specialty of which this is a sub-specialty."""
    licence_scopes: str = ""
    """Words, a comma between, one of which a licence's scope bears; empty: the scope is not looked at."""

    def name(self, language: str) -> str:
        """The name in `vi` or `en`."""
        return self.name_en if language == "en" else self.name_vi


@dataclass(frozen=True, slots=True)
class Department:
    """A part of a facility."""

    id: DepartmentId
    facility_id: FacilityId
    name: str


@dataclass(frozen=True, slots=True)
class Staff:
    """A person who signs in. `full_name` is shown as it is, title included."""

    id: StaffId
    user_name: str
    full_name: str
    facility_id: FacilityId
    roles: frozenset[Role]
    department_id: DepartmentId | None = None
    specialties: frozenset[SpecialtyId] = frozenset()
    licence_number: str | None = None
    licence_scope: str | None = None
    licence_expires: date | None = None
    active: bool = True
    must_change_password: bool = False
    language: str = "vi"
    installation_wide: bool = False
    """Whether an administrator's or data protection officer's word goes beyond the own facility."""
    sensitivities: frozenset[Sensitivity] = frozenset()
    """The kinds of restricted entries that this person may read in a book that is open to them."""
    languages: frozenset[str] = frozenset()
    """What the person speaks in a consult, as language codes (ISO 639); empty: not known."""

    def licence_valid(self, today: date) -> bool:
        """Whether there is a licence to practise and it has not run out; its last day still counts."""
        return self.licence_number is not None and (self.licence_expires is None or self.licence_expires >= today)


@dataclass(frozen=True, slots=True)
class Terminal:
    """A clinic's shared computer, known by its device credential."""

    id: TerminalId
    facility_id: FacilityId
    code: str
    name: str
    active: bool = True
    enrolled_at: datetime | None = None
    """When its computer got the credential that it holds now; None: it holds none."""


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in: a person, perhaps at a terminal. A locked one needs the password again."""

    id: SessionId
    staff: Staff
    facility: Facility
    terminal: Terminal | None
    csrf_token: str
    created_at: datetime
    expires_at: datetime
    locked: bool


class Scope(StrEnum):
    """What an API token may do, for its facility."""

    REQUESTS_READ = "requests:read"
    REQUESTS_WRITE = "requests:write"
    CONSULTS_READ = "consults:read"
    CONSULTS_WRITE = "consults:write"
    SLOTS_READ = "slots:read"
    SLOTS_WRITE = "slots:write"
    PATIENTS_FIND = "patients:find"
    PATIENTS_SUMMARY = "patients:summary"


@dataclass(frozen=True, slots=True)
class Token:
    """The credential of another system, such as a hospital's; its secret is known to that system alone."""

    id: TokenId
    facility_id: FacilityId
    name: str
    scopes: frozenset[Scope]
    created_by: StaffId
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
