"""The panel of the E Health Book beside a consult, and the confirmation of a patient who came without a name."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from aiohttp import web

from consult_rooms.access import Relation
from consult_rooms.model import Consult, IdentityChange, IdentityState, Patient
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, Unavailable
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Session
from records_panel.panel import Place
from web.forms import Form
from web.rendering import render
from web.security import address_of
from web.services import SERVICES
from web.views.addition_words import AdditionWords
from web.views.book_words import ABSENCE_ICONS, REPORT_KINDS, SEXES, VISIT_KINDS, BookWords
from web.views.patient_forms import evidence_of, patient_id_of

routes = web.RouteTableDef()

_EMBEDDED = "book.embedded"

TABS = {
    "summary": N_("Summary"),
    "results": N_("Results"),
    "imaging": N_("Imaging"),
    "visits": N_("Visits"),
    "more": N_("More"),
}


@routes.get("/consults/{consult_id}/book")
async def show_book(request: web.Request) -> web.StreamResponse:
    """One tab of the book (`tab`), as a fragment or as a page of its own."""
    place = await _place(request)
    return await _panel(request, place, request.query.get("tab", "summary"))


@routes.post("/consults/{consult_id}/identity")
async def change_identity(request: web.Request) -> web.StreamResponse:
    """Confirm who the patient of a consult is (two identifiers), or take the last change back (`act` = `revert`)."""
    place = await _place(request)
    form, session, services = await Form.read(request), request["session"], request.app[SERVICES]
    if form.value("act") == "revert":
        try:
            consult = await services.requests.change_identity(
                session.staff, place.consult.id, None, IdentityChange.REVERTED
            )
        except (Conflict, Forbidden) as error:
            return _fragment(request, "closed", place, tab="summary", error=error, status=error.status)
    else:
        try:
            patient = await services.patients.confirm(
                session.staff,
                patient_id_of(form),
                evidence_of(form),
                address=address_of(request),
                session=session.id,
            )
        except (Invalid, Forbidden) as error:
            return await _identity(request, place, failure=error)
        consult = await establish(request, place.consult, patient)
    return await _panel(request, await _place(request, consult.id), "summary")


async def embedded_book(request: web.Request, consult_id: ConsultId) -> str:
    """The panel's content for a page that puts it beside the call: what the fragment would say, denials included."""
    place = await _place(request, consult_id)
    request[_EMBEDDED] = True
    response = await _panel(request, place, "summary")
    return response.text or "" if isinstance(response, web.Response) else ""


async def establish(request: web.Request, consult: Consult, patient: Patient) -> Consult:
    """Give a consult the confirmed patient: a first identity is confirmed, another one merged."""
    first = consult.patient.identity is IdentityState.TEMPORARY
    kind = IdentityChange.CONFIRMED if first else IdentityChange.MERGED
    staff = request["session"].staff
    return await request.app[SERVICES].requests.change_identity(staff, consult.id, patient, kind)


async def _place(request: web.Request, consult_id: ConsultId | None = None) -> Place:
    session: Session = request["session"]
    asked = consult_id or ConsultId(request.match_info["consult_id"])
    return await request.app[SERVICES].panel.place(session.staff, session, asked, address=address_of(request))


async def _panel(request: web.Request, place: Place, tab: str) -> web.StreamResponse:
    session, services = request["session"], request.app[SERVICES]
    consult = place.consult
    if consult.patient.identity is IdentityState.TEMPORARY:
        return await _identity(request, place)
    tab = tab if tab in TABS else "summary"
    try:
        opened = await services.panel.open_book(
            session.staff, session, place, whole=tab != "summary", address=address_of(request)
        )
    except (Unavailable, Forbidden) as error:
        return _fragment(request, "closed", place, tab=tab, error=error, status=error.status)
    requester = await services.directory.staff(consult.requester_id)
    added = await services.additions.of_open_book(consult)
    return _fragment(
        request, "open", place, tab=tab, view=opened.view, access=opened.access, requester=requester, additions=added
    )


async def _identity(request: web.Request, place: Place, *, failure: HoichanError | None = None) -> web.StreamResponse:
    may_confirm = place.related is Relation.REQUESTER
    sentence = request["language"].error(failure) if failure else ""
    status = failure.status if failure else 200
    session, service = request["session"], request.app[SERVICES].additions
    added = await service.of_temporary(session.staff, session, place.consult.id, address=address_of(request))
    return _fragment(
        request, "identity", place, may_confirm=may_confirm, failure=sentence, status=status, additions=added
    )


def _fragment(request: web.Request, name: str, place: Place, *, status: int = 200, **context: object) -> web.Response:
    """The content of the panel, or a whole page around it for a browser that asked for a page."""
    zone = ZoneInfo(request.app[SERVICES].settings.zone)
    is_fragment = "X-Fragment" in request.headers or _EMBEDDED in request
    response = render(
        request,
        f"book/{name}.html" if is_fragment else "book/page.html",
        status=status,
        content=f"book/{name}.html",
        consult=place.consult,
        is_requester=place.related is Relation.REQUESTER,
        say=BookWords(request["language"], zone, place.now),
        say_added=AdditionWords(request["language"], zone, place.now, request["session"].staff.id),
        tabs=TABS,
        sexes=SEXES,
        report_kinds=REPORT_KINDS,
        visit_kinds=VISIT_KINDS,
        absence_icons=ABSENCE_ICONS,
        now=place.now,
        **context,
    )
    if is_fragment:
        response.headers["X-Fragment"] = "1"
    return response
