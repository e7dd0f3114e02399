"""GET and POST /write-backs: consults that a book has not taken, for the people who can do something about it."""

from __future__ import annotations

from aiohttp import web

from foundation.i18n import N_
from foundation.ids import ConsultId
from web.forms import Form
from web.rendering import render
from web.services import SERVICES
from web.writeback_words import fault_words

routes = web.RouteTableDef()
PATH = "/write-backs"
OWN_BOOK = N_("E Health Book of this system")


async def unwritten_of(request: web.Request, consult_id: ConsultId) -> int:
    """How many books have not taken that consult, of those that its reader may hear of."""
    return len(await request.app[SERVICES].write_backs.unwritten(request["session"].staff, consult_id))


@routes.get(PATH)
async def show(request: web.Request) -> web.StreamResponse:
    """One's own consults, and an administrator's facility's, that a book refused or has not taken for long."""
    language = request["language"]
    found = await request.app[SERVICES].write_backs.unwritten(request["session"].staff)
    rows = []
    for one in found:
        text, parameters = fault_words(one.fault)
        rows.append((one, one.source or language.text(OWN_BOOK), language.text(text, **parameters)))
    return render(request, "write_backs.html", rows=rows)


@routes.post(PATH)
async def again(request: web.Request) -> web.StreamResponse:
    """Try one once more."""
    form, session = await Form.read(request), request["session"]
    person = form.integer("person", least=0, most=10**9) or 0
    desk = request.app[SERVICES].write_backs
    await desk.again(session.staff, ConsultId(form.value("consult")), person, form.value("target"))
    raise web.HTTPSeeOther(PATH)
