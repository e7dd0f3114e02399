"""What is asked and recorded about a case beside its question: a page, and the same beside the call as a fragment."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from consult_rooms.assessments import Examined, Shown, examinations_of, scores_of
from consult_rooms.further_consents import FurtherConsent, Purpose, further_consent
from consult_rooms.model import ConsentBy, ConsultState, Urgency
from consult_rooms.question_sheets import sheets_of
from consult_rooms.question_templates import Sheet
from consult_rooms.roll_call import CAPACITIES, Capacity, Present, Side, people_of
from consult_rooms.rows import ConsultView
from consult_rooms.statements import Stated, Statement, StatementKind
from foundation.errors import Conflict, HoichanError, Invalid
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Session
from web.forms import Form
from web.rendering import render
from web.services import SERVICES
from web.views.sheet_fields import filled, given_of, refuse

routes = web.RouteTableDef()

BLANK = 3
"""Empty lines of a roll-call's form below those that are filled."""
NEITHER = N_("Say whether the patient consented or refused.")


@dataclass(frozen=True, slots=True)
class Roll:
    """The roll-call of one room: what stands, and the lines of its form with what is wrong in them."""

    side: Side
    place: str
    statement: Statement | None
    people: tuple[Present, ...]
    lines: tuple[tuple[str, str], ...]
    problem: str
    parameters: dict[str, object]


@dataclass(frozen=True, slots=True)
class Brief:
    """What pages show of it beside the question: sheets, scores and examinations, each with who and when."""

    sheets: tuple[tuple[Sheet, Statement], ...] = ()
    scores: tuple[Shown, ...] = ()
    examinations: tuple[Examined, ...] = ()

    @classmethod
    def of(cls, stated: Stated) -> Brief:
        """All of it that stands."""
        return cls(sheets_of(stated), scores_of(stated.statements), examinations_of(stated))

    @property
    def suggests(self) -> bool:
        """Whether a red flag answered yes suggests an emergency."""
        return any(one.red for one, _ in self.sheets)


@routes.get("/consults/{consult_id}/intake")
async def show(request: web.Request) -> web.StreamResponse:
    """Answers, and the forms for whoever may write; `open` names a template whose form stands open."""
    return await _page(request, None, open_=request.query.get("open", "")[:40])


@routes.post("/consults/{consult_id}/intake/sheets/{code}")
async def answer(request: web.Request) -> web.StreamResponse:
    """Save the answers to one template. What cannot be saved comes back as it was typed, beside what stands."""
    form, services, staff = await Form.read(request), request.app[SERVICES], request["session"].staff
    consult_id, code = _consult_id(request), request.match_info["code"]
    seen = form.integer("seen", least=0, most=2**31 - 1)
    stated = await services.intake.statements.read(staff, consult_id)
    offered = {one.template.code: one for one in await services.intake.sheets.of(stated)}
    failure: HoichanError | None = None
    if (one := offered.get(code)) is not None and form.valid:
        try:
            await services.intake.sheets.answer(staff, consult_id, code, given_of(form, one.template), seen=seen)
        except Invalid as error:
            refuse(form, one.template, error)
        except Conflict as error:
            failure = error
    elif one is None:  # retired since the page was opened: the service decides, and says so
        given = {name.rpartition(".")[2]: form.value(name) for name in form.names if name.startswith(f"q.{code}.")}
        await services.intake.sheets.answer(staff, consult_id, code, given, seen=seen)
    return await _after(request, form, failure, open_=code)


@routes.post("/consults/{consult_id}/intake/consents")
async def record_consent(request: web.Request) -> web.StreamResponse:
    """Record one further consent, or a refusal."""
    form, services, staff = await Form.read(request), request.app[SERVICES], request["session"].staff
    purpose, by = form.choice("purpose", Purpose), form.choice("by", ConsentBy)
    if form.value("given") not in ("yes", "no"):
        form.refuse("given", NEITHER)
    failure: HoichanError | None = None
    if purpose is not None and by is not None and form.valid:
        given, spoken = form.value("given") == "yes", form.value("spoken") == "1"
        one = FurtherConsent(purpose, given, by, spoken, form.value("witness"), form.value("note"))
        try:
            await services.intake.records.consent(staff, _consult_id(request), one)
        except Invalid as error:
            form.take(error, field="witness")
        except Conflict as error:
            failure = error
    return await _after(request, form, failure, part="consents")


@routes.post("/consults/{consult_id}/intake/roll/{side}")
async def call_roll(request: web.Request) -> web.StreamResponse:
    """Record who is in one of the two rooms."""
    form, services, staff = await Form.read(request), request.app[SERVICES], request["session"].staff
    seen = form.integer("seen", least=0, most=2**31 - 1)
    side = request.match_info["side"]
    failure: HoichanError | None = None
    if seen is not None:
        people = list(zip(form.values("name"), form.values("capacity"), strict=False))
        try:
            await services.intake.records.call_roll(staff, _consult_id(request), side, people, seen=seen)
        except Invalid as error:
            form.take(error, field="name")
        except Conflict as error:
            failure = error
    return await _after(request, form, failure, part=f"roll-{side}")


@routes.post("/requests/{consult_id}/emergency")
async def make_emergency(request: web.Request) -> web.StreamResponse:
    """Follow what a red flag suggests, and make the request an emergency. Nothing does it by itself."""
    services, staff = request.app[SERVICES], request["session"].staff
    consult = (await services.queries.consult(staff, _consult_id(request))).consult
    await services.requests.change_question(staff, consult.id, consult.question, urgency=Urgency.EMERGENCY)
    raise web.HTTPSeeOther(f"/requests/{consult.id}")


async def brief_of(request: web.Request, consult_id: ConsultId) -> Brief:
    """What this person may know of it."""
    session: Session = request["session"]
    stated = await request.app[SERVICES].intake.statements.read(session.staff, consult_id)
    return Brief.of(stated)


async def _after(
    request: web.Request, form: Form, failure: HoichanError | None, *, open_: str = "", part: str = "sheets"
) -> web.StreamResponse:
    """After a save: the page that shows it, or what was typed with what is wrong."""
    if failure is None and form.valid:
        if _is_fragment(request):
            return await _page(request, None, saved=True)
        raise web.HTTPSeeOther(f"/consults/{_consult_id(request)}/intake")
    return await _page(
        request, form, failure=failure, open_=open_, part=part, status=failure.status if failure else 422
    )


async def _page(
    request: web.Request,
    form: Form | None,
    *,
    failure: HoichanError | None = None,
    open_: str = "",
    part: str = "",
    saved: bool = False,
    status: int = 200,
) -> web.StreamResponse:
    services, staff = request.app[SERVICES], request["session"].staff
    view: ConsultView = await services.queries.consult(staff, _consult_id(request))
    stated = await services.intake.statements.read(staff, view.consult.id)
    offered = await services.intake.sheets.of(stated)
    response = render(
        request,
        "intake/content.html" if _is_fragment(request) else "intake/page.html",
        status=status,
        view=view,
        consult=view.consult,
        stated=stated,
        sheets=sheets_of(stated),
        offered=offered,
        form=form if form is not None and part == "sheets" else filled(offered),
        consents=[(one, further_consent(one.code, one.document)) for one in stated.holding(StatementKind.CONSENT)],
        consent_form=form if form is not None and part == "consents" else Form(),
        purposes=tuple(Purpose),
        consent_by=tuple(ConsentBy),
        rolls=[_roll(view, stated, side, form if part == f"roll-{side}" else None) for side in Side],
        capacities=CAPACITIES,
        failure=request["language"].error(failure) if failure else "",
        saved=saved,
        open=open_,
        target="#book",
        in_panel=_is_fragment(request) and view.room_open,
        over=view.consult.state in (ConsultState.CLOSED, ConsultState.CANCELLED),
    )
    if _is_fragment(request):
        response.headers["X-Fragment"] = "1"
    return response


def _roll(view: ConsultView, stated: Stated, side: Side, typed: Form | None) -> Roll:
    """One room's roll-call, as it stands and as its form shows it, with empty lines to go on in."""
    last = stated.last(StatementKind.ROLL, side)
    there = () if last is None else people_of(last.document)
    place = view.facility if side is Side.CLINIC else view.specialist_facility
    if typed is None:
        lines = [(one.name, one.capacity.value) for one in there]
    else:
        lines = [
            (name, capacity)
            for name, capacity in zip(typed.values("name"), typed.values("capacity"), strict=False)
            if name
        ]
    problem = None if typed is None else next(iter(typed.errors), None)
    return Roll(
        side,
        "" if place is None else place.name,
        last,
        there,
        (*lines, *[("", Capacity.RELATIVE.value)] * BLANK),
        "" if typed is None or problem is None else typed.errors[problem],
        {} if typed is None or problem is None else typed.parameters[problem],
    )


def _is_fragment(request: web.Request) -> bool:
    return "X-Fragment" in request.headers


def _consult_id(request: web.Request) -> ConsultId:
    return ConsultId(request.match_info["consult_id"])
