"""The people of a facility: accounts, roles, specialties, licences, first passwords."""

from __future__ import annotations

from aiohttp import web

from foundation.errors import Conflict, Invalid
from foundation.i18n import LOCALES, N_
from foundation.ids import DepartmentId, SpecialtyId, StaffId
from foundation.text import fold
from identity.entries import StaffEntry, checked_staff, spoken
from identity.model import Facility, Role, Sensitivity, Staff
from web.forms import Form
from web.services import SERVICES
from web.views.administration.reach import (
    LONGEST_LIST,
    chosen_facility,
    done,
    facilities_in_reach,
    facility_in_reach,
    note,
    page,
)

routes = web.RouteTableDef()
PATH = "/administration/staff"


@routes.get(PATH)
async def index(request: web.Request) -> web.StreamResponse:
    """The people of a facility by name; `q` narrows them."""
    facility, services = await chosen_facility(request), request.app[SERVICES]
    sought, reach = request.query.get("q", ""), await facilities_in_reach(request)
    people = [
        person
        for person in await services.directory.staff_at(facility.id, inactive=True)
        if fold(sought) in fold(person.full_name) or fold(sought) in person.user_name
    ]
    return page(
        request,
        "staff.html",
        section="staff",
        facility=facility,
        facilities=reach if len(reach) <= LONGEST_LIST else [],
        people=people,
        sought=sought,
        today=services.clock.now().date(),
        specialties={specialty.id: specialty for specialty in await services.directory.specialties()},
    )


@routes.get(PATH + "/new")
async def new(request: web.Request) -> web.StreamResponse:
    """The empty form for somebody new at a facility."""
    facility = await chosen_facility(request)
    return await _page(request, facility, None, Form.of(facility_code=facility.code, language="vi"))


@routes.post(PATH + "/new")
async def create(request: web.Request) -> web.StreamResponse:
    """Create an account and show its first password, once."""
    facility, form = await chosen_facility(request), await Form.read(request)
    entry = await _entry(request, form)
    if entry is not None:
        try:
            person, password = await request.app[SERVICES].accounts.create_staff(request["session"].staff, entry)
            return _first_password(request, person, password)
        except Invalid as error:
            form.take(error, field="user_name")
    return await _page(request, facility, None, form, status=422)


@routes.get(PATH + "/{staff_id}")
async def show(request: web.Request) -> web.StreamResponse:
    """One person's data."""
    person, facility = await _person(request)
    return await _page(request, facility, person, _filled(person, facility))


@routes.post(PATH + "/{staff_id}")
async def change(request: web.Request) -> web.StreamResponse:
    """Change a person's data; rights that are lost end the sessions."""
    person, facility = await _person(request)
    form = await Form.read(request)
    entry = await _entry(request, form)
    if entry is not None:
        try:
            await request.app[SERVICES].accounts.change_staff(request["session"].staff, person.id, entry)
            raise done(f"{PATH}/{person.id}", "saved")
        except (Invalid, Conflict) as error:
            form.take(error, field="roles")
    return await _page(request, facility, person, form, status=422)


@routes.post(PATH + "/{staff_id}/account")
async def act(request: web.Request) -> web.StreamResponse:
    """`act`: `reset` shows a new first password once, `out_of_use` and `in_use` switch the account."""
    person, _ = await _person(request)
    form, accounts, actor = await Form.read(request), request.app[SERVICES].accounts, request["session"].staff
    match form.value("act"):
        case "reset":
            return _first_password(request, person, await accounts.reset_password(actor, person.id))
        case "out_of_use":
            await accounts.deactivate(actor, person.id)
            raise done(f"{PATH}/{person.id}", "out_of_use")
        case "in_use":
            await accounts.activate(actor, person.id)
            raise done(f"{PATH}/{person.id}", "in_use")
        case _:
            raise Invalid("request.malformed", N_("The request could not be read."))


async def _person(request: web.Request) -> tuple[Staff, Facility]:
    person = await request.app[SERVICES].directory.staff(StaffId(request.match_info["staff_id"]))
    return person, await facility_in_reach(request, person.facility_id)


async def _entry(request: web.Request, form: Form) -> StaffEntry | None:
    roles = form.choices("roles", Role)
    expires = form.day("licence_expires")
    facility = await request.app[SERVICES].directory.facility_by_code(form.line("facility_code", most=5))
    if facility is None:
        form.refuse("facility_code", N_("There is no such facility."))
        return None
    entry, problems = checked_staff(
        StaffEntry(
            user_name=form.line("user_name"),
            full_name=form.line("full_name"),
            facility_id=facility.id,
            roles=roles,
            department_id=DepartmentId(form.value("department_id")) if form.value("department_id") else None,
            specialties=frozenset(SpecialtyId(value) for value in form.values("specialties")),
            licence_number=form.line("licence_number") or None,
            licence_scope=form.line("licence_scope", most=500) or None,
            licence_expires=expires,
            language=form.value("language"),
            languages=spoken(form.line("spoken")),
            installation_wide=form.value("installation_wide") == "1",
            sensitivities=form.choices("sensitivities", Sensitivity),
        )
    )
    note(form, problems, "user_name")
    return entry if form.valid else None


def _filled(person: Staff, facility: Facility) -> Form:
    return Form.of(
        user_name=person.user_name,
        full_name=person.full_name,
        facility_code=facility.code,
        department_id=person.department_id,
        roles=person.roles,
        specialties=person.specialties,
        licence_number=person.licence_number,
        licence_scope=person.licence_scope,
        licence_expires=person.licence_expires,
        language=person.language,
        spoken=", ".join(sorted(person.languages)),
        installation_wide="1" if person.installation_wide else "",
        sensitivities=person.sensitivities,
    )


def _first_password(request: web.Request, person: Staff, password: str) -> web.Response:
    return page(
        request,
        "secret.html",
        section="staff",
        kind="password",
        name=f"{person.full_name} ({person.user_name})",
        secret=password,
        expires_at=None,
        back=f"{PATH}/{person.id}",
    )


async def _page(
    request: web.Request, facility: Facility, person: Staff | None, form: Form, *, status: int = 200
) -> web.Response:
    directory = request.app[SERVICES].directory
    return page(
        request,
        "staff_member.html",
        section="staff",
        status=status,
        facility=facility,
        person=person,
        form=form,
        roles=list(Role),
        sensitivities=list(Sensitivity),
        departments=await directory.departments_of(facility.id),
        specialties=await directory.specialties(),
        languages=LOCALES,
        today=request.app[SERVICES].clock.now().date(),
    )
