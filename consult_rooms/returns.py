"""Coming back with the same patient to the same specialist: a new request, made of the earlier one in one tap.

The ladder rings who took the patient's last case first, where they can answer then (`candidates.Why.ANSWERED_BEFORE`).
"""

from __future__ import annotations

from dataclasses import replace

from consult_rooms.access import Relation
from consult_rooms.bounds import QUESTION_PART
from consult_rooms.model import Consent, Consult, ConsultState, IdentityState, Question, Urgency
from consult_rooms.requests import Requests
from consult_rooms.standing import standing
from consult_rooms.store import ConsultStore
from foundation.database import Database
from foundation.errors import Conflict
from foundation.i18n import N_
from foundation.ids import ConsultId, TerminalId
from identity.model import Staff

BY_FORM = N_("A return needs a known patient who consented to the earlier consult. Ask for a consult by the form.")


class Returns:
    """Makes returns."""

    def __init__(self, database: Database, store: ConsultStore, requests: Requests) -> None:
        self._database = database
        self._store = store
        self._requests = requests

    async def ask(
        self, staff: Staff, consult_id: ConsultId, words: str, *, key: str, terminal_id: TerminalId | None = None
    ) -> Consult:
        """A routine request about the same patient; `words` say what it comes after. The requester alone.

        The patient's consent to the same specialist and illness goes over with the code of the consult for which it
        was given. Raises what `Requests.create` does, and Conflict `return.by_form`.
        """
        async with self._database.reading() as tx:
            place = await standing(tx, self._store, staff, consult_id)
            place.require(Relation.REQUESTER)
        earlier = place.consult
        consent = _carried(earlier)
        if consent is None:
            raise Conflict("return.by_form", BY_FORM)
        before = earlier.question
        told = [before.situation, before.background, before.assessment, before.recommendation]
        return await self._requests.create(
            staff,
            terminal_id=terminal_id,
            specialty_id=earlier.specialty_id,
            urgency=Urgency.ROUTINE,
            patient=earlier.patient,
            question=Question(situation=words, background="\n".join(filter(None, told))[:QUESTION_PART]),
            consent=consent,
            idempotency_key=key,
        )


def may_return(consult: Consult) -> bool:
    """Whether a return can be made of it without asking anything anew."""
    return _carried(consult) is not None


def _carried(consult: Consult) -> Consent | None:
    given = consult.consent
    over = consult.state in (ConsultState.ENDED, ConsultState.CLOSED)
    if not over or given is None or not given.consult or consult.patient.identity is not IdentityState.ESTABLISHED:
        return None
    return replace(given, note=f"{consult.code} {given.note}".strip()[:500])
