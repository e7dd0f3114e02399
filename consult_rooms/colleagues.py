"""To whom a specialist may pass a case on, before the claim or after it. One rule for both."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from consult_rooms.licences import bears
from consult_rooms.model import Consult
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import FacilityId
from identity.model import Role, Staff

UNFIT = N_(
    "This colleague cannot take the case: another specialty, a hospital that is not linked, "
    "no valid licence, or outside the licence's scope."
)


def fits(
    colleague: Staff, consult: Consult, *, hub_ids: Collection[FacilityId], today: date, words: Collection[str]
) -> bool:
    """Whether this is an active specialist of the field at a linked hospital, with a licence that carries the case.

    `words` are those of which its scope bears one, see `licences.needed`.
    """
    return (
        colleague.active
        and Role.SPECIALIST in colleague.roles
        and colleague.id not in (consult.requester_id, consult.specialist_id)
        and consult.specialty_id in colleague.specialties
        and colleague.facility_id in hub_ids
        and colleague.licence_valid(today)
        and bears(colleague.licence_scope, words)
    )


def require_fit(
    colleague: Staff | None,
    consult: Consult,
    *,
    hub_ids: Collection[FacilityId],
    today: date,
    words: Collection[str],
    code: str,
) -> Staff:
    """The colleague. Raises Invalid with that code for nobody and for anybody whom `fits` leaves out."""
    if colleague is None or not fits(colleague, consult, hub_ids=hub_ids, today=today, words=words):
        raise Invalid(code, UNFIT, field="staff_id")
    return colleague
