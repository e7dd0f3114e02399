"""The panel of the E Health Book beside a consult, and the confirmation of a patient who came without a name."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from aiohttp import web

from consult_rooms.access import Relation
from consult_rooms.model import Consult, IdentityChange, IdentityState, Patient
from consult_rooms.standing import NOT_THIS_ROLE
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, Unavailable
from foundation.ids import ConsultId, GlassId
from identity.model import Session
from records_panel.book_search import Anchors
from records_panel.model import BookView
from records_panel.panel import Place
from web.forms import Form
from web.rendering import render
from web.security import address_of
from web.services import SERVICES
from web.views import viewing_words
from web.views.addition_words import AdditionWords
from web.views.book_ages import Ages
from web.views.book_tabs import PARTS, TAB_OF, TABS, TITLES, WHOLE
from web.views.book_viewers import views_of
from web.views.book_words import ABSENCE_ICONS, REPORT_KINDS, SEXES, VISIT_KINDS, BookWords
from web.views.intake import Brief
from web.views.patient_forms import evidence_of, patient_id_of

routes = web.RouteTableDef()

_EMBEDDED = "book.embedded"

Context = dict[str, object]
More = Callable[[BookView], Context]
"""What a fragment shows besides, made of the view."""


@routes.get("/consults/{consult_id}/book")
@routes.get("/emergency/books/{glass_id}/book")
async def show_book(request: web.Request) -> web.StreamResponse:
    """One tab of the book (`tab`), as a fragment or as a page of its own; with `late` every source is waited for."""
    place = await place_of(request)
    return await show_panel(request, place, request.query.get("tab", "summary"))


@routes.post("/consults/{consult_id}/identity")
async def change_identity(request: web.Request) -> web.StreamResponse:
    """Confirm who the patient of a consult is (two identifiers), or take the last change back (`act` = `revert`)."""
    place = await place_of(request)
    consult = consult_of(place)
    form, session, services = await Form.read(request), request["session"], request.app[SERVICES]
    if form.value("act") == "revert":
        try:
            consult = await services.requests.change_identity(session.staff, consult.id, None, IdentityChange.REVERTED)
        except (Conflict, Forbidden) as error:
            return panel_fragment(request, "closed", place, tab="summary", error=error, status=error.status)
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
            if consult.patient.identity is IdentityState.ESTABLISHED:
                return _another(request, place, failure=error)
            return await _identity(request, place, failure=error)
        consult = await establish(request, consult, patient)
    return await show_panel(request, await place_of(request, consult.id), "summary")


@routes.get("/consults/{consult_id}/another-patient")
async def ask_for_another(request: web.Request) -> web.StreamResponse:
    """Where the requester turns the room to another patient; until that one is confirmed nothing changes."""
    place = await place_of(request)
    if place.related is not Relation.REQUESTER:
        raise Forbidden("consult.not_your_part", NOT_THIS_ROLE)
    return _another(request, place)


async def embedded_book(request: web.Request, consult_id: ConsultId) -> str:
    """The panel's content for a page that puts it beside the call: what the fragment would say, denials included."""
    place = await place_of(request, consult_id)
    request[_EMBEDDED] = True
    response = await show_panel(request, place, "summary")
    return response.text or "" if isinstance(response, web.Response) else ""


async def establish(request: web.Request, consult: Consult, patient: Patient) -> Consult:
    """Give a consult the confirmed patient: a first identity is confirmed; with one known the room turns to another."""
    first = consult.patient.identity is IdentityState.TEMPORARY
    kind = IdentityChange.CONFIRMED if first else IdentityChange.TURNED
    staff = request["session"].staff
    return await request.app[SERVICES].requests.change_identity(staff, consult.id, patient, kind)


async def place_of(request: web.Request, consult_id: ConsultId | None = None) -> Place:
    """What the person is to the consult, or emergency opening, of the address. Raises `NotFound` for a stranger."""
    session: Session = request["session"]
    panel, address = request.app[SERVICES].panel, address_of(request)
    if consult_id is None and (glass_id := request.match_info.get("glass_id")) is not None:
        return await panel.outside(session.staff, session, GlassId(glass_id), address=address)
    asked = consult_id or ConsultId(request.match_info["consult_id"])
    return await panel.place(session.staff, session, asked, address=address)


async def show_panel(
    request: web.Request, place: Place, tab: str = "summary", more: More | None = None
) -> web.StreamResponse:
    """A tab of the book, or why it is closed, or the way to an identity. With `more` the whole book is read."""
    session, services = request["session"], request.app[SERVICES]
    consult = place.consult
    if consult is not None and consult.patient.identity is IdentityState.TEMPORARY:
        return await _identity(request, place)
    tab = tab if tab in TABS else "summary"
    whole = tab in WHOLE or more is not None
    # What is looked for in a part of the book would read as not in the book.
    early = more is None and "late" not in request.query
    try:
        opened = await services.panel.open_book(
            session.staff, session, place, whole=whole, early=early, address=address_of(request)
        )
    except (Unavailable, Forbidden) as error:
        return panel_fragment(request, "closed", place, tab=tab, error=error, status=error.status)
    added = await services.additions.of_open_book(consult) if consult else []
    viewers = await views_of(request, place, opened.access) if tab == "viewers" else None
    return panel_fragment(
        request,
        "open",
        place,
        tab=tab,
        view=opened.view,
        access=opened.access,
        requester_name=place.requester_name,
        additions=added,
        viewers=viewers,
        words=viewing_words,
        brief=await _brief(request, place),
        trends=opened.view.several,
        parts=PARTS.get(tab, {}),
        titles=TITLES,
        tab_of=TAB_OF,
        inside=more(opened.view) if more else None,
    )


async def _identity(request: web.Request, place: Place, *, failure: HoichanError | None = None) -> web.StreamResponse:
    may_confirm = place.related is Relation.REQUESTER
    sentence = request["language"].error(failure) if failure else ""
    status = failure.status if failure else 200
    session, service = request["session"], request.app[SERVICES].additions
    added = await service.of_temporary(session.staff, session, consult_of(place).id, address=address_of(request))
    return panel_fragment(
        request,
        "identity",
        place,
        may_confirm=may_confirm,
        failure=sentence,
        status=status,
        additions=added,
        brief=await _brief(request, place),
    )


async def _brief(request: web.Request, place: Place) -> Brief:
    """What was asked and recorded beside the question; outside a consult nothing."""
    if place.consult is None:
        return Brief()
    known = request.app[SERVICES].intake.statements.known
    return Brief.of(await known(place.consult, place.related, place.participant))


def _another(request: web.Request, place: Place, *, failure: HoichanError | None = None) -> web.StreamResponse:
    sentence = request["language"].error(failure) if failure else ""
    return panel_fragment(request, "another", place, failure=sentence, status=failure.status if failure else 200)


def base_of(request: web.Request, place: Place) -> str:
    """Where the book of this place lives: its tabs and files stand below."""
    return f"/consults/{place.consult.id}" if place.consult else f"/emergency/books/{request.match_info['glass_id']}"


def consult_of(place: Place) -> Consult:
    """The consult of a place that is known to be in one."""
    if place.consult is None:
        raise ValueError("outside a consult nobody changes an identity")
    return place.consult


def panel_fragment(
    request: web.Request,
    name: str,
    place: Place,
    *,
    status: int = 200,
    inside: Context | None = None,
    **context: object,
) -> web.Response:
    """The content of the panel, or a whole page around it for a browser that asked for a page."""
    zone = ZoneInfo(request.app[SERVICES].settings.zone)
    is_fragment = "X-Fragment" in request.headers or _EMBEDDED in request
    context |= {"hits": None, "query": "", "trend": None} | (inside or {})
    response = render(
        request,
        f"book/{name}.html" if is_fragment else "book/page.html",
        status=status,
        content=f"book/{name}.html",
        consult=place.consult,
        base=base_of(request, place),
        related=place.related,
        is_requester=place.related is Relation.REQUESTER,
        say=BookWords(request["language"], zone, place.now, Ages.of(request.app[SERVICES].settings)),
        anchors=Anchors(),
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
