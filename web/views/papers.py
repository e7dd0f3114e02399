"""Papers that follow from a consult: referral letter, proposed prescription, and the slip that carries signatures."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web

from consult_rooms.advice_model import AdviceItem
from consult_rooms.minutes import MinutesView
from foundation.audit import AuditEntry
from foundation.errors import NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId
from web.documents import letter_pdf, slip_pdf
from web.documents.press import PRESS
from web.documents.repertoire import Setting
from web.services import SERVICES
from web.views.minutes import NOTHING_SIGNED, origin_of, person_of

routes = web.RouteTableDef()
NO_OPINION = N_("A letter can be printed once the opinion is closed.")
NO_DRUG = N_("No drug was advised in this consult.")


@routes.get("/consults/{consult_id}/referral.pdf")
async def referral(request: web.Request) -> web.StreamResponse:
    """The clinic's letter to the hospital, once the opinion is closed."""
    view, opinion, items = await _closed(request)
    language, zone = request["language"], _zone(request)
    now = request.app[SERVICES].clock.now()
    data = letter_pdf.referral_data(view, opinion, items, now, language, zone)
    return await _set(request, view, letter_pdf.TEMPLATE, data, "referral")


@routes.get("/consults/{consult_id}/prescription.pdf")
async def prescription(request: web.Request) -> web.StreamResponse:
    """The drugs that the specialist proposes, once the opinion is closed."""
    view, _, items = await _closed(request)
    if not letter_pdf.proposed_drugs(items):
        raise NotFound("letter.no_drug", NO_DRUG)
    now = request.app[SERVICES].clock.now()
    data = letter_pdf.prescription_data(view, items, now, request["language"], _zone(request))
    return await _set(request, view, letter_pdf.TEMPLATE, data, "prescription")


@routes.get("/consults/{consult_id}/slip.pdf")
async def slip(request: web.Request) -> web.StreamResponse:
    """The signatures of the minutes as one page without a name."""
    view = await _view(request)
    if view.saved is None or not view.signatures:
        raise NotFound("minutes.not_signed", NOTHING_SIGNED)
    address = f"{origin_of(request)}/verify"
    data = slip_pdf.slip_data(view, request["language"], footer="", address=address, demo="")
    return await _set(request, view, slip_pdf.TEMPLATE, data, "slip")


async def _closed(request: web.Request) -> tuple[MinutesView, str, list[AdviceItem]]:
    view = await _view(request)
    services, staff = request.app[SERVICES], request["session"].staff
    number = view.person.number
    for one in await services.opinions.each(staff, view.consult.id):
        if one.person.number == number and one.opinion is not None and one.opinion.closed_at is not None:
            items = await services.shared.advice.each(staff, view.consult.id)
            return view, one.opinion.text, [item for item in items if item.person == number]
    raise NotFound("opinion.missing", NO_OPINION)


async def _view(request: web.Request) -> MinutesView:
    consult_id = ConsultId(request.match_info["consult_id"])
    person = person_of(request.query.get("person", ""))
    return await request.app[SERVICES].minutes.minutes.read(request["session"], consult_id, person)


async def _set(
    request: web.Request, view: MinutesView, template: Path, data: dict[str, object], kind: str
) -> web.StreamResponse:
    """The PDF, on record before it leaves."""
    services, session, language = request.app[SERVICES], request["session"], request["language"]
    demo = language.text(N_("Demo data, of no legal force")) if services.is_demo else ""
    footer = Setting().text(services.settings.minutes_footer)
    made = await request.app[PRESS].pdf(template, data | {"footer": footer, "demo": demo}, services.clock.now())
    entry = AuditEntry(
        session.staff.id,
        "paper.print",
        session=session.id,
        target=kind,
        patient_id=view.person.patient.patient_id,
        consult_id=view.consult.id,
        details={"person": view.person.number, "version": view.version},
    )
    await services.audit.commit(entry)
    headers = {
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="{view.consult.code}-{kind}.pdf"',
        hdrs.CACHE_CONTROL: "no-store",
    }
    return web.Response(body=made, content_type="application/pdf", headers=headers)


def _zone(request: web.Request) -> ZoneInfo:
    return ZoneInfo(request.app[SERVICES].settings.zone)
