"""A consult's log in sentences, for those who follow it live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from consult_rooms.model import LogEntry, LogKind
from foundation.i18n import Language, N_
from foundation.ids import StaffId
from identity.store import Directory
from signaling.shapes import EntryPart

SENTENCES: Mapping[LogKind, str] = MappingProxyType(
    {
        LogKind.REQUESTED: N_("%(actor)s asked for a consult"),
        LogKind.SCHEDULED: N_("%(actor)s booked the consult"),
        LogKind.STEP_STARTED: N_("The request went to the next people"),
        LogKind.RUNG: N_("Ringing %(person)s"),
        LogKind.DECLINED: N_("%(actor)s declined"),
        LogKind.CLAIMED: N_("%(actor)s took this case"),
        LogKind.CANCELLED: N_("%(actor)s cancelled the request"),
        LogKind.QUESTION_CHANGED: N_("%(actor)s changed the question"),
        LogKind.IDENTITY_CHANGED: N_("%(actor)s changed the patient's identity"),
        LogKind.CONSENT_RECORDED: N_("%(actor)s recorded the patient's consent"),
        LogKind.INVITED: N_("%(actor)s invited %(person)s"),
        LogKind.JOINED: N_("%(actor)s entered the room"),
        LogKind.LEFT: N_("%(actor)s left the room"),
        LogKind.CHAT: N_("%(actor)s wrote in the chat"),
        LogKind.OPINION_SAVED: N_("%(actor)s saved the advice"),
        LogKind.ENDED: N_("%(actor)s ended the consult"),
        LogKind.CLOSED: N_("%(actor)s closed the case"),
        LogKind.MOVED: N_("%(actor)s moved the consult to another time"),
    }
)
"""The plain sentence of a kind; `_particular` has those that depend on the data."""

_DECLINED: Mapping[str, str] = MappingProxyType(
    {
        "in_procedure": N_("%(actor)s declined: in a procedure"),
        "in_consult": N_("%(actor)s declined: in another consult"),
        "out_of_scope": N_("%(actor)s declined: outside the specialty"),
    }
)
_STEPS: Mapping[str, str] = MappingProxyType(
    {
        "on_call": N_("Ringing those on call"),
        "specialty": N_("Ringing everyone of the specialty"),
        "coordinator": N_("Ringing the coordinator"),
    }
)
_LINES: Mapping[str, str] = MappingProxyType(
    {
        "good": N_("%(actor)s: the line is good again"),
        "weak": N_("%(actor)s: weak line, keeping sound, less video"),
        "lost": N_("%(actor)s: connection lost, reconnecting"),
    }
)
_FRAMES: Mapping[str, str] = MappingProxyType(
    {
        "video": N_("%(actor)s sees %(person)s"),
        "audio": N_("%(actor)s hears %(person)s"),
        "screen": N_("%(actor)s sees the screen of %(person)s"),
    }
)
NOBODY_RUNG = N_("Nobody to ring at this step")
JOINED_AGAIN = N_("%(actor)s came back to the room")
SOMETHING = N_("The consult was changed")
SYSTEM = N_("The system")


def sentence(entry: LogEntry, names: Mapping[str, str], language: Language) -> str:
    """What happened, in that language; `names` are of the people that the entry speaks of."""
    known = names.get(entry.actor or "", "")
    person = names.get(str(entry.data.get("staff") or entry.data.get("from") or ""), "")
    message = _particular(entry) or SENTENCES.get(entry.kind, SOMETHING)
    return language.text(message, actor=known or language.text(SYSTEM), person=person)


def _particular(entry: LogEntry) -> str | None:
    data = entry.data
    match entry.kind:
        case LogKind.DECLINED:
            return _DECLINED.get(str(data.get("reason")))
        case LogKind.STEP_STARTED:
            return NOBODY_RUNG if data.get("people") == 0 else _STEPS.get(str(data.get("step")))
        case LogKind.LINE_CHANGED:
            return _LINES.get(str(data.get("state")))
        case LogKind.FIRST_FRAME:
            return _FRAMES.get(str(data.get("kind")))
        case LogKind.JOINED if data.get("again"):
            return JOINED_AGAIN
        case _:
            return None


async def names_of(directory: Directory, entries: Iterable[LogEntry]) -> dict[str, str]:
    """The names of everybody that these entries speak of."""
    wanted = {
        StaffId(str(one))
        for entry in entries
        for one in (entry.actor, entry.data.get("staff"), entry.data.get("from"))
        if one
    }
    return {staff_id: person.full_name for staff_id, person in (await directory.staff_many(wanted)).items()}


def entry_parts(entries: Iterable[LogEntry], names: Mapping[str, str], language: Language) -> list[EntryPart]:
    """Entries as the protocol says them."""
    return [
        EntryPart(
            number=entry.number,
            at=entry.at,
            kind=entry.kind.value,
            actor_name=names.get(entry.actor or ""),
            text=sentence(entry, names, language),
            data=dict(entry.data),
        )
        for entry in entries
    ]
