"""/conferences: sessions of several specialists. Keepers plan them; members see the agenda, a clinic its own case."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from foundation.errors import Conflict, HoichanError, Invalid
from foundation.i18n import N_
from foundation.ids import ConferenceId, SpecialtyId, StaffId, is_id
from identity.model import Role, Session
from identity.policy import Action, Target, may
from web.forms import Form
from web.rendering import render
from web.services import SERVICES
from web.views.availability import Place, clock_of, place_of

routes = web.RouteTableDef()

MINUTES = (15, 20, 30, 45)
_NAMES = {"starts_at": "starts", "ends_at": "ends", "specialty_id": "chair", "minutes": "minutes"}
"""The service's names of fields, and those of the form."""


@routes.get("/conferences")
async def show(request: web.Request) -> web.StreamResponse:
    """Those to come: a hospital's for its keepers, else those at whose table one sits."""
    return await _list(request, Form.of(starts="14:00", ends="16:00", minutes="15"))


@routes.post("/conferences")
async def plan(request: web.Request) -> web.StreamResponse:
    """Plan one. Everybody's time is taken together, or nothing is."""
    form, services, session = await Form.read(request), request.app[SERVICES], request["session"]
    place = await place_of(services, session, form)
    chair, _, specialty = form.value("chair").partition(" ")
    if not is_id(chair, "stf") or not is_id(specialty, "spe"):
        form.refuse("chair", N_("Choose one of the list."))
    title = form.line("title", required=True, most=120)
    day = form.day("day", required=True)
    starts, ends = clock_of(form, "starts"), clock_of(form, "ends")
    minutes = form.integer("minutes", least=5, most=480)
    if not form.valid or day is None or starts is None or ends is None or minutes is None:
        return await _list(request, form, status=422)
    try:
        made = await services.planning.conferences.plan(
            session.staff,
            place.facility.id,
            specialty_id=SpecialtyId(specialty),
            title=title,
            chair_id=StaffId(chair),
            member_ids=_people(form),
            starts_at=datetime.combine(day, starts, place.zone),
            ends_at=datetime.combine(day, ends, place.zone),
            case_minutes=minutes,
        )
    except (Invalid, Conflict) as error:
        named = (isinstance(error, Invalid) and error.field) or "members"
        form.refuse(_NAMES.get(named, named), error.message, **error.parameters)
        return await _list(request, form, status=error.status)
    raise web.HTTPSeeOther(f"/conferences/{made}")


@routes.get(r"/conferences/{conference_id:cnf_[0-9a-f]{32}}")
async def agenda(request: web.Request) -> web.StreamResponse:
    """The agenda, for members and keepers."""
    return await _agenda(request)


@routes.post(r"/conferences/{conference_id:cnf_[0-9a-f]{32}}/members")
async def change_members(request: web.Request) -> web.StreamResponse:
    """Let others sit at the table."""
    form, services = await Form.read(request), request.app[SERVICES]
    try:
        await services.planning.conferences.change_members(
            request["session"].staff, _id(request), _people(form), _version(form)
        )
    except (Conflict, Invalid) as error:
        return await _agenda(request, failure=error)
    raise web.HTTPSeeOther(f"/conferences/{_id(request)}")


@routes.post(r"/conferences/{conference_id:cnf_[0-9a-f]{32}}/cancel")
async def cancel(request: web.Request) -> web.StreamResponse:
    """Give everybody's time back; not while a case is booked."""
    form, services = await Form.read(request), request.app[SERVICES]
    try:
        await services.planning.conferences.cancel(request["session"].staff, _id(request), _version(form))
    except Conflict as error:
        return await _agenda(request, failure=error)
    raise web.HTTPSeeOther("/conferences")


async def _list(request: web.Request, form: Form, *, status: int = 200) -> web.StreamResponse:
    session: Session = request["session"]
    services = request.app[SERVICES]
    place: Place | None = None
    if may(session.staff, Action.KEEP_CALENDAR, Target(facility_id=session.facility.id)):
        place = await place_of(services, session, form)
    fields = {one.id: one for one in await services.directory.specialties()}
    people = () if place is None else place.specialists
    return render(
        request,
        "conferences.html",
        status=status,
        form=form,
        place=place,
        conferences=await services.planning.conference_queries.listed(session.staff),
        chairs=[
            (f"{person.id} {field}", person.full_name, fields[field])
            for person in people
            for field in sorted(person.specialties)
            if field in fields
        ],
        minutes=MINUTES,
        today=services.clock.now().astimezone(ZoneInfo(services.settings.zone)).date(),
    )


async def _agenda(request: web.Request, *, failure: HoichanError | None = None) -> web.StreamResponse:
    session: Session = request["session"]
    services = request.app[SERVICES]
    conference, cases = await services.planning.conference_queries.agenda(session.staff, _id(request))
    keeps = may(session.staff, Action.KEEP_CALENDAR, Target(facility_id=conference.facility_id))
    people = await services.directory.staff_at(conference.facility_id) if keeps else []
    return render(
        request,
        "conference.html",
        status=failure.status if failure else 200,
        conference=conference,
        cases=cases,
        keeps=keeps,
        coordinates=may(session.staff, Action.COORDINATE),
        people=[one for one in people if Role.SPECIALIST in one.roles],
        seated={one.id for one in conference.members},
        now=services.clock.now(),
        failure=request["language"].error(failure) if failure else "",
    )


def _people(form: Form) -> list[StaffId]:
    return [StaffId(one) for one in form.values("members") if is_id(one, "stf")]


def _id(request: web.Request) -> ConferenceId:
    return ConferenceId(request.match_info["conference_id"])


def _version(form: Form) -> int:
    text = form.value("version")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
