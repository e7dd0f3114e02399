"""What every administration page asks first: whether this person administers, and which facilities."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web
from yarl import URL

from foundation.errors import Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import FacilityId
from identity.model import Facility, Staff
from identity.policy import Action, Target, may, require
from web.forms import Form
from web.rendering import render
from web.services import SERVICES

LONGEST_LIST = 300
"""Facilities that a page offers for choice; beyond it one types the code."""

_NOTICES = {
    "saved": N_("Saved."),
    "created": N_("Created."),
    "removed": N_("Removed."),
    "out_of_use": N_("Put out of use."),
    "in_use": N_("Put back into use."),
    "revoked": N_("Revoked."),
    "again": N_("They are tried again now."),
}


def administrator(request: web.Request) -> Staff:
    """The person, when an administrator of the own facility at least. Raises Forbidden."""
    person: Staff = request["session"].staff
    require(person, Action.ADMINISTER_FACILITY, Target(facility_id=person.facility_id))
    return person


def administers_all(request: web.Request) -> bool:
    """Whether the person administers the whole installation."""
    return may(request["session"].staff, Action.ADMINISTER_ALL)


async def facilities_in_reach(request: web.Request) -> list[Facility]:
    """The facilities that this person administers, out of use or not."""
    directory = request.app[SERVICES].directory
    if administers_all(request):
        return await directory.facilities(inactive=True)
    return [await directory.facility(administrator(request).facility_id)]


async def facility_in_reach(request: web.Request, facility_id: FacilityId) -> Facility:
    """The facility of that id. Raises Forbidden when it is not this person's to administer, NotFound."""
    require(request["session"].staff, Action.ADMINISTER_FACILITY, Target(facility_id=facility_id))
    return await request.app[SERVICES].directory.facility(facility_id)


async def chosen_facility(request: web.Request) -> Facility:
    """The facility whose code stands in the query (`facility`), else the person's own. Raises Forbidden, NotFound."""
    person = administrator(request)
    code = request.query.get("facility", "").strip()
    if not code:
        return await request.app[SERVICES].directory.facility(person.facility_id)
    found = await request.app[SERVICES].directory.facility_by_code(code)
    if found is None:
        raise NotFound("facility.unknown", N_("There is no such facility."))
    return await facility_in_reach(request, found.id)


def note(form: Form, problems: Iterable[Invalid], field: str) -> None:
    """Put every problem beside its field."""
    for problem in problems:
        form.take(problem, field=field)


def done(path: str, notice: str, **query: str) -> web.HTTPSeeOther:
    """Go on to a page that then says what was done; `notice` is a key of the notices above."""
    return web.HTTPSeeOther(str(URL(path).with_query({"done": notice, **query})))


def page(
    request: web.Request,
    template: str,
    *,
    section: str,
    status: int = 200,
    notice: str | None = None,
    **context: object,
) -> web.Response:
    """A page of the administration with its tabs; `section` names the current one."""
    return render(
        request,
        f"administration/{template}",
        status=status,
        section=section,
        wide=administers_all(request),
        notice=_NOTICES.get(notice or request.query.get("done", "")),
        **context,
    )
