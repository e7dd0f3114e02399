"""What the values of a consult are called on pages: message ids, merged into `web.labels`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from consult_rooms.devices import DeviceScope
from consult_rooms.model import (
    CancelReason,
    ConsentBy,
    ConsultState,
    DeclineReason,
    ParticipantRole,
    Step,
    Urgency,
)
from consult_rooms.rows import Answer
from foundation.i18n import N_

CONSULT_LABELS: Mapping[type[StrEnum], Mapping[str, str]] = MappingProxyType(
    {
        Urgency: {
            Urgency.EMERGENCY: N_("Emergency"),
            Urgency.URGENT: N_("Urgent"),
            Urgency.ROUTINE: N_("Routine"),
        },
        ConsultState: {
            ConsultState.SCHEDULED: N_("Booked"),
            ConsultState.RINGING: N_("Ringing"),
            ConsultState.CLAIMED: N_("In consult"),
            ConsultState.WRITTEN: N_("In writing"),
            ConsultState.ENDED: N_("Awaits the opinion"),
            ConsultState.CLOSED: N_("Opinion given"),
            ConsultState.CANCELLED: N_("Cancelled"),
        },
        Step: {
            Step.ON_CALL: N_("Those on call"),
            Step.BACKUP: N_("The backup on call"),
            Step.SPECIALTY: N_("Everybody of the specialty"),
            Step.ALTERNATE: N_("Other hospitals"),
            Step.COORDINATOR: N_("The coordinator"),
        },
        Answer: {
            Answer.RINGING: N_("Ringing"),
            Answer.ACCEPTED: N_("Took the case"),
            Answer.DECLINED: N_("Declined"),
            Answer.STOPPED: N_("No longer rung"),
            Answer.BUSY: N_("In another consult"),
            Answer.OFFLINE: N_("Offline"),
            Answer.UNKNOWN: N_("Rung; reach unknown"),
        },
        DeclineReason: {
            DeclineReason.IN_PROCEDURE: N_("In a procedure"),
            DeclineReason.IN_CONSULT: N_("In another consult"),
            DeclineReason.OUT_OF_SCOPE: N_("Outside my field"),
            DeclineReason.OTHER: N_("Another reason"),
        },
        CancelReason: {
            CancelReason.NO_LONGER_NEEDED: N_("No longer needed"),
            CancelReason.TRANSFERRED: N_("The patient was transferred"),
            CancelReason.MISTAKE: N_("Made by mistake"),
            CancelReason.OTHER: N_("Another reason"),
        },
        ConsentBy: {
            ConsentBy.SELF: N_("The patient"),
            ConsentBy.PROXY: N_("A relative for the patient"),
            ConsentBy.GUARDIAN: N_("The legal guardian"),
            ConsentBy.NOT_POSSIBLE: N_("Nobody could be asked"),
        },
        DeviceScope: {
            DeviceScope.PUBLISH: N_("Send its picture and sound into the room (WHIP)"),
            DeviceScope.VIEW: N_("Show what the room sees and hears (WHEP)"),
        },
        ParticipantRole: {
            ParticipantRole.REQUESTER: N_("Asks"),
            ParticipantRole.SPECIALIST: N_("Specialist"),
            ParticipantRole.INVITED: N_("Takes part"),
            ParticipantRole.OBSERVER: N_("Observes"),
        },
    }
)
