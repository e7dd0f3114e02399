"""What the values of a consult are called on pages: message ids, merged into `web.labels`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from consult_rooms.advice_model import AdviceKind, AdviceState
from consult_rooms.board_acts import BoardReason
from consult_rooms.candidates import Why
from consult_rooms.devices import DeviceScope
from consult_rooms.further_consents import Purpose
from consult_rooms.ladder_rules import Condition, Effect
from consult_rooms.model import (
    CancelReason,
    ConsentBy,
    ConsultState,
    DeclineReason,
    Level,
    ParticipantRole,
    Step,
    Urgency,
)
from consult_rooms.resources import ResourceKind
from consult_rooms.rows import Answer
from consult_rooms.waiting_room import Identifier, Missing, Whereabouts
from foundation.i18n import N_

CONSULT_LABELS: Mapping[type[StrEnum], Mapping[str, str]] = MappingProxyType(
    {
        Purpose: {
            Purpose.RECORDING: N_("A recording of the consult"),
            Purpose.TEACHING: N_("Use in teaching"),
        },
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
        AdviceKind: {
            AdviceKind.ACTION: N_("To do"),
            AdviceKind.DRUG: N_("Drug"),
            AdviceKind.TEST: N_("Test"),
            AdviceKind.REFERRAL: N_("Referral"),
            AdviceKind.WATCH: N_("Watch for"),
        },
        AdviceState: {
            AdviceState.OPEN: N_("Not read back"),
            AdviceState.WILL_DO: N_("Will do"),
            AdviceState.CANNOT: N_("Cannot"),
            AdviceState.DONE: N_("Done"),
            AdviceState.WITHDRAWN: N_("Withdrawn"),
        },
        Step: {
            Step.ON_CALL: N_("Those on call"),
            Step.BACKUP: N_("The backup on call"),
            Step.SPECIALTY: N_("Everybody of the specialty"),
            Step.ALTERNATE: N_("Other hospitals"),
            Step.COORDINATOR: N_("The coordinator"),
        },
        Level: {Level.FIRST: N_("First"), Level.BACKUP: N_("Backup")},
        Effect: {
            Effect.EXCLUDE: N_("Not rung"),
            Effect.LAST: N_("Put last"),
            Effect.IGNORE: N_("No matter"),
        },
        Condition: {
            Condition.REQUESTER: N_("Asks for the consult"),
            Condition.NOT_IN_FIELD: N_("Not of this specialty"),
            Condition.LICENCE_EXPIRED: N_("No valid licence"),
            Condition.OUT_OF_SCOPE: N_("Outside the licence's scope"),
            Condition.CLOSED: N_("Hospital closed for this clinic now"),
            Condition.DO_NOT_DISTURB: N_("Does not want to be disturbed"),
            Condition.OFFLINE: N_("Offline"),
            Condition.BUSY: N_("In another consult"),
            Condition.NO_COMMON_LANGUAGE: N_("No language in common"),
            Condition.LOWER_LEVEL: N_("Hospital of a lower technical level"),
            Condition.BROADER_FIELD: N_("Has the specialty, not the sub-specialty"),
        },
        Why: {
            Why.ANSWERED_BEFORE: N_("answered this patient before"),
            Why.ON_CALL: N_("on call"),
            Why.BACKUP: N_("backup on call"),
            Why.OF_FIELD: N_("of the specialty"),
            Why.OF_SUB_SPECIALTY: N_("of a sub-specialty of it"),
            Why.OTHER_HOSPITAL: N_("at a hospital further down the list"),
            Why.COORDINATOR: N_("coordinator"),
        },
        Answer: {
            Answer.RINGING: N_("Ringing"),
            Answer.ACCEPTED: N_("Took the case"),
            Answer.DECLINED: N_("Declined"),
            Answer.STOPPED: N_("No longer rung"),
            Answer.LATER: N_("Answers later"),
            Answer.FORWARDED: N_("Forwarded it"),
            Answer.IN_CHARGE: N_("Has taken charge"),
            Answer.BUSY: N_("Busy"),
            Answer.OFFLINE: N_("Offline"),
            Answer.UNKNOWN: N_("Rung; reach unknown"),
        },
        DeclineReason: {
            DeclineReason.IN_PROCEDURE: N_("In a procedure"),
            DeclineReason.IN_CONSULT: N_("In another consult"),
            DeclineReason.OUT_OF_SCOPE: N_("Outside my field"),
            DeclineReason.OTHER: N_("Another reason"),
        },
        Whereabouts: {
            Whereabouts.IN_ROOM: N_("In the room"),
            Whereabouts.WAITING: N_("In the waiting room"),
            Whereabouts.LATE: N_("Late"),
            Whereabouts.AWAITED: N_("Not there yet"),
        },
        Missing: {
            Missing.IDENTITY: N_("Two identifiers compared"),
            Missing.CONSENT: N_("Consent to consult and record view"),
            Missing.VITALS: N_("Vital signs entered"),
            Missing.QUESTION: N_("Question with what is asked for"),
        },
        Identifier: {
            Identifier.NAME: N_("Full name"),
            Identifier.BIRTH_DATE: N_("Birth date"),
            Identifier.NUMBER: N_("Last digits of the CCCD or insurance number"),
        },
        ResourceKind: {
            ResourceKind.ROOM: N_("Teleconsultation room"),
            ResourceKind.ULTRASOUND: N_("Ultrasound"),
            ResourceKind.ECG: N_("ECG"),
            ResourceKind.CAMERA: N_("Examination camera"),
            ResourceKind.OTHER: N_("Other device"),
        },
        CancelReason: {
            CancelReason.NO_LONGER_NEEDED: N_("No longer needed"),
            CancelReason.TRANSFERRED: N_("The patient was transferred"),
            CancelReason.MISTAKE: N_("Made by mistake"),
            CancelReason.OTHER: N_("Another reason"),
            CancelReason.NO_SHOW: N_("Nobody came"),
        },
        BoardReason: {
            BoardReason.UNANSWERED: N_("Nobody answers"),
            BoardReason.WORSE: N_("The patient is worse"),
            BoardReason.UNFIT: N_("It went to the wrong people"),
            BoardReason.WORKLOAD: N_("Too much work at one place"),
            BoardReason.ASKED: N_("The clinic asked for it"),
            BoardReason.OTHER: N_("Another reason"),
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
