"""What a change of the rota is called: one sentence, with the names of staff and no one else's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from consult_rooms.rota_ledger import ChangeKind, Recorded
from foundation.i18n import N_, Language
from web.services import Services

_SENTENCES: Mapping[ChangeKind, str] = {
    ChangeKind.ADDED: N_("%(actor)s put %(name)s on call for %(specialty)s: %(when)s"),
    ChangeKind.REMOVED: N_("%(actor)s took %(name)s off %(specialty)s: %(when)s"),
    ChangeKind.LIFTED: N_("%(actor)s left %(name)s out of %(specialty)s on %(when)s"),
    ChangeKind.RESTORED: N_("%(actor)s put %(name)s back on %(specialty)s on %(when)s"),
    ChangeKind.SWAPPED: N_("%(name)s has %(specialty)s on %(when)s by a swap"),
}
_A_MONDAY = date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class Told:
    """A change as a sentence, and when it was made."""

    at: datetime
    text: str


async def told(services: Services, language: Language, changes: Sequence[Recorded]) -> list[Told]:
    """The changes as sentences, in their order."""
    people = await services.directory.staff_many(
        {one.change.shift.staff_id for one in changes} | {one.actor for one in changes}
    )
    fields = await services.directory.specialties_many({one.change.shift.specialty_id for one in changes})
    sentences = []
    for one in changes:
        shift, day = one.change.shift, one.change.day
        weekday = language.weekday(day or _A_MONDAY + timedelta(days=shift.weekday))
        hours = f"{shift.starts:%H:%M}–{shift.ends:%H:%M}"
        when = f"{weekday} {hours}" if day is None else f"{weekday} {language.date(day)} {hours}"
        sentences.append(
            Told(
                one.at,
                language.text(
                    _SENTENCES[one.change.kind],
                    actor=people[one.actor].full_name,
                    name=people[shift.staff_id].full_name,
                    specialty=fields[shift.specialty_id].name(language.code),
                    when=when,
                ),
            )
        )
    return sentences
