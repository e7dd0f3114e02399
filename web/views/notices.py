"""One's own notices, and how one is told: addresses, channels, quiet hours."""

from __future__ import annotations

from aiohttp import web

from consult_rooms.telling import Telling
from foundation.errors import NotFound
from foundation.i18n import N_
from identity.model import Session
from notify.notice import Channel, Topic
from web.forms import Form
from web.rendering import render
from web.services import SERVICES
from web.views import contact_form

routes = web.RouteTableDef()


@routes.get("/notices")
async def show(request: web.Request) -> web.StreamResponse:
    """The newest notices, and the form."""
    session: Session = request["session"]
    contact = await telling_of(request).contacts.of(session.staff, session.staff.id)
    return await _page(request, contact_form.filled(contact))


@routes.post("/notices")
async def save(request: web.Request) -> web.StreamResponse:
    """Keep how one is told."""
    session: Session = request["session"]
    form = await Form.read(request)
    contact = contact_form.read(form)
    if contact is None:
        return await _page(request, form, status=422)
    await telling_of(request).contacts.save(session.staff, session.staff.id, contact)
    raise web.HTTPSeeOther("/notices?done=1")


def telling_of(request: web.Request) -> Telling:
    """The services of these pages. Raises NotFound where there are none."""
    telling = request.app[SERVICES].telling
    if telling is None:
        raise NotFound("page.not_found", N_("There is no such page."))
    return telling


async def _page(request: web.Request, form: Form, *, status: int = 200) -> web.Response:
    session: Session = request["session"]
    telling, language = telling_of(request), request["language"]
    zone = session.facility.zone or request.app[SERVICES].settings.zone
    notices = [
        (notice, *telling.wording.of(notice.kind, notice.values, language.code, zone))
        for notice in await telling.outbox.own(session.staff.id)
    ]
    return render(
        request,
        "notices.html",
        status=status,
        form=form,
        saved=request.query.get("done") == "1",
        notices=notices,
        topics=list(Topic),
        choices=contact_form.choices(language),
        off=[way for way in (Channel.MAIL, Channel.SMS) if way not in telling.outbox.channels],
    )
