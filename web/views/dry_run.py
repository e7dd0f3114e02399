"""/ladder: who would be rung now for a clinic, a specialty and an urgency. Nobody is; a GET, so that it can be shared.

A case's code stands in the address, never a patient's: the server knows whom it was about.
"""

from __future__ import annotations

from aiohttp import web

from consult_rooms.forecast import DENIED, Trial
from consult_rooms.model import Urgency
from foundation.errors import Forbidden, Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import SpecialtyId, is_id
from web.forms import Form
from web.labels import label
from web.rendering import render
from web.services import SERVICES

routes = web.RouteTableDef()

CHOOSE = N_("Choose one of the list.")
UNKNOWN = N_("There is no such facility.")
LONGEST_LIST = 300
"""Clinics that the page offers; any other by its code."""


@routes.get("/ladder")
async def show(request: web.Request) -> web.StreamResponse:
    """The question, and with a clinic's code as `facility` in the query its answer."""
    services, staff, language = request.app[SERVICES], request["session"].staff, request["language"]
    clinics = await services.forecast.clinics(staff)
    if not clinics:
        raise Forbidden("dry_run.denied", DENIED)
    form = Form.of(**{"urgency": Urgency.EMERGENCY, **request.query})
    trial = await _trial(request, form) if "facility" in request.query else None
    return render(
        request,
        "dry_run.html",
        status=200 if form.valid else 422,
        form=form,
        trial=trial,
        clinics=clinics[:LONGEST_LIST],
        specialties=[(one.id, one.name(language.code)) for one in await services.directory.specialties()],
        urgencies=[(one.value, language.text(label(one))) for one in Urgency],
    )


async def _trial(request: web.Request, form: Form) -> Trial | None:
    services, staff = request.app[SERVICES], request["session"].staff
    specialty, urgency = form.value("specialty"), form.choice("urgency", Urgency)
    clinic = await services.directory.facility_by_code(form.line("facility", required=True, most=5))
    if clinic is None:
        form.refuse("facility", UNKNOWN)
    if not is_id(specialty, "spe"):
        form.refuse("specialty", CHOOSE)
    code = form.line("case_code", most=20)
    if not form.valid or urgency is None or clinic is None:
        return None
    try:
        return await services.forecast.try_out(staff, clinic.id, SpecialtyId(specialty), urgency, code)
    except NotFound:
        form.refuse("specialty", CHOOSE)
    except Invalid as error:
        form.take(error, field="case_code")
    return None
