"""GET and POST /sign-in: user name and password; in a demo installation the sign-ins to try stand below the form."""

from __future__ import annotations

from aiohttp import web
from yarl import URL

from foundation.errors import HoichanError, SignInNeeded, TooMany
from identity.model import Role
from web.admission import Admission, admits
from web.forms import Form
from web.rendering import render
from web.security import TERMINAL_COOKIE, address_of, local_path, set_session_cookie
from web.services import SERVICES, DemoSignIn, Services

routes = web.RouteTableDef()


@routes.get("/sign-in")
@admits(Admission.PUBLIC)
async def show(request: web.Request) -> web.StreamResponse:
    """The form; who is signed in already goes on."""
    target = local_path(request.query.get("next"))
    if request["session"] is not None:
        raise web.HTTPSeeOther(target)
    return await _page(request, Form.of(next=target), ended="ended" in request.query)


@routes.post("/sign-in")
@admits(Admission.PUBLIC)
async def sign_in(request: web.Request) -> web.StreamResponse:
    """Start a session and go on to the page that was asked for. Never says which of name or password was wrong."""
    form = await Form.read(request)
    services = request.app[SERVICES]
    user_name, password = form.line("user_name", required=True, most=64), form.secret("password")
    if not form.valid:
        return await _page(request, form, status=422)
    try:
        session, secret = await services.accounts.sign_in(
            user_name,
            password,
            address=address_of(request),
            device_credential=request.cookies.get(TERMINAL_COOKIE),
        )
    except (SignInNeeded, TooMany) as error:
        return await _page(request, form, status=error.status, failure=error)
    if (old := request["session"]) is not None:
        await services.sessions.end(old.id, "signed_in_again")
    response = web.HTTPSeeOther("/password" if session.staff.must_change_password else local_path(form.value("next")))
    set_session_cookie(request, response, secret)
    raise response


def _demo(services: Services) -> tuple[list[DemoSignIn], list[DemoSignIn]]:
    """One sign-in of each role, two of specialists so that they can race for a case; and all the others."""
    featured: list[DemoSignIn] = []
    for entry in services.demo_sign_ins:
        had = sum(one.role is entry.role for one in featured)
        if had < (2 if entry.role is Role.SPECIALIST else 1):
            featured.append(entry)
    return featured, [entry for entry in services.demo_sign_ins if entry not in featured]


async def _page(
    request: web.Request, form: Form, *, status: int = 200, failure: HoichanError | None = None, ended: bool = False
) -> web.Response:
    services = request.app[SERVICES]
    credential = request.cookies.get(TERMINAL_COOKIE)
    terminal = await services.terminals.find(credential) if credential else None
    facility = await services.directory.facility(terminal.facility_id) if terminal else None
    featured, others = _demo(services) if services.settings.on_loopback else ([], [])
    response = render(
        request,
        "sign_in.html",
        status=status,
        form=form,
        failure=request["language"].error(failure) if failure else None,
        ended=ended,
        terminal=terminal,
        facility=facility,
        demo_featured=featured,
        demo_others=others,
        telephone=services.settings.coordinator_telephone,
        here=URL("/sign-in").with_query(next=local_path(form.value("next"))),
    )
    if isinstance(failure, TooMany):
        response.headers["Retry-After"] = str(failure.retry_after_s)
    return response
