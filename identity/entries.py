"""What an administrator enters, from a form or a CSV row alike, and the checks that need no database.

A `checked_…` function gives the entry in its normal form and every problem with it; each problem is an `Invalid` whose
`field` names the entry's field. One page of checks for one set of forms, hence one file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TypeVar
from zoneinfo import available_timezones

from foundation.errors import Invalid
from foundation.i18n import LOCALES, N_
from foundation.ids import DepartmentId, FacilityId, SpecialtyId
from foundation.text import clean_line
from identity import hours
from identity.model import Facility, FacilityKind, ManagingLevel, Role, Sensitivity, Specialty, Staff, TechnicalLevel

Choice = TypeVar("Choice", bound=StrEnum)

_USER_NAME = r"[a-z0-9](?:[a-z0-9._-]{1,62}[a-z0-9])"
_SPECIALTY_CODE = r"[a-z][a-z0-9_]{1,39}"
_TERMINAL_CODE = r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}"
MOST_RANK = 99
_TELEPHONE = r"\+?[0-9][0-9 .()-]{1,30}"


@dataclass(frozen=True, slots=True)
class FacilityEntry:
    """A facility as entered. `code` is the mã CSKCB; telephones may be empty when there are none."""

    code: str
    name: str
    kind: FacilityKind
    technical_level: TechnicalLevel
    managing_level: ManagingLevel
    province_code: str
    commune_code: str
    address: str = ""
    telephone: str = ""
    emergency_telephone: str = ""
    is_hub: bool = False
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class LinkEntry:
    """A clinic and a hospital that consults for it: in which order (1 first) and hours (`identity.hours`)."""

    spoke_id: FacilityId
    hub_id: FacilityId
    rank: int = 1
    hours: str = ""


@dataclass(frozen=True, slots=True)
class StaffEntry:
    """A member of staff as entered."""

    user_name: str
    full_name: str
    facility_id: FacilityId
    roles: frozenset[Role]
    department_id: DepartmentId | None = None
    specialties: frozenset[SpecialtyId] = frozenset()
    licence_number: str | None = None
    licence_scope: str | None = None
    licence_expires: date | None = None
    language: str = "vi"
    installation_wide: bool = False
    sensitivities: frozenset[Sensitivity] = frozenset()
    languages: frozenset[str] = frozenset()

    @property
    def rights(self) -> tuple[frozenset[Role], FacilityId, bool, frozenset[Sensitivity]]:
        """What nobody changes for oneself: roles, facility, reach, scopes for restricted entries."""
        return self.roles, self.facility_id, self.installation_wide, self.sensitivities

    def takes_from(self, before: Staff) -> bool:
        """Whether it takes something of `rights` away, so that the person's sessions have to end."""
        return (
            not before.roles <= self.roles
            or before.facility_id != self.facility_id
            or (before.installation_wide and not self.installation_wide)
            or not before.sensitivities <= self.sensitivities
        )


@dataclass(frozen=True, slots=True)
class SpecialtyEntry:
    """A specialty as entered."""

    code: str
    name_vi: str
    name_en: str
    parent_id: SpecialtyId | None = None
    licence_scopes: str = ""


@dataclass(frozen=True, slots=True)
class DepartmentEntry:
    """A department as entered."""

    facility_id: FacilityId
    name: str


@dataclass(frozen=True, slots=True)
class TerminalEntry:
    """A clinic's terminal as entered; `code` is unique within its facility."""

    facility_id: FacilityId
    code: str
    name: str


def choice(kind: type[Choice], text: str, field: str) -> Choice:
    """The member of that value. Raises `Invalid("entry.choice")`."""
    try:
        return kind(text.strip())
    except ValueError:
        raise Invalid("entry.choice", CHOICE, field=field) from None


def day(text: str, field: str) -> date | None:
    """A date as `2027-05-31` or `31/05/2027`; None for an empty text. Raises `Invalid("entry.date")`."""
    text = text.strip()
    if not text:
        return None
    if found := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text):
        year, month, number = found.groups()
    elif found := re.fullmatch(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", text):
        number, month, year = found.groups()
    else:
        raise Invalid("entry.date", DATE, field=field)
    try:
        return date(int(year), int(month), int(number))
    except ValueError:
        raise Invalid("entry.date", DATE, field=field) from None


class _Checks:
    def __init__(self) -> None:
        self.problems: list[Invalid] = []

    def text(self, value: str, field: str, *, longest: int = 200, needed: bool = True) -> str:
        value = clean_line(value)
        if needed and not value:
            self.problems.append(Invalid("entry.needed", NEEDED, field=field))
        elif len(value) > longest:
            self.problems.append(Invalid("entry.long", LONG, field=field, longest=longest))
        return value

    def optional(self, value: str | None, field: str, *, longest: int = 200) -> str | None:
        return self.text(value or "", field, longest=longest, needed=False) or None

    def form(self, value: str, pattern: str, field: str, code: str, message: str) -> str:
        value = clean_line(value)
        if not value:
            self.problems.append(Invalid("entry.needed", NEEDED, field=field))
        elif re.fullmatch(pattern, value, re.ASCII) is None:
            self.problems.append(Invalid(code, message, field=field))
        return value

    def telephone(self, value: str, field: str) -> str:
        return self.form(value, _TELEPHONE, field, "entry.telephone", TELEPHONE) if value.strip() else ""


def checked_facility(entry: FacilityEntry) -> tuple[FacilityEntry, list[Invalid]]:
    """Codes are ASCII digits: five of a facility and a commune, two of a province."""
    check = _Checks()
    checked = replace(
        entry,
        code=check.form(entry.code, r"\d{5}", "code", "facility.code", FACILITY_CODE),
        name=check.text(entry.name, "name"),
        province_code=check.form(entry.province_code, r"\d{2}", "province_code", "facility.province", PROVINCE),
        commune_code=check.form(entry.commune_code, r"\d{5}", "commune_code", "facility.commune", COMMUNE),
        address=check.text(entry.address, "address", longest=300, needed=False),
        telephone=check.telephone(entry.telephone, "telephone"),
        emergency_telephone=check.telephone(entry.emergency_telephone, "emergency_telephone"),
    )
    if entry.zone is not None and entry.zone not in available_timezones():
        check.problems.append(Invalid("facility.zone", ZONE, field="zone"))
    if entry.is_hub and not checked.emergency_telephone:
        # From the first second of an emergency this number is what the clinic falls back on.
        check.problems.append(Invalid("facility.emergency_telephone", EMERGENCY_TELEPHONE, field="emergency_telephone"))
    return checked, check.problems


def checked_link(entry: LinkEntry) -> tuple[LinkEntry, list[Invalid]]:
    """An order is 1 to 99; hours get their stored form."""
    problems: list[Invalid] = []
    if not 1 <= entry.rank <= MOST_RANK:
        problems.append(Invalid("link.rank", RANK, field="rank"))
    try:
        return replace(entry, hours=hours.checked(entry.hours, "hours")), problems
    except Invalid as problem:
        return entry, [*problems, problem]


def checked_staff(entry: StaffEntry) -> tuple[StaffEntry, list[Invalid]]:
    """A user name is 3 to 64 lower-case letters, digits, dots, dashes; a specialist has a specialty."""
    check = _Checks()
    checked = replace(
        entry,
        user_name=check.form(entry.user_name.lower(), _USER_NAME, "user_name", "staff.user_name", USER_NAME),
        full_name=check.text(entry.full_name, "full_name"),
        licence_number=check.optional(entry.licence_number, "licence_number", longest=64),
        licence_scope=check.optional(entry.licence_scope, "licence_scope", longest=500),
    )
    if not entry.roles:
        check.problems.append(Invalid("staff.no_role", NO_ROLE, field="roles"))
    if Role.SPECIALIST in entry.roles and not entry.specialties:
        check.problems.append(Invalid("staff.no_specialty", NO_SPECIALTY, field="specialties"))
    if checked.licence_number is None and (checked.licence_scope or entry.licence_expires):
        check.problems.append(Invalid("staff.licence_number", LICENCE_NUMBER, field="licence_number"))
    if not all(re.fullmatch(r"[a-z]{2,3}", language, re.ASCII) for language in entry.languages):
        check.problems.append(Invalid("staff.languages", LANGUAGES, field="languages"))
    if entry.language not in LOCALES:
        check.problems.append(Invalid("entry.choice", CHOICE, field="language"))
    if entry.installation_wide and entry.roles.isdisjoint({Role.ADMINISTRATOR, Role.DATA_PROTECTION_OFFICER}):
        check.problems.append(Invalid("staff.installation_wide", INSTALLATION_WIDE, field="installation_wide"))
    return checked, check.problems


def checked_specialty(entry: SpecialtyEntry) -> tuple[SpecialtyEntry, list[Invalid]]:
    """A code is an ASCII word such as `neurology`."""
    check = _Checks()
    return (
        SpecialtyEntry(
            check.form(entry.code.lower(), _SPECIALTY_CODE, "code", "specialty.code", SPECIALTY_CODE),
            check.text(entry.name_vi, "name_vi", longest=100),
            check.text(entry.name_en, "name_en", longest=100),
            entry.parent_id,
            check.text(entry.licence_scopes, "licence_scopes", longest=500, needed=False),
        ),
        check.problems,
    )


def checked_department(entry: DepartmentEntry) -> tuple[DepartmentEntry, list[Invalid]]:
    """A department has a name."""
    check = _Checks()
    return replace(entry, name=check.text(entry.name, "name", longest=100)), check.problems


def checked_terminal(entry: TerminalEntry) -> tuple[TerminalEntry, list[Invalid]]:
    """A code is up to 32 ASCII letters, digits, dots and dashes; letters count as capitals."""
    check = _Checks()
    return (
        replace(
            entry,
            code=check.form(entry.code.upper(), _TERMINAL_CODE, "code", "terminal.code", TERMINAL_CODE),
            name=check.text(entry.name, "name", longest=100),
        ),
        check.problems,
    )


def facility_entry(facility: Facility) -> FacilityEntry:
    """A facility as it would be entered, to change parts of it."""
    return FacilityEntry(
        code=facility.code,
        name=facility.name,
        kind=facility.kind,
        technical_level=facility.technical_level,
        managing_level=facility.managing_level,
        province_code=facility.province_code,
        commune_code=facility.commune_code,
        address=facility.address,
        telephone=facility.telephone,
        emergency_telephone=facility.emergency_telephone,
        is_hub=facility.is_hub,
        zone=facility.zone,
    )


def staff_entry(person: Staff) -> StaffEntry:
    """A person as it would be entered, to change parts of it."""
    return StaffEntry(
        user_name=person.user_name,
        full_name=person.full_name,
        facility_id=person.facility_id,
        roles=person.roles,
        department_id=person.department_id,
        specialties=person.specialties,
        licence_number=person.licence_number,
        licence_scope=person.licence_scope,
        licence_expires=person.licence_expires,
        language=person.language,
        installation_wide=person.installation_wide,
        sensitivities=person.sensitivities,
        languages=person.languages,
    )


def specialty_entry(specialty: Specialty) -> SpecialtyEntry:
    """A specialty as it would be entered, to change parts of it."""
    return SpecialtyEntry(
        specialty.code, specialty.name_vi, specialty.name_en, specialty.parent_id, specialty.licence_scopes
    )


def spoken(text: str) -> frozenset[str]:
    """The languages of a list such as `vi, mww`."""
    return frozenset(part.lower() for part in re.split(r"[\s;|,]+", text) if part)


def first(problems: list[Invalid]) -> None:
    """Raise the first problem, when there is one."""
    if problems:
        raise problems[0]


NEEDED = N_("This must be filled in.")
LONG = N_("This is too long: at most %(longest)s characters.")
CHOICE = N_("This is not one of the choices.")
DATE = N_("Write the date as day/month/year, such as 31/05/2027.")
TELEPHONE = N_("This is not a telephone number.")
FACILITY_CODE = N_("The facility code (mã CSKCB) has five digits.")
PROVINCE = N_("The province code has two digits.")
COMMUNE = N_("The commune code has five digits.")
EMERGENCY_TELEPHONE = N_("A hospital that consults for others needs a telephone number that answers at any hour.")
USER_NAME = N_("A user name has 3 to 64 letters without accents, digits, dots or dashes.")
NO_ROLE = N_("Choose at least one role.")
NO_SPECIALTY = N_("A specialist needs at least one specialty.")
LICENCE_NUMBER = N_("A licence's scope or expiry needs the licence number.")
INSTALLATION_WIDE = N_("Only an administrator or a data protection officer can be installation-wide.")
SPECIALTY_CODE = N_("A specialty's code is a word of letters without accents, digits and underscores.")
TERMINAL_CODE = N_("A terminal's code has up to 32 letters without accents, digits, dots or dashes.")
LINK_ITSELF = N_("A facility cannot consult for itself.")
ZONE = N_("There is no such time zone.")
LANGUAGES = N_("A language is a code of two or three letters, such as vi or mww.")
PARENT = N_("A sub-specialty belongs to a specialty that is not one itself.")
RANK = N_("The order is a number from 1 to 99.")
LINK_NO_HUB = N_("This facility does not consult for others.")
