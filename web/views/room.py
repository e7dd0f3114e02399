"""The consult room and the preview before it."""

from __future__ import annotations

import asyncio

from aiohttp import web
from markupsafe import Markup

from consult_rooms.access import Relation
from consult_rooms.model import ConsultState
from consult_rooms.rows import ConsultView
from foundation.errors import Forbidden
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Role, Session, Staff
from web.rendering import render
from web.services import SERVICES, Services
from web.views.addition_words import form_of
from web.views.advice import advice_of
from web.views.appointments import waiting_room_of
from web.views.book import embedded_book

routes = web.RouteTableDef()

_PEOPLE_OF_THE_ROOM = (Relation.REQUESTER, Relation.SPECIALIST, Relation.INVITED, Relation.OBSERVER)


@routes.get("/consults/{consult_id}/room")
async def show_room(request: web.Request) -> web.StreamResponse:
    """The room with the book beside it, from the first second. A room that is not open leads to where one waits."""
    view = await _view(request)
    consult = view.consult
    if not view.room_open:
        raise _elsewhere(view)
    # The call waits for this page: what it shows is asked for side by side.
    book, advice = await asyncio.gather(embedded_book(request, consult.id), _advice(request, view))
    return render(
        request,
        "room.html",
        status=200,
        view=view,
        consult=consult,
        specialty=view.specialty.name(request["language"].code),
        role=view.related.value,
        is_specialist=view.related is Relation.SPECIALIST,
        book=Markup(book),  # noqa: S704 - rendered by our own escaped templates
        **advice,
        **await advice_of(request, view),
        adding=form_of(request["language"]),
        may_invite=view.related in (Relation.REQUESTER, Relation.SPECIALIST),
    )


@routes.get("/consults/{consult_id}/room/opinion")
async def show_opinion(request: web.Request) -> web.StreamResponse:
    """The advice about whom the consult is about now, for a room that has turned to another patient."""
    view = await _view(request)
    advice = await _advice(request, view)
    is_specialist = view.related is Relation.SPECIALIST
    response = render(
        request, "room_opinion.html", status=200, consult=view.consult, is_specialist=is_specialist, **advice
    )
    response.headers["X-Fragment"] = "1"
    return response


@routes.get("/consults/{consult_id}/invitees")
async def list_invitees(request: web.Request) -> web.StreamResponse:
    """Who can be asked into the room, as options of the invitation's choice; fetched when somebody opens it."""
    session, services = request["session"], request.app[SERVICES]
    view = await _view(request)
    response = render(request, "invitees.html", invitees=await _invitees(services, session, view))
    response.headers["X-Fragment"] = "1"
    return response


@routes.get("/consults/{consult_id}/colleagues")
async def list_colleagues(request: web.Request) -> web.StreamResponse:
    """To whom a ring can be forwarded or a consult handed over, as options of a choice."""
    services, staff = request.app[SERVICES], request["session"].staff
    found = await services.queries.colleagues(staff, ConsultId(request.match_info["consult_id"]))
    response = render(request, "invitees.html", invitees=found)
    response.headers["X-Fragment"] = "1"
    return response


@routes.get("/consults/{consult_id}/preview")
async def show_preview(request: web.Request) -> web.StreamResponse:
    """Choose camera and microphone before entering; says when a booked room opens."""
    view = await _view(request)
    if not view.room_open and view.consult.state is not ConsultState.SCHEDULED:
        raise _elsewhere(view)
    return render(
        request,
        "preview.html",
        status=200,
        **await waiting_room_of(request, view),
        specialty=view.specialty.name(request["language"].code),
        observes=view.related is Relation.OBSERVER,
    )


async def _view(request: web.Request) -> ConsultView:
    session: Session = request["session"]
    consult_id = ConsultId(request.match_info["consult_id"])
    view = await request.app[SERVICES].queries.consult(session.staff, consult_id)
    if view.related is Relation.RUNG and view.consult.state is ConsultState.RINGING:
        # Whoever lost the claim is where it rings again; why, the page says.
        raise web.HTTPSeeOther("/")
    if view.related not in _PEOPLE_OF_THE_ROOM:
        raise Forbidden("room.not_invited", NOT_INVITED)
    return view


async def _advice(request: web.Request, view: ConsultView) -> dict[str, object]:
    """The opinion about whom the consult is about now, and whether there are several; nothing for who reads none."""
    if not view.reads_opinion:
        return {"about": None, "several": False}
    each = await request.app[SERVICES].opinions.each(request["session"].staff, view.consult.id)
    return {"about": next(one for one in each if one.now), "several": len(each) > 1}


def _elsewhere(view: ConsultView) -> web.HTTPException:
    consult = view.consult
    if consult.state is ConsultState.RINGING:
        return web.HTTPSeeOther(f"/requests/{consult.id}")
    if consult.state is ConsultState.SCHEDULED:
        return web.HTTPSeeOther(f"/consults/{consult.id}/preview")
    return web.HTTPSeeOther(f"/consults/{consult.id}")


async def _invitees(services: Services, session: Session, view: ConsultView) -> list[tuple[Staff, str]]:
    """Who can be asked in: doctors of the requesting clinic and of the hospitals linked to it, with their places."""
    there = {person.participant.staff_id for person in view.people} | {session.staff.id}
    places = [view.facility, *await services.directory.hubs_of(view.facility.id)]
    found = []
    for place in places:
        for person in await services.directory.staff_at(place.id):
            doctor = person.roles & {Role.SPECIALIST, Role.RURAL_DOCTOR}
            if person.active and doctor and person.id not in there:
                found.append((person, place.name))
    return found


NOT_INVITED = N_("You are not invited to this room.")
