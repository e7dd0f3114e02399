"""/administration/ladder: the rules of the ladder, each version kept. Whoever saves has looked at the newest one."""

from __future__ import annotations

from aiohttp import web

from consult_rooms.ladder_rules import (
    BUSY_FROM,
    COORDINATOR_SECONDS,
    EDITABLE,
    FIXED,
    MOST,
    RETURN_DAYS,
    SECONDS,
    Condition,
    Effect,
    Rules,
)
from consult_rooms.model import Step, Urgency
from foundation.errors import Conflict, Invalid
from identity.policy import Action, require
from web.forms import Form
from web.services import SERVICES
from web.views.administration.reach import done, page

routes = web.RouteTableDef()
PATH = "/administration/ladder"


@routes.get(PATH)
async def show(request: web.Request) -> web.StreamResponse:
    """The rules that hold now, and the versions before."""
    require(request["session"].staff, Action.ADMINISTER_ALL)
    return await _page(request, _filled(await request.app[SERVICES].rulebook.rules()))


@routes.post(PATH)
async def change(request: web.Request) -> web.StreamResponse:
    """Save a new version. When somebody was first, what was typed stays, beside each value as it is now."""
    staff = request["session"].staff
    require(staff, Action.ADMINISTER_ALL)
    form = await Form.read(request)
    rules = _read(form)
    if rules is not None:
        try:
            await request.app[SERVICES].rulebook.change(staff, rules, form.line("note", most=200))
            raise done(PATH, "saved")
        except Conflict as error:
            return await _page(request, form, conflict=request["language"].error(error), status=409)
        except Invalid as error:
            form.take(error, field="note")
    return await _page(request, form, status=422)


def _read(form: Form) -> Rules | None:
    version = form.integer("version", least=0, most=2**31 - 2)
    seconds = {urgency: {step: _seconds(form, urgency, step) for step in Step} for urgency in Urgency}
    effects = {
        condition: {urgency: form.choice(f"effect_{condition}_{urgency}", Effect) for urgency in Urgency}
        for condition in EDITABLE
    }
    busy_from = form.integer("busy_from", least=BUSY_FROM[0], most=BUSY_FROM[1])
    return_days = form.integer("return_days", least=RETURN_DAYS[0], most=RETURN_DAYS[1])
    most = form.integer("most", least=MOST[0], most=MOST[1])
    if not form.valid or version is None or busy_from is None or return_days is None or most is None:
        return None
    return Rules(
        version=version,
        seconds={u: {step: value for step, value in by.items() if value is not None} for u, by in seconds.items()},
        effects={c: {u: effect for u, effect in by.items() if effect is not None} for c, by in effects.items()},
        busy_from=busy_from,
        return_days=return_days,
        most=most,
    )


def _seconds(form: Form, urgency: Urgency, step: Step) -> float | None:
    least, most = COORDINATOR_SECONDS if step is Step.COORDINATOR else SECONDS
    return form.integer(f"seconds_{urgency}_{step}", least=least, most=most)


def _filled(rules: Rules) -> Form:
    values: dict[str, object] = {
        "version": rules.version,
        "busy_from": rules.busy_from,
        "return_days": rules.return_days,
        "most": rules.most,
    }
    for urgency in Urgency:
        values |= {f"seconds_{urgency}_{step}": f"{rules.seconds[urgency][step]:g}" for step in Step}
        values |= {f"effect_{condition}_{urgency}": rules.effects[condition][urgency] for condition in EDITABLE}
    return Form.of(**values)


async def _page(request: web.Request, form: Form, *, conflict: str = "", status: int = 200) -> web.Response:
    rulebook = request.app[SERVICES].rulebook
    rules = await rulebook.rules()
    return page(
        request,
        "ladder.html",
        section="ladder",
        status=status,
        form=form,
        rules=rules,
        conflict=conflict,
        now=_filled(rules) if conflict else None,
        editions=await rulebook.editions(),
        steps=list(Step),
        urgencies=list(Urgency),
        conditions=list(EDITABLE),
        fixed=[condition for condition in Condition if condition in FIXED],
        effects=list(Effect),
    )
