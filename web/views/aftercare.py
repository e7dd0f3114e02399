"""After the advice, on the consult's page: reading it, outcomes, ratings, returns; and /owed, what each person owes."""

from __future__ import annotations

from secrets import token_urlsafe

from aiohttp import web

from consult_rooms.access import Relation
from consult_rooms.aftercare import Aftercare
from consult_rooms.aftercare_model import Advice, LineFelt, Outcome, Usefulness
from consult_rooms.debts import Owing
from consult_rooms.model import ConsultState
from consult_rooms.returns import may_return
from consult_rooms.rows import ConsultView
from foundation.errors import Conflict, NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId
from web.forms import Form
from web.pacing import count_consult
from web.rendering import render
from web.services import SERVICES

routes = web.RouteTableDef()

SIDES = (Relation.REQUESTER, Relation.SPECIALIST)
OVER = (ConsultState.ENDED, ConsultState.CLOSED)
RETURN = N_("Return visit after case %(code)s")
WAYS = {
    Owing.ADVICE: ("#aftercare", N_("Read it")),
    Owing.WRITTEN: ("/opinion", N_("Answer")),
    Owing.OPINION: ("/opinion", N_("Write the opinion")),
    Owing.FOLLOW_UP: ("#aftercare", N_("Answer")),
    Owing.MINUTES: ("/minutes", N_("Sign")),
}


@routes.get("/owed")
async def owed(request: web.Request) -> web.StreamResponse:
    """What the person owes, by kind, oldest first."""
    found = await _aftercare(request).debts.of(request["session"].staff)
    return render(request, "owed.html", owed=found, ways=WAYS, now=request.app[SERVICES].clock.now())


@routes.post("/consults/{consult_id}/read-advice")
async def read(request: web.Request) -> web.StreamResponse:
    """The clinic has read the advice about `person`."""
    form = await Form.read(request)
    await _aftercare(request).follow_ups.read(request["session"].staff, _id(request), _number(form, "person"))
    raise _back(request)


@routes.post("/consults/{consult_id}/follow-up")
async def answer(request: web.Request) -> web.StreamResponse:
    """What became of `person` as of `day`: `outcome`, perhaps with a `note`."""
    form = await Form.read(request)
    person, day = _number(form, "person"), _number(form, "day")
    await _aftercare(request).follow_ups.answer(
        request["session"].staff, _id(request), person, day, form.value("outcome"), form.value("note")
    )
    raise _back(request)


@routes.post("/consults/{consult_id}/rating")
async def rate(request: web.Request) -> web.StreamResponse:
    """One tap of the rating: `usefulness` or `line`."""
    form = await Form.read(request)
    useful, line = form.value("usefulness") or None, form.value("line") or None
    await _aftercare(request).follow_ups.rate(request["session"].staff, _id(request), useful, line)
    raise _back(request)


@routes.post("/consults/{consult_id}/return")
async def come_back(request: web.Request) -> web.StreamResponse:
    """A new request about the same patient, which rings the same specialist first; the form where more is needed."""
    form, session = await Form.read(request), request["session"]
    services = request.app[SERVICES]
    view = await services.queries.consult(session.staff, _id(request))
    words = request["language"].text(RETURN, code=view.consult.code)
    count_consult(request, session.facility.id)
    try:
        consult = await _aftercare(request).returns.ask(
            session.staff,
            view.consult.id,
            words,
            key=form.value("key") or token_urlsafe(18),
            terminal_id=session.terminal.id if session.terminal else None,
        )
    except Conflict as error:
        if error.code != "return.by_form":
            raise
        raise web.HTTPSeeOther("/requests/new?urgency=routine") from error
    raise web.HTTPSeeOther(f"/requests/{consult.id}")


async def aftercare_of(request: web.Request, view: ConsultView) -> dict[str, object]:
    """What the consult's page shows of it: `advice` by person, for those who read the opinion."""
    services, session = request.app[SERVICES], request["session"]
    found: dict[int, Advice] = {}
    rating: tuple[Usefulness | None, LineFelt | None] = (None, None)
    of_clinic = view.related in (Relation.REQUESTER, Relation.INVITED)
    rates = view.related in SIDES and view.consult.state in OVER
    if services.aftercare is not None and view.reads_opinion:
        follow_ups = services.aftercare.follow_ups
        found = {one.person: one for one in await follow_ups.of(session.staff, view.consult.id)}
        rating = await follow_ups.rating(session.staff, view.consult.id)
    return {
        "given": found,
        "of_clinic": of_clinic and session.staff.facility_id == view.facility.id,
        "rates": rates and services.aftercare is not None,
        "rating": rating,
        "outcomes": tuple(Outcome),
        "usefulness": tuple(Usefulness),
        "lines": tuple(LineFelt),
        "may_return": view.related is Relation.REQUESTER and may_return(view.consult),
        "return_key": token_urlsafe(18),
    }


def _aftercare(request: web.Request) -> Aftercare:
    found = request.app[SERVICES].aftercare
    if found is None:
        raise NotFound("page.not_found", N_("There is no such page."))
    return found


def _id(request: web.Request) -> ConsultId:
    return ConsultId(request.match_info["consult_id"])


def _number(form: Form, name: str) -> int:
    found = form.integer(name, least=0, most=10**6)
    return -1 if found is None else found


def _back(request: web.Request) -> web.HTTPSeeOther:
    return web.HTTPSeeOther(f"/consults/{_id(request)}#aftercare")
