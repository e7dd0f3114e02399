"""POST /language: the switch on every page."""

from __future__ import annotations

from aiohttp import web

from foundation.i18n import DEFAULT_LOCALE, LOCALES
from web.admission import Admission, admits
from web.forms import Form
from web.security import local_path, set_language_cookie
from web.services import SERVICES

routes = web.RouteTableDef()


@routes.post("/language")
@admits(Admission.PUBLIC)
async def switch(request: web.Request) -> web.StreamResponse:
    """Remember the language, on this browser and for the person who is signed in, and go back to the page."""
    form = await Form.read(request)
    code = form.value("language")
    if code not in LOCALES:
        code = DEFAULT_LOCALE
    if (session := request["session"]) is not None and session.staff.language != code:
        await request.app[SERVICES].accounts.set_language(session.staff, code)
    response = web.HTTPSeeOther(local_path(form.value("next")))
    set_language_cookie(request, response, code)
    raise response
