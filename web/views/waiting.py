"""/requests/{consult_id}: the page on which one waits, and what one may do meanwhile. Every act is a form."""

from __future__ import annotations

from aiohttp import web

from consult_rooms.access import Relation, room_open
from consult_rooms.model import CANCEL_REASONS, CancelReason, ConsentBy, ConsultState, Urgency
from consult_rooms.rows import ConsultView
from foundation.errors import Conflict, HoichanError, Invalid
from foundation.ids import ConsultId, InquiryId
from identity.model import Session
from web.forms import Form
from web.rendering import render
from web.services import SERVICES
from web.views.book_words import SEXES
from web.views.intake import brief_of
from web.views.request_ladder import ladder_of
from web.views.requests import consent_of, question_of

routes = web.RouteTableDef()

PARTS = {"ladder": "requests/ladder.html", "patient": "requests/patient.html"}


@routes.get("/requests/{consult_id}")
async def show(request: web.Request) -> web.StreamResponse:
    """Who is rung now; `part` gives one part alone. Once it rings no more, the page leads on."""
    found = await _consult(request)
    part = request.query.get("part", "")
    if part in PARTS:
        return await _part(request, found, PARTS[part])
    if (there := _onward(request, found)) is not None:
        raise web.HTTPSeeOther(there)
    return await _page(request, found, _form_of(found))


@routes.post("/requests/{consult_id}/widen")
async def widen(request: web.Request) -> web.StreamResponse:
    """Start the next step now."""
    failure: HoichanError | None = None
    try:
        await request.app[SERVICES].requests.widen(request["session"].staff, _id(request))
    except Conflict as error:
        failure = error
    found = await _consult(request)
    if _is_fragment(request):
        return await _part(request, found, PARTS["ladder"], failure=failure)
    if failure is None or _onward(request, found) is not None:
        raise web.HTTPSeeOther(f"/requests/{found.consult.id}")
    return await _page(request, found, _form_of(found), failure=failure)


@routes.post("/requests/{consult_id}/charge")
async def take_charge(request: web.Request) -> web.StreamResponse:
    """The coordinator's acceptance: accountable until somebody claims it."""
    try:
        await request.app[SERVICES].pairing.answers.take_charge(request["session"].staff, _id(request))
    except Conflict as error:
        found = await _consult(request)
        if _onward(request, found) is None:
            return await _page(request, found, _form_of(found), failure=error)
    raise web.HTTPSeeOther(f"/requests/{_id(request)}")


@routes.post("/requests/{consult_id}/inquiries/{inquiry_id}")
async def answer_inquiry(request: web.Request) -> web.StreamResponse:
    """Answer what somebody who is rung asked; it reaches everybody rung."""
    form = await Form.read(request)
    inquiry_id = InquiryId(request.match_info["inquiry_id"])
    failure: HoichanError | None = None
    try:
        inquiries = request.app[SERVICES].pairing.inquiries
        await inquiries.answer(request["session"].staff, _id(request), inquiry_id, form.value("text"))
    except (Conflict, Invalid) as error:
        failure = error
    found = await _consult(request)
    if _is_fragment(request):
        return await _part(request, found, PARTS["ladder"], failure=failure)
    if failure is None or _onward(request, found) is not None:
        raise web.HTTPSeeOther(f"/requests/{found.consult.id}")
    return await _page(request, found, _form_of(found), failure=failure)


@routes.post("/requests/{consult_id}/cancel")
async def cancel(request: web.Request) -> web.StreamResponse:
    """Give the request up, with a reason. When somebody took it meanwhile, the page leads to them instead."""
    form = await Form.read(request)
    reason = form.value("reason") or CancelReason.NO_LONGER_NEEDED
    try:
        await request.app[SERVICES].requests.cancel(request["session"].staff, _id(request), reason)
    except (Conflict, Invalid) as error:
        found = await _consult(request)
        if _onward(request, found) is None:
            return await _page(request, found, _form_of(found), failure=error)
    raise web.HTTPSeeOther(f"/requests/{_id(request)}")


@routes.post("/requests/{consult_id}/question")
async def change_question(request: web.Request) -> web.StreamResponse:
    """Write on the question, the urgency and the consent while it rings; those who are rung see it at once."""
    form, services, staff = await Form.read(request), request.app[SERVICES], request["session"].staff
    question, consent = question_of(form), consent_of(form)
    urgency = form.choice("urgency", Urgency) if form.value("urgency") else None
    failure: HoichanError | None = None
    if form.valid:
        try:
            consult = await services.requests.change_question(staff, _id(request), question, urgency=urgency)
            if consent is not None and consent != consult.consent:
                await services.requests.record_consent(staff, consult.id, consent)
        except (Conflict, Invalid) as error:
            failure = error
    found = await _consult(request)
    saved = failure is None and form.valid
    if not _is_fragment(request):
        if saved or _onward(request, found) is not None:
            raise web.HTTPSeeOther(f"/requests/{found.consult.id}")
        return await _page(request, found, form, failure=failure, status=422)
    status = failure.status if failure else 200 if saved else 422
    return await _part(
        request,
        found,
        "requests/question.html",
        failure=failure,
        status=status,
        form=_form_of(found) if saved else form,
        saved_at=services.clock.now() if saved else None,
    )


def _onward(request: web.Request, found: ConsultView) -> str | None:
    """Where one goes instead of waiting; None while it rings for one's own clinic or in one's charge."""
    consult, here = found.consult, f"/consults/{found.consult.id}"
    if consult.state is ConsultState.RINGING and found.related in (Relation.REQUESTER, Relation.COORDINATOR):
        return None
    if found.participant is None or not room_open(consult, request.app[SERVICES].clock.now()):
        return here
    return f"{here}/{'room' if consult.urgency is Urgency.EMERGENCY else 'preview'}"


async def _page(
    request: web.Request, found: ConsultView, form: Form, *, failure: HoichanError | None = None, status: int = 200
) -> web.StreamResponse:
    context = await _context(request, found, failure)
    context |= {"form": form, "saved_at": None, "reasons": CANCEL_REASONS}
    return render(request, "requests/waiting.html", status=failure.status if failure else status, **context)


async def _part(
    request: web.Request,
    found: ConsultView,
    template: str,
    *,
    failure: HoichanError | None = None,
    status: int = 200,
    **context: object,
) -> web.StreamResponse:
    response = render(request, template, status=status, **await _context(request, found, failure), **context)
    response.headers["X-Fragment"] = "1"
    return response


async def _context(request: web.Request, found: ConsultView, failure: HoichanError | None) -> dict[str, object]:
    services = request.app[SERVICES]
    now = services.clock.now()
    view = await services.queries.waiting_view(found.consult.id)
    return {
        "found": found,
        "consult": found.consult,
        "ladder": await ladder_of(services, view, found.requester_name, now),
        "onward": _onward(request, found),
        "is_requester": found.related is Relation.REQUESTER,
        "may_take_charge": found.related is Relation.COORDINATOR and found.consult.coordinator_id is None,
        "may_write": found.consult.owner_id == request["session"].staff.id and found.consult.urgency is Urgency.ROUTINE,
        "failure": request["language"].error(failure) if failure else "",
        "coordinator_telephone": services.settings.coordinator_telephone,
        "urgencies": tuple(Urgency),
        "consent_by": tuple(ConsentBy),
        "sexes": SEXES,
        "now": now,
        "brief": await brief_of(request, found.consult.id),
    }


def _form_of(found: ConsultView) -> Form:
    asked, consent = found.consult.question, found.consult.consent
    return Form.of(
        situation=asked.situation,
        background=asked.background,
        assessment=asked.assessment,
        recommendation=asked.recommendation,
        urgency=found.consult.urgency,
        consent_by=consent.by if consent else "",
        consent_consult="1" if consent and consent.consult else "",
        consent_record="1" if consent and consent.record_view else "",
        consent_note=consent.note if consent else "",
    )


async def _consult(request: web.Request) -> ConsultView:
    session: Session = request["session"]
    return await request.app[SERVICES].queries.consult(session.staff, _id(request))


def _id(request: web.Request) -> ConsultId:
    return ConsultId(request.match_info["consult_id"])


def _is_fragment(request: web.Request) -> bool:
    return "X-Fragment" in request.headers
