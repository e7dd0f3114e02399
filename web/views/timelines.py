"""/consults/{id}/timeline: a consult from request to outcome, for its people and for readers of its clinic's figures.

Both are shown one page; advice and outcomes stand in it for those alone who may read the opinion.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from aiohttp import web

from consult_rooms.advice_model import AdviceItem
from consult_rooms.aftercare_model import Advice
from consult_rooms.milestones import Pace
from consult_rooms.wording import sentence
from foundation.ids import ConsultId
from foundation.sheet_writing import CSV_TYPE
from web.rendering import render
from web.ribbon import HEIGHT, WIDTH, bands
from web.services import SERVICES
from web.timeline_files import Told, csv_file, json_of
from web.views.advice import TONES as ADVICE_TONES
from web.views.consults import TONES

routes = web.RouteTableDef()

PACES = {Pace.IN_TIME: "ok", Pace.LATE: "urgent", Pace.OVERDUE: "emergency"}


@routes.get("/consults/{consult_id}/timeline")
async def show(request: web.Request) -> web.StreamResponse:
    """Times against targets, the line, notes, signatures, advice, outcome and the log."""
    told = await _told(request, taken_out=False)
    return render(
        request,
        "timeline.html",
        told=told,
        case=told.timeline,
        tones=TONES,
        paces=PACES,
        advice_tones=ADVICE_TONES,
        bands=bands,
        box=(WIDTH, HEIGHT),
    )


@routes.get("/consults/{consult_id}/timeline.{kind:csv|json}")
async def export(request: web.Request) -> web.StreamResponse:
    """The same as a file."""
    told = await _told(request, taken_out=True)
    kind = request.match_info["kind"]
    is_csv = kind == "csv"
    return web.Response(
        body=csv_file(told, request["language"]) if is_csv else json_of(told),
        content_type=CSV_TYPE if is_csv else "application/json",
        charset="utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="timeline-{told.timeline.code}.{kind}"',
            "Cache-Control": "no-store",
        },
    )


async def _told(request: web.Request, *, taken_out: bool) -> Told:
    services, staff, language = request.app[SERVICES], request["session"].staff, request["language"]
    consult_id = ConsultId(request.match_info["consult_id"])
    one = await services.timelines.read(staff, consult_id, taken_out=taken_out)
    zone = ZoneInfo(services.settings.zone)
    rows = await services.queries.described(list(one.entries))
    mentioned = {lane.staff_id for sitting in one.sittings for lane in sitting.lanes}
    mentioned |= {signed.staff_id for signed in one.signatures}
    people = await services.directory.staff_many(mentioned)
    places = await services.directory.facilities_many({at for at in (one.clinic_id, one.hospital_id) if at})
    advice: tuple[AdviceItem, ...] = ()
    given: tuple[Advice, ...] = ()
    if one.reads_opinion:
        advice = await services.shared.advice.each(staff, consult_id)
        if services.aftercare is not None:
            given = await services.aftercare.follow_ups.of(staff, consult_id)
    return Told(
        timeline=one,
        names={staff_id: person.full_name for staff_id, person in people.items()},
        log=tuple((row.entry, row.actor_name, sentence(language, row, zone)) for row in rows),
        places={
            "specialty": (await services.directory.specialty(one.specialty_id)).name(language.code),
            "clinic": places[one.clinic_id].name,
            "hospital": "" if one.hospital_id is None else places[one.hospital_id].name,
        },
        advice=advice,
        given=given,
    )
