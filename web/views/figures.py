"""/figures: what consults come to by week, specialty, hospital and clinic, of one facility; and each case's log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from consult_rooms.figures import CASES, MOST_WEEKS, Dimension, Figures, Line, Which
from foundation.i18n import N_, Language
from foundation.ids import FacilityId, SpecialtyId
from foundation.sheet_writing import CSV_TYPE, XLSX_TYPE, Cell, csv_of, xlsx_of
from identity.model import Session
from identity.policy import Action, may
from web.forms import Form
from web.plots import Bars, Curve, bars, curve
from web.rendering import render
from web.services import SERVICES, Services
from web.views.rota import facility_of, monday_of

routes = web.RouteTableDef()

CHOICES = (4, 8, 13, MOST_WEEKS)
USUAL = 8
WIDTH, HEIGHT = 640, 120
HEADINGS: Mapping[Dimension, str] = {
    Dimension.WEEK: N_("By week"),
    Dimension.SPECIALTY: N_("By specialty"),
    Dimension.HOSPITAL: N_("By hospital"),
    Dimension.FACILITY: N_("By clinic"),
}
COLUMNS = (
    N_("Requests"),
    N_("Given up"),
    N_("Answered"),
    N_("Answered in time"),
    N_("Median time to answer (s)"),
    N_("90% answered within (s)"),
    N_("Booked"),
    N_("Not held"),
    N_("Offered (min)"),
    N_("Booked (min)"),
    N_("Rated useful (%)"),
    N_("Line rated good (%)"),
)
NOBODY = N_("Nobody answered")


@dataclass(frozen=True, slots=True)
class Named:
    """A line with what its key is called."""

    line: Line
    name: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for."""

    form: Form
    facility_id: FacilityId
    figures: Figures


@routes.get("/figures")
async def show(request: web.Request) -> web.StreamResponse:
    """Some weeks up to that of `day` (today), with plots; `facility` for who may see several."""
    asked = await _asked(request)
    services, session = request.app[SERVICES], request["session"]
    weeks = await _named(services, request["language"], asked.figures)
    by_week = [named.line for named in weeks[Dimension.WEEK]]
    slowest = max((line.ninetieth_s or 0 for line in by_week), default=0)
    return render(
        request,
        "figures.html",
        facility=await services.directory.facility(asked.facility_id),
        facilities=await services.directory.facilities() if may(session.staff, Action.ADMINISTER_ALL) else [],
        figures=asked.figures,
        last=asked.figures.first + timedelta(weeks=asked.figures.weeks, days=-1),
        choices=CHOICES,
        headings=HEADINGS,
        named=weeks,
        asked_plot=bars([(line.requests, line.in_time) for line in by_week], width=WIDTH, height=HEIGHT),
        used_plot=bars([(line.offered_minutes, line.used_minutes) for line in by_week], width=WIDTH, height=HEIGHT),
        slowest=slowest,
        wait_plots=_waits(by_week, slowest),
        wait_box=Bars(WIDTH, HEIGHT, slowest, ()),
    )


@routes.get("/figures/export.{kind:csv|xlsx}")
async def export(request: web.Request) -> web.StreamResponse:
    """The same as tables: a sheet for each dimension, or one after the other as CSV."""
    asked = await _asked(request)
    language: Language = request["language"]
    named = await _named(request.app[SERVICES], language, asked.figures)
    header: list[Cell] = ["", *(language.text(column) for column in COLUMNS)]
    tables = {
        language.text(HEADINGS[dimension]): [header, *(_cells(one) for one in named[dimension])]
        for dimension in HEADINGS
    }
    kind = request.match_info["kind"]
    if kind == "csv":
        rows = [[heading, *row] for heading, (_, *lines) in tables.items() for row in lines]
        body = csv_of(["", *map(str, header)], rows)
    else:
        body = xlsx_of(tables)
    name = f"figures-{asked.figures.first.isoformat()}.{kind}"
    return web.Response(
        body=body,
        content_type=CSV_TYPE if kind == "csv" else XLSX_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


@routes.get("/figures/cases")
async def cases(request: web.Request) -> web.StreamResponse:
    """The cases behind a figure: `by` and `key` say which line, `which` says all, late or not held ones."""
    services: Services = request.app[SERVICES]
    form = _form(request)
    session: Session = request["session"]
    facility_id = facility_of(form, session)
    which = Which(request.query["which"]) if request.query.get("which") in list(Which) else Which.ALL
    by, key = request.query.get("by", ""), request.query.get("key", "")[:40]
    dimension = Dimension(by) if by in list(Dimension) else None
    weeks = _weeks(request)
    first = monday_of(form.value("day"), await services.duty.weeks.today()) - timedelta(weeks=weeks - 1)
    if dimension is Dimension.WEEK:
        first, weeks = monday_of(key, first), 1
    found = await services.figures.cases(session.staff, facility_id, first, weeks, which, dimension, key)
    places = {one.clinic_id for one in found} | {one.hospital_id for one in found if one.hospital_id is not None}
    return render(
        request,
        "figures_cases.html",
        facility=await services.directory.facility(facility_id),
        cases=found,
        most=CASES,
        which=which,
        fields=await services.directory.specialties_many({one.specialty_id for one in found}),
        places=await services.directory.facilities_many(places),
    )


def _form(request: web.Request) -> Form:
    return Form.of(facility=request.query.get("facility", ""), day=request.query.get("day", ""))


def _weeks(request: web.Request) -> int:
    text = request.query.get("weeks", "")
    return int(text) if text.isascii() and text.isdigit() and 1 <= int(text[:3]) <= MOST_WEEKS else USUAL


async def _asked(request: web.Request) -> Asked:
    services: Services = request.app[SERVICES]
    session: Session = request["session"]
    form = _form(request)
    weeks = _weeks(request)
    facility_id = facility_of(form, session)
    first = monday_of(form.value("day"), await services.duty.weeks.today()) - timedelta(weeks=weeks - 1)
    return Asked(form, facility_id, await services.figures.read(session.staff, facility_id, first, weeks))


async def _named(services: Services, language: Language, figures: Figures) -> dict[Dimension, list[Named]]:
    fields = await services.directory.specialties_many(
        {SpecialtyId(line.key) for line in figures.by[Dimension.SPECIALTY]}
    )
    keys = {line.key for one in (Dimension.HOSPITAL, Dimension.FACILITY) for line in figures.by[one]}
    places = await services.directory.facilities_many({FacilityId(key) for key in keys if key})

    def name(dimension: Dimension, key: str) -> str:
        if dimension is Dimension.WEEK:
            return key
        if dimension is Dimension.SPECIALTY:
            return fields[SpecialtyId(key)].name(language.code)
        return places[FacilityId(key)].name if key else language.text(NOBODY)

    found = {
        dimension: [Named(line, name(dimension, line.key)) for line in lines] for dimension, lines in figures.by.items()
    }
    for dimension in (Dimension.SPECIALTY, Dimension.HOSPITAL, Dimension.FACILITY):
        found[dimension].sort(key=lambda one: (-one.line.requests, one.name))
    return found


def _waits(lines: list[Line], slowest: int) -> tuple[Curve, Curve]:
    """The median and the ninetieth percentile of each week."""
    medians = curve([line.median_s for line in lines], slowest, width=WIDTH, height=HEIGHT)
    return medians, curve([line.ninetieth_s for line in lines], slowest, width=WIDTH, height=HEIGHT)


def _cells(one: Named) -> list[Cell]:
    line = one.line
    return [
        one.name,
        line.requests,
        line.cancelled,
        line.answered,
        line.in_time,
        line.median_s,
        line.ninetieth_s,
        line.booked,
        line.missed,
        line.offered_minutes,
        line.used_minutes,
        _percent(line.useful_share),
        _percent(line.good_line_share),
    ]


def _percent(share: float | None) -> int | None:
    return None if share is None else round(share * 100)
