"""GET and POST /requests/new: ask for a specialist. An emergency needs its specialty alone; nothing typed is lost."""

from __future__ import annotations

from secrets import token_urlsafe

from aiohttp import web

from consult_rooms import bounds
from consult_rooms.model import Consent, ConsentBy, IdentityState, Patient, Question, Step, Urgency
from consult_rooms.question_sheets import Offered
from foundation.errors import Forbidden, HoichanError, Invalid, NotFound, TooMany
from foundation.i18n import N_
from foundation.ids import DraftId, SpecialtyId, is_id, new_id
from identity.model import Session
from identity.policy import Action, Target, require
from web.forms import Form
from web.pacing import count_consult
from web.rendering import render
from web.services import SERVICES, Services
from web.views.book_words import SEXES
from web.views.clinic_side import offered, telephones
from web.views.sheet_fields import given_in, given_of

routes = web.RouteTableDef()

NO_SPECIALTY = N_("Choose the specialty to ring.")
NO_CONSENT = N_("Say who consented, or why nobody could be asked.")
NO_PATIENT = N_("Find and confirm the patient. Only an emergency may go out without.")
PARTS = ("situation", "background", "assessment", "recommendation")


@routes.get("/requests/new")
async def show(request: web.Request) -> web.StreamResponse:
    """The empty form; `urgency` in the query chooses it beforehand, `draft` brings an unfinished one back."""
    asked = request.query.get("urgency", "")
    form = Form.of(urgency=asked if asked in set(Urgency) else Urgency.EMERGENCY)
    draft_id = DraftId(request.query.get("draft", "")[:64])
    if is_id(draft_id, "dra"):
        try:
            draft = await request.app[SERVICES].desk.drafts.get(request["session"].staff, draft_id)
            form = Form.of(**{**dict(draft.fields), "draft": draft_id})
        except NotFound:  # typed while the server could not be reached: the browser has it
            form = Form.of(urgency=form.value("urgency"), draft=draft_id)
    return await _page(request, form)


@routes.post("/requests/new")
async def send(request: web.Request) -> web.StreamResponse:
    """Ring, and go on to the waiting page. The same key sent twice is one request.

    A script that sends the form hears where to go in the header `Location` of a 201, and an incomplete form as 422.
    """
    form, session, services = await Form.read(request), request["session"], request.app[SERVICES]
    if not form.value("urgency"):
        # The patient's own page, which comes without script, brings the proof alone: the form is still to be filled in.
        return await _page(request, Form.of(urgency=Urgency.EMERGENCY, patient=form.value("patient")))
    urgency = form.choice("urgency", Urgency)
    emergency = urgency is Urgency.EMERGENCY
    specialty_id = form.value("specialty_id")
    if not is_id(specialty_id, "spe"):
        form.refuse("specialty_id", NO_SPECIALTY)
    patient = await _confirmed(request, form, needed=not emergency)
    question, consent, temporary = question_of(form), consent_of(form, strict=not emergency), _temporary(form)
    # A template that was retired while the form was open is still answered.
    templates = [one.template for one in await services.intake.sheets.all()]
    sheets = given_in(form, templates, services.intake.sheets.until)
    if not form.valid or urgency is None:
        return await _page(request, form, patient=patient, status=422)
    try:
        count_consult(request, session.facility.id)
        consult = await services.requests.create(
            session.staff,
            terminal_id=session.terminal.id if session.terminal else None,
            specialty_id=SpecialtyId(specialty_id),
            urgency=urgency,
            patient=patient or temporary,
            question=question,
            consent=consent,
            idempotency_key=form.value("idempotency_key") or token_urlsafe(18),
            in_writing=urgency is Urgency.ROUTINE and form.value("in_writing") == "1",
        )
    except NotFound:
        form.refuse("specialty_id", NO_SPECIALTY)
        return await _page(request, form, patient=patient, status=422)
    except (Invalid, TooMany) as error:
        form.take(error, field="specialty_id")
        return await _page(request, form, patient=patient, status=422)
    for code, given in sheets.items():
        await services.intake.sheets.answer(session.staff, consult.id, code, given)
    if form.value("draft"):
        await services.desk.drafts.discard(session.staff, DraftId(form.value("draft")[:64]))
    there = f"/requests/{consult.id}"
    if "X-Fragment" in request.headers:
        return web.Response(status=201, headers={"Location": there, "X-Fragment": "1"})
    raise web.HTTPSeeOther(there)


def question_of(form: Form) -> Question:
    """The four parts of the question, any of them empty."""
    return Question(**{part: form.text(part) for part in PARTS})


def consent_of(form: Form, *, strict: bool = True) -> Consent | None:
    """The consent as the form has it; None while nobody is named who gave it.

    That is an error beside `consent` when something was ticked and it is `strict`; an emergency is not held up by it.
    """
    given = form.value("consent_consult") == "1", form.value("consent_record") == "1"
    note = form.line("consent_note", most=500)
    if not form.value("consent_by"):
        if any(given) and strict:
            form.refuse("consent", NO_CONSENT)
        return None
    by = form.choice("consent_by", ConsentBy)
    return None if by is None else Consent(consult=given[0], record_view=given[1], by=by, note=note)


def _temporary(form: Form) -> Patient:
    sex = form.value("sex")
    age = form.integer("age_years", least=0, most=bounds.AGE, required=False)
    return Patient(None, IdentityState.TEMPORARY, sex=sex if sex in bounds.SEXES else None, age_years=age)


async def _confirmed(request: web.Request, form: Form, *, needed: bool) -> Patient | None:
    """The patient whose two identifiers were confirmed on this form.

    A missing or void proof is an error beside `patient` when one is needed; else the patient is confirmed later.
    """
    proof = form.value("patient")
    try:
        if proof:
            return await request.app[SERVICES].patients.confirmed(request["session"].staff, proof)
    except (Invalid, Forbidden) as error:
        if needed:
            _note(form, error)
    if needed:
        form.refuse("patient", NO_PATIENT)
    return None


def _note(form: Form, error: HoichanError) -> None:
    form.refuse("patient", error.message, **error.parameters)


async def _templates(services: Services, form: Form) -> list[Offered]:
    """The templates that are offered, and retired ones that the form already answers."""
    every = await services.intake.sheets.all()
    wanted = {one.template.code: one for one in every if one.retired_at is None or given_of(form, one.template)}
    return sorted(wanted.values(), key=lambda one: not one.template.words)


async def _page(
    request: web.Request, form: Form, *, patient: Patient | None = None, status: int = 200
) -> web.StreamResponse:
    session: Session = request["session"]
    require(session.staff, Action.REQUEST_CONSULT, Target(facility_id=session.staff.facility_id))
    services = request.app[SERVICES]
    if patient is None and form.value("patient") and form.valid:
        patient = await _confirmed(request, form, needed=True)
    hubs = await services.directory.hubs_of(session.staff.facility_id)
    rules = await services.rulebook.rules()
    response = render(
        request,
        "requests/form.html",
        status=status,
        form=form,
        patient=patient,
        proof=form.value("patient"),
        key=form.value("idempotency_key") or token_urlsafe(18),
        draft_id=form.value("draft") or new_id("dra"),
        is_draft=bool(form.value("draft")),
        urgency=form.value("urgency"),
        urgencies=tuple(Urgency),
        offered=await offered(services, session.staff.facility_id),
        hubs=hubs,
        coordinators=await services.directory.coordinators_of(session.staff.facility_id),
        telephones=await telephones(services, session.staff.facility_id),
        coordinator_telephone=services.settings.coordinator_telephone,
        seconds={urgency: round(by[Step.ON_CALL]) for urgency, by in rules.seconds.items()},
        written_hours=max(1, round(services.settings.written_routine_minutes / 60)),
        consent_by=tuple(ConsentBy),
        sexes=SEXES,
        templates=(templates := await _templates(services, form)),
        opened={one.template.code for one in templates if given_of(form, one.template)},
    )
    if "X-Fragment" in request.headers:
        response.headers["X-Fragment"] = "1"
    return response
