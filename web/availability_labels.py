"""What the values of availability are called on pages: message ids, merged into `web.labels`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from consult_rooms.appointment import VisitType
from consult_rooms.closures import Cause, ExceptionKind
from foundation.i18n import N_

AVAILABILITY_LABELS: Mapping[type[StrEnum], Mapping[str, str]] = MappingProxyType(
    {
        VisitType: {
            VisitType.FIRST: N_("First consult"),
            VisitType.RETURN: N_("Return visit"),
            VisitType.RESULTS: N_("Going through results"),
            VisitType.CONFERENCE: N_("Conference"),
        },
        Cause: {
            Cause.HOLIDAY: N_("Public holiday"),
            Cause.LEAVE: N_("On leave"),
            Cause.CLOSED: N_("Hospital closed"),
            Cause.TEMPLATE: N_("No template offers this time"),
            Cause.LEFT: N_("No longer consults in this specialty here"),
            Cause.OCCUPIED: N_("The time is taken otherwise"),
        },
        ExceptionKind: {
            ExceptionKind.LEAVE: N_("On leave"),
            ExceptionKind.CLOSED: N_("Hospital closed"),
            ExceptionKind.OPEN: N_("Open on a holiday"),
        },
    }
)
FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "specialty_id": N_("Specialty"),
        "visit_type": N_("Kind of visit"),
        "rule": N_("Repeats"),
        "starts_on": N_("From"),
        "ends_on": N_("Last day"),
        "starts": N_("Starts at"),
        "ends": N_("Ends at"),
        "minutes": N_("Length of one slot"),
        "before": N_("Kept free before"),
        "after": N_("Kept free after"),
        "capacity": N_("Slots at most"),
        "on_holidays": N_("On public holidays too"),
    }
)
"""What a template's fields are called when two versions differ."""
