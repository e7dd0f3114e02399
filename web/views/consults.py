"""The consult after the call: its page with the timeline, the closing page with the opinion, the list of past ones."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from consult_rooms.access import Relation, untaken
from consult_rooms.log_entry import LogKind
from consult_rooms.model import CANCEL_REASONS, ConsultState, Opinion
from consult_rooms.opinions import About
from consult_rooms.rows import ConsultView
from consult_rooms.thread import ThreadEntry
from consult_rooms.transitions import CONSULT, Act
from consult_rooms.wording import sentence
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Session
from web.errors import problem
from web.forms import Form
from web.rendering import render
from web.services import SERVICES, Services
from web.views.advice import advice_of
from web.views.aftercare import aftercare_of
from web.views.appointments import appointment_of
from web.views.consult_ways import open_cases, way
from web.views.intake import brief_of
from web.views.write_backs import unwritten_of

routes = web.RouteTableDef()

PAGE = 30
OPINION = 20_000
SIDES = (Relation.REQUESTER, Relation.SPECIALIST)
WRITERS = (*SIDES, Relation.INVITED)
TAKERS = (Relation.RUNG, Relation.CANDIDATE)
IN_ROOM = (Relation.REQUESTER, Relation.SPECIALIST, Relation.INVITED, Relation.OBSERVER)
NOT_YOURS = N_("Only the specialist of this consult writes its opinion.")
TONES = {
    LogKind.CLAIMED: "ok",
    LogKind.FIRST_FRAME: "ok",
    LogKind.CLOSED: "ok",
    LogKind.TAKEN: "ok",
    LogKind.WRITTEN: "urgent",
    LogKind.DECLINED: "urgent",
    LogKind.LINE_CHANGED: "urgent",
    LogKind.QUALITY_CHANGED: "urgent",
    LogKind.CANCELLED: "urgent",
}


@routes.get("/consults")
async def show_past(request: web.Request) -> web.StreamResponse:
    """One's past consults, newest first; `before` is the time of the last one on the page before."""
    services, session = request.app[SERVICES], request["session"]
    before = _instant(request.query.get("before", ""))
    rows = await services.queries.past(session.staff, before, PAGE + 1)
    now = services.clock.now()
    shown = rows[:PAGE]
    return render(
        request,
        "consults.html",
        past=[way(row, now) for row in shown],
        open_cases=await open_cases(services, shown),
        is_first=before is None,
        next_before=shown[-1].consult.created_at.isoformat() if len(rows) > PAGE else None,
    )


@routes.get("/consults/{consult_id}")
async def show(request: web.Request) -> web.StreamResponse:
    """Facts, question, opinion, chat and the timeline of one consult, as far as its reader may know them."""
    services, session = request.app[SERVICES], request["session"]
    view = await _view(request)
    consult = view.consult
    opinions = await services.opinions.each(session.staff, consult.id) if view.reads_opinion else ()
    rows = await services.queries.timeline(session.staff, consult.id)
    zone = ZoneInfo(services.settings.zone)
    return render(
        request,
        "consult.html",
        status=200,
        view=view,
        consult=consult,
        opinions=opinions,
        chat=await _chat(services, session, view),
        timeline=[
            (row.entry, sentence(request["language"], row, zone), TONES.get(row.entry.kind, "quiet"))
            for row in rows
            if row.entry.kind is not LogKind.DRAWN  # as many as strokes; the picture shows them
        ],
        opens_book=await _opens_book(request, consult.id),
        is_specialist=view.related is Relation.SPECIALIST,
        in_room=view.related in IN_ROOM,
        may_write=view.related in WRITERS and Act.NOTE in CONSULT[consult.state],
        may_take=view.related in TAKERS and untaken(consult) and consult.state is ConsultState.WRITTEN,
        may_raise=consult.state is ConsultState.WRITTEN
        and (view.related in SIDES or (view.related is Relation.COORDINATOR and untaken(consult))),
        may_go_on=view.related in SIDES and consult.state is ConsultState.CLAIMED,
        may_ring=view.related in (Relation.REQUESTER, Relation.COORDINATOR) and consult.state is ConsultState.RINGING,
        may_cancel=view.appointment_id is not None
        and view.related in (Relation.REQUESTER, Relation.COORDINATOR)
        and consult.state is ConsultState.SCHEDULED,
        reasons=CANCEL_REASONS,
        now=services.clock.now(),
        brief=await brief_of(request, consult.id),
        unwritten=await unwritten_of(request, consult.id),
        **await appointment_of(request, view),
        **await aftercare_of(request, view),
        **await advice_of(request, view),
    )


@routes.get("/consults/{consult_id}/opinion")
async def show_opinion(request: web.Request) -> web.StreamResponse:
    """The closing page of the specialist. Everybody else reads the opinion on the consult's page."""
    view = await _view(request)
    if view.related is not Relation.SPECIALIST or view.consult.state in (ConsultState.CLOSED, ConsultState.CANCELLED):
        raise web.HTTPSeeOther(f"/consults/{view.consult.id}")
    about = await _about(request, view, request.query.get("person", ""))
    return await _closing(request, view, about, _form_of(about.opinion))


@routes.post("/consults/{consult_id}/opinion")
async def write_opinion(request: web.Request) -> web.StreamResponse:
    """Save the opinion; with `act` = `close` lock it and close the consult. A script may ask for JSON back."""
    wants_json = "json" in request.headers.get("Accept", "")
    form, services, staff = await Form.read(request), request.app[SERVICES], request["session"].staff
    view = await _view(request)
    try:
        if view.related is not Relation.SPECIALIST:
            raise Forbidden("opinion.not_yours", NOT_YOURS)
        version = form.integer("version", least=0, most=10**9)
        person = form.integer("person", least=0, most=10**9) if "person" in form.names else None
        text = form.text("text", most=OPINION)
        if version is None or not form.valid:
            raise Invalid("opinion.too_long", N_("This is too long."), field="text")
        saved = await services.opinions.save(staff, view.consult.id, text, version, person)
        onward = "/opinion" if person is None else f"/opinion?person={person}"
        if form.value("act") == "close":
            closed = await services.opinions.close(staff, view.consult.id, saved.person)
            # As long as another patient's opinion is open, its page is next.
            onward = "" if closed.state is ConsultState.CLOSED else "/opinion"
    except (Conflict, Invalid, Forbidden) as error:
        if wants_json:
            return problem(request, error)
        return await _refused(request, view, form, error)
    if wants_json:
        return web.json_response({"version": saved.version, "saved_at": saved.saved_at.isoformat()})
    raise web.HTTPSeeOther(f"/consults/{view.consult.id}{onward}")


async def _refused(request: web.Request, view: ConsultView, form: Form, error: HoichanError) -> web.StreamResponse:
    """The page again with what was written; after somebody else's save also with what stands, so that both are read."""
    if isinstance(error, Forbidden):
        raise error
    form.take(error, field="text")
    about = await _about(request, view, form.value("person"))
    return await _closing(request, view, about, form, status=error.status)


async def _about(request: web.Request, view: ConsultView, person: str) -> About:
    """Whose opinion is asked for; unasked, the first that is not closed, beginning with whom the consult is about."""
    each = await request.app[SERVICES].opinions.each(request["session"].staff, view.consult.id)
    asked = [one for one in each if str(one.person.number) == person]
    still = sorted(
        (one for one in each if one.opinion is None or one.opinion.closed_at is None), key=lambda one: not one.now
    )
    return next(iter([*asked, *still, *each]))


async def _closing(
    request: web.Request, view: ConsultView, about: About, form: Form, *, status: int = 200
) -> web.StreamResponse:
    services, session = request.app[SERVICES], request["session"]
    opinion = about.opinion
    written = form.value("text")
    return render(
        request,
        "opinion.html",
        status=status,
        view=view,
        consult=view.consult,
        opinion=opinion,
        form=form,
        version=opinion.version if opinion else 0,
        about=about,
        each=await services.opinions.each(session.staff, view.consult.id),
        differs=status != 200 and opinion is not None and opinion.text != written,
        chat=await _chat(services, session, view),
        may_close=Act.CLOSE in CONSULT[view.consult.state],
        opens_book=await _opens_book(request, view.consult.id),
    )


async def _opens_book(request: web.Request, consult_id: ConsultId) -> bool:
    """Whether a way to the book is shown: it is open, or an emergency might open it. Nothing of it is read."""
    services, session = request.app[SERVICES], request["session"]
    place = await services.panel.place(session.staff, session, consult_id)
    access = services.panel.access(session.staff, session, place)
    return access.opens or access.breakable


def _form_of(opinion: Opinion | None) -> Form:
    return Form.of(text=opinion.text if opinion else "")


async def _chat(services: Services, session: Session, view: ConsultView) -> list[ThreadEntry]:
    """The thread of the consult; none for those outside it."""
    if view.related not in IN_ROOM:
        return []
    return await services.desk.threads.since(session.staff, view.consult.id)


async def _view(request: web.Request) -> ConsultView:
    session: Session = request["session"]
    return await request.app[SERVICES].queries.consult(session.staff, ConsultId(request.match_info["consult_id"]))


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
