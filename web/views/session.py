"""One's own session: sign-out, lock, unlock, quick switch on a shared terminal, change of password."""

from __future__ import annotations

from aiohttp import web
from yarl import URL

from foundation.errors import Conflict, HoichanError, Invalid, SignInNeeded, TooMany
from foundation.i18n import N_
from identity.model import Session
from web.admission import Admission, admits
from web.forms import Form
from web.rendering import render
from web.security import SESSION_COOKIE, address_of, local_path, set_session_cookie
from web.services import SERVICES

routes = web.RouteTableDef()


@routes.post("/sign-out")
@admits(Admission.ANY_SESSION)
async def sign_out(request: web.Request) -> web.StreamResponse:
    """End the session: its sockets and calls are cut with it."""
    session: Session = request["session"]
    await request.app[SERVICES].sessions.end(session.id, "signed_out")
    response = web.HTTPSeeOther("/sign-in")
    response.del_cookie(SESSION_COOKIE, path="/")
    raise response


@routes.get("/lock")
@admits(Admission.ANY_SESSION)
async def show_lock(request: web.Request) -> web.StreamResponse:
    """The lock page of a locked session."""
    target = local_path(request.query.get("next"))
    if not request["session"].locked:
        raise web.HTTPSeeOther(target)
    return _lock_page(request, Form.of(next=target))


@routes.post("/lock")
@admits(Admission.ANY_SESSION)
async def change_lock(request: web.Request) -> web.StreamResponse:
    """`act` is `lock`, `unlock` with the password, or `switch` with another person's name and password."""
    form, session, services = await Form.read(request), request["session"], request.app[SERVICES]
    act = form.value("act")
    target = local_path(form.value("next"))
    if act == "lock":
        await services.sessions.lock(session)
        raise web.HTTPSeeOther(str(URL("/lock").with_query(next=target)) if target != "/" else "/lock")
    if act not in ("unlock", "switch"):
        raise Invalid("request.malformed", N_("The request could not be read."))
    prefix = "" if act == "unlock" else "other_"
    password = form.secret(prefix + "password")
    user_name = form.line("other_user_name", required=True, most=64) if act == "switch" else ""
    if not form.valid:
        return _lock_page(request, form, status=422)
    try:
        if act == "unlock":
            await services.sessions.unlock(session, password, address=address_of(request))
            raise web.HTTPSeeOther(target)
        fresh, secret = await services.sessions.switch(session, user_name, password, address=address_of(request))
    except SignInNeeded as error:
        if error.code == "session.ended":
            raise web.HTTPSeeOther("/sign-in?ended=1") from None
        return _lock_page(request, form, status=error.status, failure=error, act=act)
    except (TooMany, Conflict) as error:
        return _lock_page(request, form, status=error.status, failure=error, act=act)
    # The other person starts on their own first page, not where the one before them was.
    response = web.HTTPSeeOther("/password" if fresh.staff.must_change_password else "/")
    set_session_cookie(request, response, secret)
    raise response


@routes.get("/password")
@admits(Admission.OWN_PASSWORD)
async def show_password(request: web.Request) -> web.StreamResponse:
    """The form to choose a password."""
    return render(request, "password.html", form=Form())


@routes.post("/password")
@admits(Admission.OWN_PASSWORD)
async def change_password(request: web.Request) -> web.StreamResponse:
    """Change one's own password; every other session of the person ends."""
    form, session, services = await Form.read(request), request["session"], request.app[SERVICES]
    current, new, again = form.secret("current"), form.secret("new"), form.secret("again")
    if form.valid and new != again:
        form.refuse("again", N_("The two entries differ."))
    if not form.valid:
        return render(request, "password.html", status=422, form=form)
    try:
        await services.accounts.change_password(session, current, new, address=address_of(request))
    except (Invalid, TooMany) as error:
        form.take(error, field="current")
        return render(request, "password.html", status=error.status, form=form)
    raise web.HTTPSeeOther("/")


def _lock_page(
    request: web.Request, form: Form, *, status: int = 200, failure: HoichanError | None = None, act: str = "unlock"
) -> web.Response:
    sentence = request["language"].error(failure) if failure else None
    return render(request, "lock.html", status=status, form=form, failure=sentence, act=act)
