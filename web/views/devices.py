"""Devices of a consult: encoders that publish into its room and screens that show it, each by a link of its own."""

from __future__ import annotations

from aiohttp import hdrs, web

from consult_rooms.access import Relation
from consult_rooms.devices import HOURS, LONGEST_NAME, DeviceLink, DeviceScope
from consult_rooms.model import ConsultState
from consult_rooms.rows import ConsultView
from foundation.errors import Conflict, Forbidden, Invalid
from foundation.i18n import N_
from foundation.ids import ConsultId, DeviceId
from identity.model import Session
from web.forms import Form
from web.rendering import render
from web.services import SERVICES

routes = web.RouteTableDef()
PATH = "/consults/{consult_id}/devices"
_WAYS = {DeviceScope.PUBLISH: "whip", DeviceScope.VIEW: "whep"}
_OPEN = (ConsultState.SCHEDULED, ConsultState.CLAIMED)


@routes.get(PATH)
async def index(request: web.Request) -> web.StreamResponse:
    """The consult's links, and the form for one more."""
    return await _page(request, Form.of(scope=DeviceScope.PUBLISH, hours=HOURS[1]))


@routes.post(PATH)
async def create(request: web.Request) -> web.StreamResponse:
    """Make a link and show its address and token, once."""
    services, session, form = request.app[SERVICES], request["session"], await Form.read(request)
    name = form.line("name", required=True, most=LONGEST_NAME)
    scope, hours = form.choice("scope", DeviceScope), form.integer("hours", least=HOURS[0], most=HOURS[-1])
    if form.valid and scope is not None and hours is not None:
        try:
            link, secret = await services.devices.create(
                session.staff, _consult_id(request), name=name, scope=scope, hours=hours
            )
            return await _page(request, Form.of(scope=scope, hours=hours), made=link, secret=secret)
        except (Invalid, Conflict) as error:
            form.take(error, field="name")
    return await _page(request, form, status=422)


@routes.post(PATH + "/{device_id}/revoke")
async def revoke(request: web.Request) -> web.StreamResponse:
    """End a link and what runs by it."""
    consult_id = _consult_id(request)
    device_id = DeviceId(request.match_info["device_id"])
    await request.app[SERVICES].devices.revoke(request["session"].staff, consult_id, device_id)
    raise web.HTTPSeeOther(f"/consults/{consult_id}/devices")


async def _page(
    request: web.Request, form: Form, *, made: DeviceLink | None = None, secret: str = "", status: int = 200
) -> web.Response:
    services = request.app[SERVICES]
    session: Session = request["session"]
    view = await _view(request, session)
    links = await services.devices.of_consult(session.staff, view.consult.id)
    return render(
        request,
        "devices.html",
        status=status,
        view=view,
        consult=view.consult,
        specialty=view.specialty.name(request["language"].code),
        is_open=view.consult.state in _OPEN,
        links=links,
        makers=await services.directory.staff_many({link.created_by for link in links}),
        now=services.clock.now(),
        form=form,
        scopes=list(DeviceScope),
        hours=HOURS,
        longest=LONGEST_NAME,
        made=made,
        secret=secret,
        address="" if made is None else f"{_origin(request)}/{_WAYS[made.scope]}/{view.consult.id}",
    )


async def _view(request: web.Request, session: Session) -> ConsultView:
    view = await request.app[SERVICES].queries.consult(session.staff, _consult_id(request))
    if view.related not in (Relation.REQUESTER, Relation.SPECIALIST):
        raise Forbidden("consult.not_your_part", NOT_YOURS)
    return view


def _consult_id(request: web.Request) -> ConsultId:
    return ConsultId(request.match_info["consult_id"])


def _origin(request: web.Request) -> str:
    """How the person's browser reaches this installation: the form's own origin, which has been checked."""
    return request.headers.get(hdrs.ORIGIN, "")


NOT_YOURS = N_("Devices are connected by the one who asked and by the specialist.")
