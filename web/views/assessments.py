"""Scores and shared examinations of a case: a page, and the same beside the call as a fragment."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from consult_rooms import examinations, scores
from consult_rooms.assessments import place_of
from consult_rooms.examinations import Checklist
from consult_rooms.rows import ConsultView
from consult_rooms.statements import Stated, StatementKind
from foundation.errors import Conflict, HoichanError, Invalid
from foundation.ids import ConsultId
from web.forms import Form
from web.rendering import render
from web.services import SERVICES
from web.views.intake import Brief

routes = web.RouteTableDef()


@dataclass(frozen=True, slots=True)
class ListForm:
    """A list as its form shows it: what the reader's own side found, and the number of that, 0 for none."""

    checklist: Checklist
    seen: int
    form: Form


@routes.get("/consults/{consult_id}/assessments")
async def show(request: web.Request) -> web.StreamResponse:
    """What was scored and found, and the forms for whoever may write."""
    return await _page(request)


@routes.post("/consults/{consult_id}/assessments/scores/{code}")
async def record_score(request: web.Request) -> web.StreamResponse:
    """Add a score up and record it. What cannot be added up comes back as it was chosen."""
    form, services, staff = await Form.read(request), request.app[SERVICES], request["session"].staff
    code = request.match_info["code"]
    given = _given(form, f"s.{code}.")
    failure: HoichanError | None = None
    try:
        await services.intake.assessments.score(staff, _consult_id(request), code, given)
    except Invalid as error:
        form.refuse(f"s.{code}.{error.field}", error.message, **error.parameters)
    except Conflict as error:
        failure = error
    return await _after(request, form, failure, f"s.{code}")


@routes.post("/consults/{consult_id}/assessments/examinations/{code}")
async def record_examination(request: web.Request) -> web.StreamResponse:
    """Record what the reader's side found."""
    form, services, staff = await Form.read(request), request.app[SERVICES], request["session"].staff
    code, seen = request.match_info["code"], form.integer("seen", least=0, most=2**31 - 1)
    failure: HoichanError | None = None
    if seen is not None:
        given = _given(form, f"e.{code}.")
        try:
            await services.intake.assessments.examine(staff, _consult_id(request), code, given, seen=seen)
        except Invalid as error:
            form.refuse(f"e.{code}.{error.field}", error.message, **error.parameters)
        except Conflict as error:
            failure = error
    return await _after(request, form, failure, f"e.{code}")


async def _after(request: web.Request, form: Form, failure: HoichanError | None, part: str) -> web.StreamResponse:
    """After a save: the page that shows it, or what was chosen with what is wrong."""
    if failure is None and form.valid:
        if _is_fragment(request):
            return await _page(request, saved=True)
        raise web.HTTPSeeOther(f"/consults/{_consult_id(request)}/assessments")
    return await _page(request, form, failure=failure, open_=part, status=failure.status if failure else 422)


async def _page(
    request: web.Request,
    form: Form | None = None,
    *,
    failure: HoichanError | None = None,
    open_: str = "",
    saved: bool = False,
    status: int = 200,
) -> web.StreamResponse:
    services, staff = request.app[SERVICES], request["session"].staff
    view: ConsultView = await services.queries.consult(staff, _consult_id(request))
    stated = await services.intake.statements.read(staff, view.consult.id)
    response = render(
        request,
        "assessments/content.html" if _is_fragment(request) else "assessments/page.html",
        status=status,
        view=view,
        consult=view.consult,
        stated=stated,
        brief=Brief.of(stated),
        scores=[(one, form if form and open_ == f"s.{one.code}" else Form()) for one in scores.shipped().values()],
        lists=[
            _list(stated, one, form if open_ == f"e.{one.code}" else None) for one in examinations.shipped().values()
        ],
        failure=request["language"].error(failure) if failure else "",
        saved=saved,
        open=open_,
        in_panel=_is_fragment(request) and view.room_open,
    )
    if _is_fragment(request):
        response.headers["X-Fragment"] = "1"
    return response


def _list(stated: Stated, checklist: Checklist, typed: Form | None) -> ListForm:
    """The form of one list: what was typed, else what the reader's side found before."""
    last = stated.last(StatementKind.EXAMINATION, place_of(checklist.code, stated.side))
    found = examinations.recorded(last.document).found if last else {}
    values = {f"e.{checklist.code}.{item}": value for item, value in found.items()}
    return ListForm(checklist, last.number if last else 0, Form.of(**values) if typed is None else typed)


def _given(form: Form, prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): form.value(name) for name in form.names if name.startswith(prefix)}


def _is_fragment(request: web.Request) -> bool:
    return "X-Fragment" in request.headers


def _consult_id(request: web.Request) -> ConsultId:
    return ConsultId(request.match_info["consult_id"])
