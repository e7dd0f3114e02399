"""Further consents and roll-calls, recorded by either side."""

from __future__ import annotations

from collections.abc import Iterable

from consult_rooms import bounds, further_consents, roll_call
from consult_rooms.further_consents import FurtherConsent
from consult_rooms.log_entry import LogKind
from consult_rooms.roll_call import Side
from consult_rooms.statements import Statement, StatementKind, Statements
from foundation.ids import ConsultId
from identity.model import Staff


class Records:
    """Records what the people of a consult say about themselves and agree to."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def consent(self, staff: Staff, consult_id: ConsultId, consent: FurtherConsent) -> Statement:
        """Record one further consent or refusal; the last one holds. Raises as `further_consents.checked`, `state`."""
        one = further_consents.checked(consent)
        return await self._statements.state(
            staff,
            consult_id,
            StatementKind.CONSENT,
            one.purpose,
            one.json(),
            (
                LogKind.FURTHER_CONSENT,
                {"purpose": one.purpose, "given": one.given, "by": one.by, "spoken": one.spoken},
            ),
        )

    async def call_roll(
        self, staff: Staff, consult_id: ConsultId, side: str, people: Iterable[tuple[str, str]], *, seen: int
    ) -> Statement:
        """Record who is in one of the two rooms, each with a name and what they are there as; `seen` as in `state`.

        Either side may record either room. Raises as `roll_call.roll` and `Statements.state`.
        """
        where = bounds.code(Side, side, "side")
        document = roll_call.roll(people)
        logged = {"side": where.value, "people": len(document["people"])}
        return await self._statements.state(
            staff, consult_id, StatementKind.ROLL, where, document, (LogKind.ROLL_CALLED, logged), seen=seen
        )
