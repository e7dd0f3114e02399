"""/rota: a hospital's weekly turns on call by specialty, with the hours that nobody holds; its keepers change it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from aiohttp import web

from consult_rooms.coverage import Gap, gaps
from consult_rooms.model import Level, Shift
from foundation.errors import Conflict, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import FacilityId, SpecialtyId, StaffId, is_id
from identity.model import Facility, Role, Session, Specialty, Staff
from identity.policy import Action, Target, may, require
from web.forms import Form
from web.rendering import render
from web.services import SERVICES, Services
from web.views.slots import BAD_TIME

routes = web.RouteTableDef()

MONDAY = date(2024, 1, 1)
"""Any Monday: the rota is the same each week."""
NO_DAY = N_("Choose at least one day.")


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn with its holder's name; `overnight` when it ends on the day after."""

    shift: Shift
    name: str
    overnight: bool
    quiet_until: datetime | None
    """Until when the holder asked not to be rung: others are rung instead."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the week: who begins a turn on it, and when nobody is on call."""

    weekday: int
    turns: tuple[Turn, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """The week of one specialty, from Monday on."""

    specialty: Specialty
    days: tuple[Day, ...]
    has_gaps: bool


@routes.get("/rota")
async def show(request: web.Request) -> web.StreamResponse:
    """The week of the own hospital, or of `facility` for who keeps it."""
    return await _page(request, Form.of(facility=request.query.get("facility", "")))


@routes.post("/rota")
async def add(request: web.Request) -> web.StreamResponse:
    """Put a specialist on call on one or several days. A day on which the turn stands already is left as it is."""
    form, services, session = await Form.read(request), request.app[SERVICES], request["session"]
    facility_id = _facility_id(form, session)
    person, _, specialty = form.value("offer").partition(" ")
    if not is_id(person, "stf") or not is_id(specialty, "spe"):
        form.refuse("offer", N_("Choose one of the list."))
    weekdays = sorted({int(day) for day in form.values("weekday") if day in {"0", "1", "2", "3", "4", "5", "6"}})
    if not weekdays:
        form.refuse("weekday", NO_DAY)
    starts, ends = _clock(form, "starts"), _clock(form, "ends")
    level = form.choice("level", Level) if form.value("level") else Level.FIRST
    if not form.valid or starts is None or ends is None or level is None:
        return await _page(request, form, status=422)
    taken: Conflict | None = None
    added = 0
    try:
        for weekday in weekdays:
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
                )
                added += 1
            except Conflict as error:
                taken = error
        if taken is not None and not added:
            raise taken
    except (Invalid, Conflict) as error:
        form.take(error, field="offer")
        form.errors = {"offer" if name == "staff_id" else name: text for name, text in form.errors.items()}
        return await _page(request, form, status=422)
    raise _back(form)


@routes.post("/rota/{shift_id}/remove")
async def remove(request: web.Request) -> web.StreamResponse:
    """Take a turn off. One that somebody else took off meanwhile is off as well."""
    form = await Form.read(request)
    with suppress(NotFound):
        await request.app[SERVICES].rota.remove(request["session"].staff, request.match_info["shift_id"])
    raise _back(form)


async def _page(request: web.Request, form: Form, *, status: int = 200) -> web.StreamResponse:
    session: Session = request["session"]
    services = request.app[SERVICES]
    facility_id = _facility_id(form, session)
    require(session.staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
    facility = await services.directory.facility(facility_id)
    staff = await services.directory.staff_at(facility_id)
    specialists = [person for person in staff if Role.SPECIALIST in person.roles]
    fields = {one.id: one for one in await services.directory.specialties()}
    weeks = await _weeks(services, facility_id, specialists, fields)
    return render(
        request,
        "rota.html",
        status=status,
        form=form,
        facility=facility,
        hospitals=await _hospitals(services, session.staff),
        weeks=weeks,
        levels=list(Level),
        weekdays=[MONDAY + timedelta(days=count) for count in range(7)],
        offers=[
            (person, fields[field])
            for person in specialists
            for field in sorted(person.specialties, key=lambda one: fields[one].name_vi)
        ],
    )


async def _weeks(
    services: Services, facility_id: FacilityId, specialists: list[Staff], fields: dict[SpecialtyId, Specialty]
) -> list[Week]:
    """A week for each specialty that somebody here holds or is on call for, in the order of the list."""
    shifts = await services.rota.shifts([facility_id])
    people = await services.directory.staff_many({shift.staff_id for shift in shifts})
    quiet = {} if services.reaching is None else await services.reaching.quiet.of(people)
    held = {field for person in specialists for field in person.specialties} | {shift.specialty_id for shift in shifts}
    weeks = []
    for field in (one for one in fields.values() if one.id in held):
        mine = [shift for shift in shifts if shift.specialty_id == field.id]
        # Whoever has left is not rung: their turn stands on the page, and covers nothing.
        # A backup covers nothing either: it rings when the first has not answered.
        open_hours = gaps(shift for shift in mine if people[shift.staff_id].active and shift.level is Level.FIRST)
        days = tuple(
            Day(
                weekday,
                tuple(
                    Turn(
                        shift,
                        people[shift.staff_id].full_name,
                        shift.ends <= shift.starts,
                        quiet.get(shift.staff_id),
                    )
                    for shift in mine
                    if shift.weekday == weekday
                ),
                tuple(gap for gap in open_hours if gap.weekday == weekday),
            )
            for weekday in range(7)
        )
        weeks.append(Week(field, days, bool(open_hours)))
    return weeks


async def _hospitals(services: Services, staff: Staff) -> list[Facility]:
    """The hospitals whose rota this person keeps, when there are several."""
    if not may(staff, Action.ADMINISTER_ALL):
        return []
    return [facility for facility in await services.directory.facilities() if facility.is_hub]


def _facility_id(form: Form, session: Session) -> FacilityId:
    asked = form.value("facility")
    return FacilityId(asked) if is_id(asked, "fac") else session.facility.id


def _clock(form: Form, name: str) -> time | None:
    text = form.line(name, required=True, most=5)
    if not text:
        return None
    try:
        return time.fromisoformat(text)
    except ValueError:
        form.refuse(name, BAD_TIME)
        return None


def _back(form: Form) -> web.HTTPException:
    asked = form.value("facility")
    return web.HTTPSeeOther(f"/rota?facility={asked}" if is_id(asked, "fac") else "/rota")
