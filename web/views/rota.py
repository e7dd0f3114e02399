"""/rota: a hospital's week on call by specialty and date, with the hours that nobody holds; its keepers change it.

Each form bears the rota's version that the page showed, so that two keepers at once learn of each other's changes.
Above 300 lines, since every act ends in the one page that shows it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from aiohttp import web

from consult_rooms.coverage import Gap, Turn
from consult_rooms.model import Level
from consult_rooms.rota_ledger import Recorded
from consult_rooms.rota_weeks import AHEAD, RotaWeek
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import FacilityId, SpecialtyId, StaffId, is_id
from identity.model import Facility, Role, Session, Specialty, Staff
from identity.policy import Action, Target, may, require
from web.forms import Form
from web.rendering import render
from web.rota_words import told
from web.services import SERVICES, Services
from web.views.slots import BAD_TIME

routes = web.RouteTableDef()

NO_DAY = N_("Choose at least one day.")
GAPS = 20
"""Coming gaps that the page lists at most."""


@dataclass(frozen=True, slots=True)
class Held:
    """A turn with its holder's name; `overnight` when it ends on the day after."""

    turn: Turn
    name: str
    overnight: bool
    quiet_until: datetime | None
    """Until when the holder asked not to be rung: others are rung instead."""


@dataclass(frozen=True, slots=True)
class Day:
    """A date: whose turns begin on it, and when nobody is on call. One that is over is not changed any more."""

    day: date
    turns: tuple[Held, ...]
    gaps: tuple[Gap, ...]
    over: bool


@dataclass(frozen=True, slots=True)
class Week:
    """The week of one specialty, from Monday on."""

    specialty: Specialty
    days: tuple[Day, ...]
    has_gaps: bool
    others: tuple[Staff, ...]
    """Who could have a turn of it."""


@routes.get("/rota")
async def show(request: web.Request) -> web.StreamResponse:
    """The week of `day` (today) at the own hospital, or at `facility` for who keeps it."""
    return await _page(request, Form.of(facility=request.query.get("facility", ""), week=request.query.get("day", "")))


@routes.post("/rota")
async def add(request: web.Request) -> web.StreamResponse:
    """Put a specialist on call on days of each week, or on one date.

    A day on which the turn stands already is left as it is.
    """
    form, services, session = await Form.read(request), request.app[SERVICES], request["session"]
    facility_id = facility_of(form, session)
    person, _, specialty = form.value("offer").partition(" ")
    if not is_id(person, "stf") or not is_id(specialty, "spe"):
        form.refuse("offer", N_("Choose one of the list."))
    weekdays = sorted({int(day) for day in form.values("weekday") if day in {"0", "1", "2", "3", "4", "5", "6"}})
    day = form.day("date")
    if not weekdays and day is None:
        form.refuse("weekday", NO_DAY)
    starts, ends = clock_of(form, "starts"), clock_of(form, "ends")
    level = form.choice("level", Level) if form.value("level") else Level.FIRST
    if not form.valid or starts is None or ends is None or level is None:
        return await _page(request, form, status=422)
    taken: Conflict | None = None
    added = 0
    try:
        for weekday in weekdays if day is None else [day.weekday()]:
            try:
                await services.rota.add(
                    session.staff,
                    staff_id=StaffId(person),
                    specialty_id=SpecialtyId(specialty),
                    facility_id=facility_id,
                    weekday=weekday,
                    starts=starts,
                    ends=ends,
                    level=level,
                    day=day,
                    seen=seen_by(form),
                )
                added += 1
            except Conflict as error:
                if error.code != "rota.taken":
                    raise
                taken = error
        if taken is not None and not added:
            raise taken
    except (Invalid, Conflict) as error:
        names = {"staff_id": "offer", "day": "date"}
        form.take(error, field="offer")
        form.errors = {names.get(name, name): text for name, text in form.errors.items()}
        form.parameters = {names.get(name, name): found for name, found in form.parameters.items()}
        is_stale = error.code == "rota.stale"
        return await _page(request, form, status=error.status if is_stale else 422, stale=is_stale)
    raise _back(form)


@routes.post("/rota/leave")
async def leave(request: web.Request) -> web.StreamResponse:
    """Take somebody off every turn from one date to another."""
    form, services, session = await Form.read(request), request.app[SERVICES], request["session"]
    person, first = form.value("person"), form.day("first", required=True)
    last = form.day("last") or first
    if not is_id(person, "stf"):
        form.refuse("person", N_("Choose one of the list."))
    if not form.valid or first is None or last is None:
        return await _page(request, form, status=422)
    return await _acted(
        request,
        form,
        lambda: services.duty.dates.leave(
            session.staff, facility_of(form, session), StaffId(person), first, last, seen=seen_by(form)
        ),
        field="first",
    )


@routes.post("/rota/{shift_id}/remove")
async def remove(request: web.Request) -> web.StreamResponse:
    """Take a turn off for good. One that somebody else took off meanwhile is off as well."""
    form, services, shift_id = await Form.read(request), request.app[SERVICES], request.match_info["shift_id"]
    return await _acted(
        request, form, lambda: services.rota.remove(request["session"].staff, shift_id, seen=seen_by(form))
    )


@routes.post("/rota/{shift_id}/lift")
async def lift(request: web.Request) -> web.StreamResponse:
    """Let a weekly turn not hold on the date `on`; `instead` has it then."""
    form, services, shift_id = await Form.read(request), request.app[SERVICES], request.match_info["shift_id"]
    day = form.day("on", required=True)
    if day is None:
        return await _page(request, form, status=422)
    stand_in = StaffId(form.value("instead")) if is_id(form.value("instead"), "stf") else None
    return await _acted(
        request,
        form,
        lambda: services.duty.dates.lift(request["session"].staff, shift_id, day, instead=stand_in, seen=seen_by(form)),
    )


@routes.post("/rota/{shift_id}/restore")
async def restore(request: web.Request) -> web.StreamResponse:
    """Let it hold on the date `on` after all."""
    form, services, shift_id = await Form.read(request), request.app[SERVICES], request.match_info["shift_id"]
    day = form.day("on", required=True)
    if day is None:
        return await _page(request, form, status=422)
    return await _acted(
        request,
        form,
        lambda: services.duty.dates.restore(request["session"].staff, shift_id, day, seen=seen_by(form)),
    )


async def _acted(
    request: web.Request, form: Form, act: Callable[[], Awaitable[object]], *, field: str = "act"
) -> web.StreamResponse:
    """The week again after an act, or with what stands in its way. What is gone already is as good as done."""
    try:
        with suppress(NotFound):
            await act()
    except (Invalid, Conflict) as error:
        # An act has no fields of its own to tell it beside; the page says it at its head.
        form.refuse(error.field if isinstance(error, Invalid) and error.field == field else field, error.message)
        form.parameters[field] = error.parameters
        return await _page(request, form, status=error.status, stale=error.code == "rota.stale")
    raise _back(form)


async def _page(request: web.Request, form: Form, *, status: int = 200, stale: bool = False) -> web.StreamResponse:
    session: Session = request["session"]
    services = request.app[SERVICES]
    facility_id = facility_of(form, session)
    require(session.staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
    today = await services.duty.weeks.today()
    monday = monday_of(form.value("week"), today)
    week = await services.duty.weeks.read(facility_id, monday)
    staff = await services.directory.staff_at(facility_id)
    specialists = [person for person in staff if Role.SPECIALIST in person.roles]
    fields = {one.id: one for one in await services.directory.specialties()}
    swaps = await services.duty.swaps.at(session.staff, facility_id)
    missed: list[Recorded] = []
    if stale:
        changes = await services.duty.weeks.changes(facility_id, seen_by(form))
        missed = [one for one in changes if one.actor != session.staff.id]
    return render(
        request,
        "rota.html",
        status=status,
        form=form,
        facility=await services.directory.facility(facility_id),
        hospitals=await hospitals_of(services, session.staff),
        monday=monday,
        sunday=monday + timedelta(days=6),
        today=today,
        earlier=monday - timedelta(days=7),
        later=monday + timedelta(days=7),
        week=week,
        weeks=await _weeks(services, week, specialists, fields, today),
        gaps=(await services.duty.weeks.coming_gaps([facility_id]))[:GAPS],
        ahead=AHEAD,
        fields=fields,
        levels=list(Level),
        weekdays=[monday + timedelta(days=count) for count in range(7)],
        holders=sorted(
            {person.id: person for person in [*specialists, *week.people.values()]}.values(),
            key=lambda person: person.full_name,
        ),
        swaps=swaps,
        people=await services.directory.staff_many({one for swap in swaps for one in (swap.from_id, swap.to_id)}),
        missed=await told(services, request["language"], missed),
        changes=await told(services, request["language"], await services.duty.weeks.changes(facility_id)),
        offers=[
            (person, fields[field])
            for person in specialists
            for field in sorted(person.specialties, key=lambda one: fields[one].name_vi)
        ],
    )


async def _weeks(
    services: Services,
    week: RotaWeek,
    specialists: list[Staff],
    fields: dict[SpecialtyId, Specialty],
    today: date,
) -> list[Week]:
    """A week for each specialty that somebody here holds or is on call for, in the order of the list."""
    quiet = {} if services.reaching is None else await services.reaching.quiet.of(week.people)
    held = {field for person in specialists for field in person.specialties}
    held |= {turn.shift.specialty_id for turn in week.turns}
    weeks = []
    for field in (one for one in fields.values() if one.id in held):
        mine = [turn for turn in week.turns if turn.shift.specialty_id == field.id]
        open_hours = week.gaps(field.id)
        days = tuple(
            Day(
                day,
                tuple(
                    Held(
                        turn,
                        week.people[turn.shift.staff_id].full_name,
                        turn.shift.ends <= turn.shift.starts,
                        quiet.get(turn.shift.staff_id) if day == today else None,
                    )
                    for turn in mine
                    if turn.day == day
                ),
                tuple(gap for gap in open_hours if gap.day == day),
                day < today - timedelta(days=1),
            )
            for day in (week.first + timedelta(days=count) for count in range(7))
        )
        others = tuple(person for person in specialists if field.id in person.specialties)
        weeks.append(Week(field, days, bool(open_hours), others))
    return weeks


async def hospitals_of(services: Services, staff: Staff) -> list[Facility]:
    """The hospitals whose rota this person keeps, when there are several."""
    if not may(staff, Action.ADMINISTER_ALL):
        return []
    return [facility for facility in await services.directory.facilities() if facility.is_hub]


def facility_of(form: Form, session: Session) -> FacilityId:
    """The hospital that is asked for, else the own facility."""
    asked = form.value("facility")
    return FacilityId(asked) if is_id(asked, "fac") else session.facility.id


def seen_by(form: Form) -> int | None:
    """The version of the rota that the page showed; None when the form does not say."""
    text = form.value("version")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def monday_of(text: str, today: date) -> date:
    """The Monday of that date's week; of today's when there is none, or one that no calendar shows."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = today
    if not 2000 <= day.year < 2200:
        day = today
    return day - timedelta(days=day.weekday())


def clock_of(form: Form, name: str) -> time | None:
    """A time of a form; None, with an error, when it is none."""
    text = form.line(name, required=True, most=5)
    if not text:
        return None
    try:
        return time.fromisoformat(text)
    except ValueError:
        form.refuse(name, BAD_TIME)
        return None


def _back(form: Form) -> web.HTTPException:
    asked, week = form.value("facility"), form.value("week")
    parts = [f"facility={asked}"] if is_id(asked, "fac") else []
    with suppress(ValueError):
        parts.append(f"day={date.fromisoformat(week).isoformat()}")
    return web.HTTPSeeOther("/rota?" + "&".join(parts) if parts else "/rota")
