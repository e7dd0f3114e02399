"""GET /: what awaits the person, by role. Each section also comes alone (`part`), for a script that looks again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import cast
from zoneinfo import ZoneInfo

from aiohttp import web

from consult_rooms.access import Relation
from consult_rooms.model import ConsultState
from consult_rooms.rota_weeks import AHEAD
from foundation.errors import NotFound
from foundation.i18n import N_
from identity.model import Role, Staff
from records_panel.glass_reviews import GlassRow
from web.rendering import render
from web.services import SERVICES, Services
from web.views.clinic_side import offered
from web.views.consult_ways import open_cases, way
from web.views.hospital_side import colleagues, turns

routes = web.RouteTableDef()

PAST_ROWS = 5
QUEUE_ROWS = 5
AGENDA_DAYS = 14

_AT_BEDSIDE = frozenset({Role.RURAL_DOCTOR, Role.SPECIALIST})
_CLINICAL = _AT_BEDSIDE | {Role.COORDINATOR}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks, and when."""

    services: Services
    staff: Staff
    now: datetime


Filling = Mapping[str, object]
"""What the template of a section is given."""


async def _waiting(reader: Reader) -> Filling:
    rows = await reader.services.queries.waiting(reader.staff)
    elsewhere = (ConsultState.ENDED, ConsultState.WRITTEN)
    running = [row for row in rows if row.consult.state not in elsewhere]
    return {"waiting": [way(row, reader.now) for row in running]}


async def _written(reader: Reader) -> Filling:
    rows = await reader.services.desk.written.listed(reader.staff)
    late = sum(row.consult.is_overdue(reader.now) for row in rows)
    return {"written": [way(row, reader.now) for row in rows], "written_late": late}


async def _drafts(reader: Reader) -> Filling:
    return {"drafts": await reader.services.desk.drafts.listed(reader.staff)}


async def _owed(reader: Reader) -> Filling:
    rows = await reader.services.queries.waiting(reader.staff)
    ended = [row for row in rows if row.consult.state is ConsultState.ENDED and row.related is Relation.SPECIALIST]
    return {"owed": [way(row, reader.now) for row in ended]}


async def _agenda(reader: Reader) -> Filling:
    zone = ZoneInfo(reader.services.settings.zone)
    rows = await reader.services.queries.agenda(reader.staff, reader.now.astimezone(zone).date(), AGENDA_DAYS)
    coming = [row for row in rows if row.consult.state in (ConsultState.SCHEDULED, ConsultState.CLAIMED)]
    return {
        "agenda": [way(row, reader.now) for row in coming],
        "room_opens": reader.services.settings.room_opens_minutes,
    }


async def _past(reader: Reader) -> Filling:
    rows = await reader.services.queries.past(reader.staff, limit=PAST_ROWS)
    return {"past": [way(row, reader.now) for row in rows], "open_cases": await open_cases(reader.services, rows)}


async def _unread(reader: Reader) -> Filling:
    aftercare = reader.services.aftercare
    return {"unread_advice": 0 if aftercare is None else await aftercare.debts.unread(reader.staff)}


async def _queue(reader: Reader) -> Filling:
    queue = await reader.services.queries.queue(reader.staff)
    return {"queue": [(one, way(one.row, reader.now)) for one in queue[:QUEUE_ROWS]], "queued": len(queue)}


async def _gaps(reader: Reader) -> Filling:
    return {"gaps": await reader.services.duty.weeks.coming_gaps([reader.staff.facility_id]), "ahead": AHEAD}


async def _on_call(reader: Reader) -> Filling:
    return {"offered": await offered(reader.services, reader.staff.facility_id)}


async def _duty(reader: Reader) -> Filling:
    return {"turns": await turns(reader.services, reader.staff, reader.now)}


async def _colleagues(reader: Reader) -> Filling:
    return {"colleagues": await colleagues(reader.services, reader.staff, reader.now)}


async def _emergencies(reader: Reader) -> Filling:
    reviews = reader.services.glass_reviews
    return {"to_review": await reviews.waiting(reader.staff), "awaiting": await reviews.count(reader.staff)}


async def _alert(reader: Reader) -> Filling:
    # Waits here for an officer who was not signed in when it happened; the most urgent come first in the list.
    filling = await _emergencies(reader)
    rows = cast("list[GlassRow]", filling["to_review"])
    return {**filling, "overdue": sum(row.overdue(reader.now) for row in rows)}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page that lives: for whom, in which column, filled by what. `mark` is its element's id."""

    mark: str
    column: str
    roles: frozenset[Role]
    fill: Callable[[Reader], Awaitable[Filling]]


SECTIONS: Mapping[str, Section] = MappingProxyType(
    {
        "alert": Section("officer-alert", "top", frozenset({Role.DATA_PROTECTION_OFFICER}), _alert),
        "unread": Section("unread-advice", "top", frozenset({Role.RURAL_DOCTOR}), _unread),
        "gaps": Section("rota-gaps", "top", frozenset({Role.COORDINATOR}), _gaps),
        "duty": Section("duty", "head", frozenset({Role.SPECIALIST}), _duty),
        "queue": Section("queue", "main", frozenset({Role.COORDINATOR}), _queue),
        "emergencies": Section("emergencies", "main", frozenset({Role.DATA_PROTECTION_OFFICER}), _emergencies),
        "waiting": Section("waiting-now", "main", _CLINICAL, _waiting),
        "drafts": Section("drafts", "aside", frozenset({Role.RURAL_DOCTOR}), _drafts),
        "written": Section("written-now", "main", _CLINICAL, _written),
        "agenda": Section("agenda", "main", _AT_BEDSIDE, _agenda),
        "past": Section("past", "main", _CLINICAL, _past),
        "owed": Section("owed", "aside", frozenset({Role.SPECIALIST}), _owed),
        "on_call": Section("on-call", "aside", frozenset({Role.RURAL_DOCTOR}), _on_call),
        "colleagues": Section("colleagues", "aside", frozenset({Role.SPECIALIST}), _colleagues),
    }
)
"""By the name of the part, in the order of the page."""


@routes.get("/")
async def show(request: web.Request) -> web.StreamResponse:
    """The page with the sections of all of the person's roles; with `part`, the content of that one alone."""
    staff: Staff = request["session"].staff
    services = request.app[SERVICES]
    reader = Reader(services, staff, services.clock.now())
    mine = {name: section for name, section in SECTIONS.items() if section.roles & staff.roles}
    if (part := request.query.get("part")) is not None:
        return await _part(request, reader, mine, part)
    filling: dict[str, object] = {}
    for section in mine.values():
        filling |= await section.fill(reader)
    return render(
        request,
        "home/page.html",
        status=200,
        sections=mine,
        at_bedside=bool(_AT_BEDSIDE & staff.roles),
        asks=Role.RURAL_DOCTOR in staff.roles,
        administers=Role.ADMINISTRATOR in staff.roles,
        reviews=Role.DATA_PROTECTION_OFFICER in staff.roles,
        now=reader.now,
        **filling,
    )


async def _part(request: web.Request, reader: Reader, mine: Mapping[str, Section], part: str) -> web.Response:
    if part not in mine:
        raise NotFound("page.not_found", N_("There is no such page."))
    response = render(request, f"home/{part}.html", status=200, now=reader.now, **await mine[part].fill(reader))
    response.headers["X-Fragment"] = "1"
    return response
