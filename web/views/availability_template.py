"""/availability/new and /availability/{id}: one template, with a preview of what it will offer before it is saved.

Above 300 lines, since one form is read, shown again with its faults, previewed and saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from zoneinfo import ZoneInfo

from aiohttp import web

from consult_rooms import recurrence
from consult_rooms.appointment import VisitType
from consult_rooms.availability import Edition
from consult_rooms.offering import Plan, Time
from consult_rooms.pattern import BUFFER, LENGTHS, Pattern, changes
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import DepartmentId, SpecialtyId, StaffId, TemplateId, is_id
from identity.model import Specialty
from web.availability_labels import FIELDS
from web.forms import Form
from web.rendering import render
from web.services import SERVICES, Services
from web.views.availability import Place, back, clock_of, place_of

routes = web.RouteTableDef()

DAYS = 14
"""Days of offers that a preview shows of each person."""
REPEATS = ("weekly", "once", "rule")
NO_DAY = N_("Choose at least one day.")
_NAMES = {"whose": "offer", "specialty_id": "offer", "rule": "repeat"}
"""The service's names of fields, and those of the form."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What one specialist would offer."""

    name: str
    plan: Plan
    days: tuple[tuple[date, tuple[Time, ...]], ...]
    """The first days with offers."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which the version that was looked at and the newest differ."""

    label: str
    before: str
    now: str


@routes.get("/availability/new")
async def new(request: web.Request) -> web.StreamResponse:
    """An empty form."""
    services, session = request.app[SERVICES], request["session"]
    form = Form.of(facility=request.query.get("facility", ""))
    place = await place_of(services, session, form)
    today = services.clock.now().astimezone(place.zone).date()
    return await _page(
        request,
        Form.of(
            facility=form.value("facility"),
            repeat="weekly",
            every="1",
            starts_on=today.isoformat(),
            starts="08:00",
            ends="11:00",
            minutes=LENGTHS[VisitType.FIRST],
            before="0",
            after="0",
            visit_type=VisitType.FIRST,
        ),
        place,
        None,
    )


@routes.get(r"/availability/{template_id:avt_[0-9a-f]{32}}")
async def show(request: web.Request) -> web.StreamResponse:
    """One template as it is."""
    services, session = request.app[SERVICES], request["session"]
    known = await services.planning.availability.template(session.staff, TemplateId(request.match_info["template_id"]))
    return await _page(
        request, _form_of(known), await place_of(services, session, Form.of(facility=known.facility_id)), known
    )


@routes.post("/availability/new")
async def create(request: web.Request) -> web.StreamResponse:
    """Preview or save a new one."""
    return await _save(request, None)


@routes.post(r"/availability/{template_id:avt_[0-9a-f]{32}}")
async def change(request: web.Request) -> web.StreamResponse:
    """Preview or save its next version."""
    services, session = request.app[SERVICES], request["session"]
    template_id = TemplateId(request.match_info["template_id"])
    return await _save(request, await services.planning.availability.template(session.staff, template_id))


@routes.post(r"/availability/{template_id:avt_[0-9a-f]{32}}/end")
async def end(request: web.Request) -> web.StreamResponse:
    """Take it away. What is booked stays, and is listed."""
    form, services, session = await Form.read(request), request.app[SERVICES], request["session"]
    known = await services.planning.availability.template(session.staff, TemplateId(request.match_info["template_id"]))
    form = Form.of(facility=known.facility_id, version=form.value("version"))
    try:
        await services.planning.availability.end(session.staff, known.id, _version(form))
    except Conflict as error:
        place = await place_of(services, session, form)
        fresh = await services.planning.availability.template(session.staff, known.id)
        return await _page(request, _form_of(fresh), place, fresh, failure=error, status=409)
    raise back(form, "/availability")


async def _save(request: web.Request, known: Edition | None) -> web.StreamResponse:
    form, services, session = await Form.read(request), request.app[SERVICES], request["session"]
    keep = services.planning.availability
    place = await place_of(services, session, form if known is None else Form.of(facility=known.facility_id))
    staff_id, department_id, pattern = _pattern(form, known)
    if pattern is not None:
        _, wrong = await keep.problems(place.facility.id, staff_id, department_id, pattern)
        for one in wrong:
            form.refuse(_NAMES.get(one.field or "", one.field or "offer"), one.message, **one.parameters)
    if not form.valid or pattern is None:
        return await _page(request, form, place, known, status=422)
    template_id = None if known is None else known.id
    try:
        if form.value("act") == "preview":
            plans = await keep.preview(session.staff, place.facility.id, staff_id, department_id, pattern, template_id)
            previews = [_preview(place.names.get(who, ""), plan, place.zone) for who, plan in plans.items()]
            return await _page(request, form, place, known, previews=previews)
        await keep.save(session.staff, place.facility.id, staff_id, department_id, pattern, template_id, _version(form))
    except Invalid as error:
        form.refuse(_NAMES.get(error.field or "", error.field or "offer"), error.message, **error.parameters)
        return await _page(request, form, place, known, status=422)
    except Conflict as error:
        if known is None:
            raise
        fresh = await keep.template(session.staff, known.id)
        seen = await keep.seen(session.staff, known.id, _version(form))
        return await _page(
            request,
            form,
            place,
            fresh,
            failure=error,
            differences=await _differences(request, seen, fresh.pattern),
            status=409,
        )
    found = await services.planning.conflicts.count(session.staff, place.facility.id)
    raise back(form, "/availability/conflicts" if found > place.conflicts else "/availability")


async def _page(
    request: web.Request,
    form: Form,
    place: Place,
    known: Edition | None,
    *,
    previews: list[Preview] | None = None,
    failure: Conflict | None = None,
    differences: list[Difference] | None = None,
    status: int = 200,
) -> web.StreamResponse:
    fields = {one.id: one for one in await request.app[SERVICES].directory.specialties()}
    return render(
        request,
        "availability/template.html",
        status=status,
        form=form,
        place=place,
        known=known,
        whose="" if known is None else place.names.get(known.staff_id or known.department_id or "", ""),
        offers=_offers(place, fields),
        repeats=REPEATS,
        weekdays=[date(2024, 1, 1 + count) for count in range(7)],
        kinds=[one for one in VisitType if one is not VisitType.CONFERENCE],
        buffer=BUFFER,
        previews=previews or [],
        most_days=DAYS,
        failure=request["language"].error(failure) if failure else "",
        differences=differences or [],
        clock=lambda at: f"{at.astimezone(place.zone):%H:%M}",
    )


def _offers(place: Place, fields: dict[SpecialtyId, Specialty]) -> list[tuple[str, str, Specialty]]:
    """Each specialist and each department with each of their specialties: value, name, specialty."""
    people = [
        (f"{person.id} {field}", person.full_name, fields[field])
        for person in place.specialists
        for field in sorted(person.specialties)
        if field in fields
    ]
    departments = [
        (f"{department.id} {field}", department.name, fields[field])
        for department in place.departments
        for field in sorted(
            {
                field
                for person in place.specialists
                if person.department_id == department.id
                for field in person.specialties
                if field in fields
            }
        )
    ]
    return people + departments


def _pattern(form: Form, known: Edition | None) -> tuple[StaffId | None, DepartmentId | None, Pattern | None]:
    """What was filled in, as far as it can be read. Whose a known template is does not change."""
    whose, _, specialty = form.value("offer").partition(" ")
    if known is not None:
        whose = known.staff_id or known.department_id or ""
        specialty = known.pattern.specialty_id
    if not (is_id(whose, "stf") or is_id(whose, "dep")) or not is_id(specialty, "spe"):
        form.refuse("offer", N_("Choose one of the list."))
    visit_type = form.choice("visit_type", VisitType)
    starts_on, ends_on = form.day("starts_on", required=True), form.day("ends_on")
    starts, ends = clock_of(form, "starts"), clock_of(form, "ends")
    minutes = form.integer("minutes", least=5, most=480)
    before, after = form.integer("before", least=0, most=BUFFER), form.integer("after", least=0, most=BUFFER)
    capacity = form.integer("capacity", least=1, most=48, required=False)
    rule = _rule(form)
    if not form.valid or visit_type is None or starts_on is None or starts is None or ends is None or minutes is None:
        return None, None, None
    pattern = Pattern(
        SpecialtyId(specialty),
        visit_type,
        rule,
        starts_on,
        starts_on if rule == recurrence.ONCE else ends_on,
        starts,
        ends,
        minutes,
        before or 0,
        after or 0,
        capacity,
        bool(form.value("on_holidays")),
    )
    return (
        StaffId(whose) if is_id(whose, "stf") else None,
        DepartmentId(whose) if is_id(whose, "dep") else None,
        pattern,
    )


def _rule(form: Form) -> str:
    match form.value("repeat"):
        case "once":
            return recurrence.ONCE
        case "rule":
            return form.line("rule", required=True, most=recurrence.LENGTH)
        case "weekly":
            weekdays = frozenset(int(day) for day in form.values("weekday") if day in {*"0123456"})
            every = form.integer("every", least=1, most=recurrence.STRIDE)
            if not weekdays:
                form.refuse("weekday", NO_DAY)
            return recurrence.weekly(weekdays, every or 1) if weekdays else ""
    form.refuse("repeat", N_("Choose one of the list."))
    return ""


def _form_of(known: Edition) -> Form:
    pattern = known.pattern
    found = recurrence.weekdays_of(pattern.rule)
    return Form.of(
        facility=known.facility_id,
        offer=f"{known.staff_id or known.department_id} {pattern.specialty_id}",
        version=known.version,
        repeat="once" if pattern.once else "weekly" if found else "rule",
        weekday=[str(day) for day in sorted(found[0])] if found else [],
        every=found[1] if found else 1,
        rule="" if pattern.once or found else pattern.rule,
        starts_on=pattern.starts_on.isoformat(),
        ends_on="" if pattern.ends_on is None or pattern.once else pattern.ends_on.isoformat(),
        starts=_hour(pattern.starts),
        ends=_hour(pattern.ends),
        minutes=pattern.minutes,
        before=pattern.before,
        after=pattern.after,
        capacity=pattern.capacity,
        visit_type=pattern.visit_type,
        on_holidays="1" if pattern.on_holidays else "",
    )


def _preview(name: str, plan: Plan, zone: ZoneInfo) -> Preview:
    days: dict[date, list[Time]] = {}
    for one in plan.offered:
        days.setdefault(one.starts_at.astimezone(zone).date(), []).append(one)
    return Preview(name, plan, tuple((day, tuple(times)) for day, times in list(days.items())[:DAYS]))


async def _differences(request: web.Request, seen: Pattern, now: Pattern) -> list[Difference]:
    services: Services = request.app[SERVICES]
    fields = {one.id: one for one in await services.directory.specialties()}
    language = request["language"]

    def said(pattern: Pattern, name: str) -> str:
        value = getattr(pattern, name)
        match value:
            case None | False:
                return "–"
            case True:
                return "✓"
            case time():
                return _hour(value)
            case date():
                return str(language.date(value))
            case _ if name == "specialty_id":
                return str(fields[value].name(language.code))
        return str(value)

    return [Difference(FIELDS[name], said(seen, name), said(now, name)) for name in changes(seen, now)]


def _hour(at: time) -> str:
    return f"{at:%H:%M}"


def _version(form: Form) -> int:
    text = form.value("version")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
