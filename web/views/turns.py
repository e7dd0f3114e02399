"""/turns: one's own turns on call of the next weeks, and swaps of them with colleagues."""

from __future__ import annotations

from datetime import date, timedelta

from aiohttp import web

from consult_rooms.coverage import Turn
from consult_rooms.swaps import SwapState
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import StaffId, is_id
from identity.model import Role, Session, Staff
from web.forms import Form
from web.rendering import render
from web.services import SERVICES, Services

routes = web.RouteTableDef()
DAYS = 28
CHOOSE = N_("Choose one of the list.")


@routes.get("/turns")
async def show(request: web.Request) -> web.StreamResponse:
    """The turns, whom one may ask, and what one asked or was asked."""
    return await _page(request, Form())


@routes.post("/turns/swaps")
async def ask(request: web.Request) -> web.StreamResponse:
    """Ask a colleague to take a turn, perhaps for one of theirs."""
    form, services, session = await Form.read(request), request.app[SERVICES], request["session"]
    given, taken, to_id = _turn(form.value("given")), _turn(form.value("taken")), form.value("to_id")
    if given is None:
        form.refuse("given", CHOOSE)
    if not is_id(to_id, "stf"):
        form.refuse("to_id", CHOOSE)
    if form.value("taken") and taken is None:
        form.refuse("taken", CHOOSE)
    if not form.valid or given is None:
        return await _page(request, form, status=422)
    try:
        await services.duty.swaps.ask(session.staff, given, StaffId(to_id), taken)
    except (Invalid, Conflict, NotFound) as error:
        field = error.field if isinstance(error, Invalid) and error.field in ("to_id", "taken") else "to_id"
        form.refuse(field if error.code.startswith("rota.un") else "given", error.message, **error.parameters)
        return await _page(request, form, status=error.status)
    raise web.HTTPSeeOther("/turns")


@routes.post("/turns/swaps/{swap_id}/{act:accept|decline|withdraw}")
async def answer(request: web.Request) -> web.StreamResponse:
    """Answer a colleague, or ask no longer."""
    form, swaps, staff = await Form.read(request), request.app[SERVICES].duty.swaps, request["session"].staff
    acts = {"accept": swaps.accept, "decline": swaps.decline, "withdraw": swaps.withdraw}
    try:
        await acts[request.match_info["act"]](staff, request.match_info["swap_id"])
    except (Invalid, Conflict) as error:
        form.refuse("swap", error.message, **error.parameters)
        return await _page(request, form, status=error.status)
    raise web.HTTPSeeOther("/turns")


async def _page(request: web.Request, form: Form, *, status: int = 200) -> web.StreamResponse:
    session: Session = request["session"]
    services = request.app[SERVICES]
    today = await services.duty.weeks.today()
    week = await services.duty.weeks.read(session.facility.id, today, DAYS)
    coming = [turn for turn in week.turns if turn.day >= today and not turn.lifted]
    mine = [turn for turn in coming if turn.shift.staff_id == session.staff.id]
    fields = {one.id: one for one in await services.directory.specialties()}
    swaps = await services.duty.swaps.mine(session.staff)
    colleagues = await _colleagues(services, session)
    return render(
        request,
        "turns.html",
        status=status,
        form=form,
        today=today,
        days=DAYS,
        last=today + timedelta(days=DAYS - 1),
        mine=mine,
        theirs=[turn for turn in coming if turn.shift.staff_id != session.staff.id and _shared(turn, mine)],
        people={
            **week.people,
            **await services.directory.staff_many({one for swap in swaps for one in (swap.from_id, swap.to_id)}),
        },
        colleagues=colleagues,
        fields=fields,
        asked_of_me=[one for one in swaps if one.to_id == session.staff.id and one.state is SwapState.ASKED],
        others=[one for one in swaps if one.to_id != session.staff.id or one.state is not SwapState.ASKED],
    )


async def _colleagues(services: Services, session: Session) -> list[Staff]:
    """Specialists of the own hospital with a specialty in common."""
    return [
        person
        for person in await services.directory.staff_at(session.facility.id)
        if Role.SPECIALIST in person.roles
        and person.id != session.staff.id
        and not person.specialties.isdisjoint(session.staff.specialties)
    ]


def _shared(turn: Turn, mine: list[Turn]) -> bool:
    """Whether it is of a specialty in which one has turns to give."""
    return any(turn.shift.specialty_id == one.shift.specialty_id for one in mine)


def _turn(text: str) -> tuple[str, date] | None:
    """A turn of a list: its id and date."""
    shift_id, _, day = text.partition(" ")
    if not shift_id or len(shift_id) > 40:
        return None
    try:
        return shift_id, date.fromisoformat(day)
    except ValueError:
        return None
