"""The data protection officer's pages: emergency openings to review, and who has viewed a patient's book."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from foundation.errors import Conflict, Forbidden, Invalid, TooMany
from foundation.ids import GlassId, PatientId
from identity.model import Session
from records_panel.glass import Verdict
from web.forms import Form
from web.rendering import render
from web.security import address_of
from web.services import SERVICES
from web.views import viewing_words
from web.views.book_viewers import before_number
from web.views.patient_forms import MOST, number_kind

routes = web.RouteTableDef()
PATH = "/administration/emergencies"
VIEWS = "/administration/views"


@routes.get(PATH)
async def index(request: web.Request) -> web.StreamResponse:
    """What awaits review, the most urgent first, and what was settled; with `part` the first alone."""
    services, officer = request.app[SERVICES], request["session"].staff
    reviews = services.glass_reviews
    waiting = {"to_review": await reviews.waiting(officer), "awaiting": await reviews.count(officer)}
    now = services.clock.now()
    if "part" in request.query:
        response = render(request, "administration/emergencies_waiting.html", status=200, now=now, **waiting)
        response.headers["X-Fragment"] = "1"
        return response
    settled = await reviews.settled(officer, _instant(request.query.get("before", "")))
    return render(request, "administration/emergencies.html", status=200, settled=settled, now=now, **waiting)


@routes.get(PATH + "/{glass_id}")
async def show(request: web.Request) -> web.StreamResponse:
    """One opening with its words, and the form of the decision."""
    return await _page(request, Form())


@routes.post(PATH + "/{glass_id}")
async def decide(request: web.Request) -> web.StreamResponse:
    """Record the decision, once and for all."""
    form, officer = await Form.read(request), request["session"].staff
    verdict = form.choice("verdict", Verdict)
    if verdict is None:
        return await _page(request, form, status=422)
    try:
        await request.app[SERVICES].glass_reviews.review(officer, _glass_id(request), verdict, form.value("note"))
    except (Invalid, Conflict) as error:
        form.take(error, field="note")
        return await _page(request, form, status=error.status)
    except Forbidden as error:
        return await _page(request, form, status=error.status, failure=request["language"].error(error))
    raise web.HTTPSeeOther(PATH)


@routes.get(VIEWS)
async def ask_number(request: web.Request) -> web.StreamResponse:
    """The form for a patient's exact number."""
    return _views(request, Form())


@routes.post(VIEWS)
async def find(request: web.Request) -> web.StreamResponse:
    """Find the one citizen of a number, which stands in no address; on to the list by an opaque id."""
    form = await Form.read(request)
    session: Session = request["session"]
    number = form.value("number").strip()[:MOST]
    try:
        kind = number_kind(number)
        found = await request.app[SERVICES].viewings.find(session, kind, number, address=address_of(request))
    except (Invalid, TooMany) as error:
        form.take(error, field="number")
        return _views(request, form, status=error.status)
    if found is None:
        return _views(request, form, nobody=True)
    raise web.HTTPSeeOther(f"{VIEWS}/{found.patient_id}")


@routes.get(VIEWS + "/{patient_id}")
async def show_views(request: web.Request) -> web.StreamResponse:
    """Every view of one patient's book, the latest first."""
    session: Session = request["session"]
    patient, page = await request.app[SERVICES].viewings.for_officer(
        session,
        PatientId(request.match_info["patient_id"]),
        before=before_number(request),
        address=address_of(request),
    )
    return _views(request, Form(), patient=patient, viewers=page)


def _views(
    request: web.Request, form: Form, *, status: int = 200, nobody: bool = False, **found: object
) -> web.Response:
    context = {"patient": None, "viewers": None} | found
    return render(
        request, "administration/views.html", status=status, form=form, nobody=nobody, words=viewing_words, **context
    )


async def _page(request: web.Request, form: Form, *, status: int = 200, failure: str = "") -> web.Response:
    services = request.app[SERVICES]
    case = await services.glass_reviews.case(request["session"].staff, _glass_id(request))
    return render(
        request,
        "administration/emergency.html",
        status=status,
        case=case,
        form=form,
        failure=failure,
        verdicts=list(Verdict),
        now=services.clock.now(),
    )


def _glass_id(request: web.Request) -> GlassId:
    return GlassId(request.match_info["glass_id"])


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
