"""GET and POST /requests/new: ask for a specialist. An emergency needs its specialty alone; nothing typed is lost."""

from __future__ import annotations

from secrets import token_urlsafe

from aiohttp import web

from consult_rooms.model import Consent, ConsentBy, IdentityState, Patient, Question, Urgency
from foundation.errors import Forbidden, HoichanError, Invalid
from foundation.i18n import N_
from foundation.ids import SpecialtyId, is_id
from foundation.settings import Settings
from identity.model import Session
from identity.policy import Action, require
from web.forms import Form
from web.rendering import render
from web.services import SERVICES
from web.views.book_words import SEXES
from web.views.clinic_side import offered

routes = web.RouteTableDef()

NO_SPECIALTY = N_("Choose the specialty to ring.")
NO_CONSENT = N_("Say who consented, or why nobody could be asked.")
AGE = 130
PARTS = ("situation", "background", "assessment", "recommendation")


@routes.get("/requests/new")
async def show(request: web.Request) -> web.StreamResponse:
    """The empty form; `urgency` in the query chooses it beforehand."""
    asked = request.query.get("urgency", "")
    urgency = asked if asked in set(Urgency) else Urgency.EMERGENCY
    return await _page(request, Form.of(urgency=urgency, idempotency_key=token_urlsafe(18)))


@routes.post("/requests/new")
async def send(request: web.Request) -> web.StreamResponse:
    """Ring. The same form sent twice is one request."""
    form, session, services = await Form.read(request), request["session"], request.app[SERVICES]
    if not form.value("urgency"):  # the proof of a patient page without script
        return await _page(request, form, patient=await _confirmed(request, form))
    urgency = form.choice("urgency", Urgency)
    specialty = form.value("specialty")
    if not is_id(specialty, "spe"):
        form.refuse("specialty", NO_SPECIALTY)
    confirmed = await _confirmed(request, form)
    question = question_of(form)
    consent = consent_of(form)
    temporary = _temporary(form)
    if not form.valid or urgency is None:
        return await _page(request, form, patient=confirmed, status=422)
    try:
        consult = await services.requests.create(
            session.staff,
            terminal_id=session.terminal.id if session.terminal else None,
            specialty_id=SpecialtyId(specialty),
            urgency=urgency,
            patient=confirmed or temporary,
            question=question,
            consent=consent,
            idempotency_key=form.value("idempotency_key"),
        )
    except Invalid as error:
        form.take(error, field="specialty")
        return await _page(request, form, patient=confirmed, status=422)
    raise web.HTTPSeeOther(f"/requests/{consult.id}")


def question_of(form: Form) -> Question:
    """The four parts of the question, any of them empty."""
    return Question(**{part: form.text(part) for part in PARTS})


def consent_of(form: Form) -> Consent | None:
    """The consent as the form has it; None, and no error, while nothing was recorded."""
    given = form.value("consent_consult") == "1", form.value("consent_record") == "1"
    note = form.line("consent_note", most=500)
    if not form.value("consent_by"):
        if any(given):
            form.refuse("consent", NO_CONSENT)
        return None
    by = form.choice("consent_by", ConsentBy)
    return None if by is None else Consent(consult=given[0], record_view=given[1], by=by, note=note)


def _temporary(form: Form) -> Patient:
    sex = form.value("temporary_sex")
    age = form.integer("temporary_age", least=0, most=AGE, required=False)
    return Patient(
        None, IdentityState.TEMPORARY, sex=sex if sex in ("male", "female", "other") else None, age_years=age
    )


async def _confirmed(request: web.Request, form: Form) -> Patient | None:
    """The patient whose two identifiers were confirmed on this form; a proof that is void is said beside the field."""
    proof = form.value("patient")
    if not proof:
        return None
    try:
        return await request.app[SERVICES].patients.confirmed(request["session"].staff, proof)
    except (Invalid, Forbidden) as error:
        _note(form, error)
        return None


def _note(form: Form, error: HoichanError) -> None:
    form.refuse("patient", error.message, **error.parameters)


def _step_seconds(settings: Settings) -> dict[str, int]:
    return {
        Urgency.EMERGENCY: round(settings.ring_step_seconds),
        Urgency.URGENT: round(settings.urgent_step_seconds),
        Urgency.ROUTINE: round(settings.routine_step_seconds),
    }


async def _page(
    request: web.Request, form: Form, *, patient: Patient | None = None, status: int = 200
) -> web.StreamResponse:
    session: Session = request["session"]
    require(session.staff, Action.REQUEST_CONSULT)
    services = request.app[SERVICES]
    hubs = await services.directory.hubs_of(session.facility.id)
    return render(
        request,
        "request.html",
        status=status,
        form=form,
        patient=patient,
        proof=form.value("patient"),
        offered=await offered(services, session.facility.id),
        hubs=hubs,
        step_seconds=_step_seconds(services.settings),
        urgencies=tuple(Urgency),
        consent_by=tuple(ConsentBy),
        sexes=SEXES,
        key=form.value("idempotency_key") or token_urlsafe(18),
    )
