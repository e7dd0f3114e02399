"""GET /: the start page of each role. What awaits the person stands first; the lists live."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from consult_rooms.model import ConsultState
from consult_rooms.rows import Answer, OnCallPerson
from foundation.errors import Unavailable
from foundation.ids import StaffId
from identity.model import Role, Session, Staff
from web.rendering import render
from web.services import SERVICES, Services
from web.views.clinic_side import offered
from web.views.consult_ways import Way, way

routes = web.RouteTableDef()

RECENT = 6


@routes.get("/")
async def show(request: web.Request) -> web.StreamResponse:
    """The page of the person's first role: doctor on site, specialist, coordinator, then administration."""
    session: Session = request["session"]
    roles = session.staff.roles
    if Role.RURAL_DOCTOR in roles:
        return await _clinic(request, session)
    if Role.SPECIALIST in roles:
        return await _specialist(request, session)
    if Role.COORDINATOR in roles:
        raise web.HTTPSeeOther("/coordinator")
    return render(
        request,
        "home_office.html",
        administers=Role.ADMINISTRATOR in roles,
        reviews=Role.DATA_PROTECTION_OFFICER in roles,
    )


async def _clinic(request: web.Request, session: Session) -> web.StreamResponse:
    services = request.app[SERVICES]
    waiting, owed, agenda, past = await _lists(services, session.staff)
    return _page(
        request,
        "home_clinic",
        waiting=waiting,
        owed=owed,
        agenda=agenda,
        past=past,
        offered=await offered(services, session.facility.id),
        room_opens=services.settings.room_opens_minutes,
        now=services.clock.now(),
    )


async def _specialist(request: web.Request, session: Session) -> web.StreamResponse:
    services, staff = request.app[SERVICES], session.staff
    waiting, owed, agenda, past = await _lists(services, staff)
    on_call = await services.rota.on_call([staff.facility_id])
    fields = [one for one in await services.directory.specialties() if one.id in staff.specialties]
    return _page(
        request,
        "home_specialist",
        waiting=waiting,
        owed=owed,
        agenda=agenda,
        past=past,
        fields=fields,
        on_call=[one for one in fields if any(person.staff_id == staff.id for person in on_call.get(one.id, ()))],
        colleagues=await _colleagues(
            services, staff, {person.staff_id for some in on_call.values() for person in some}
        ),
        room_opens=services.settings.room_opens_minutes,
        now=services.clock.now(),
    )


async def _lists(services: Services, staff: Staff) -> tuple[list[Way], list[Way], list[Way], list[Way]]:
    """What runs or rings; what one owes; today's agenda; the last consults."""
    now = services.clock.now()
    today = _local(services, now).date()
    waiting = [way(row, now) for row in await services.queries.waiting(staff)]
    agenda = [way(row, now) for row in await services.queries.agenda(staff, today)]
    past = [way(row, now) for row in await services.queries.past(staff, limit=RECENT)]
    running = [one for one in waiting if one.row.consult.state is not ConsultState.ENDED]
    owed = [
        one
        for one in waiting
        if one.row.consult.state is ConsultState.ENDED and one.row.consult.specialist_id == staff.id
    ]
    return running, owed, agenda, past


async def _colleagues(services: Services, staff: Staff, on_call: set[StaffId]) -> list[tuple[OnCallPerson, bool]]:
    """The others of one's specialties at one's hospital, whether they can be reached, and whether they are on call."""
    found = {
        person.id: person
        for specialty_id in sorted(staff.specialties)
        for person in await services.directory.staff_of_specialty(specialty_id, [staff.facility_id])
        if person.id != staff.id
    }
    try:
        online, busy = await services.presence.online(found), await services.presence.in_consult(found)
    except Unavailable:
        reach = dict.fromkeys(found, Answer.UNKNOWN)
    else:
        reach = {
            one: Answer.BUSY if one in busy else Answer.RINGING if one in online else Answer.OFFLINE for one in found
        }
    return [
        (OnCallPerson(one, person.full_name, person.facility_id, "", reach[one]), one in on_call)
        for one, person in found.items()
    ]


def _local(services: Services, now: datetime) -> datetime:
    return now.astimezone(ZoneInfo(services.settings.zone))


def _page(request: web.Request, name: str, **context: object) -> web.Response:
    """The page, or its living part alone for a script that looks again."""
    is_fragment = "X-Fragment" in request.headers
    response = render(request, f"{name}_live.html" if is_fragment else f"{name}.html", **context)
    if is_fragment:
        response.headers["X-Fragment"] = "1"
    return response
