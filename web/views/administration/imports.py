"""Import of tables: choose a file, see what it would do and every row's errors, then let it."""

from __future__ import annotations

from aiohttp import web

from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from identity.csv_columns import COLUMNS, ImportKind
from identity.csv_import import ImportResult
from web.admission import body_limit
from web.forms import Form
from web.services import SERVICES
from web.sheet_forms import LARGEST_BODY, sent_back, uploaded
from web.views.administration.reach import administrator, page

routes = web.RouteTableDef()
PATH = "/administration/import"
SHOWN_ERRORS = 500


@routes.get(PATH)
async def index(request: web.Request) -> web.StreamResponse:
    """The kinds of files, each with its columns."""
    administrator(request)
    return page(request, "imports.html", section="import", kinds=list(ImportKind), columns=COLUMNS)


@routes.get(PATH + "/{kind}")
async def show(request: web.Request) -> web.StreamResponse:
    """The form for a file of one kind."""
    administrator(request)
    return _page(request, _kind(request), Form())


@routes.post(PATH + "/{kind}")
@body_limit(LARGEST_BODY)
async def run(request: web.Request) -> web.StreamResponse:
    """Check a file; with `act=apply` import it whole, with `act=apply_good` the rows without errors."""
    person, kind, form = administrator(request), _kind(request), await Form.read(request)
    data = await uploaded(request)
    if not data:
        form.refuse("file", N_("Choose a file."))
        return _page(request, kind, form, status=422)
    act = form.value("act")
    try:
        result = await request.app[SERVICES].csv_import.run(
            person, kind, data, apply=act in ("apply", "apply_good"), all_or_nothing=act != "apply_good"
        )
    except (Invalid, Conflict) as error:
        form.refuse("file", error.message, **error.parameters)
        return _page(request, kind, form, status=error.status)
    return _page(request, kind, form, result=result, content="" if result.applied else sent_back(data))


def _kind(request: web.Request) -> ImportKind:
    try:
        return ImportKind(request.match_info["kind"])
    except ValueError:
        raise web.HTTPNotFound from None


def _page(
    request: web.Request,
    kind: ImportKind,
    form: Form,
    *,
    status: int = 200,
    result: ImportResult | None = None,
    content: str = "",
) -> web.Response:
    return page(
        request,
        "import.html",
        section="import",
        status=status,
        kind=kind,
        columns=COLUMNS[kind],
        form=form,
        result=result,
        errors=result.errors[:SHOWN_ERRORS] if result else (),
        content=content,
    )
