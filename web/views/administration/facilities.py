"""Facilities, their departments, and the links by which hospitals consult for clinics."""

from __future__ import annotations

from aiohttp import web

from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import DepartmentId, FacilityId
from foundation.text import fold
from identity.entries import MOST_RANK, DepartmentEntry, FacilityEntry, checked_facility, facility_entry
from identity.hours import shown
from identity.model import Facility, FacilityKind, ManagingLevel, TechnicalLevel
from identity.policy import Action, require
from web.forms import Form
from web.services import SERVICES
from web.views.administration.reach import (
    administrator,
    done,
    facilities_in_reach,
    facility_in_reach,
    note,
    page,
)

routes = web.RouteTableDef()
PATH = "/administration/facilities"
SHOWN = 200


@routes.get(PATH)
async def index(request: web.Request) -> web.StreamResponse:
    """Facilities in reach, by name; `q` narrows them by name or code."""
    administrator(request)
    sought = request.query.get("q", "")
    found = [
        facility
        for facility in await facilities_in_reach(request)
        if fold(sought) in fold(facility.name) or facility.code.startswith(sought.strip())
    ]
    return page(request, "facilities.html", section="facilities", found=found[:SHOWN], total=len(found), sought=sought)


@routes.get(PATH + "/new")
async def new(request: web.Request) -> web.StreamResponse:
    """The empty form."""
    require(request["session"].staff, Action.ADMINISTER_ALL)
    return await _page(request, None, Form())


@routes.post(PATH + "/new")
async def create(request: web.Request) -> web.StreamResponse:
    """Create a facility and show it."""
    require(request["session"].staff, Action.ADMINISTER_ALL)
    form = await Form.read(request)
    entry = _entry(form)
    if entry is not None:
        try:
            made = await request.app[SERVICES].administration.create_facility(request["session"].staff, entry)
            raise done(f"{PATH}/{made.id}", "created")
        except Invalid as error:
            form.take(error, field="code")
    return await _page(request, None, form, status=422)


@routes.get(PATH + "/{facility_id}")
async def show(request: web.Request) -> web.StreamResponse:
    """One facility with its departments and links."""
    facility = await _facility(request)
    return await _page(request, facility, _filled(facility))


@routes.post(PATH + "/{facility_id}")
async def change(request: web.Request) -> web.StreamResponse:
    """Change a facility's data."""
    facility = await _facility(request)
    form = await Form.read(request)
    entry = _entry(form)
    if entry is not None:
        try:
            await request.app[SERVICES].administration.change_facility(request["session"].staff, facility.id, entry)
            raise done(f"{PATH}/{facility.id}", "saved")
        except Invalid as error:
            form.take(error, field="code")
    return await _page(request, facility, form, status=422)


@routes.post(PATH + "/{facility_id}/active")
async def set_active(request: web.Request) -> web.StreamResponse:
    """Put a facility out of use (`active` is 0) or back into use."""
    facility, form = await _facility(request), await Form.read(request)
    administration = request.app[SERVICES].administration
    if form.value("active") == "1":
        await administration.activate_facility(request["session"].staff, facility.id)
        raise done(f"{PATH}/{facility.id}", "in_use")
    await administration.deactivate_facility(request["session"].staff, facility.id)
    raise done(f"{PATH}/{facility.id}", "out_of_use")


@routes.post(PATH + "/{facility_id}/links")
async def link(request: web.Request) -> web.StreamResponse:
    """Let the hospital of that code consult for this clinic."""
    facility, form = await _facility(request), await Form.read(request)
    code = form.line("hub_code", required=True, most=5)
    services = request.app[SERVICES]
    hub = await services.directory.facility_by_code(code) if form.valid else None
    if hub is None:
        form.refuse("hub_code", N_("There is no such facility."))
    else:
        try:
            await services.administration.link(request["session"].staff, facility.id, hub.id)
            raise done(f"{PATH}/{facility.id}", "saved")
        except Invalid as error:
            form.refuse("hub_code", error.message)
    return await _page(request, facility, _filled(facility), status=422, link_form=form)


@routes.post(PATH + "/{facility_id}/links/{hub_id}")
async def arrange(request: web.Request) -> web.StreamResponse:
    """Say in which order and hours this hospital consults."""
    facility, form = await _facility(request), await Form.read(request)
    rank, hours = form.integer("rank", least=1, most=MOST_RANK), form.line("hours")
    hub_id = FacilityId(request.match_info["hub_id"])
    if form.valid and rank is not None:
        try:
            administration = request.app[SERVICES].administration
            await administration.arrange_link(request["session"].staff, facility.id, hub_id, rank, hours)
            raise done(f"{PATH}/{facility.id}", "saved")
        except Invalid as error:
            form.take(error, field="hours")
    return await _page(request, facility, _filled(facility), status=422, arranged=(hub_id, form))


@routes.post(PATH + "/{facility_id}/links/{hub_id}/remove")
async def unlink(request: web.Request) -> web.StreamResponse:
    """Take a link back."""
    facility = await _facility(request)
    hub_id = FacilityId(request.match_info["hub_id"])
    await request.app[SERVICES].administration.unlink(request["session"].staff, facility.id, hub_id)
    raise done(f"{PATH}/{facility.id}", "removed")


@routes.post(PATH + "/{facility_id}/departments")
async def add_department(request: web.Request) -> web.StreamResponse:
    """Add a department."""
    facility, form = await _facility(request), await Form.read(request)
    entry = DepartmentEntry(facility.id, form.line("department", required=True, most=100))
    if form.valid:
        try:
            await request.app[SERVICES].administration.create_department(request["session"].staff, entry)
            raise done(f"{PATH}/{facility.id}", "saved")
        except Invalid as error:
            form.refuse("department", error.message, **error.parameters)
    return await _page(request, facility, _filled(facility), status=422, department_form=form)


@routes.post(PATH + "/{facility_id}/departments/{department_id}")
async def change_department(request: web.Request) -> web.StreamResponse:
    """Rename a department, or remove it (`act` is `remove`) when nobody works in it."""
    facility, form = await _facility(request), await Form.read(request)
    department_id = DepartmentId(request.match_info["department_id"])
    administration, person = request.app[SERVICES].administration, request["session"].staff
    try:
        if form.value("act") == "remove":
            await administration.delete_department(person, department_id)
            raise done(f"{PATH}/{facility.id}", "removed")
        await administration.change_department(person, department_id, form.line("department", most=100))
        raise done(f"{PATH}/{facility.id}", "saved")
    except (Invalid, Conflict) as error:
        form.refuse("department", error.message, **error.parameters)
    return await _page(request, facility, _filled(facility), status=422, department_form=form)


async def _facility(request: web.Request) -> Facility:
    return await facility_in_reach(request, FacilityId(request.match_info["facility_id"]))


def _entry(form: Form) -> FacilityEntry | None:
    kind = form.choice("kind", FacilityKind)
    technical, managing = form.choice("technical_level", TechnicalLevel), form.choice("managing_level", ManagingLevel)
    if kind is None or technical is None or managing is None:
        return None
    entry, problems = checked_facility(
        FacilityEntry(
            code=form.line("code"),
            name=form.line("name"),
            kind=kind,
            technical_level=technical,
            managing_level=managing,
            province_code=form.line("province_code"),
            commune_code=form.line("commune_code"),
            address=form.line("address", most=300),
            telephone=form.line("telephone"),
            emergency_telephone=form.line("emergency_telephone"),
            is_hub=form.value("is_hub") == "1",
            zone=form.line("zone", most=64) or None,
        )
    )
    note(form, problems, "code")
    return entry if form.valid else None


def _filled(facility: Facility) -> Form:
    entry = facility_entry(facility)
    return Form.of(
        code=entry.code,
        name=entry.name,
        kind=entry.kind,
        technical_level=entry.technical_level,
        managing_level=entry.managing_level,
        province_code=entry.province_code,
        commune_code=entry.commune_code,
        address=entry.address,
        telephone=entry.telephone,
        emergency_telephone=entry.emergency_telephone,
        is_hub="1" if entry.is_hub else "",
        zone=entry.zone or "",
    )


async def _page(
    request: web.Request,
    facility: Facility | None,
    form: Form,
    *,
    status: int = 200,
    link_form: Form | None = None,
    department_form: Form | None = None,
    arranged: tuple[FacilityId, Form] | None = None,
) -> web.Response:
    directory = request.app[SERVICES].directory
    links = [] if facility is None else await directory.links_of(facility.id)
    linked = [link.hub for link in links]
    language: str = request["language"].code
    link_forms = {
        link.hub.id: arranged[1]
        if arranged and arranged[0] == link.hub.id
        else Form.of(rank=link.rank, hours=shown(link.hours, language))
        for link in links
    }
    return page(
        request,
        "facility.html",
        section="facilities",
        status=status,
        facility=facility,
        form=form,
        link_form=link_form or Form(),
        department_form=department_form or Form(),
        kinds=list(FacilityKind),
        technical_levels=list(TechnicalLevel),
        managing_levels=list(ManagingLevel),
        hubs=linked,
        link_forms=link_forms,
        spokes=[] if facility is None else await directory.spokes_of(facility.id),
        departments=[] if facility is None else await directory.departments_of(facility.id),
        possible_hubs=[
            hub for hub in await directory.facilities() if hub.is_hub and hub != facility and hub not in linked
        ],
    )
