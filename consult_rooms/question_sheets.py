"""Question templates in use: offered, answered, retired. What a consult began with stays with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select

from consult_rooms.log import Data
from consult_rooms.log_entry import LogKind
from consult_rooms.question_templates import Sheet, Template, answered, sheet, shipped
from consult_rooms.statement_tables import template_retirements
from consult_rooms.statements import Stated, Statement, StatementKind, Statements
from foundation.audit import Audit, AuditEntry
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.model import Staff
from identity.policy import Action, require

AHEAD = timedelta(minutes=10)
"""How far a clinic's clock may be ahead of the server's."""
UNKNOWN = N_("There is no such question template.")


@dataclass(frozen=True, slots=True)
class Offered:
    """A template, since when it is retired, and what was answered to it in a consult."""

    template: Template
    retired_at: datetime | None = None
    sheet: Sheet | None = None
    statement: Statement | None = None

    @property
    def seen(self) -> int:
        """The number of the answers that are shown, 0 for none."""
        return 0 if self.statement is None else self.statement.number

    @property
    def is_gone(self) -> bool:
        """Whether new consults are not offered it, or not in this version, any more."""
        newest = shipped().get(self.template.code)
        return self.retired_at is not None or newest is None or newest.version != self.template.version


class QuestionSheets:
    """Offers templates and keeps answers. `zone` is that in which people write times."""

    def __init__(self, database: Database, statements: Statements, audit: Audit, clock: Clock, zone: ZoneInfo) -> None:
        self._database = database
        self._statements = statements
        self._audit = audit
        self._clock = clock
        self._zone = zone

    @property
    def until(self) -> datetime:
        """The local time after which no answer can lie."""
        return self._clock.now().astimezone(self._zone) + AHEAD

    async def all(self) -> list[Offered]:
        """Every template of this version of the program, retired ones too."""
        async with self._database.reading() as tx:
            found = await tx.execute(select(template_retirements.c.code, template_retirements.c.retired_at))
            retired = {row.code: row.retired_at for row in found}
        return [Offered(one, retired.get(one.code)) for one in shipped().values()]

    async def of(self, stated: Stated) -> list[Offered]:
        """Those that a consult may be answered by: what it began with, in its own version, and what is offered now."""
        now = {one.template.code: one for one in await self.all()}
        begun = {}
        for one in stated.holding(StatementKind.SHEET):
            held, known = sheet(one.document), now.get(one.code)
            begun[one.code] = Offered(held.template, known.retired_at if known else None, held, one)
        fresh = {code: one for code, one in now.items() if code not in begun and one.retired_at is None}
        return [*begun.values(), *fresh.values()]

    async def answer(
        self,
        staff: Staff,
        consult_id: ConsultId,
        code: str,
        given: Mapping[str, str],
        *,
        seen: int | None = None,
    ) -> Statement:
        """Answer a template for a consult, anew or over what was answered before.

        A retired template is still answered: the page was open before. Raises NotFound `template.unknown`, Invalid as
        `question_templates.answered`, and what `Statements.state` raises.
        """
        stated = await self._statements.read(staff, consult_id)
        before = stated.last(StatementKind.SHEET, code)
        asked = shipped().get(code) if before is None else sheet(before.document).template
        if asked is None:
            raise NotFound("template.unknown", UNKNOWN)
        filled = answered(asked, given, until=self.until)
        logged: Data = {"template": asked.code, "version": asked.version, "red_flags": len(filled.red)}
        return await self._statements.state(
            staff,
            consult_id,
            StatementKind.SHEET,
            code,
            filled.json(),
            (LogKind.SHEET_ANSWERED, logged),
            seen=seen,
        )

    async def retire(self, actor: Staff, code: str, *, retired: bool) -> None:
        """Offer a template no more, or again. Consults that began with it keep it. Administrators of all alone."""
        require(actor, Action.ADMINISTER_ALL)
        if code not in shipped():
            raise NotFound("template.unknown", UNKNOWN)
        t = template_retirements
        async with self._database.transaction() as tx:
            known = (await tx.execute(select(t.c.code).where(t.c.code == code))).scalar_one_or_none()
            if (known is not None) is retired:
                return
            if retired:
                await tx.execute(t.insert().values(code=code, retired_by=actor.id, retired_at=await tx.now()))
            else:
                await tx.execute(delete(t).where(t.c.code == code))
            act = "template.retire" if retired else "template.restore"
            await self._audit.record(tx, AuditEntry(actor=actor.id, action=act, details={"template": code}))


def sheets_of(stated: Stated) -> tuple[tuple[Sheet, Statement], ...]:
    """The sheets that hold, each with who answered it and when; those without an answer are left out."""
    found = [(sheet(one.document), one) for one in stated.holding(StatementKind.SHEET)]
    return tuple((one, statement) for one, statement in found if one.answered)
