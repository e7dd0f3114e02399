"""The form of minutes: fields to a draft, and what was saved back to fields. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from multidict import MultiDict

from consult_rooms.minutes_draft import MinutesDraft
from consult_rooms.minutes_model import Attendee, Content, Seat, Task, Voice
from foundation.ids import StaffId
from web.forms import Form

BLANK = 2
"""Empty lines that a page offers below those that are filled."""
DISSENT = "dissent"


def draft_of(form: Form, people: tuple[Attendee, ...]) -> MinutesDraft:
    """What was typed. Lines whose text is empty are left to the draft's own rules."""
    seats: dict[StaffId, tuple[Seat, str]] = {}
    for one in people:
        if one.staff_id is None:
            continue
        chosen = form.value(f"seat_{one.staff_id}")
        if chosen in set(Seat):
            seats[one.staff_id] = (Seat(chosen), form.value(f"absent_{one.staff_id}"))
    return MinutesDraft(
        seats=seats,
        guests=[(name, unit) for name, unit in _rows(form, "guest_name", "guest_unit")],
        summary=form.value("summary"),
        opinions=[
            Voice(name, text, kind == DISSENT)
            for name, text, kind in _rows(form, "opinion_name", "opinion_text", "opinion_kind")
        ],
        conclusion=form.value("conclusion"),
        plan=[Task(what, who) for what, who in _rows(form, "plan_what", "plan_who")],
    )


def form_of(content: Content) -> Form:
    """The form as it shows what was saved, with empty lines to go on in."""
    guests = [one for one in content.people if one.staff_id is None]
    fields: dict[str, object] = {
        "summary": content.summary,
        "conclusion": content.conclusion,
        "guest_name": [*(one.name for one in guests), *[""] * BLANK],
        "guest_unit": [*(one.unit for one in guests), *[""] * BLANK],
        "opinion_name": [*(one.name for one in content.opinions), *[""] * BLANK],
        "opinion_text": [*(one.text for one in content.opinions), *[""] * BLANK],
        "opinion_kind": [*(DISSENT if one.dissent else "" for one in content.opinions), *[""] * BLANK],
        "plan_what": [*(one.what for one in content.plan), *[""] * BLANK],
        "plan_who": [*(one.who for one in content.plan), *[""] * BLANK],
    }
    for one in content.people:
        if one.staff_id is not None:
            fields |= {f"seat_{one.staff_id}": one.seat.value, f"absent_{one.staff_id}": one.absent}
    return Form.of(**fields)


def form_again(fields: Iterable[tuple[str, str]]) -> Form:
    """The form as it was typed: what a draft kept."""
    return Form(MultiDict(fields))


def _rows(form: Form, *names: str) -> Iterator[tuple[str, ...]]:
    """The lines of fields that come several times; a browser sends each of them for each line."""
    columns = [form.values(name) for name in names]
    for place in range(max(map(len, columns), default=0)):
        yield tuple(column[place] if place < len(column) else "" for column in columns)
