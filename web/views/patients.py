"""Finding a patient for a request or for a consult that began without a name. Everything goes by POST: numbers and
names stand in no address, no log and no history of a browser."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from foundation.audit import AuditEntry
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, TooMany
from foundation.i18n import N_
from foundation.ids import ConsultId, PatientId, is_id
from identity.model import Session
from records_panel.citizens import Identity, MaskedPatient, SearchResult
from records_panel.identifiers import Mismatch
from records_panel.names import same
from web.forms import Form
from web.rendering import render
from web.security import address_of
from web.services import SERVICES
from web.views.book import consult_of, establish
from web.views.book_words import SEXES
from web.views.patient_forms import MOST, evidence_of, identity_of, number_kind, patient_id_of

routes = web.RouteTableDef()

MOST_PROOF = 1_000
"""Characters of a proof; a real one has some 250."""

MISMATCHES = {
    Mismatch.BIRTH_YEAR: N_("The citizen number speaks of another birth year. Look again at the card."),
    Mismatch.SEX: N_("The citizen number speaks of another sex. Look again at the card."),
}


@dataclass(frozen=True, slots=True)
class Hits:
    """The rows of a search and what the search itself already proved about each."""

    rows: tuple[MaskedPatient, ...]
    more: bool
    by_number: bool
    whole_name: frozenset[PatientId]
    """Rows whose whole name was typed, in any spelling: that counts as one identifier."""


@routes.post("/patients/search")
async def search(request: web.Request) -> web.StreamResponse:
    """Search by an exact number, or by name and birth year; an empty form gives the empty search again."""
    form, session, services = await Form.read(request), request["session"], request.app[SERVICES]
    number, name = form.value("number").strip()[:MOST], form.value("name").strip()[:MOST]
    if not number and not name:
        return _answer(request, "search", form)
    try:
        if number:
            found = await services.patients.by_number(
                session.staff, number_kind(number), number, address=address_of(request), session=session.id
            )
            result = SearchResult((found,) if found else (), more=False)
        else:
            result = await services.patients.by_name(
                session.staff,
                name,
                form.integer("birth_year", least=1880, most=2200, required=False),
                form.value("commune")[:MOST] or None,
                form.value("sex") or None,
                address=address_of(request),
                session=session.id,
            )
    except (Invalid, Forbidden, TooMany) as error:
        return _answer(request, "search", form, failure=error)
    whole = frozenset(row.patient_id for row in result.rows if same(name, row.name))
    return _answer(request, "results", form, hits=Hits(result.rows, result.more, bool(number), whole))


@routes.post("/patients/confirm")
async def confirm(request: web.Request) -> web.StreamResponse:
    """Confirm a row by two identifiers; the answer carries the proof for the request form."""
    form, session, services = await Form.read(request), request["session"], request.app[SERVICES]
    try:
        patient_id = patient_id_of(form)
        patient = await services.patients.confirm(
            session.staff, patient_id, evidence_of(form), address=address_of(request), session=session.id
        )
    except (Invalid, Forbidden, TooMany) as error:
        again = "search" if error.code == "patient.not_chosen" else "confirm"
        return _answer(request, again, form, failure=error)
    proof = services.patients.proof(session.staff, patient_id)
    return _answer(request, "confirmed", form, patient=patient, proof=proof, warnings=())


@routes.post("/patients/confirmed")
async def show_confirmed(request: web.Request) -> web.StreamResponse:
    """Whom a proof names, for a request form that was left and opened again; a void proof gives the empty search."""
    form, session, services = await Form.read(request), request["session"], request.app[SERVICES]
    proof = form.value("patient")[:MOST_PROOF]
    try:
        patient = await services.patients.confirmed(session.staff, proof)
    except (Invalid, Forbidden) as error:
        return _answer(request, "search", form, failure=error)
    entry = AuditEntry(
        session.staff.id, "patient.show_again", session.id, address_of(request), patient_id=patient.patient_id
    )
    await services.audit.commit(entry)
    return _answer(request, "confirmed", form, patient=patient, proof=proof, warnings=())


@routes.post("/patients/new")
async def create(request: web.Request) -> web.StreamResponse:
    """Open a book for a citizen found nowhere; without fields, show its form. In a consult it becomes the patient."""
    form, services = await Form.read(request), request.app[SERVICES]
    session: Session = request["session"]
    if not form.value("sent"):
        return _answer(request, "new", form, may_exist=False)
    identity = identity_of(form)
    if identity is None:
        return _answer(request, "new", form, status=422, may_exist=False)
    try:
        patient_id = await services.patients.create(
            session.staff,
            identity,
            although_similar=bool(form.value("although_similar")),
            address=address_of(request),
            session=session.id,
        )
    except (Invalid, Conflict, Forbidden, TooMany) as error:
        may_exist = error.code == "patient.may_exist"
        return _answer(request, "new", form, failure=error, may_exist=may_exist)
    return await _created(request, form, patient_id, identity)


async def _created(request: web.Request, form: Form, patient_id: PatientId, identity: Identity) -> web.StreamResponse:
    session, services = request["session"], request.app[SERVICES]
    proof = services.patients.proof(session.staff, patient_id)
    patient = await services.patients.confirmed(session.staff, proof)
    warnings = tuple(MISMATCHES[warning] for warning in identity.warnings)
    consult_id = _consult_of(form)
    if consult_id is not None:
        place = await services.panel.place(session.staff, session, consult_id, address=address_of(request))
        await establish(request, consult_of(place), patient)
    return _answer(request, "confirmed", form, patient=patient, proof=proof, warnings=warnings)


def _consult_of(form: Form) -> ConsultId | None:
    text = form.value("consult_id")
    return ConsultId(text) if is_id(text, "con") else None


def _answer(
    request: web.Request,
    name: str,
    form: Form,
    *,
    failure: HoichanError | None = None,
    status: int = 200,
    **context: object,
) -> web.Response:
    """A fragment, or a whole page around it for a browser that asked for a page."""
    is_fragment = "X-Fragment" in request.headers
    response = render(
        request,
        f"patients/{name}.html" if is_fragment else "patients/page.html",
        status=failure.status if failure else status,
        content=f"patients/{name}.html",
        form=form,
        failure=request["language"].error(failure) if failure else "",
        sexes=SEXES,
        consult_id=_consult_of(form) or "",
        **context,
    )
    if isinstance(failure, TooMany):
        response.headers["Retry-After"] = str(failure.retry_after_s)
    if is_fragment:
        response.headers["X-Fragment"] = "1"
    return response
