"""GET and POST /terminal: make this computer a clinic's terminal by a one-time code from the administrator."""

from __future__ import annotations

from aiohttp import web

from foundation.errors import Invalid, TooMany
from web.admission import Admission, admits
from web.forms import Form
from web.rendering import render
from web.security import TERMINAL_COOKIE, address_of, set_terminal_cookie
from web.services import SERVICES

routes = web.RouteTableDef()


@routes.get("/terminal")
@admits(Admission.PUBLIC)
async def show(request: web.Request) -> web.StreamResponse:
    """The form for the code, and which terminal this computer is now."""
    return await _page(request, Form())


@routes.post("/terminal")
@admits(Admission.PUBLIC)
async def enrol(request: web.Request) -> web.StreamResponse:
    """Use up the code and keep the credential in a cookie. Who is signed in here signs in again, at the terminal."""
    form = await Form.read(request)
    code = form.line("code", required=True, most=40)
    if not form.valid:
        return await _page(request, form, status=422)
    try:
        _, credential = await request.app[SERVICES].terminals.enrol(code, address=address_of(request))
    except (Invalid, TooMany) as error:
        form.take(error, field="code")
        return await _page(request, form, status=error.status)
    response = web.HTTPSeeOther("/terminal")
    set_terminal_cookie(request, response, credential)
    raise response


async def _page(request: web.Request, form: Form, *, status: int = 200) -> web.Response:
    services = request.app[SERVICES]
    credential = request.cookies.get(TERMINAL_COOKIE)
    terminal = await services.terminals.find(credential) if credential else None
    facility = await services.directory.facility(terminal.facility_id) if terminal else None
    return render(request, "terminal.html", status=status, form=form, terminal=terminal, facility=facility)
