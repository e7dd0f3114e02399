"""Advice in numbered items by plain HTTP: read, given, changed, read back. The room and the consult's page show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from consult_rooms.access import Relation
from consult_rooms.advice import Wording
from consult_rooms.advice_model import ANSWERS, AdviceItem, AdviceKind, AdviceState, unanswered
from consult_rooms.rows import ConsultView
from consult_rooms.transitions import CONSULT, Act
from foundation.errors import Conflict, HoichanError, Invalid
from foundation.ids import AdviceId, ConsultId, new_id
from web.forms import Form
from web.rendering import render
from web.services import SERVICES

routes = web.RouteTableDef()

TONES: Mapping[AdviceState, str] = {
    AdviceState.OPEN: "emergency",
    AdviceState.WILL_DO: "routine",
    AdviceState.CANNOT: "urgent",
    AdviceState.DONE: "ok",
    AdviceState.WITHDRAWN: "quiet",
}


@routes.get("/consults/{consult_id}/advice")
async def show(request: web.Request) -> web.StreamResponse:
    """The items, as a fragment."""
    return await _fragment(request, await _view(request))


@routes.post("/consults/{consult_id}/advice")
async def give(request: web.Request) -> web.StreamResponse:
    """Add an item as the specialist; `client_id` repeated is the same item."""
    form, view = await Form.read(request), await _view(request)
    person = form.integer("person", least=0, most=10**9) if "person" in form.names else None
    try:
        await request.app[SERVICES].shared.advice.give(
            request["session"].staff, view.consult.id, _wording(form), form.value("client_id"), person
        )
    except (Invalid, Conflict) as error:
        return await _refused(request, view, error)
    return await _answered(request, view)


@routes.post("/consults/{consult_id}/advice/{advice_id}")
async def change(request: web.Request) -> web.StreamResponse:
    """`act` is `amend` or `withdraw` of the specialist, or the clinic's answer: `will_do`, `cannot`, `done`."""
    form, view = await Form.read(request), await _view(request)
    staff, advice = request["session"].staff, request.app[SERVICES].shared.advice
    advice_id = AdviceId(request.match_info["advice_id"][:64])
    version = form.integer("version", least=0, most=10**9) or 0
    consult_id, act = view.consult.id, form.value("act")
    try:
        if act == "amend":
            await advice.amend(staff, consult_id, advice_id, version, _wording(form))
        elif act == "withdraw":
            await advice.withdraw(staff, consult_id, advice_id, version)
        else:
            await advice.answer(staff, consult_id, advice_id, version, act, form.value("reason"))
    except (Invalid, Conflict) as error:
        return await _refused(request, view, error)
    return await _answered(request, view)


async def advice_of(request: web.Request, view: ConsultView) -> dict[str, Any]:
    """What the templates need to show items and what this person may do with them; nothing for who reads none."""
    staff, consult = request["session"].staff, view.consult
    items: tuple[AdviceItem, ...] = ()
    if view.reads_opinion:
        items = await request.app[SERVICES].shared.advice.each(staff, consult.id)
    colleague = view.related is Relation.INVITED and staff.facility_id == consult.requester_facility_id
    return {
        "advice": items,
        "advice_open": unanswered(items),
        "advice_tones": TONES,
        "advice_kinds": tuple(AdviceKind),
        "advice_answers": ANSWERS,
        "advises": view.related is Relation.SPECIALIST and Act.ADVISE in CONSULT[consult.state],
        "reads_back": (view.related is Relation.REQUESTER or colleague) and Act.READ_BACK in CONSULT[consult.state],
        "advice_key": new_id("key"),
        "refused": None,
    }


def _wording(form: Form) -> Wording:
    return Wording(form.value("kind"), form.value("text"), form.value("dose"))


async def _view(request: web.Request) -> ConsultView:
    consult_id = ConsultId(request.match_info["consult_id"])
    return await request.app[SERVICES].queries.consult(request["session"].staff, consult_id)


async def _fragment(request: web.Request, view: ConsultView, error: HoichanError | None = None) -> web.StreamResponse:
    told = await advice_of(request, view)
    status = 200 if error is None else error.status
    response = render(request, "advice_list.html", status=status, consult=view.consult, **told | {"refused": error})
    response.headers["X-Fragment"] = "1"
    return response


async def _refused(request: web.Request, view: ConsultView, error: HoichanError) -> web.StreamResponse:
    """The items as they stand now, with why nothing was changed. Without a script, the page says it."""
    if request.headers.get("X-Fragment") is None:
        raise error
    return await _fragment(request, view, error)


async def _answered(request: web.Request, view: ConsultView) -> web.StreamResponse:
    if request.headers.get("X-Fragment") is None:
        raise web.HTTPSeeOther(f"/consults/{view.consult.id}#advice")
    return await _fragment(request, view)
