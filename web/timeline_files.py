"""A consult's timeline as JSON and CSV. What a doctor wrote is in it for those alone who may read the opinion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from consult_rooms.advice_model import AdviceItem
from consult_rooms.aftercare_model import Advice
from consult_rooms.log_entry import LogEntry
from consult_rooms.timelines import Timeline
from foundation.i18n import N_, Language
from foundation.ids import StaffId
from foundation.sheet_writing import Cell, csv_of
from web.labels import label

COLUMNS = (N_("Section"), N_("No."), N_("Time"), N_("Who"), N_("What"), N_("Detail"), N_("Seconds"), N_("Target (s)"))
PARTS = {
    "goal": N_("Times against targets"),
    "line": N_("Quality of the line"),
    "note": N_("Opinion and minutes"),
    "signature": N_("Signatures"),
    "advice": N_("Advice items"),
    "follow_up": N_("After the advice"),
    "log": N_("Timeline"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A timeline with the names and words that its reader is shown; `advice` and `given` are empty for others."""

    timeline: Timeline
    names: Mapping[StaffId, str]
    log: tuple[tuple[LogEntry, str | None, str], ...]
    """Each entry, whose act it was, and its sentence."""
    places: Mapping[str, str]
    """`specialty`, `clinic`, `hospital` by name."""
    advice: tuple[AdviceItem, ...] = ()
    given: tuple[Advice, ...] = ()


def json_of(told: Told) -> bytes:
    """All of it; codes as the model names them, times in UTC (ISO 8601)."""
    one = told.timeline
    found: dict[str, object] = {
        "case": {
            "code": one.code,
            "urgency": one.urgency,
            "state": one.state,
            **told.places,
            "asked_at": _iso(one.asked_at),
            "starts_at": _iso(one.starts_at),
        },
        "goals": [
            {"goal": goal.goal, "took_s": goal.took_s, "target_s": goal.target_s, "pace": goal.pace}
            for goal in one.milestones
        ],
        "sittings": [
            {
                "starts_at": _iso(sitting.starts_at),
                "ends_at": _iso(sitting.ends_at),
                "people": [
                    {
                        "name": told.names[lane.staff_id],
                        "line": [
                            {"starts_at": _iso(at.starts_at), "ends_at": _iso(at.ends_at), "level": at.level}
                            for at in lane.stretches
                        ],
                    }
                    for lane in sitting.lanes
                ],
            }
            for sitting in one.sittings
        ],
        "notes": [
            {
                "note": note.note,
                "saves": note.saves,
                "first_at": _iso(note.first_at),
                "last_at": _iso(note.last_at),
                "locked_at": _iso(note.locked_at),
                "added": note.added,
            }
            for note in one.notes
        ],
        "signatures": [
            {
                "name": told.names[signed.staff_id],
                "seat": signed.seat,
                "version": signed.version,
                "at": _iso(signed.at),
                "holds": signed.holds,
            }
            for signed in one.signatures
        ],
        "log": [
            {"number": entry.number, "at": _iso(entry.at), "kind": entry.kind, "actor": actor, "text": text}
            for entry, actor, text in told.log
        ],
        "clinical": one.reads_opinion,
    }
    if one.reads_opinion:
        found["advice"] = [
            {
                "number": item.number,
                "kind": item.kind,
                "text": item.text,
                "dose": item.dose,
                "state": item.state,
                "reason": item.reason,
                "changed_by": item.changed_by_name,
                "changed_at": _iso(item.changed_at),
            }
            for item in told.advice
        ]
        found["after"] = [
            {
                "given_at": _iso(given.given_at),
                "read_at": _iso(given.read_at),
                "read_by": given.read_by,
                "follow_ups": [
                    {
                        "day": day.day,
                        "due_at": _iso(day.due_at),
                        "answers": [
                            {"at": _iso(said.at), "by": said.by_name, "outcome": said.outcome, "note": said.note}
                            for said in day.answers
                        ],
                    }
                    for day in given.follow_ups
                ],
            }
            for given in told.given
        ]
    return json.dumps(found, ensure_ascii=False, indent=1).encode()


def rows(told: Told, language: Language) -> list[list[Cell]]:
    """The rows of the CSV file: part, number, time, who, what, detail, seconds, target."""
    one, text = told.timeline, language.text
    found: list[list[Cell]] = []

    def add(
        part: str,
        what: str,
        detail: str = "",
        *,
        number: int | None = None,
        at: datetime | None = None,
        who: str | None = None,
        seconds: int | None = None,
        target: int | None = None,
    ) -> None:
        found.append([text(PARTS[part]), number, _iso(at), who, what, detail, seconds, target])

    for goal in one.milestones:
        add("goal", text(label(goal.goal)), text(label(goal.pace)), seconds=goal.took_s, target=goal.target_s)
    for entry, actor, words in told.log:
        add("log", words, entry.kind, number=entry.number, at=entry.at, who=actor)
    for sitting in one.sittings:
        for lane in sitting.lanes:
            for at in lane.stretches:
                who = told.names[lane.staff_id]
                add("line", text(label(at.level)), at.level, at=at.starts_at, who=who, seconds=round(at.seconds))
    for note in one.notes:
        locked = "" if note.locked_at is None else text(N_("Locked at %(at)s"), at=_iso(note.locked_at) or "")
        add("note", text(label(note.note)), locked, number=note.saves, at=note.last_at)
    for signed in one.signatures:
        lapsed = "" if signed.holds else text(N_("lapsed: there is a newer version"))
        seat, who = text(label(signed.seat)), told.names[signed.staff_id]
        add("signature", seat, lapsed, number=signed.version, at=signed.at, who=who)
    for item in told.advice:
        detail = text(label(item.state)) + (f": {item.reason}" if item.reason else "")
        add("advice", item.wording, detail, number=item.number, at=item.changed_at, who=item.changed_by_name)
    for given in told.given:
        if given.read_at is not None:
            add("follow_up", text(N_("Advice read")), at=given.read_at, who=given.read_by)
        for day in given.follow_ups:
            for said in day.answers:
                outcome = text(label(said.outcome))
                add("follow_up", outcome, said.note, number=day.day, at=said.at, who=said.by_name)
    return found


def csv_file(told: Told, language: Language) -> bytes:
    """The same as a table whose cells no spreadsheet program takes for formulas."""
    return csv_of([language.text(column) for column in COLUMNS], rows(told, language))


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
