"""Notices that could not be delivered, and how each person is told."""

from __future__ import annotations

from aiohttp import web

from foundation.ids import NoticeId, StaffId
from notify.notice import Channel, Topic
from web.forms import Form
from web.services import SERVICES
from web.views import contact_form
from web.views.administration.reach import administrator, done, facility_in_reach, page
from web.views.notices import telling_of

routes = web.RouteTableDef()
PATH = "/administration/outbox"


@routes.get(PATH)
async def index(request: web.Request) -> web.StreamResponse:
    """What could not be delivered, and what waits."""
    administrator(request)
    telling = telling_of(request)
    ways = [way for way in Channel if way is not Channel.PAGE]
    return page(
        request,
        "outbox.html",
        section="outbox",
        post=await telling.dead_letters.view(request["session"].staff),
        ways=[(way, way in telling.outbox.channels) for way in ways],
    )


@routes.post(PATH)
async def again(request: web.Request) -> web.StreamResponse:
    """Try those once more whose ids stand in `notice`."""
    form = await Form.read(request)
    ids = [NoticeId(value) for value in form.values("notice")]
    await telling_of(request).dead_letters.again(request["session"].staff, ids)
    raise done(PATH, "again")


@routes.get("/administration/staff/{staff_id}/contact")
async def show(request: web.Request) -> web.StreamResponse:
    """How a person is told."""
    staff_id = StaffId(request.match_info["staff_id"])
    contact = await telling_of(request).contacts.of(request["session"].staff, staff_id)
    return await _page(request, staff_id, contact_form.filled(contact))


@routes.post("/administration/staff/{staff_id}/contact")
async def save(request: web.Request) -> web.StreamResponse:
    """Keep how a person is told."""
    staff_id, form = StaffId(request.match_info["staff_id"]), await Form.read(request)
    contact = contact_form.read(form)
    if contact is None:
        return await _page(request, staff_id, form, status=422)
    await telling_of(request).contacts.save(request["session"].staff, staff_id, contact)
    raise done(f"/administration/staff/{staff_id}", "saved")


async def _page(request: web.Request, staff_id: StaffId, form: Form, *, status: int = 200) -> web.Response:
    person = await request.app[SERVICES].directory.staff(staff_id)
    telling = telling_of(request)
    return page(
        request,
        "contact.html",
        section="staff",
        status=status,
        person=person,
        facility=await facility_in_reach(request, person.facility_id),
        form=form,
        topics=list(Topic),
        choices=contact_form.choices(request["language"]),
        off=[way for way in (Channel.MAIL, Channel.SMS) if way not in telling.outbox.channels],
    )
