"""Whether a licence's scope carries a case: one rule for the ladder, the claim and whoever passes a case on.

A specialty names words; the licence bears one of them, or says nothing of its scope. What that weighs the ladder's
rules say: who is rung although the scope is another, since an administrator wants it so, may take the case too.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from consult_rooms.ladder_rules import Condition, Effect, defaults
from consult_rooms.model import Consult, Urgency
from consult_rooms.rulebook import newest, rules_of
from foundation.database import Transaction
from foundation.ids import SpecialtyId
from foundation.text import fold
from identity.model import Staff
from identity.tables import specialties

# Only its effects are looked at, and these come from no setting.
_UNEDITED = defaults(dict.fromkeys(Urgency, 30.0), 300.0)


def words_of(licence_scopes: str) -> tuple[str, ...]:
    """The words of `Specialty.licence_scopes`, folded."""
    return tuple(filter(None, (word.strip() for word in fold(licence_scopes).split(","))))


def bears(licence_scope: str | None, words: Collection[str]) -> bool:
    """Whether a licence of that scope carries a field that names these words."""
    if not words or not licence_scope:
        return True
    scope = fold(licence_scope)
    return any(word in scope for word in words)


async def in_scope(tx: Transaction, staff: Staff, consult: Consult, licence_scopes: str) -> bool:
    """Whether this person's licence carries the case, by the rules that hold now; read only when they matter."""
    if bears(staff.licence_scope, words_of(licence_scopes)):
        return True
    return not await needed(tx, consult, licence_scopes)


async def needed(tx: Transaction, consult: Consult, licence_scopes: str) -> tuple[str, ...]:
    """The words of which a licence for this case bears one, by the rules that hold now. Empty: any scope will do."""
    words = words_of(licence_scopes)
    if not words:
        return ()
    rules = rules_of((await tx.execute(newest())).first(), _UNEDITED)
    return words if rules.effect(Condition.OUT_OF_SCOPE, consult.urgency) is Effect.EXCLUDE else ()


async def scopes_of(tx: Transaction, specialty_id: SpecialtyId) -> str:
    """What the specialty names, as stored."""
    query = select(specialties.c.licence_scopes).where(specialties.c.id == specialty_id)
    return str((await tx.execute(query)).scalar_one())
