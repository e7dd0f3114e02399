"""A clinic's shared computers: create, hand out the one-time code, revoke."""

from __future__ import annotations

from aiohttp import web

from foundation.errors import Invalid
from foundation.ids import TerminalId
from identity.entries import TerminalEntry, checked_terminal
from identity.model import Facility, Terminal
from web.forms import Form
from web.services import SERVICES
from web.views.administration.reach import (
    LONGEST_LIST,
    chosen_facility,
    done,
    facilities_in_reach,
    facility_in_reach,
    note,
    page,
)

routes = web.RouteTableDef()
PATH = "/administration/terminals"


@routes.get(PATH)
async def index(request: web.Request) -> web.StreamResponse:
    """The terminals of a facility, and the form for one more."""
    return await _page(request, await chosen_facility(request), Form())


@routes.post(PATH)
async def create(request: web.Request) -> web.StreamResponse:
    """Create a terminal and show the code that enrols it, once."""
    facility, form = await chosen_facility(request), await Form.read(request)
    entry, problems = checked_terminal(
        TerminalEntry(facility.id, form.line("code", most=40), form.line("name", most=100))
    )
    note(form, problems, "code")
    if form.valid:
        try:
            made = await request.app[SERVICES].terminals.create(request["session"].staff, entry)
            return await _code(request, facility, made)
        except Invalid as error:
            form.take(error, field="code")
    return await _page(request, facility, form, status=422)


@routes.post(PATH + "/{terminal_id}")
async def act(request: web.Request) -> web.StreamResponse:
    """`act`: `code` issues a new one-time code, `revoke` voids the credential, `out_of_use` and `in_use` switch."""
    terminal = await request.app[SERVICES].directory.terminal(TerminalId(request.match_info["terminal_id"]))
    facility = await facility_in_reach(request, terminal.facility_id)
    form, person, terminals = await Form.read(request), request["session"].staff, request.app[SERVICES].terminals
    chosen = form.value("act")
    if chosen == "code":
        return await _code(request, facility, terminal)
    acts = {
        "revoke": (terminals.revoke, "revoked"),
        "out_of_use": (terminals.deactivate, "out_of_use"),
        "in_use": (terminals.activate, "in_use"),
    }
    if chosen in acts:
        change, notice = acts[chosen]
        await change(person, terminal.id)
        raise done(PATH, notice, facility=facility.code)
    raise done(PATH, "", facility=facility.code)


async def _code(request: web.Request, facility: Facility, terminal: Terminal) -> web.Response:
    code, expires_at = await request.app[SERVICES].terminals.issue_code(request["session"].staff, terminal.id)
    return page(
        request,
        "secret.html",
        section="terminals",
        kind="terminal",
        name=f"{terminal.code}, {terminal.name}",
        secret=code,
        expires_at=expires_at,
        back=f"{PATH}?facility={facility.code}",
    )


async def _page(request: web.Request, facility: Facility, form: Form, *, status: int = 200) -> web.Response:
    reach = await facilities_in_reach(request)
    return page(
        request,
        "terminals.html",
        section="terminals",
        status=status,
        facility=facility,
        form=form,
        facilities=reach if len(reach) <= LONGEST_LIST else [],
        terminals=await request.app[SERVICES].directory.terminals_of(facility.id, inactive=True),
    )
