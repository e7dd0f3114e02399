"""GET /agenda: one's booked consults of two weeks, both sides alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from identity.model import Role, Session
from web.rendering import render
from web.services import SERVICES
from web.views.consult_ways import Way, way

routes = web.RouteTableDef()

DAYS = 14


@routes.get("/agenda")
async def show(request: web.Request) -> web.StreamResponse:
    """From `day` on (today), by day; for a script that looks again the list alone."""
    services = request.app[SERVICES]
    session: Session = request["session"]
    zone, now = ZoneInfo(services.settings.zone), services.clock.now()
    first = _day(request.query.get("day", "")) or now.astimezone(zone).date()
    days: dict[date, list[Way]] = {}
    rows = await services.queries.agenda(session.staff, first, DAYS)
    expected = await services.scheduling.appointments.expected(row.consult for row in rows)
    for row in rows:
        starts_at = row.consult.starts_at
        if starts_at is not None:
            days.setdefault(starts_at.astimezone(zone).date(), []).append(
                replace(way(row, now), expected_at=expected.get(row.consult.id))
            )
    is_fragment = "X-Fragment" in request.headers
    response = render(
        request,
        "agenda_live.html" if is_fragment else "agenda.html",
        days=days,
        first=first,
        last=first + timedelta(days=DAYS - 1),
        before=first - timedelta(days=DAYS),
        after=first + timedelta(days=DAYS),
        room_opens=services.settings.room_opens_minutes,
        publishes=Role.COORDINATOR in session.staff.roles,
        books=Role.RURAL_DOCTOR in session.staff.roles,
        today=now.astimezone(zone).date(),
        now=now,
    )
    if is_fragment:
        response.headers["X-Fragment"] = "1"
    return response


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2020 <= found.year <= 2200 else None
