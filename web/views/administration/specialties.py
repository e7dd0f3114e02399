"""Specialties: the fields in which consults are asked for."""

from __future__ import annotations

from aiohttp import web

from foundation.errors import Conflict, Invalid
from foundation.ids import SpecialtyId, is_id
from identity.entries import SpecialtyEntry, checked_specialty
from identity.model import Specialty
from identity.policy import Action, require
from web.forms import Form
from web.services import SERVICES
from web.views.administration.reach import administrator, done, note, page

routes = web.RouteTableDef()
PATH = "/administration/specialties"


@routes.get(PATH)
async def index(request: web.Request) -> web.StreamResponse:
    """All specialties, and the form for one more."""
    administrator(request)
    return await _page(request, Form())


@routes.post(PATH)
async def create(request: web.Request) -> web.StreamResponse:
    """Add a specialty."""
    require(request["session"].staff, Action.ADMINISTER_ALL)
    form = await Form.read(request)
    entry = _entry(form)
    if entry is not None:
        try:
            await request.app[SERVICES].administration.create_specialty(request["session"].staff, entry)
            raise done(PATH, "created")
        except Invalid as error:
            form.take(error, field="code")
    return await _page(request, form, status=422)


@routes.get(PATH + "/{specialty_id}")
async def show(request: web.Request) -> web.StreamResponse:
    """The form of one specialty."""
    require(request["session"].staff, Action.ADMINISTER_ALL)
    specialty = await _specialty(request)
    form = _filled(specialty)
    return await _page(request, form, specialty)


@routes.post(PATH + "/{specialty_id}")
async def change(request: web.Request) -> web.StreamResponse:
    """Rename a specialty, or remove it (`act` is `remove`) when it was never used."""
    require(request["session"].staff, Action.ADMINISTER_ALL)
    specialty, form = await _specialty(request), await Form.read(request)
    administration, person = request.app[SERVICES].administration, request["session"].staff
    try:
        if form.value("act") == "remove":
            form = _filled(specialty)
            await administration.delete_specialty(person, specialty.id)
            raise done(PATH, "removed")
        entry = _entry(form)
        if entry is not None:
            await administration.change_specialty(person, specialty.id, entry)
            raise done(PATH, "saved")
    except (Invalid, Conflict) as error:
        form.take(error, field="code")
    return await _page(request, form, specialty, status=422)


async def _specialty(request: web.Request) -> Specialty:
    return await request.app[SERVICES].directory.specialty(SpecialtyId(request.match_info["specialty_id"]))


def _filled(specialty: Specialty) -> Form:
    return Form.of(
        code=specialty.code,
        name_vi=specialty.name_vi,
        name_en=specialty.name_en,
        parent_id=specialty.parent_id or "",
        licence_scopes=specialty.licence_scopes,
    )


def _entry(form: Form) -> SpecialtyEntry | None:
    entry, problems = checked_specialty(
        SpecialtyEntry(
            form.line("code"),
            form.line("name_vi", most=100),
            form.line("name_en", most=100),
            SpecialtyId(form.value("parent_id")) if is_id(form.value("parent_id"), "spe") else None,
            form.line("licence_scopes", most=500),
        )
    )
    note(form, problems, "code")
    return entry if form.valid else None


async def _page(
    request: web.Request, form: Form, specialty: Specialty | None = None, *, status: int = 200
) -> web.Response:
    specialties = await request.app[SERVICES].directory.specialties()
    language = request["language"].code
    return page(
        request,
        "specialties.html",
        section="specialties",
        status=status,
        form=form,
        specialty=specialty,
        specialties=specialties,
        # One level deep: a sub-specialty has none of its own.
        parents=[
            (one.id, one.name(language))
            for one in specialties
            if one.parent_id is None and (specialty is None or one.id != specialty.id)
        ],
    )
