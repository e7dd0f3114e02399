"""Calendars outside: subscriptions to one's appointments, and the busy times of a specialist's other calendars."""

from __future__ import annotations

from typing import Any

from aiohttp import hdrs, web
from aiohttp.web_request import FileField

from consult_rooms.busy_calendars import LONGEST_NAME
from consult_rooms.busy_reading import MOST_BYTES
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import BusyCalendarId, FeedId, StaffId, TerminalId
from identity.model import Role
from identity.policy import Action, Target, may
from web.admission import Admission, admits, body_limit
from web.forms import Form, posted
from web.rendering import render
from web.services import SERVICES
from web.views.notices import telling_of

routes = web.RouteTableDef()


@routes.get("/calendar/{secret:[A-Za-z0-9_-]{20,100}}.ics")
@admits(Admission.PUBLIC)
async def serve(request: web.Request) -> web.StreamResponse:
    """A subscription (RFC 5545), for whoever has its address; 304 when it is as it was (RFC 9110 §13.1.2)."""
    served = await telling_of(request).feeds.serve(request.match_info["secret"])
    known = request.if_none_match or ()
    same = any(mark.value in (served.etag, "*") for mark in known)
    response = web.Response(status=304) if same else web.Response(body=served.content, content_type="text/calendar")
    if not same:
        response.charset = "utf-8"
    response.etag = served.etag
    response.headers[hdrs.CACHE_CONTROL] = "private, no-cache"
    return response


@routes.get("/calendars")
async def show(request: web.Request) -> web.StreamResponse:
    """One's own."""
    return await _page(request, request["session"].staff.id, Form())


@routes.post("/calendars/feeds")
async def add_feed(request: web.Request) -> web.StreamResponse:
    """A new subscription, one's own or (`terminal_id`) a terminal's; its address is shown once."""
    form, session = await Form.read(request), request["session"]
    name = form.line("feed_name", most=LONGEST_NAME)
    terminal_id = TerminalId(form.value("terminal_id")) if form.value("terminal_id") else None
    if not form.valid:
        return await _page(request, session.staff.id, form, status=422)
    try:
        secret = await telling_of(request).feeds.add(session.staff, name, terminal_id)
    except Conflict as error:
        form.take(error, field="feed_name")
        return await _page(request, session.staff.id, form, status=409)
    made = f"{request.headers.get(hdrs.ORIGIN, '')}/calendar/{secret}.ics"
    return await _page(request, session.staff.id, Form(), made=made)


@routes.post("/calendars/feeds/{feed_id}/revoke")
async def revoke_feed(request: web.Request) -> web.StreamResponse:
    """End a subscription."""
    await telling_of(request).feeds.revoke(request["session"].staff, FeedId(request.match_info["feed_id"]))
    raise web.HTTPSeeOther("/calendars")


@routes.get("/calendars/{staff_id}")
async def of_person(request: web.Request) -> web.StreamResponse:
    """A specialist's calendars, for who keeps the hospital's calendar."""
    return await _page(request, StaffId(request.match_info["staff_id"]), Form())


@routes.post("/calendars/{staff_id}/busy")
@body_limit(MOST_BYTES + 100_000)
async def add_busy(request: web.Request) -> web.StreamResponse:
    """Take in a calendar, from an address or a file."""
    fields, form = await posted(request), await Form.read(request)
    staff_id, busy, actor = StaffId(request.match_info["staff_id"]), telling_of(request).busy, request["session"].staff
    name, address = form.line("name", required=True, most=LONGEST_NAME), form.line("address", most=2_000)
    file = fields.get("file")
    content = file.file.read() if isinstance(file, FileField) and file.filename else b""
    if not content and not address:
        form.refuse("address", N_("Give an address or choose a file."))
    if not form.valid:
        return await _page(request, staff_id, form, status=422)
    try:
        if content:
            await busy.add_file(actor, staff_id, name, content)
        else:
            await busy.add_address(actor, staff_id, name, address)
    except (Invalid, Conflict) as error:
        form.take(error, field="name")
        return await _page(request, staff_id, form, status=error.status)
    raise web.HTTPSeeOther(_path(actor.id, staff_id))


@routes.post("/calendars/{staff_id}/busy/{calendar_id}/remove")
async def remove_busy(request: web.Request) -> web.StreamResponse:
    """Forget a calendar and what it held."""
    actor, calendar_id = request["session"].staff, BusyCalendarId(request.match_info["calendar_id"])
    await telling_of(request).busy.remove(actor, calendar_id)
    raise web.HTTPSeeOther(_path(actor.id, StaffId(request.match_info["staff_id"])))


def _path(actor: StaffId, staff_id: StaffId) -> str:
    return "/calendars" if actor == staff_id else f"/calendars/{staff_id}"


async def _page(
    request: web.Request, staff_id: StaffId, form: Form, *, made: str = "", status: int = 200
) -> web.Response:
    services, session = request.app[SERVICES], request["session"]
    telling, own = telling_of(request), staff_id == session.staff.id
    person = session.staff if own else await telling.busy.owner(session.staff, staff_id)
    context: dict[str, Any] = {"feeds": [], "terminals": [], "busy": [], "clashes": [], "colleagues": []}
    keeps = may(session.staff, Action.KEEP_CALENDAR, Target(facility_id=session.facility.id))
    if own:
        context["feeds"] = await telling.feeds.of(session.staff)
        if keeps:
            context["terminals"] = await services.directory.terminals_of(session.facility.id)
            people = await services.directory.staff_at(session.facility.id)
            context["colleagues"] = [one for one in people if Role.SPECIALIST in one.roles and one.id != staff_id]
    has_busy = Role.SPECIALIST in person.roles
    if has_busy:
        context["busy"] = await telling.busy.of(session.staff, staff_id)
        context["clashes"] = await telling.busy.clashes(session.staff, staff_id)
    return render(
        request,
        "calendars.html",
        status=status,
        form=form,
        made=made,
        own=own,
        person=person,
        has_busy=has_busy,
        longest=LONGEST_NAME,
        **context,
    )
