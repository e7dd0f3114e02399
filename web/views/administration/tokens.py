"""API tokens: what another system of a facility, such as its hospital information system, may do here."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from aiohttp import web

from foundation.errors import Invalid
from foundation.ids import TokenId
from identity.model import Facility, Scope
from web.forms import Form
from web.services import SERVICES
from web.views.administration.reach import LONGEST_LIST, chosen_facility, done, facilities_in_reach, page

routes = web.RouteTableDef()
PATH = "/administration/tokens"


@routes.get(PATH)
async def index(request: web.Request) -> web.StreamResponse:
    """The tokens of a facility, and the form for one more."""
    return await _page(request, await chosen_facility(request), Form())


@routes.post(PATH)
async def create(request: web.Request) -> web.StreamResponse:
    """Create a token and show its secret, once. It holds through its last day, in the installation's zone."""
    services, facility, form = request.app[SERVICES], await chosen_facility(request), await Form.read(request)
    name, scopes = form.line("name", required=True, most=100), form.choices("scopes", Scope)
    last_day = form.day("expires_at")
    if form.valid:
        expires_at = None
        if last_day is not None:
            expires_at = datetime.combine(last_day, time.max, ZoneInfo(services.settings.zone))
        try:
            token, secret = await services.tokens.create(
                request["session"].staff, facility_id=facility.id, name=name, scopes=scopes, expires_at=expires_at
            )
            return page(
                request,
                "secret.html",
                section="tokens",
                kind="token",
                name=token.name,
                secret=secret,
                expires_at=token.expires_at,
                back=f"{PATH}?facility={facility.code}",
            )
        except Invalid as error:
            form.take(error, field="name")
    return await _page(request, facility, form, status=422)


@routes.post(PATH + "/{token_id}/revoke")
async def revoke(request: web.Request) -> web.StreamResponse:
    """End a token at once."""
    facility = await chosen_facility(request)
    await request.app[SERVICES].tokens.revoke(request["session"].staff, TokenId(request.match_info["token_id"]))
    raise done(PATH, "revoked", facility=facility.code)


async def _page(request: web.Request, facility: Facility, form: Form, *, status: int = 200) -> web.Response:
    services, reach = request.app[SERVICES], await facilities_in_reach(request)
    tokens = await services.tokens.of_facility(request["session"].staff, facility.id)
    return page(
        request,
        "tokens.html",
        section="tokens",
        status=status,
        facility=facility,
        form=form,
        facilities=reach if len(reach) <= LONGEST_LIST else [],
        tokens=tokens,
        now=services.clock.now(),
        makers=await services.directory.staff_many({token.created_by for token in tokens}),
        scopes=list(Scope),
    )
