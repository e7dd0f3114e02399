"""POST /language: the switch on every page."""

from __future__ import annotations

from aiohttp import web

from foundation.i18n import DEFAULT_LOCALE, LOCALES
from web.admission import Admission, admits
from web.forms import Form
from web.security import local_path, set_language_cookie

routes = web.RouteTableDef()


@routes.post("/language")
@admits(Admission.PUBLIC)
async def switch(request: web.Request) -> web.StreamResponse:
    """Remember the language on this browser and go back to the page."""
    form = await Form.read(request)
    code = form.value("language")
    response = web.HTTPSeeOther(local_path(form.value("next")))
    set_language_cookie(request, response, code if code in LOCALES else DEFAULT_LOCALE)
    raise response
