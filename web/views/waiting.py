"""/requests/{consult_id}: the page on which one waits, and what one may do meanwhile. Every act is a form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from consult_rooms.access import Relation
from consult_rooms.model import CancelReason, ConsentBy, ConsultState, Step
from consult_rooms.rows import Answer, ConsultView, RungPerson, WaitingView
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid
from foundation.ids import ConsultId
from identity.model import Session
from web.forms import Form
from web.rendering import render
from web.services import SERVICES
from web.views.book_words import SEXES
from web.views.requests import consent_of, question_of

routes = web.RouteTableDef()

OPEN_ANSWERS = (Answer.RINGING, Answer.BUSY, Answer.OFFLINE, Answer.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder: passed, running or to come, with everyone whom it rang."""

    step: Step
    state: str
    people: tuple[RungPerson, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """The waiting page's own picture of a request."""

    view: WaitingView
    steps: tuple[Rung, ...]
    ringing: tuple[str, ...]
    """Names of those for whom it rings, those first whom it reaches."""
    declined: tuple[str, ...]
    step_began: datetime
    now: datetime

    @property
    def left_s(self) -> int | None:
        """Whole seconds until the next step; None when there is none."""
        due = self.view.step_due_at
        return None if due is None else max(0, round((due - self.now).total_seconds()))

    @property
    def step_s(self) -> int:
        """How long the running step lasts in all."""
        due = self.view.step_due_at
        return 1 if due is None else max(1, round((due - self.step_began).total_seconds()))


@routes.get("/requests/{consult_id}")
async def show(request: web.Request) -> web.StreamResponse:
    """Who is rung now; once the case is taken, its requester goes on to the room."""
    found = await _consult(request)
    if found.consult.state is ConsultState.CLAIMED and found.related is Relation.REQUESTER and not _fragment(request):
        raise web.HTTPSeeOther(f"/consults/{found.consult.id}/room")
    if found.related not in (Relation.REQUESTER, Relation.COORDINATOR) or found.consult.starts_at is not None:
        raise web.HTTPSeeOther(f"/consults/{found.consult.id}")
    return await _page(request, found)


@routes.post("/requests/{consult_id}/widen")
async def widen(request: web.Request) -> web.StreamResponse:
    """Start the next step now."""
    try:
        await request.app[SERVICES].requests.widen(request["session"].staff, _id(request))
    except Conflict as error:
        return await _page(request, await _consult(request), failure=error)
    return await _again(request)


@routes.post("/requests/{consult_id}/cancel")
async def cancel(request: web.Request) -> web.StreamResponse:
    """Give the request up, with a reason."""
    form = await Form.read(request)
    try:
        await request.app[SERVICES].requests.cancel(request["session"].staff, _id(request), form.value("reason"))
    except (Conflict, Invalid) as error:
        return await _page(request, await _consult(request), failure=error)
    raise web.HTTPSeeOther("/")


@routes.post("/requests/{consult_id}/question")
async def change_question(request: web.Request) -> web.StreamResponse:
    """Write on the question and the consent while it rings; those who are rung see it at once."""
    form, services, staff = await Form.read(request), request.app[SERVICES], request["session"].staff
    question, consent = question_of(form), consent_of(form)
    failure: HoichanError | None = None
    if form.valid:
        try:
            consult = await services.requests.change_question(staff, _id(request), question)
            if consent is not None and consent != consult.consent:
                await services.requests.record_consent(staff, consult.id, consent)
        except (Conflict, Invalid, Forbidden) as error:
            failure = error
    found = await _consult(request)
    return _part(
        request,
        "waiting_question.html",
        found,
        form=form if failure or not form.valid else _form_of(found),
        failure=request["language"].error(failure) if failure else "",
        saved_at=None if failure or not form.valid else services.clock.now(),
        status=failure.status if failure else 200 if form.valid else 422,
    )


async def _page(request: web.Request, found: ConsultView, *, failure: HoichanError | None = None) -> web.StreamResponse:
    services = request.app[SERVICES]
    context = {
        "found": found,
        "consult": found.consult,
        "standing": standing_of(await services.queries.waiting_view(found.consult.id), services.clock.now()),
        "failure": request["language"].error(failure) if failure else "",
        "reasons": tuple(CancelReason),
        "is_requester": found.related is Relation.REQUESTER,
        "owner": _owner(found),
    }
    if _fragment(request):
        response = render(request, "waiting_live.html", **context)
        response.headers["X-Fragment"] = "1"
        return response
    return render(
        request,
        "waiting.html",
        status=failure.status if failure else 200,
        form=_form_of(found),
        consent_by=tuple(ConsentBy),
        sexes=SEXES,
        saved_at=None,
        **context,
    )


def standing_of(view: WaitingView, now: datetime) -> Standing:
    """The ladder with every step, and the names for the headline."""
    ringing = [person for person in view.people if person.answer in OPEN_ANSWERS]
    ringing.sort(key=lambda person: OPEN_ANSWERS.index(person.answer))
    began = [person.rung_at for person in view.people if person.step is view.step]
    order = list(Step)
    reached = -1 if view.step is None else order.index(view.step)
    return Standing(
        view=view,
        steps=tuple(
            Rung(
                step,
                "passed" if place < reached else "ringing" if place == reached else "to-come",
                tuple(person for person in view.people if person.step is step),
            )
            for place, step in enumerate(order)
        ),
        ringing=tuple(person.name for person in ringing),
        declined=tuple(person.name for person in view.people if person.answer is Answer.DECLINED),
        step_began=max(began, default=view.consult.created_at),
        now=now,
    )


def _owner(found: ConsultView) -> str:
    return found.specialist_name or found.requester_name


def _form_of(found: ConsultView) -> Form:
    asked, consent = found.consult.question, found.consult.consent
    return Form.of(
        situation=asked.situation,
        background=asked.background,
        assessment=asked.assessment,
        recommendation=asked.recommendation,
        consent_by=consent.by if consent else "",
        consent_consult="1" if consent and consent.consult else "",
        consent_record="1" if consent and consent.record_view else "",
        consent_note=consent.note if consent else "",
    )


def _part(request: web.Request, name: str, found: ConsultView, *, status: int, **context: object) -> web.Response:
    """A form's fragment; without script the whole page again."""
    if not _fragment(request):
        raise web.HTTPSeeOther(f"/requests/{found.consult.id}")
    response = render(
        request, name, status=status, found=found, consult=found.consult, consent_by=tuple(ConsentBy), **context
    )
    response.headers["X-Fragment"] = "1"
    return response


async def _again(request: web.Request) -> web.StreamResponse:
    if _fragment(request):
        return await _page(request, await _consult(request))
    raise web.HTTPSeeOther(f"/requests/{_id(request)}")


async def _consult(request: web.Request) -> ConsultView:
    session: Session = request["session"]
    return await request.app[SERVICES].queries.consult(session.staff, _id(request))


def _id(request: web.Request) -> ConsultId:
    return ConsultId(request.match_info["consult_id"])


def _fragment(request: web.Request) -> bool:
    return "X-Fragment" in request.headers
