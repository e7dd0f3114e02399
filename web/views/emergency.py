"""Opening a closed book in an emergency: inside the panel, so that a call goes on, or as a page of its own."""

from __future__ import annotations

from aiohttp import web

from foundation.errors import Forbidden, Invalid, NotFound, SignInNeeded, TooMany
from foundation.ids import ConsultId
from identity.model import Session
from records_panel.break_glass import NO_SUCH_CODE
from records_panel.glass import GlassReason
from records_panel.grants import Decision
from records_panel.panel import Place
from web.forms import Form
from web.rendering import render
from web.security import address_of
from web.services import SERVICES
from web.views.book import panel_fragment, show_panel

routes = web.RouteTableDef()


@routes.get("/emergency")
async def ask_code(request: web.Request) -> web.StreamResponse:
    """For a clinician of one of the two facilities who is not in the consult: which one, by its code."""
    return render(request, "emergency.html", form=Form(), failure=None)


@routes.post("/emergency")
async def find_code(request: web.Request) -> web.StreamResponse:
    """On to the form of that consult, when this person may open its book in an emergency."""
    form, session, services = await Form.read(request), request["session"], request.app[SERVICES]
    code = form.line("code", required=True, most=20)
    if not form.valid:
        return render(request, "emergency.html", status=422, form=form, failure=None)
    try:
        consult_id = await services.break_glass.by_code(session, code)
        await services.panel.door(session.staff, session, consult_id, address=address_of(request))
    except (NotFound, TooMany) as error:
        # The same words for a code of nobody's and for one that is not theirs.
        say = request["language"]
        said = say.text(NO_SUCH_CODE) if isinstance(error, NotFound) else say.error(error)
        return render(request, "emergency.html", status=error.status, form=form, failure=said)
    raise web.HTTPSeeOther(f"/consults/{consult_id}/emergency")


@routes.get("/consults/{consult_id}/emergency")
async def show(request: web.Request) -> web.StreamResponse:
    """The form: why, in one's own words, and the password again."""
    place, decision = await _door(request)
    return _form(request, place, decision, Form())


@routes.post("/consults/{consult_id}/emergency")
async def open_book(request: web.Request) -> web.StreamResponse:
    """Open the book for a time; the panel then, with its banner."""
    form = await Form.read(request)
    session: Session = request["session"]
    services = request.app[SERVICES]
    place, decision = await _door(request)
    reason, words = form.choice("reason", GlassReason), form.value("words")
    password = form.secret("password")
    if reason is None or not form.valid:
        return _form(request, place, decision, form, status=422)
    try:
        opened = await services.break_glass.open(
            session, place.consult.id, password=password, reason=reason, words=words, address=address_of(request)
        )
    except (Invalid, TooMany) as error:
        form.take(error, field="password")
        response = _form(request, place, decision, form, status=error.status)
        if isinstance(error, TooMany):
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    except Forbidden as error:
        return _form(request, place, decision, form, status=error.status, failure=request["language"].error(error))
    except SignInNeeded:
        raise web.HTTPSeeOther("/sign-in?ended=1") from None
    if "X-Fragment" not in request.headers:
        raise web.HTTPSeeOther(f"/consults/{place.consult.id}/book")
    return await show_panel(request, opened)


async def _door(request: web.Request) -> tuple[Place, Decision]:
    session: Session = request["session"]
    asked = ConsultId(request.match_info["consult_id"])
    return await request.app[SERVICES].panel.door(session.staff, session, asked, address=address_of(request))


def _form(
    request: web.Request, place: Place, decision: Decision, form: Form, *, status: int = 200, failure: str = ""
) -> web.Response:
    limits = request.app[SERVICES].break_glass.limits
    # In a book that is open already an emergency can add the restricted entries alone.
    reasons = [GlassReason.RESTRICTED] if decision.opens else list(GlassReason)
    return panel_fragment(
        request,
        "emergency",
        place,
        status=status,
        form=form,
        failure=failure,
        reasons=reasons,
        breakable=decision.breakable,
        opens=decision.opens,
        least=limits.glass_words,
        hours=round(limits.glass.total_seconds() / 3600, 1),
    )
