"""The keys with which a facility's people sign minutes: retired, or ended when they fell into other hands."""

from __future__ import annotations

from aiohttp import web

from consult_rooms.signing_keys import Revocation
from foundation.errors import Invalid
from foundation.i18n import N_
from web.forms import Form
from web.services import SERVICES
from web.views.administration.reach import LONGEST_LIST, chosen_facility, done, facilities_in_reach, page

routes = web.RouteTableDef()
PATH = "/administration/keys"


@routes.get(PATH)
async def index(request: web.Request) -> web.StreamResponse:
    """The keys of a facility's people."""
    services, facility, reach = (
        request.app[SERVICES],
        await chosen_facility(request),
        await facilities_in_reach(request),
    )
    keys = services.minutes.keys
    return page(
        request,
        "keys.html",
        section="keys",
        facility=facility,
        facilities=reach if len(reach) <= LONGEST_LIST else [],
        keys=await keys.of_facility(request["session"].staff, facility.id),
        installation=await keys.installation(),
        reasons=tuple(Revocation),
    )


@routes.post(PATH + "/{key_id}/revoke")
async def revoke(request: web.Request) -> web.StreamResponse:
    """End a key; its holder's next signature makes a new one."""
    facility, form = await chosen_facility(request), await Form.read(request)
    reason = form.choice("reason", Revocation)
    if reason is None:
        raise Invalid("choice.unknown", N_("Choose one of the list."), field="reason")
    keys = request.app[SERVICES].minutes.keys
    await keys.revoke(request["session"].staff, request.match_info["key_id"], reason)
    raise done(PATH, "revoked", facility=facility.code)
