"""/rota/import and /rota/export: a hospital's turns as a table, in after a check of each row, and out again."""

from __future__ import annotations

from aiohttp import web

from consult_rooms.rota_import import COLUMNS, MOST_ROWS, RotaFile
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.sheet_writing import CSV_TYPE, XLSX_TYPE, csv_of, xlsx_of
from identity.model import Session
from identity.policy import Action, Target, require
from web.admission import body_limit
from web.forms import Form
from web.rendering import render
from web.services import SERVICES
from web.sheet_forms import LARGEST_BODY, sent_back, uploaded
from web.views.rota import facility_of, seen_by

routes = web.RouteTableDef()
SHOWN = 500
"""Errors that the page lists at most."""


@routes.get("/rota/import")
async def show(request: web.Request) -> web.StreamResponse:
    """The form for a file, and the columns that it has."""
    return await _page(request, Form.of(facility=request.query.get("facility", "")))


@routes.post("/rota/import")
@body_limit(LARGEST_BODY)
async def run(request: web.Request) -> web.StreamResponse:
    """Check a file; with `act=apply` add the turns of its rows without errors."""
    form, services, session = await Form.read(request), request.app[SERVICES], request["session"]
    data = await uploaded(request)
    if not data:
        form.refuse("file", N_("Choose a file."))
        return await _page(request, form, status=422)
    applies = form.value("act") == "apply"
    try:
        result = await services.duty.files.run(
            session.staff, facility_of(form, session), data, apply=applies, seen=seen_by(form)
        )
    except (Invalid, Conflict) as error:
        form.refuse("file", error.message, **error.parameters)
        return await _page(request, form, status=error.status)
    return await _page(request, form, result=result, content="" if applies else sent_back(data))


@routes.get("/rota/export.{kind:csv|xlsx}")
async def export(request: web.Request) -> web.StreamResponse:
    """The turns from yesterday on, in the form in which they can be imported."""
    services, session = request.app[SERVICES], request["session"]
    form = Form.of(facility=request.query.get("facility", ""))
    header, *rows = await services.duty.files.table(session.staff, facility_of(form, session))
    kind = request.match_info["kind"]
    body = csv_of(header, rows) if kind == "csv" else xlsx_of({"rota": [header, *rows]})
    return web.Response(
        body=body,
        content_type=CSV_TYPE if kind == "csv" else XLSX_TYPE,
        headers={"Content-Disposition": f'attachment; filename="rota.{kind}"', "Cache-Control": "no-store"},
    )


async def _page(
    request: web.Request, form: Form, *, status: int = 200, result: RotaFile | None = None, content: str = ""
) -> web.Response:
    services = request.app[SERVICES]
    session: Session = request["session"]
    facility_id = facility_of(form, session)
    require(session.staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
    week = await services.duty.weeks.read(facility_id, await services.duty.weeks.today(), 1)
    return render(
        request,
        "rota_import.html",
        status=status,
        facility=await services.directory.facility(facility_id),
        form=form,
        version=week.version,
        columns=COLUMNS,
        most_rows=MOST_ROWS,
        result=result,
        problems=result.problems[:SHOWN] if result else (),
        content=content,
    )
