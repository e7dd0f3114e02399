"""/availability: what a hospital offers. Templates, leave, holidays, days that it closes or opens; for its keepers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from consult_rooms import recurrence
from consult_rooms.availability import Edition
from consult_rooms.closures import AvailabilityException, ExceptionKind, public_holidays
from foundation.errors import Invalid, NotFound
from foundation.i18n import N_, Language
from foundation.ids import ExceptionId, FacilityId, StaffId, is_id
from identity.model import Department, Facility, Role, Session, Staff
from identity.policy import Action, Target, may, require
from web.forms import Form
from web.rendering import render
from web.services import SERVICES, Services

routes = web.RouteTableDef()

HOLIDAYS = timedelta(days=366)
"""How far ahead public holidays are shown."""
MONDAY = date(2024, 1, 1)
"""Any Monday."""
BAD_TIME = N_("Write the time as hours and minutes, such as 08:30.")


@dataclass(frozen=True, slots=True)
class Place:
    """The hospital whose availability is shown, and what its pages need of it."""

    facility: Facility
    zone: ZoneInfo
    hospitals: tuple[Facility, ...]
    """Others that this person may choose."""
    specialists: tuple[Staff, ...]
    departments: tuple[Department, ...]
    conflicts: int

    @property
    def names(self) -> dict[str, str]:
        """Of people and departments."""
        return {one.id: one.full_name for one in self.specialists} | {one.id: one.name for one in self.departments}


@dataclass(frozen=True, slots=True)
class Holiday:
    """A public holiday to come; `opened` is the exception by which the hospital opens on it."""

    day: date
    name: str
    opened: ExceptionId | None


@routes.get("/availability")
async def show(request: web.Request) -> web.StreamResponse:
    """Templates and exceptions of the own hospital, or of `facility` for who keeps several."""
    return await _page(request, Form.of(facility=request.query.get("facility", "")))


@routes.post("/availability/leave")
async def leave(request: web.Request) -> web.StreamResponse:
    """Note that somebody is away, from a day and perhaps an hour to another."""
    form, services, session = await Form.read(request), request.app[SERVICES], request["session"]
    place = await place_of(services, session, form)
    person = form.value("person")
    if not is_id(person, "stf"):
        form.refuse("person", N_("Choose one of the list."))
    first = form.day("first", required=True)
    last = form.day("last") or first
    starts, ends = clock_of(form, "starts", required=False), clock_of(form, "ends", required=False)
    if not form.valid or first is None or last is None:
        return await _page(request, form, status=422)
    begins = datetime.combine(first, starts or time(), place.zone)
    over = datetime.combine(last + timedelta(days=0 if ends else 1), ends or time(), place.zone)
    try:
        await services.planning.absences.leave(session.staff, StaffId(person), begins, over)
    except Invalid as error:
        form.refuse(
            {"starts": "first", "ends": "last"}.get(error.field or "", "first"), error.message, **error.parameters
        )
        return await _page(request, form, status=422)
    raise back(form, "/availability")


@routes.post("/availability/days")
async def days(request: web.Request) -> web.StreamResponse:
    """Close the hospital on some days, or open it on a public holiday."""
    form, services, session = await Form.read(request), request.app[SERVICES], request["session"]
    facility_id = facility_of(form, session)
    absences = services.planning.absences
    first = form.day("day", required=True)
    last = form.day("until") or first
    kind = form.choice("kind", ExceptionKind)
    if not form.valid or first is None or last is None:
        return await _page(request, form, status=422)
    try:
        if kind is ExceptionKind.OPEN:
            await absences.open(session.staff, facility_id, first)
        else:
            await absences.close(session.staff, facility_id, first, last)
    except Invalid as error:
        form.refuse({"ends": "until"}.get(error.field or "", "day"), error.message, **error.parameters)
        return await _page(request, form, status=422)
    raise back(form, "/availability")


@routes.post("/availability/days/{exception_id}/remove")
async def remove(request: web.Request) -> web.StreamResponse:
    """Take leave or a day back. One that somebody else took back meanwhile is taken back as well."""
    form = await Form.read(request)
    with suppress(NotFound):
        exception_id = ExceptionId(request.match_info["exception_id"])
        await request.app[SERVICES].planning.absences.remove(request["session"].staff, exception_id)
    raise back(form, "/availability")


async def _page(request: web.Request, form: Form, *, status: int = 200) -> web.StreamResponse:
    session: Session = request["session"]
    services = request.app[SERVICES]
    place = await place_of(services, session, form)
    listed = await services.planning.absences.listed(session.staff, place.facility.id)
    fields = {one.id: one for one in await services.directory.specialties()}
    return render(
        request,
        "availability/list.html",
        status=status,
        form=form,
        place=place,
        templates=sorted(
            await services.planning.availability.templates(session.staff, place.facility.id),
            key=lambda one: (place.names.get(_whose(one), ""), one.pattern.starts_on),
        ),
        fields=fields,
        exceptions=[one for one in listed if one.kind is not ExceptionKind.OPEN],
        span=lambda one: _span(request["language"], one, place.zone),
        step=timedelta(days=1),
        weekly=recurrence.weekdays_of,
        monday=MONDAY,
        holidays=_holidays(services, request["language"].code, place, listed),
    )


def _holidays(services: Services, language: str, place: Place, listed: list[AvailabilityException]) -> list[Holiday]:
    today = services.clock.now().astimezone(place.zone).date()
    country = services.planning.absences.country
    opened = {one.starts_at.astimezone(place.zone).date(): one.id for one in listed if one.kind is ExceptionKind.OPEN}
    return [
        Holiday(day, name, opened.get(day))
        for year in (today.year, today.year + 1)
        for day, name in public_holidays(country, year, language).items()
        if today <= day < today + HOLIDAYS
    ]


async def place_of(services: Services, session: Session, form: Form) -> Place:
    """The hospital that a page or a form speaks of. Raises Forbidden for others than its keepers."""
    facility_id = facility_of(form, session)
    require(session.staff, Action.KEEP_CALENDAR, Target(facility_id=facility_id))
    facility = await services.directory.facility(facility_id)
    hospitals: tuple[Facility, ...] = ()
    if may(session.staff, Action.ADMINISTER_ALL):
        hospitals = tuple(one for one in await services.directory.facilities() if one.is_hub)
    return Place(
        facility,
        ZoneInfo(facility.zone or services.settings.zone),
        hospitals,
        tuple(one for one in await services.directory.staff_at(facility_id) if Role.SPECIALIST in one.roles),
        tuple(await services.directory.departments_of(facility_id)),
        await services.planning.conflicts.count(session.staff, facility_id),
    )


def facility_of(form: Form, session: Session) -> FacilityId:
    """The hospital that is asked for, else the own facility."""
    asked = form.value("facility")
    return FacilityId(asked) if is_id(asked, "fac") else session.facility.id


def clock_of(form: Form, name: str, *, required: bool = True) -> time | None:
    """A time of a form; None, with an error, when it is none."""
    text = form.line(name, required=required, most=5)
    if not text:
        return None
    try:
        return time.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        form.refuse(name, BAD_TIME)
        return None


def back(form: Form, path: str) -> web.HTTPException:
    """The page again, of the same hospital."""
    asked = form.value("facility")
    return web.HTTPSeeOther(f"{path}?facility={asked}" if is_id(asked, "fac") else path)


def _whose(one: Edition) -> str:
    return one.staff_id or one.department_id or ""


def _span(language: Language, one: AvailabilityException, zone: ZoneInfo) -> str:
    """From when to when, in words: days, or days with hours."""
    starts, ends = one.starts_at.astimezone(zone), one.ends_at.astimezone(zone)
    if starts.time() == time() == ends.time():
        last = ends.date() - timedelta(days=1)
        found = [language.date(starts.date())] + ([] if last == starts.date() else [language.date(last)])
    else:
        found = [language.moment(starts, zone), language.moment(ends, zone)]
    return " – ".join(found)
