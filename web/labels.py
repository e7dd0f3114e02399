"""What the values of enumerations are called on pages: message ids, for the templates' global `label`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from foundation.i18n import N_
from identity.csv_columns import ImportKind
from identity.fleet import Look, Working
from identity.model import FacilityKind, ManagingLevel, Role, Scope, Sensitivity, TechnicalLevel
from notify.notice import Channel, NoticeKind, Topic
from records_panel.glass import GlassReason, Verdict
from records_panel.import_runs import Outcome
from web.aftercare_labels import AFTERCARE_LABELS
from web.availability_labels import AVAILABILITY_LABELS
from web.consult_labels import CONSULT_LABELS
from web.timeline_labels import TIMELINE_LABELS

GLASS_REASONS: Mapping[str, str] = MappingProxyType(
    {
        GlassReason.DANGER: N_("Life in danger"),
        GlassReason.UNABLE: N_("The patient cannot be asked, nor anybody for them"),
        GlassReason.AFTERCARE: N_("The consult is over and the same illness goes on"),
        GlassReason.RESTRICTED: N_("The treatment depends on entries that are withheld"),
    }
)
LABELS: Mapping[type[StrEnum], Mapping[str, str]] = MappingProxyType(
    {
        **CONSULT_LABELS,
        **AFTERCARE_LABELS,
        **AVAILABILITY_LABELS,
        **TIMELINE_LABELS,
        Role: {
            Role.RURAL_DOCTOR: N_("Doctor on site"),
            Role.SPECIALIST: N_("Specialist"),
            Role.COORDINATOR: N_("Coordinator"),
            Role.ADMINISTRATOR: N_("Administrator"),
            Role.DATA_PROTECTION_OFFICER: N_("Data protection officer"),
        },
        Sensitivity: {
            Sensitivity.HIV: N_("HIV and AIDS"),
            Sensitivity.PSYCHIATRIC: N_("Psychiatry and mental health"),
            Sensitivity.SUBSTANCE: N_("Alcohol and drug use"),
            Sensitivity.REPRODUCTIVE: N_("Sexual and reproductive health"),
            Sensitivity.VIOLENCE: N_("Violence and abuse"),
            Sensitivity.GENETIC: N_("Genetic disease"),
            Sensitivity.OTHER: N_("Restricted for another reason (R)"),
            Sensitivity.VERY_RESTRICTED: N_("Very restricted (V), on top of its kind"),
        },
        Look: {
            Look.ONLINE: N_("Online"),
            Look.OFFLINE: N_("Offline"),
            Look.TROUBLE: N_("Online with trouble"),
        },
        Working: {
            Working.READY: N_("Works"),
            Working.NOT_ALLOWED: N_("Not asked for yet"),
            Working.DENIED: N_("Forbidden in the browser"),
            Working.MISSING: N_("None there"),
            Working.UNKNOWN: N_("Not told"),
        },
        GlassReason: GLASS_REASONS,
        Channel: {
            Channel.MAIL: N_("E-mail"),
            Channel.SMS: N_("SMS"),
            Channel.PUSH: N_("Notice in the browser"),
            Channel.PAGE: N_("In Hoichan"),
        },
        Topic: {
            Topic.APPOINTMENTS: N_("Bookings, moves and cancellations"),
            Topic.REMINDERS: N_("Reminders before an appointment"),
            Topic.AFTERCARE: N_("Advice, follow-ups and outcomes"),
        },
        NoticeKind: {
            NoticeKind.BOOKED: N_("Booking"),
            NoticeKind.MOVED: N_("Move"),
            NoticeKind.CANCELLED: N_("Cancellation"),
            NoticeKind.DISPLACED: N_("Displaced by an emergency"),
            NoticeKind.OFFERED: N_("Time that has become free"),
            NoticeKind.REMINDER: N_("Reminder"),
            NoticeKind.SWAP_ASKED: N_("Swap asked for"),
            NoticeKind.SWAP_ANSWERED: N_("Swap answered"),
            NoticeKind.LEAVE: N_("Leave noted"),
            NoticeKind.ADVICE: N_("Advice to read"),
            NoticeKind.FOLLOW_UP: N_("Follow-up"),
            NoticeKind.OUTCOME: N_("Outcome"),
        },
        Outcome: {
            Outcome.ACCEPTED: N_("Accepted"),
            Outcome.SUPERSEDED: N_("Superseded"),
            Outcome.UNCHANGED: N_("Unchanged"),
            Outcome.REFUSED: N_("Refused"),
        },
        Verdict: {Verdict.JUSTIFIED: N_("Justified"), Verdict.UNJUSTIFIED: N_("Not justified")},
        FacilityKind: {
            FacilityKind.COMMUNE_STATION: N_("Commune health station"),
            FacilityKind.REGIONAL_CENTRE: N_("Regional health centre"),
            FacilityKind.PROVINCIAL_HOSPITAL: N_("Provincial hospital"),
            FacilityKind.CENTRAL_HOSPITAL: N_("Central hospital"),
        },
        TechnicalLevel: {
            TechnicalLevel.INITIAL: N_("Initial level of care"),
            TechnicalLevel.BASIC: N_("Basic level of care"),
            TechnicalLevel.SPECIALISED: N_("Specialised level of care"),
        },
        ManagingLevel: {
            ManagingLevel.COMMUNE: N_("Commune level"),
            ManagingLevel.REGIONAL: N_("Regional level"),
            ManagingLevel.PROVINCIAL: N_("Provincial level"),
            ManagingLevel.CENTRAL: N_("Central level"),
        },
        Scope: {
            Scope.REQUESTS_READ: N_("Read requests"),
            Scope.REQUESTS_WRITE: N_("Make and cancel requests"),
            Scope.CONSULTS_READ: N_("Read consults and their logs"),
            Scope.CONSULTS_WRITE: N_("Answer consults in writing"),
            Scope.SLOTS_READ: N_("Read slots and appointments"),
            Scope.SLOTS_WRITE: N_("Publish and book slots"),
            Scope.PATIENTS_FIND: N_("Look up patients by number"),
            Scope.PATIENTS_SUMMARY: N_("Read patient summaries in consults"),
        },
        ImportKind: {
            ImportKind.FACILITIES: N_("Facilities"),
            ImportKind.LINKS: N_("Links between clinics and hospitals"),
            ImportKind.DEPARTMENTS: N_("Departments"),
            ImportKind.SPECIALTIES: N_("Specialties"),
            ImportKind.STAFF: N_("Staff"),
            ImportKind.TERMINALS: N_("Terminals"),
        },
    }
)


def label(value: StrEnum) -> str:
    """The message id of one value. Raises KeyError for an enumeration without labels."""
    return LABELS[type(value)][value]
