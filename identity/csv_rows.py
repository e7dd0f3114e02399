"""From a CSV row to what it would create or change, given what exists. Pure: it reads no database and decides nothing.

A column that the file lacks leaves what exists as it is; an empty cell empties it. Natural keys say what exists: a
facility's code, a user name, a terminal's or department's facility and code or name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import DepartmentId, SpecialtyId
from foundation.sheets import Row, heading
from foundation.text import fold
from identity.csv_cells import Cells, Existing, Planned
from identity.csv_columns import CHOICES, ImportKind
from identity.entries import (
    LINK_ITSELF,
    LINK_NO_HUB,
    PARENT,
    DepartmentEntry,
    FacilityEntry,
    LinkEntry,
    SpecialtyEntry,
    StaffEntry,
    TerminalEntry,
    checked_department,
    checked_facility,
    checked_link,
    checked_specialty,
    checked_staff,
    checked_terminal,
    day,
    facility_entry,
    specialty_entry,
    spoken,
    staff_entry,
)
from identity.model import Facility, FacilityKind, ManagingLevel, Role, Specialty, Staff, TechnicalLevel
from identity.policy import Action, Target


def plan(kind: ImportKind, row: Row, existing: Existing) -> Planned | list[Invalid]:
    """What the row comes to; only problems when it points at a facility that does not exist."""
    cells = Cells(row)
    planned = _PLANNERS[kind](cells, existing)
    return cells.problems if planned is None else planned


def _facility(cells: Cells, existing: Existing) -> Planned | None:
    before = existing.facilities.get(cells.text("code"))
    entry, problems = checked_facility(
        FacilityEntry(
            code=cells.text("code"),
            name=cells.text("name"),
            kind=cells.choice(FacilityKind, "kind", FacilityKind.COMMUNE_STATION),
            technical_level=cells.choice(TechnicalLevel, "technical_level", TechnicalLevel.INITIAL),
            managing_level=cells.choice(ManagingLevel, "managing_level", ManagingLevel.COMMUNE),
            province_code=cells.text("province_code"),
            commune_code=cells.text("commune_code"),
            address=cells.text("address", before.address if before else ""),
            telephone=cells.text("telephone", before.telephone if before else ""),
            emergency_telephone=cells.text("emergency_telephone", before.emergency_telephone if before else ""),
            is_hub=cells.flag("is_hub", before.is_hub if before else False),
            zone=cells.text("zone", (before and before.zone) or "") or None,
        )
    )
    return Planned(
        key=entry.code,
        key_column="code",
        entry=entry,
        before=before,
        unchanged=before is not None and facility_entry(before) == entry,
        action=Action.ADMINISTER_ALL,
        targets=(Target(),),
        problems=cells.problems + problems,
    )


def _link(cells: Cells, existing: Existing) -> Planned | None:
    spoke, hub = cells.facility("spoke_code", existing), cells.facility("hub_code", existing)
    if spoke is None or hub is None:
        return None
    if spoke.id == hub.id:
        cells.problems.append(Invalid("link.itself", LINK_ITSELF, field="hub_code"))
    elif not hub.is_hub:
        cells.problems.append(Invalid("link.no_hub", LINK_NO_HUB, field="hub_code"))
    before = existing.links.get((spoke.id, hub.id))
    rank = cells.text("rank", str(before.rank) if before else "1") or "1"
    entry, problems = checked_link(
        LinkEntry(
            spoke.id,
            hub.id,
            int(rank) if rank.isascii() and rank.isdigit() else 0,
            cells.text("hours", before.hours if before else ""),
        )
    )
    return Planned(
        key=(spoke.id, hub.id),
        key_column="hub_code",
        entry=entry,
        before=before,
        unchanged=before == entry,
        action=Action.ADMINISTER_ALL,
        targets=(Target(),),
        problems=cells.problems + problems,
    )


def _department(cells: Cells, existing: Existing) -> Planned | None:
    facility = cells.facility("facility_code", existing)
    if facility is None:
        return None
    entry, problems = checked_department(DepartmentEntry(facility.id, cells.text("name")))
    there = (facility.id, fold(entry.name)) in existing.departments
    return Planned(
        key=(facility.id, fold(entry.name)),
        key_column="name",
        entry=entry,
        before=entry if there else None,
        unchanged=there,
        action=Action.ADMINISTER_FACILITY,
        targets=(Target(facility_id=facility.id),),
        problems=cells.problems + problems,
    )


def _specialty(cells: Cells, existing: Existing) -> Planned | None:
    before = existing.specialties.get(cells.text("code").lower())
    entry, problems = checked_specialty(
        SpecialtyEntry(
            cells.text("code"),
            cells.text("name_vi"),
            cells.text("name_en"),
            _parent_of(cells, existing, before),
            cells.text("licence_scopes", before.licence_scopes if before else ""),
        )
    )
    return Planned(
        key=entry.code,
        key_column="code",
        entry=entry,
        before=before,
        unchanged=before is not None and specialty_entry(before) == entry,
        action=Action.ADMINISTER_ALL,
        targets=(Target(),),
        problems=cells.problems + problems,
    )


def _parent_of(cells: Cells, existing: Existing, before: Specialty | None) -> SpecialtyId | None:
    if not cells.has("parent_code"):
        return before.parent_id if before else None
    parent = cells.text("parent_code").lower()
    if not parent:
        return None
    found = existing.tree.above(cells.text("code").lower(), parent)
    if found is None:
        cells.problems.append(Invalid("specialty.parent", PARENT, field="parent_code"))
    return found


def _staff(cells: Cells, existing: Existing) -> Planned | None:
    facility = cells.facility("facility_code", existing)
    if facility is None:
        return None
    before = existing.staff.get(cells.text("user_name").lower())
    roles: set[Role] = set()
    for part in cells.parts("roles"):
        role = CHOICES.get(heading(part))
        if isinstance(role, Role):
            roles.add(role)
        else:
            cells.problems.append(Invalid("staff.role", UNKNOWN_ROLE, field="roles", role=part[:40]))
    entry, problems = checked_staff(
        StaffEntry(
            user_name=cells.text("user_name"),
            full_name=cells.text("full_name"),
            facility_id=facility.id,
            roles=frozenset(roles),
            department_id=_department_of(cells, existing, facility, before),
            specialties=_specialties_of(cells, existing, before),
            licence_number=cells.text("licence_number", (before and before.licence_number) or ""),
            licence_scope=cells.text("licence_scope", (before and before.licence_scope) or ""),
            licence_expires=_expiry_of(cells, before),
            language=cells.text("language", before.language if before else "vi").lower() or "vi",
            installation_wide=cells.flag("installation_wide", before.installation_wide if before else False),
            # Scopes for restricted entries are given one by one, by a person who thinks of it; a list only keeps them.
            sensitivities=before.sensitivities if before else frozenset(),
            languages=spoken(cells.text("languages"))
            if cells.has("languages")
            else before.languages
            if before
            else frozenset(),
        )
    )
    unread = {problem.field for problem in cells.problems}  # told already; what was not read is not missing too
    targets = [Target(facility_id=facility.id, installation_wide=entry.installation_wide)]
    if before is not None:
        targets.append(Target(facility_id=before.facility_id, installation_wide=before.installation_wide))
    return Planned(
        key=entry.user_name,
        key_column="user_name",
        entry=entry,
        before=before,
        unchanged=before is not None and staff_entry(before) == entry,
        action=Action.ADMINISTER_FACILITY,
        targets=tuple(targets),
        problems=cells.problems + [problem for problem in problems if problem.field not in unread],
    )


def _department_of(cells: Cells, existing: Existing, facility: Facility, before: Staff | None) -> DepartmentId | None:
    if not cells.has("department"):
        return before.department_id if before and before.facility_id == facility.id else None
    name = cells.text("department")
    if not name:
        return None
    found = existing.departments.get((facility.id, fold(name)))
    if found is None:
        cells.problems.append(Invalid("department.unknown", UNKNOWN_DEPARTMENT, field="department"))
    return found


def _specialties_of(cells: Cells, existing: Existing, before: Staff | None) -> frozenset[SpecialtyId]:
    if not cells.has("specialties"):
        return before.specialties if before else frozenset()
    found = set()
    for part in cells.parts("specialties"):
        specialty = existing.specialties.get(part.lower())
        if specialty is None:
            cells.problems.append(
                Invalid("specialty.unknown", UNKNOWN_SPECIALTY, field="specialties", specialty=part[:40])
            )
        else:
            found.add(specialty.id)
    return frozenset(found)


def _expiry_of(cells: Cells, before: Staff | None) -> date | None:
    if not cells.has("licence_expires"):
        return before.licence_expires if before else None
    try:
        return day(cells.text("licence_expires"), "licence_expires")
    except Invalid as problem:
        cells.problems.append(problem)
        return None


def _terminal(cells: Cells, existing: Existing) -> Planned | None:
    facility = cells.facility("facility_code", existing)
    if facility is None:
        return None
    entry, problems = checked_terminal(TerminalEntry(facility.id, cells.text("code"), cells.text("name")))
    before = existing.terminals.get((facility.id, entry.code))
    return Planned(
        key=(facility.id, entry.code),
        key_column="code",
        entry=entry,
        before=before,
        unchanged=before is not None and before.name == entry.name,
        action=Action.ADMINISTER_FACILITY,
        targets=(Target(facility_id=facility.id),),
        problems=cells.problems + problems,
    )


_PLANNERS: Mapping[ImportKind, Callable[[Cells, Existing], Planned | None]] = {
    ImportKind.FACILITIES: _facility,
    ImportKind.LINKS: _link,
    ImportKind.DEPARTMENTS: _department,
    ImportKind.SPECIALTIES: _specialty,
    ImportKind.STAFF: _staff,
    ImportKind.TERMINALS: _terminal,
}

UNKNOWN_DEPARTMENT = N_("This facility has no department of this name.")
UNKNOWN_SPECIALTY = N_("There is no specialty of the code “%(specialty)s”.")
UNKNOWN_ROLE = N_("“%(role)s” is not a role.")
