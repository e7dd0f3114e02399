"""Minutes of a consult (biên bản hội chẩn): the page that writes, signs and adds, the PDF, and the signed file."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from aiohttp import hdrs, web

from consult_rooms.minutes import MinutesView
from consult_rooms.minutes_draft import TEXT
from consult_rooms.minutes_drafts import MinutesCopy
from consult_rooms.minutes_model import FIELDS, Seat
from consult_rooms.signatures import payload, signed_file
from foundation.errors import Conflict, HoichanError, Invalid, NotFound, TooMany
from foundation.i18n import N_
from foundation.ids import ConsultId
from web.admission import body_limit
from web.documents.minutes_pdf import TEMPLATE, answer_line, minutes_data, patient_line, times_of
from web.documents.press import PRESS
from web.errors import problem
from web.forms import Form
from web.rendering import render
from web.security import address_of
from web.services import SERVICES
from web.views.minutes_form import draft_of, form_again, form_of

routes = web.RouteTableDef()

BODY = 4 * 1024 * 1024
"""A form of 100,000 Vietnamese characters: each takes up to nine bytes on its way."""
PARTS = {
    "people": N_("the people of the consult"),
    "summary": N_("the summary"),
    "opinions": N_("the opinions"),
    "conclusion": N_("the conclusion"),
    "plan": N_("the plan"),
}
"""Parts of minutes as a sentence names them."""
NOTHING_SIGNED = N_("Nobody has signed these minutes yet.")
NOTHING_SAVED = N_("These minutes have not been saved yet.")


@routes.get("/consults/{consult_id}/minutes")
async def show(request: web.Request) -> web.StreamResponse:
    """The minutes as they stand; with `edit`, or before the first save, the form that changes them."""
    view = await view_of(request)
    editing = view.locked_at is None and (view.saved is None or "edit" in request.query)
    typed = await typed_of(request, view)
    form = form_of(view.content) if typed is None or not editing else form_again(typed.fields)
    # What somebody saved since one began stands beside what one typed.
    stands = editing and typed is not None and typed.base != view.version
    return await _page(request, view, form, editing=editing, stands=stands, typed=typed)


@routes.post("/consults/{consult_id}/minutes")
@body_limit(BODY)
async def save(request: web.Request) -> web.StreamResponse:
    """Save the next version. What cannot be saved comes back as it was typed, beside what stands."""
    form, office, session = await Form.read(request), request.app[SERVICES].minutes, request["session"]
    consult_id, person = consult_id_of(request), person_of(form.value("person"))
    version = form.integer("version", least=0, most=10**9) or 0
    try:
        view = await office.minutes.read(session, consult_id, person)
        saved = await office.minutes.save(session, consult_id, draft_of(form, view.content.people), version, person)
    except (Conflict, Invalid) as error:
        if _wants_json(request):
            return problem(request, error)
        return await _refused(request, form, error)
    if _wants_json(request):
        return web.json_response({"version": saved.version, "saved_at": saved.saved_at.isoformat()})
    raise web.HTTPSeeOther(address_to(saved.consult_id, saved.person))


@routes.post("/consults/{consult_id}/minutes/sign")
async def sign(request: web.Request) -> web.StreamResponse:
    """Sign the version that was read, with the password given again."""
    form, office = await Form.read(request), request.app[SERVICES].minutes
    consult_id, person = consult_id_of(request), person_of(form.value("person"))
    version, password = form.integer("version", least=1, most=10**9), form.secret("password")
    if version is None or not form.valid:
        return await _page(request, await view_of(request, form.value("person")), form, status=422)
    try:
        locked = await office.signing.sign(
            request["session"], consult_id, version, password=password, person=person, address=address_of(request)
        )
    except (Conflict, Invalid, TooMany) as error:
        if _wants_json(request):
            return problem(request, error)
        form.take(error, field="password")
        return await _page(request, await view_of(request, form.value("person")), form, status=error.status)
    if _wants_json(request):
        return web.json_response({"version": version, "locked": locked})
    raise web.HTTPSeeOther(address_to(consult_id, person))


@routes.post("/consults/{consult_id}/minutes/addenda")
async def add(request: web.Request) -> web.StreamResponse:
    """Sign an addendum, with the password given again."""
    form, office = await Form.read(request), request.app[SERVICES].minutes
    consult_id, person = consult_id_of(request), person_of(form.value("person"))
    number, password = form.integer("number", least=1, most=10**4), form.secret("password")
    if number is None or not form.valid:
        return await _page(request, await view_of(request, form.value("person")), form, status=422)
    try:
        await office.signing.add(
            request["session"],
            consult_id,
            number,
            form.value("text"),
            password=password,
            person=person,
            address=address_of(request),
        )
    except (Conflict, Invalid, TooMany) as error:
        if _wants_json(request):
            return problem(request, error)
        form.take(error, field="text")
        return await _page(request, await view_of(request, form.value("person")), form, status=error.status)
    if _wants_json(request):
        return web.json_response({"number": number})
    raise web.HTTPSeeOther(address_to(consult_id, person))


@routes.get("/consults/{consult_id}/minutes.pdf")
async def pdf(request: web.Request) -> web.StreamResponse:
    """The saved minutes as PDF/A-2b, in the reader's language."""
    view, services = await view_of(request), request.app[SERVICES]
    if view.saved is None:
        raise NotFound("minutes.not_saved", NOTHING_SAVED)
    language = request["language"]
    data = minutes_data(
        view,
        language,
        _zone(request),
        footer=services.settings.minutes_footer,
        address=f"{origin_of(request)}/verify",
        demo=language.text(N_("Demo data, of no legal force")) if services.is_demo else "",
    )
    made = await request.app[PRESS].pdf(TEMPLATE, data, view.locked_at or view.saved.saved_at)
    return _file(made, "application/pdf", f"{view.consult.code}-minutes.pdf")


@routes.get("/consults/{consult_id}/minutes.json")
async def signed(request: web.Request) -> web.StreamResponse:
    """The signed document with its signatures, as docs/signatures.md has it, for whoever checks it without us."""
    view = await view_of(request)
    if view.saved is None or not view.signatures:
        raise NotFound("minutes.not_signed", NOTHING_SIGNED)
    number = request.query.get("addendum", "")
    if number:
        one = next((one for one in view.addenda if str(one.number) == number), None)
        if one is None:
            raise NotFound("minutes.not_signed", NOTHING_SIGNED)
        text = signed_file(one.document, payload(one.digest, 1, (one.signature,), "author"))
    else:
        carried = payload(view.saved.digest, view.signatures[0].of, view.signatures)
        text = signed_file(view.saved.document, carried)
    return _file(text.encode(), "application/json", f"{view.consult.code}-minutes.json")


async def _refused(request: web.Request, form: Form, error: HoichanError) -> web.StreamResponse:
    """The form again with what was typed; after somebody else's save also with what stands."""
    view = await view_of(request, form.value("person"))
    form.take(error, field="summary")
    codes = str(error.parameters.get("changed", ""))
    editing = view.locked_at is None
    typed = await typed_of(request, view)
    parts = [part for part in FIELDS if part in codes]
    return await _page(
        request, view, form, status=error.status, editing=editing, changed=parts, stands=bool(parts), typed=typed
    )


async def _page(
    request: web.Request,
    view: MinutesView,
    form: Form,
    *,
    status: int = 200,
    editing: bool = False,
    changed: list[str] | None = None,
    stands: bool = False,
    typed: MinutesCopy | None = None,
) -> web.StreamResponse:
    """The page. `stands`: what is saved stands beside the form; `typed`: what this person has kept and not saved."""
    staff, language, zone = request["session"].staff, request["language"], _zone(request)
    return render(
        request,
        "minutes.html",
        status=status,
        view=view,
        consult=view.consult,
        form=form,
        editing=editing,
        changed=[language.text(PARTS[part]) for part in changed or ()],
        stands=stands,
        typed=typed,
        typed_content=None if typed is None else draft_of(form_again(typed.fields), view.content.people),
        most=TEXT,
        seats=tuple(Seat),
        patient=patient_line(
            {
                "name": view.person.patient.name,
                "sex": view.person.patient.sex,
                "birth_date": view.person.patient.birth_date and view.person.patient.birth_date.isoformat(),
                "age": view.facts.age,
                "number": view.person.patient.masked_number,
            },
            language,
            zone,
        ),
        times=lambda one: times_of(one, language, zone),
        answer=lambda one: answer_line(one, language, zone),
        waiting=view.awaits(staff),
        may_add=view.locked_at is not None and any(one.staff_id == staff.id for one in view.content.people),
        footer=request.app[SERVICES].settings.minutes_footer,
        rows=max(len(form.values("opinion_text")), 1),
        guests=max(len(form.values("guest_name")), 1),
        tasks=max(len(form.values("plan_what")), 1),
    )


async def view_of(request: web.Request, person: str | None = None) -> MinutesView:
    """The minutes that are asked for, their reading judged and audited; `person` instead of the address's."""
    asked = request.query.get("person", "") if person is None else person
    office = request.app[SERVICES].minutes
    return await office.minutes.read(request["session"], consult_id_of(request), person_of(asked))


async def typed_of(request: web.Request, view: MinutesView) -> MinutesCopy | None:
    """What this person has typed into these minutes and not saved."""
    drafts = request.app[SERVICES].minutes.drafts
    return await drafts.get(request["session"].staff, view.consult.id, view.person.number)


def consult_id_of(request: web.Request) -> ConsultId:
    """The consult of the address."""
    return ConsultId(request.match_info["consult_id"])


def person_of(text: str) -> int | None:
    """A number of a person of the consult; None for anything else: whom it is about now."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def address_to(consult_id: ConsultId, person: int | None) -> str:
    """The page of these minutes."""
    return f"/consults/{consult_id}/minutes" + ("" if person is None else f"?person={person}")


def _zone(request: web.Request) -> ZoneInfo:
    return ZoneInfo(request.app[SERVICES].settings.zone)


def origin_of(request: web.Request) -> str:
    """The address under which this installation is reached, for paper: one of its own origins, never what was asked."""
    origins = sorted(request.app[SERVICES].settings.allowed_origins)
    asked = str(request.url.origin())
    return asked if asked in origins else origins[0]


def _wants_json(request: web.Request) -> bool:
    return "json" in request.headers.get(hdrs.ACCEPT, "")


def _file(body: bytes, kind: str, name: str) -> web.Response:
    headers = {hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"', hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(body=body, content_type=kind, headers=headers)
