"""What people do with an appointment on its consult's page: choose another time, wait, say who is late or gone.

Also the waiting room before a booked room, with the clinic's preparation.
"""

from __future__ import annotations

from aiohttp import web

from consult_rooms.access import Relation
from consult_rooms.appointment import MoveReason
from consult_rooms.changes import Alternative
from consult_rooms.model import ConsentBy, ConsultState
from consult_rooms.rows import ConsultView
from consult_rooms.waiting_room import Identifier, Missing
from foundation.errors import Conflict, HoichanError, Invalid
from foundation.i18n import N_
from foundation.ids import AppointmentId, ConsultId, SlotId, StaffId, is_id
from web.forms import Form
from web.rendering import render
from web.services import SERVICES, Services
from web.views.requests import consent_of, question_of

routes = web.RouteTableDef()

LATE = (5, 10, 15, 30, 60)
SIDES = (Relation.REQUESTER, Relation.SPECIALIST, Relation.COORDINATOR)
AFTER = frozenset({ConsultState.ENDED, ConsultState.CLOSED})
CHOOSE = N_("Choose one of the list.")


async def appointment_of(request: web.Request, view: ConsultView) -> dict[str, object]:
    """What the consult's page shows of its appointment: nothing for those who only look on."""
    services, staff = request.app[SERVICES], request["session"].staff
    context: dict[str, object] = {"booked": None, "options": [], "again": [], "names": {}, "late_by": LATE}
    if view.related not in SIDES:
        return context
    scheduling, options, again = services.scheduling, [], []
    if view.appointment_id is not None and view.consult.state in (ConsultState.SCHEDULED, ConsultState.CLAIMED):
        booked = await scheduling.appointments.of(staff, view.appointment_id)
        context["booked"] = booked
        if booked.appointment.displaced_at is not None:
            options = await scheduling.changes.alternatives(staff, view.appointment_id)
    elif view.consult.state in AFTER and view.consult.specialist_id is not None:
        again = await scheduling.appointments.again(staff, view.consult.id)
    names = await _names(services, [*options, *again])
    return context | {"options": options, "again": again, "names": names}


@routes.post("/appointments/{appointment_id}/choose")
async def choose(request: web.Request) -> web.StreamResponse:
    """Take one of the nearest times for a displaced appointment, in one tap."""
    form, staff = await Form.read(request), request["session"].staff
    slot_id, version = form.value("slot_id"), form.integer("version", least=0, most=10**9)
    if version is None or not is_id(slot_id, "slo"):
        raise Invalid("slot.unknown", CHOOSE, field="slot_id")
    moved = await request.app[SERVICES].scheduling.move(
        staff, _id(request), SlotId(slot_id), version, MoveReason.DISPLACED
    )
    raise web.HTTPSeeOther(f"/consults/{moved.consult_id}")


@routes.post("/appointments/{appointment_id}/keep")
async def keep(request: web.Request) -> web.StreamResponse:
    """Wait for the same specialist."""
    kept = await request.app[SERVICES].scheduling.changes.keep(request["session"].staff, _id(request))
    raise web.HTTPSeeOther(f"/consults/{kept.consult_id}")


@routes.post("/appointments/{appointment_id}/absent")
async def absent(request: web.Request) -> web.StreamResponse:
    """The specialist did not come."""
    gone = await request.app[SERVICES].scheduling.changes.absent(request["session"].staff, _id(request))
    raise web.HTTPSeeOther(f"/consults/{gone.consult_id}")


@routes.post("/appointments/{appointment_id}/no-show")
async def no_show(request: web.Request) -> web.StreamResponse:
    """Clinic or patient did not come."""
    over = await request.app[SERVICES].scheduling.changes.no_show(request["session"].staff, _id(request))
    raise web.HTTPSeeOther(f"/consults/{over.id}")


@routes.post("/appointments/{appointment_id}/late")
async def late(request: web.Request) -> web.StreamResponse:
    """One comes later."""
    form, services = await Form.read(request), request.app[SERVICES]
    minutes = form.integer("minutes", least=1, most=120)
    if minutes is None:
        raise Invalid("late.minutes", CHOOSE, field="minutes")
    staff = request["session"].staff
    await services.scheduling.changes.late(staff, _id(request), minutes)
    view = await services.scheduling.appointments.of(staff, _id(request))
    raise web.HTTPSeeOther(f"/consults/{view.appointment.consult_id}")


@routes.get("/consults/{consult_id}/waiting-room")
async def show_waiting_room(request: web.Request) -> web.StreamResponse:
    """Who is there, who is late, and what is missing; each look is a sign of life."""
    view = await request.app[SERVICES].queries.consult(request["session"].staff, _consult_id(request))
    response = render(request, "waiting_room.html", status=200, **await waiting_room_of(request, view))
    response.headers["X-Fragment"] = "1"
    return response


@routes.post("/consults/{consult_id}/waiting-room/identity")
async def check_identity(request: web.Request) -> web.StreamResponse:
    """Two identifiers were compared."""
    form, staff = await Form.read(request), request["session"].staff
    compared = form.choices("compared", Identifier)
    try:
        await request.app[SERVICES].scheduling.waiting_room.check_identity(staff, _consult_id(request), compared)
    except (Invalid, Conflict) as error:
        return await _again(request, error)
    raise web.HTTPSeeOther(f"/consults/{_consult_id(request)}/preview")


@routes.post("/consults/{consult_id}/waiting-room/question")
async def prepare(request: web.Request) -> web.StreamResponse:
    """The question and the consent, written before the specialist comes."""
    form, staff = await Form.read(request), request["session"].staff
    services, consult_id = request.app[SERVICES], _consult_id(request)
    question, consent = question_of(form), consent_of(form)
    try:
        if form.valid:
            consult = await services.requests.change_question(staff, consult_id, question)
            if consent is not None and consent != consult.consent:
                await services.requests.record_consent(staff, consult_id, consent)
    except (Invalid, Conflict) as error:
        return await _again(request, error, form)
    if not form.valid:
        return await _again(request, None, form)
    raise web.HTTPSeeOther(f"/consults/{consult_id}/preview")


@routes.get("/consults/{consult_id}/prepare")
async def show_preparation(request: web.Request) -> web.StreamResponse:
    """The clinic's preparation on a page of its own: identity, question, consent, vital signs."""
    return await _again(request, None)


async def waiting_room_of(
    request: web.Request, view: ConsultView, failure: HoichanError | None = None
) -> dict[str, object]:
    """What the waiting room shows; nothing of it for a consult that was not booked."""
    services, staff = request.app[SERVICES], request["session"].staff
    context: dict[str, object] = {"view": view, "consult": view.consult, "seen": None, "booked": None, "names": {}}
    if view.consult.starts_at is None or view.appointment_id is None or view.participant is None:
        return context
    seen = await services.scheduling.waiting_room.look(staff, view.consult.id)
    return context | {
        "seen": seen,
        "checklist": [(item, item not in seen.missing) for item in Missing],
        "booked": await services.scheduling.appointments.of(staff, view.appointment_id),
        "people_names": {person.participant.staff_id: person.name for person in view.people},
        "prepares": view.related is Relation.REQUESTER and view.consult.state is ConsultState.SCHEDULED,
        "identifiers": tuple(Identifier),
        "failure": request["language"].error(failure) if failure else "",
    }


async def _again(request: web.Request, error: HoichanError | None, form: Form | None = None) -> web.StreamResponse:
    view = await request.app[SERVICES].queries.consult(request["session"].staff, _consult_id(request))
    if view.related is not Relation.REQUESTER or view.consult.starts_at is None:
        raise web.HTTPSeeOther(f"/consults/{view.consult.id}")
    context = await waiting_room_of(request, view, error)
    status = error.status if error else 200 if form is None else 422
    filled = form if form is not None and "situation" in form.names else _form_of(view)
    return render(request, "waiting_room_page.html", status=status, form=filled, consent_by=tuple(ConsentBy), **context)


def _form_of(view: ConsultView) -> Form:
    asked, consent = view.consult.question, view.consult.consent
    return Form.of(
        situation=asked.situation,
        background=asked.background,
        assessment=asked.assessment,
        recommendation=asked.recommendation,
        consent_by=consent.by if consent else "",
        consent_consult="1" if consent and consent.consult else "",
        consent_record="1" if consent and consent.record_view else "",
        consent_note=consent.note if consent else "",
    )


async def _names(services: Services, options: list[Alternative]) -> dict[StaffId, str]:
    people = await services.directory.staff_many({one.slot.specialist_id for one in options})
    return {staff_id: person.full_name for staff_id, person in people.items()}


def _id(request: web.Request) -> AppointmentId:
    return AppointmentId(request.match_info["appointment_id"])


def _consult_id(request: web.Request) -> ConsultId:
    return ConsultId(request.match_info["consult_id"])
