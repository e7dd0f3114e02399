"""/administration/templates: the question templates by specialty; one can be retired, and offered again."""

from __future__ import annotations

from aiohttp import web

from identity.policy import Action, require
from web.forms import Form
from web.services import SERVICES
from web.views.administration.reach import done, page

routes = web.RouteTableDef()
PATH = "/administration/templates"


@routes.get(PATH)
async def show(request: web.Request) -> web.StreamResponse:
    """All templates with their questions, and which are retired."""
    require(request["session"].staff, Action.ADMINISTER_ALL)
    templates = await request.app[SERVICES].intake.sheets.all()
    return page(request, "templates.html", section="templates", templates=templates)


@routes.post(PATH + "/{code}")
async def change(request: web.Request) -> web.StreamResponse:
    """Retire a template (`act` = `retire`), or offer it again. Cases that began with it keep it."""
    form, sheets = await Form.read(request), request.app[SERVICES].intake.sheets
    retired = form.value("act") == "retire"
    await sheets.retire(request["session"].staff, request.match_info["code"], retired=retired)
    raise done(PATH, "out_of_use" if retired else "in_use")
