"""Opening a closed book in an emergency: inside the panel, so that a call goes on, or as a page of its own.

There are three ways in: from the closed panel of a consult, by a consult's code, and outside any consult by the
patient's exact number and birth date.
"""

from __future__ import annotations

from aiohttp import web

from foundation.errors import Forbidden, HoichanError, Invalid, NotFound, SignInNeeded, TooMany
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Session
from records_panel.break_glass import NO_SUCH_CODE
from records_panel.glass import OUTSIDE, GlassReason
from records_panel.grants import Decision
from records_panel.panel import Place
from web.forms import Form
from web.rendering import render
from web.security import address_of
from web.services import SERVICES
from web.views.book import base_of, panel_fragment, place_of, show_panel
from web.views.patient_forms import MOST

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


@routes.get("/emergency/patient")
async def ask_number(request: web.Request) -> web.StreamResponse:
    """Outside any consult: whose book by number and birth date, why, and the password again."""
    return _outside(request, Form())


@routes.post("/emergency/patient")
async def open_outside(request: web.Request) -> web.StreamResponse:
    """Establish the patient by two identifiers, open the book for a time, and go there."""
    form, session, services = await Form.read(request), request["session"], request.app[SERVICES]
    address = address_of(request)
    number, birth_date = (
        form.line("number", required=True, most=MOST),
        form.line("birth_date", required=True, most=MOST),
    )
    words, password = form.value("words"), form.secret("password")
    reason = form.choice("reason", GlassReason)
    if reason is not None and reason not in OUTSIDE:
        form.refuse("reason", NOT_OUTSIDE)
    if reason is None or not form.valid:
        return _outside(request, form, status=422)
    try:
        patient_id = await services.patients.in_emergency(
            session.staff, number, birth_date, address=address, session=session.id
        )
        opened = await services.break_glass.open_outside(
            session, patient_id, password=password, reason=reason, words=words, address=address
        )
    except SignInNeeded:
        raise web.HTTPSeeOther("/sign-in?ended=1") from None
    except (Invalid, NotFound, Forbidden, TooMany) as error:
        return _outside(request, form, failure=error)
    raise web.HTTPSeeOther(f"/emergency/books/{opened}/book")


@routes.get("/consults/{consult_id}/emergency")
@routes.get("/emergency/books/{glass_id}/emergency")
async def show(request: web.Request) -> web.StreamResponse:
    """The form: why, in one's own words, and the password again."""
    place, decision = await _door(request)
    return _form(request, place, decision, Form())


@routes.post("/consults/{consult_id}/emergency")
@routes.post("/emergency/books/{glass_id}/emergency")
async def open_book(request: web.Request) -> web.StreamResponse:
    """Open the book for a time; the panel then, with its banner."""
    form = await Form.read(request)
    session: Session = request["session"]
    place, decision = await _door(request)
    reason, words = form.choice("reason", GlassReason), form.value("words")
    password = form.secret("password")
    if reason is None or not form.valid:
        return _form(request, place, decision, form, status=422)
    try:
        opened = await _opened(request, session, place, reason, words, password)
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
        raise web.HTTPSeeOther(f"{base_of(request, place)}/book")
    return await show_panel(request, opened)


async def _opened(
    request: web.Request, session: Session, place: Place, reason: GlassReason, words: str, password: str
) -> Place:
    service, address = request.app[SERVICES].break_glass, address_of(request)
    if place.consult is not None:
        return await service.open(
            session, place.consult.id, password=password, reason=reason, words=words, address=address
        )
    if place.outside is not None:
        await service.open_outside(
            session, place.outside, password=password, reason=reason, words=words, address=address
        )
    return await place_of(request)


async def _door(request: web.Request) -> tuple[Place, Decision]:
    session: Session = request["session"]
    panel = request.app[SERVICES].panel
    if "glass_id" in request.match_info:
        place = await place_of(request)
        return place, panel.access(session.staff, session, place)
    asked = ConsultId(request.match_info["consult_id"])
    return await panel.door(session.staff, session, asked, address=address_of(request))


def _outside(
    request: web.Request, form: Form, *, status: int = 200, failure: HoichanError | None = None
) -> web.StreamResponse:
    limits, said = request.app[SERVICES].break_glass.limits, None
    if failure is not None:
        status = failure.status
        if isinstance(failure, Invalid):
            form.take(failure, field="number")
        else:
            said = request["language"].error(failure)
    response = render(
        request,
        "emergency_patient.html",
        status=status,
        form=form,
        failure=said,
        reasons=OUTSIDE,
        least=limits.glass_words,
        hours=round(limits.glass.total_seconds() / 3600, 1),
    )
    if isinstance(failure, TooMany):
        response.headers["Retry-After"] = str(failure.retry_after_s)
    return response


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


NOT_OUTSIDE = N_("Choose one of the list.")
