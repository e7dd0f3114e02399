"""A log entry as a sentence, in the reader's language: the same words on the page and on the socket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from consult_rooms.log_entry import LogEntry, LogKind
from consult_rooms.rows import TimelineRow
from foundation.i18n import N_, Language

_PLAIN: Mapping[LogKind, str] = {
    LogKind.REQUESTED: N_("%(actor)s asked for a consult"),
    LogKind.CLAIMED: N_("%(actor)s took this case"),
    LogKind.SCORED: N_("%(actor)s recorded a score of the patient"),
    LogKind.EXAMINED: N_("%(actor)s recorded findings of an examination"),
    LogKind.QUESTION_CHANGED: N_("%(actor)s changed the question"),
    LogKind.FIRST_FRAME: N_("%(actor)s sees %(name)s"),
    LogKind.LEFT: N_("%(actor)s left the room"),
    LogKind.CHAT: N_("%(actor)s wrote in the chat"),
    LogKind.TAKEN: N_("%(actor)s took the written case"),
    LogKind.OVERDUE: N_("The answer in writing is overdue; %(name)s has the case"),
    LogKind.RAISED: N_("%(actor)s made a call of the written case"),
    LogKind.BUSY: N_("%(actor)s is busy"),
    LogKind.LATER: N_("%(actor)s answers at %(time)s"),
    LogKind.FORWARDED: N_("%(actor)s forwarded the ring to %(name)s"),
    LogKind.ASKED: N_("%(actor)s asked for more first"),
    LogKind.ANSWERED: N_("%(actor)s answered the question"),
    LogKind.OWNER_CHANGED: N_("%(name)s is accountable for the case from here on"),
    LogKind.COMMENTED: N_("%(actor)s noted something for the coordinators"),
    LogKind.CLAIM_LOST: N_("%(name)s gave no sign of life and lost the case; it rings again"),
    LogKind.HANDOVER_OFFERED: N_("%(actor)s offered the case to %(name)s"),
    LogKind.HANDOVER_WITHDRAWN: N_("%(actor)s withdrew the handover to %(name)s"),
    LogKind.HANDED_OVER: N_("%(actor)s took the case over from %(name)s"),
    LogKind.PAUSED: N_("%(actor)s paused the consult for another case"),
    LogKind.RESUMED: N_("%(actor)s came back from the other case"),
    LogKind.OPINION_SAVED: N_("%(actor)s saved the opinion, version %(version)s"),
    LogKind.ENDED: N_("%(actor)s ended the consult"),
    LogKind.OPINION_LOCKED: N_("%(actor)s closed the opinion about one of the patients"),
    LogKind.CLOSED: N_("%(actor)s closed the consult with the opinion"),
    LogKind.MINUTES_SAVED: N_("%(actor)s saved the minutes, version %(version)s"),
    LogKind.MINUTES_SIGNED: N_("%(actor)s signed the minutes, version %(version)s"),
    LogKind.MINUTES_LOCKED: N_("The minutes, version %(version)s, are signed by all and locked"),
    LogKind.MINUTES_ADDED: N_("%(actor)s added to the minutes"),
    LogKind.ADVICE_READ: N_("%(actor)s read the advice"),
    LogKind.FOLLOW_UP_DUE: N_("The clinic is asked what became of the patient, day %(day)s"),
    LogKind.FOLLOWED_UP: N_("%(actor)s told what became of the patient, day %(day)s"),
    LogKind.SCHEDULED: N_("%(actor)s booked this consult for %(time)s with %(name)s"),
    LogKind.MOVED: N_("%(actor)s moved this consult to %(time)s with %(name)s"),
    LogKind.KEPT: N_("%(actor)s lets the displaced consult wait for its specialist"),
    LogKind.DELAYED: N_("%(actor)s comes late, at %(time)s"),
    LogKind.NO_SHOW: N_("%(actor)s recorded that nobody came; the consult was not held"),
    LogKind.ARRIVED: N_("%(actor)s is in the waiting room"),
    LogKind.CHECKED: N_("%(actor)s compared two identifiers of the patient"),
}

_MOVED: Mapping[str, str] = {
    "clinic": N_("%(actor)s moved this consult to %(time)s with %(name)s, as the clinic asked"),
    "hospital": N_("%(actor)s moved this consult to %(time)s with %(name)s, as the hospital asked"),
    "displaced": N_("%(actor)s moved this consult to %(time)s with %(name)s, after an emergency took its time"),
}

_STEPS: Mapping[str, tuple[str, str]] = {
    "on_call": (N_("Ringing those on call"), N_("Nobody is on call; going on at once")),
    "backup": (N_("Ringing the backup on call"), N_("No backup is on call; going on at once")),
    "specialty": (N_("Ringing everybody of the specialty"), N_("Nobody else in the specialty; going on at once")),
    "alternate": (N_("Ringing other hospitals"), N_("Nobody at another hospital; going on at once")),
    "coordinator": (N_("Ringing the coordinator"), N_("There is no coordinator to ring")),
}

_BY_CODE: Mapping[LogKind, tuple[str, Mapping[str, str]]] = {
    LogKind.WRITTEN: (
        "cause",
        {
            "asked": N_("%(actor)s asked for an answer in writing"),
            "unanswered": N_("Nobody answered: the case waits for an answer in writing"),
            "chosen": N_("%(actor)s went on in writing"),
            "left": N_("Everybody had left the room: the case goes on in writing"),
        },
    ),
    LogKind.ATTACHED: (
        "what",
        {
            "picture": N_("%(actor)s sent a photograph"),
            "voice": N_("%(actor)s sent a voice clip"),
            "document": N_("%(actor)s sent a document"),
        },
    ),
    LogKind.ADVISED: (
        "change",
        {
            "given": N_("%(actor)s gave advice %(item)s"),
            "amended": N_("%(actor)s changed advice %(item)s; it has to be read back again"),
            "withdrawn": N_("%(actor)s withdrew advice %(item)s"),
            "will_do": N_("%(actor)s read back advice %(item)s: will do"),
            "cannot": N_("%(actor)s read back advice %(item)s: cannot"),
            "done": N_("%(actor)s: advice %(item)s is done"),
        },
    ),
    LogKind.DRAWN: (
        "change",
        {
            "drawn": N_("%(actor)s drew on a photograph"),
            "undone": N_("%(actor)s took back what they drew on a photograph"),
        },
    ),
    LogKind.DECLINED: (
        "reason",
        {
            "in_procedure": N_("%(actor)s declined: in a procedure"),
            "in_consult": N_("%(actor)s declined: in another consult"),
            "out_of_scope": N_("%(actor)s declined: outside the scope of practice"),
            "other": N_("%(actor)s declined: another reason"),
        },
    ),
    LogKind.HANDOVER_DECLINED: (
        "reason",
        {
            "in_procedure": N_("%(actor)s did not take the case over: in a procedure"),
            "in_consult": N_("%(actor)s did not take the case over: in another consult"),
            "out_of_scope": N_("%(actor)s did not take the case over: outside the scope of practice"),
            "other": N_("%(actor)s did not take the case over: another reason"),
        },
    ),
    LogKind.CANCELLED: (
        "reason",
        {
            "no_longer_needed": N_("%(actor)s cancelled: no longer needed"),
            "transferred": N_("%(actor)s cancelled: the patient was transferred"),
            "mistake": N_("%(actor)s cancelled: made by mistake"),
            "other": N_("%(actor)s cancelled: another reason"),
        },
    ),
    LogKind.ADDED: (
        "what",
        {
            "vitals": N_("%(actor)s added vital signs"),
            "result": N_("%(actor)s added a result"),
            "picture": N_("%(actor)s added a photograph"),
            "document": N_("%(actor)s added a document"),
        },
    ),
    LogKind.ADDITION_WITHDRAWN: (
        "what",
        {
            "vitals": N_("%(actor)s withdrew vital signs entered in error"),
            "result": N_("%(actor)s withdrew a result entered in error"),
            "picture": N_("%(actor)s withdrew a photograph entered in error"),
            "document": N_("%(actor)s withdrew a document entered in error"),
        },
    ),
    LogKind.IDENTITY_CHANGED: (
        "kind",
        {
            "confirmed": N_("%(actor)s confirmed the patient's identity"),
            "merged": N_("%(actor)s merged the patient with an existing book"),
            "turned": N_("%(actor)s turned to another patient"),
            "reverted": N_("%(actor)s took the last change of identity back"),
        },
    ),
    LogKind.REASSIGNED: (
        "to",
        {
            "specialist": N_("%(actor)s rang %(name)s for this case"),
            "coordinator": N_("%(actor)s asked %(name)s to take charge of the case"),
        },
    ),
    LogKind.ESCALATED: (
        "what",
        {
            "urgency": N_("%(actor)s made the request more urgent"),
            "step": N_("%(actor)s had the request ring wider"),
        },
    ),
    LogKind.DISPLACED: (
        "cause",
        {
            "emergency": N_("%(name)s is in an emergency: another time has to be chosen for this consult"),
            "absent": N_("%(actor)s recorded that %(name)s did not come: another time has to be chosen"),
        },
    ),
    LogKind.LINE_CHANGED: (
        "state",
        {
            "good": N_("%(actor)s: the line is good again"),
            "weak": N_("%(actor)s: weak line, keeping sound, less picture"),
            "lost": N_("%(actor)s: connection lost, reconnecting"),
        },
    ),
}

_FURTHER: Mapping[tuple[str, bool], str] = {
    ("recording", True): N_("%(actor)s recorded the patient's consent to a recording"),
    ("recording", False): N_("%(actor)s recorded that the patient refused a recording"),
    ("teaching", True): N_("%(actor)s recorded the patient's consent to use in teaching"),
    ("teaching", False): N_("%(actor)s recorded that the patient refused use in teaching"),
}
_ROLLS: Mapping[str, str] = {
    "clinic": N_("%(actor)s called the roll of the clinic's room"),
    "hospital": N_("%(actor)s called the roll of the hospital's room"),
}
_SENDS: Mapping[str, str] = {
    "hd": N_("%(actor)s: the uplink is good again, full picture sent"),
    "reduced": N_("%(actor)s: slow uplink, less sharp picture sent"),
    "low": N_("%(actor)s: slow uplink, small picture sent"),
    "stills": N_("%(actor)s: slow uplink, stills sent"),
    "audio": N_("%(actor)s: slow uplink, sound alone sent"),
}
_SEES_ONE: Mapping[str, str] = {
    "hd": N_("%(actor)s sees the full picture of %(name)s again"),
    "reduced": N_("%(actor)s: slow line, less sharp picture of %(name)s"),
    "low": N_("%(actor)s: slow line, small picture of %(name)s"),
    "stills": N_("%(actor)s: slow line, stills of %(name)s"),
    "audio": N_("%(actor)s: slow line, sound alone of %(name)s"),
}
_SEES_ALL: Mapping[str, str] = {
    "hd": N_("%(actor)s sees full pictures again"),
    "reduced": N_("%(actor)s: slow line, less sharp pictures"),
    "low": N_("%(actor)s: slow line, small pictures"),
    "stills": N_("%(actor)s: slow line, stills received"),
    "audio": N_("%(actor)s: slow line, sound alone received"),
}
_WISHES: Mapping[str, str] = {
    "hd": N_("%(actor)s takes pictures again"),
    "audio": N_("%(actor)s chose sound only"),
}


def sentence(language: Language, row: TimelineRow, zone: ZoneInfo) -> str:
    """What happened, as one sentence without a full stop. Holds names of staff, never of a patient."""
    data = row.entry.data
    mentioned = next((str(data[key]) for key in ("staff", "from", "specialist", "owner") if data.get(key)), "")
    starts_at = data.get("starts_at", data.get("until"))
    return language.text(
        _message(row.entry),
        actor=row.actor_name or "",
        name=row.names.get(mentioned, ""),
        version=data.get("version", ""),
        item=data.get("item", ""),
        day=data.get("day", ""),
        time=language.moment(datetime.fromisoformat(starts_at), zone) if isinstance(starts_at, str) else "",
    )


def _message(entry: LogEntry) -> str:
    data = entry.data
    match entry.kind:
        case LogKind.STEP_STARTED:
            some, nobody = _STEPS[str(data["step"])]
            return some if data["people"] else nobody
        case LogKind.RUNG:
            return N_("Ringing %(name)s, who is offline") if data.get("online") is False else N_("Ringing %(name)s")
        case LogKind.CONSENT_RECORDED:
            agreed = data["consult"] and data["record_view"]
            return (
                N_("%(actor)s recorded the patient's consent")
                if agreed
                else N_("%(actor)s recorded that the patient did not consent to everything")
            )
        case LogKind.FURTHER_CONSENT:
            return _FURTHER[str(data["purpose"]), bool(data["given"])]
        case LogKind.ROLL_CALLED:
            return _ROLLS[str(data["side"])]
        case LogKind.SHEET_ANSWERED:
            red = data["red_flags"]
            return (
                N_("%(actor)s answered questions about the case, a red flag with yes")
                if red
                else N_("%(actor)s answered questions about the case")
            )
        case LogKind.INVITED:
            observes = data["role"] == "observer"
            return N_("%(actor)s invited %(name)s as an observer") if observes else N_("%(actor)s invited %(name)s")
        case LogKind.JOINED:
            again = data.get("again")
            return N_("%(actor)s came back to the room") if again else N_("%(actor)s entered the room")
        case LogKind.FIRST_FRAME if data["kind"] == "audio":
            return N_("%(actor)s hears %(name)s")
        case LogKind.FIRST_FRAME if data["kind"] == "screen":
            return N_("%(actor)s sees the screen of %(name)s")
        case LogKind.MOVED if data.get("reason") in _MOVED:
            return _MOVED[str(data["reason"])]
        case LogKind.QUALITY_CHANGED:
            seen = _SEES_ONE if "from" in data else _SEES_ALL
            return {"sends": _SENDS, "sees": seen, "wishes": _WISHES}[str(data["way"])][str(data["rung"])]
        case kind if kind in _BY_CODE:
            key, messages = _BY_CODE[kind]
            return messages[str(data[key])]
        case kind:
            return _PLAIN[kind]
