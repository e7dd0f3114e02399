"""/coordinator/requests/{consult_id}: what a coordinator does to one request, as a page and as the board's dialog.

One form: why, a note, and a button for each act, so that everything works by keys and on a telephone without dragging.
"""

from __future__ import annotations

from aiohttp import web

from consult_rooms.board_acts import BoardReason
from consult_rooms.model import ConsultState, Urgency
from foundation.errors import Conflict, HoichanError, Invalid
from foundation.i18n import N_
from foundation.ids import ConsultId, StaffId, is_id
from web.forms import Form
from web.rendering import render
from web.services import SERVICES

routes = web.RouteTableDef()

CHOOSE = N_("Choose one of the list.")
DONE = {
    "ring": N_("It rings for this person now."),
    "urgency": N_("The request is more urgent now."),
    "widen": N_("It rings wider now."),
    "note": N_("The note is kept."),
    "charge": N_("You are in charge of this request."),
}


@routes.get("/coordinator/requests/{consult_id}")
async def show(request: web.Request) -> web.StreamResponse:
    """The form; `to` in the query is the person on whom the row was dropped."""
    to = request.query.get("to", "")
    return await _page(request, Form.of(to=to if is_id(to, "stf") else ""))


@routes.post("/coordinator/requests/{consult_id}/{act:ring|urgency|widen|note|charge}")
async def act(request: web.Request) -> web.StreamResponse:
    """Do it, and show the request as it stands afterwards."""
    form, what = await Form.read(request), request.match_info["act"]
    try:
        await _carry_out(request, form, what)
    except (Conflict, Invalid) as error:
        if isinstance(error, Invalid) and error.field in ("reason", "note", "staff_id"):
            form.take(error, field="note")
            return await _page(request, form, status=422)
        return await _page(request, form, failure=error, status=error.status)
    return await _page(request, Form.of(), done=DONE[what])


async def _carry_out(request: web.Request, form: Form, what: str) -> None:
    services, staff = request.app[SERVICES], request["session"].staff
    acts, consult_id = services.board.acts, ConsultId(request.match_info["consult_id"])
    reason, note = form.value("reason"), form.value("note")
    match what:
        case "charge":
            await services.pairing.answers.take_charge(staff, consult_id)
        case "note":
            await acts.comment(staff, consult_id, note)
        case "widen":
            await acts.widen(staff, consult_id, reason, note)
        case "urgency":
            await acts.raise_urgency(staff, consult_id, form.value("urgency"), reason, note)
        case _:
            kind, _, person = form.value("to").partition(" ")
            if not is_id(person, "stf") or kind not in ("specialist", "coordinator"):
                raise Invalid("choice.unknown", CHOOSE, field="staff_id")
            ring = acts.ring_specialist if kind == "specialist" else acts.ring_coordinator
            await ring(staff, consult_id, StaffId(person), reason, note)


async def _page(
    request: web.Request,
    form: Form,
    *,
    failure: HoichanError | None = None,
    done: str = "",
    status: int = 200,
) -> web.StreamResponse:
    services, staff = request.app[SERVICES], request["session"].staff
    consult_id = ConsultId(request.match_info["consult_id"])
    notes = await services.board.acts.notes(staff, consult_id)  # first: it refuses whoever does not coordinate
    view = await services.queries.consult(staff, consult_id)
    specialists, coordinators = await services.board.acts.colleagues(staff, consult_id)
    order = list(Urgency)
    is_fragment = "X-Fragment" in request.headers
    response = render(
        request,
        "coordinator/act.html" if is_fragment else "coordinator/act_page.html",
        status=200 if is_fragment else status,
        view=view,
        consult=view.consult,
        form=form,
        failure=request["language"].error(failure) if failure else "",
        done=done,
        notes=notes,
        specialists=specialists,
        coordinators=coordinators,
        reasons=tuple(BoardReason),
        higher=order[: order.index(view.consult.urgency)][::-1],
        rings=view.consult.state is ConsultState.RINGING,
        raises=view.consult.state in (ConsultState.RINGING, ConsultState.WRITTEN),
        now=services.clock.now(),
    )
    if is_fragment:
        response.headers["X-Fragment"] = "1"
    return response
