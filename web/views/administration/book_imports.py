"""What imports of health books found wrong: runs, and the problems of one by file, entry, type and code."""

from __future__ import annotations

import re

from aiohttp import web

from foundation.ids import ImportRunId
from records_panel.import_runs import MOST
from web.import_words import PROBLEMS
from web.services import SERVICES
from web.views.administration.reach import page

routes = web.RouteTableDef()
PATH = "/administration/books"


@routes.get(PATH)
async def index(request: web.Request) -> web.StreamResponse:
    """Runs, the latest first."""
    runs = await request.app[SERVICES].import_runs.recent(
        request["session"].staff, request.query.get("before", "")[:40]
    )
    return page(request, "book_imports.html", section="books", runs=runs, most=MOST)


@routes.get(PATH + "/{run_id}")
async def show(request: web.Request) -> web.StreamResponse:
    """The problems of one run, in the order of its files."""
    after = request.query.get("after", "")
    run, codes, problems = await request.app[SERVICES].import_runs.problems(
        request["session"].staff,
        ImportRunId(request.match_info["run_id"]),
        int(after) if re.fullmatch(r"[0-9]{1,18}", after) else 0,
    )
    return page(
        request,
        "book_import.html",
        section="books",
        run=run,
        codes=codes,
        problems=problems,
        sentences=PROBLEMS,
        most=MOST,
    )
