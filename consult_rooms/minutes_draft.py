"""What a person wrote into minutes, checked and joined with what the server knows of who was there. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from consult_rooms import bounds
from consult_rooms.minutes_model import Attendee, Content, Seat, Task, Voice
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import StaffId

TEXT = 20_000
"""Characters of one text at most; WHOLE of all together."""
WHOLE = 100_000
LINE = 200
ROWS = 80
"""Opinions, tasks and guests at most, of each: more than a consult can have items of advice, which begin the plan."""

TOO_MUCH = N_("This is too long for one document: %(limit)s characters at most in all parts together.")
TOO_MANY = N_("These are too many lines: %(limit)s at most.")
NO_CHAIR = N_("Say who chaired the consult: exactly one person.")
NO_SECRETARY = N_("Say who was the secretary: exactly one person.")
NO_CONCLUSION = N_("Write the conclusion before anybody signs.")


@dataclass(frozen=True, slots=True)
class MinutesDraft:
    """The form. `seats` gives people of the consult a seat and says why somebody cannot sign; `guests` never do."""

    seats: Mapping[StaffId, tuple[Seat, str]] = field(default_factory=dict)
    guests: Sequence[tuple[str, str]] = ()
    summary: str = ""
    opinions: Sequence[Voice] = ()
    conclusion: str = ""
    plan: Sequence[Task] = ()


def content(draft: MinutesDraft, there: Sequence[Attendee]) -> Content:
    """The content to save. Nobody who was there can be left out, and nobody be put there who was not.

    Raises Invalid `text.too_long`, `minutes.too_much` or `minutes.too_many` with the field.
    """
    for name, rows in (("guests", draft.guests), ("opinions", draft.opinions), ("plan", draft.plan)):
        if len(rows) > ROWS:
            raise Invalid("minutes.too_many", TOO_MANY, field=name, limit=ROWS)
    people = [_seated(one, draft) for one in there]
    for name, unit in draft.guests:
        if cleaned := bounds.text(name, LINE, "guests"):
            guest = Attendee(Seat.PRESENT, _line(cleaned), _line(bounds.text(unit, LINE, "guests")))
            if guest not in people:  # the form shows those of the roll-call among its guests
                people.append(guest)
    made = Content(
        people=tuple(people),
        summary=bounds.text(draft.summary, TEXT, "summary"),
        opinions=tuple(
            Voice(_line(bounds.text(one.name, LINE, "opinions")), said, one.dissent)
            for one in draft.opinions
            if (said := bounds.text(one.text, TEXT, "opinions"))
        ),
        conclusion=bounds.text(draft.conclusion, TEXT, "conclusion"),
        plan=tuple(
            Task(what, _line(bounds.text(one.who, LINE, "plan")))
            for one in draft.plan
            if (what := bounds.text(one.what, TEXT, "plan"))
        ),
    )
    if length(made) > WHOLE:
        raise Invalid("minutes.too_much", TOO_MUCH, field="summary", limit=WHOLE)
    return made


def require_ready(made: Content) -> None:
    """Raise Invalid `minutes.no_chair`, `minutes.no_secretary` or `minutes.no_conclusion` unless it can be signed."""
    for seat, code, message in (
        (Seat.CHAIR, "minutes.no_chair", NO_CHAIR),
        (Seat.SECRETARY, "minutes.no_secretary", NO_SECRETARY),
    ):
        if sum(one.seat is seat for one in made.people) != 1:
            raise Invalid(code, message, field="people")
    if not made.conclusion:
        raise Invalid("minutes.no_conclusion", NO_CONCLUSION, field="conclusion")


def length(made: Content) -> int:
    """Characters of everything that people wrote."""
    said = [made.summary, made.conclusion, *(one.text for one in made.opinions), *(one.what for one in made.plan)]
    return sum(map(len, said))


def _seated(one: Attendee, draft: MinutesDraft) -> Attendee:
    given = None if one.staff_id is None else draft.seats.get(one.staff_id)
    if given is None:
        return one
    seat, absent = given
    # Minutes without chair or secretary are none: only a member can be recorded as not signing.
    why = _line(bounds.text(absent, LINE, "people")) if seat is Seat.MEMBER else ""
    return replace(one, seat=seat, absent=why)


def _line(text: str) -> str:
    return " ".join(text.split())
