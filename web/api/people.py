"""Who and where: the token's own identity, specialties, facilities; people in a few words for every answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import FacilityId, SpecialtyId, StaffId, TerminalId
from identity.model import Facility, Specialty, Staff
from web.api.answers import (
    Facilities,
    FacilityAnswer,
    FacilityRef,
    Specialties,
    SpecialtyAnswer,
    StaffRef,
    TokenAnswer,
)
from web.api.operation import Call, Nothing, Operation
from web.services import Services

Plain = Call[Nothing, Nothing]


async def me(call: Plain) -> TokenAnswer:
    """The token of this call."""
    token = call.token
    facility = await call.services.directory.facility(token.facility_id)
    return TokenAnswer(
        id=token.id,
        name=token.name,
        facility=facility_ref(facility),
        scopes=sorted(token.scopes),
        expires_at=token.expires_at,
    )


async def specialties(call: Plain) -> Specialties:
    """All specialties, named in the language that was asked for."""
    language = call.request["language"].code
    found = await call.services.directory.specialties()
    return Specialties(
        items=[
            SpecialtyAnswer(id=one.id, code=one.code, name=one.name(language), name_vi=one.name_vi, name_en=one.name_en)
            for one in found
        ]
    )


async def facilities(call: Plain) -> Facilities:
    """The own facility, the hospitals that consult for it, the clinics for which it consults."""
    directory, own_id = call.services.directory, call.token.facility_id
    items = [_facility(await directory.facility(own_id), "own")]
    items += [_facility(hub, "hub") for hub in await directory.hubs_of(own_id)]
    items += [_facility(clinic, "clinic") for clinic in await directory.spokes_of(own_id)]
    return Facilities(items=items)


def facility_ref(facility: Facility) -> FacilityRef:
    """A facility in a few words."""
    return FacilityRef(id=facility.id, code=facility.code, name=facility.name)


async def specialty_of(services: Services, code: str) -> Specialty:
    """The specialty of a code. Raises Invalid("specialty.unknown")."""
    found = await services.directory.specialty_by_code(code)
    if found is None:
        raise Invalid("specialty.unknown", N_("There is no such specialty."), field="specialty")
    return found


async def specialty_codes(services: Services) -> Mapping[SpecialtyId, str]:
    """The code of every specialty by its id."""
    return {one.id: one.code for one in await services.directory.specialties()}


async def staff_refs(services: Services, ids: Iterable[StaffId | None]) -> dict[StaffId, StaffRef]:
    """People in a few words, by id."""
    found = await services.directory.staff_many(one for one in ids if one is not None)
    return {person.id: staff_ref(person) for person in found.values()}


def staff_ref(person: Staff) -> StaffRef:
    """A person in a few words."""
    return StaffRef(id=person.id, full_name=person.full_name, facility_id=person.facility_id)


async def terminal_of(services: Services, facility_id: FacilityId, code: str | None) -> TerminalId | None:
    """The terminal of that code at the facility; None without a code. Raises Invalid("terminal.unknown")."""
    if code is None:
        return None
    for terminal in await services.directory.terminals_of(facility_id):
        if terminal.code == code:
            return terminal.id
    raise Invalid("terminal.unknown", N_("There is no such terminal."), field="terminal_code")


def _facility(facility: Facility, relation: str) -> FacilityAnswer:
    return FacilityAnswer(
        id=facility.id,
        code=facility.code,
        name=facility.name,
        kind=facility.kind,
        relation=relation,
        is_hub=facility.is_hub,
        province_code=facility.province_code,
        commune_code=facility.commune_code,
        telephone=facility.telephone,
        emergency_telephone=facility.emergency_telephone,
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("who_am_i", "GET", "/me", "The token of this call", Nothing, Nothing, TokenAnswer, me, "directory"),
    Operation(
        "list_specialties",
        "GET",
        "/specialties",
        "All specialties",
        Nothing,
        Nothing,
        Specialties,
        specialties,
        "directory",
    ),
    Operation(
        "list_facilities",
        "GET",
        "/facilities",
        "The own facility and those linked to it",
        Nothing,
        Nothing,
        Facilities,
        facilities,
        "directory",
    ),
)
