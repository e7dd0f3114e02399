"""A clinic's shared computers. A one-time code, typed once at the computer, yields a device credential for its cookie.

Both are stored as SHA-256. The credential is revocable: revoking it ends every session at that terminal.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update

from foundation.audit import Audit, AuditEntry
from foundation.database import Database
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import TerminalId
from identity.credentials import digest, new_code, new_secret, normal_code
from identity.entries import TerminalEntry, checked_terminal, first
from identity.guard import Actor, Guard, unique
from identity.model import Terminal
from identity.policy import Action, Target
from identity.rows import terminal_of
from identity.sessions import Sessions
from identity.store import Directory
from identity.tables import facilities, terminals
from identity.throttle import Throttle
from identity.writes import insert_terminals, update_terminals

CODE_LIFE = timedelta(hours=1)


class Terminals:
    """Makes, enrols and revokes terminals."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        guard: Guard,
        directory: Directory,
        sessions: Sessions,
        throttle: Throttle,
    ) -> None:
        self._database = database
        self._audit = audit
        self._guard = guard
        self._directory = directory
        self._sessions = sessions
        self._throttle = throttle

    async def create(self, actor: Actor, entry: TerminalEntry) -> Terminal:
        """A new terminal, not enrolled yet. Raises `Invalid`, `Forbidden`, `NotFound`."""
        entry, problems = checked_terminal(entry)
        await self._guard.require(
            actor, Action.ADMINISTER_FACILITY, Target(facility_id=entry.facility_id), act="terminal.create"
        )
        first(problems)
        await self._directory.facility(entry.facility_id)
        with unique("terminal.code_taken", CODE_TAKEN, "code"):
            async with self._database.transaction() as tx:
                [terminal_id] = await insert_terminals(tx, [entry])
                await self._audit.record(tx, AuditEntry(actor=actor.id, action="terminal.create", target=terminal_id))
                return await self._directory.terminal(terminal_id, tx=tx)

    async def change(self, actor: Actor, terminal_id: TerminalId, *, code: str, name: str) -> Terminal:
        """Rename a terminal. Raises `Invalid`, `Forbidden`, `NotFound`."""
        terminal = await self._administered(actor, terminal_id, "terminal.change")
        entry, problems = checked_terminal(TerminalEntry(terminal.facility_id, code, name))
        first(problems)
        with unique("terminal.code_taken", CODE_TAKEN, "code"):
            async with self._database.transaction() as tx:
                await update_terminals(tx, [(terminal_id, entry)])
                await self._audit.record(tx, AuditEntry(actor=actor.id, action="terminal.change", target=terminal_id))
                return await self._directory.terminal(terminal_id, tx=tx)

    async def issue_code(self, actor: Actor, terminal_id: TerminalId) -> tuple[str, datetime]:
        """A one-time code to type at the computer, and when it expires. An earlier code stops working.

        Raises `Conflict("terminal.inactive")`, `Forbidden`, `NotFound`.
        """
        await self._administered(actor, terminal_id, "terminal.issue_code")
        code = new_code()
        async with self._database.transaction() as tx:
            expires_at = await tx.now() + CODE_LIFE
            issued = await tx.execute(
                update(terminals)
                .where(terminals.c.id == terminal_id, terminals.c.active)
                .values(enrolment_hash=digest(normal_code(code)), enrolment_expires_at=expires_at)
            )
            if not issued.rowcount:
                raise Conflict("terminal.inactive", INACTIVE)
            await self._audit.record(tx, AuditEntry(actor=actor.id, action="terminal.issue_code", target=terminal_id))
        return code, expires_at

    async def enrol(self, code: str, *, address: str) -> tuple[Terminal, str]:
        """Use up a code: the terminal and the credential for this computer's cookie. The credential before it is void.

        Raises `Invalid("terminal.code")` for a code that is wrong, used or expired, and `TooMany`.
        """
        attempt = await self._throttle.begin(f"terminal.enrol {address}", address=address)
        credential = new_secret("hct_")
        async with self._database.transaction() as tx:
            now = await tx.now()
            taken = (
                await tx.execute(
                    update(terminals)
                    .where(
                        terminals.c.enrolment_hash == digest(normal_code(code)),
                        terminals.c.enrolment_expires_at > now,
                        terminals.c.active,
                    )
                    .values(
                        enrolment_hash=None,
                        enrolment_expires_at=None,
                        credential_hash=digest(credential),
                        enrolled_at=now,
                    )
                    .returning(terminals.c.id)
                )
            ).scalar_one_or_none()
            if taken is not None:
                terminal_id = TerminalId(taken)
                entry = AuditEntry(actor="-", action="terminal.enrol", target=terminal_id, address=address)
                await self._audit.record(tx, entry)
                await self._sessions.end_at_terminal(tx, terminal_id, "terminal_enrolled", actor="-")
                terminal = await self._directory.terminal(terminal_id, tx=tx)
        if taken is None:
            await self._throttle.failed(attempt)
            await self._audit.commit(AuditEntry(actor="-", action="terminal.enrol", address=address, outcome="denied"))
            raise Invalid("terminal.code", WRONG_CODE, field="code")
        await self._throttle.succeeded(attempt)
        return terminal, credential

    async def find(self, credential: str) -> Terminal | None:
        """The active terminal of an active facility that holds this credential."""
        async with self._database.reading() as read:
            rows = await read.execute(
                select(terminals)
                .join(facilities, facilities.c.id == terminals.c.facility_id)
                .where(terminals.c.credential_hash == digest(credential), terminals.c.active, facilities.c.active)
            )
            row = rows.mappings().first()
        return None if row is None else terminal_of(row)

    async def revoke(self, actor: Actor, terminal_id: TerminalId) -> Terminal:
        """Void the credential and any open code, and end the sessions there; a new code enrols it again."""
        return await self._withdraw(actor, terminal_id, "terminal.revoke", {})

    async def deactivate(self, actor: Actor, terminal_id: TerminalId) -> Terminal:
        """`revoke`, and put the terminal out of use."""
        return await self._withdraw(actor, terminal_id, "terminal.deactivate", {"active": False})

    async def activate(self, actor: Actor, terminal_id: TerminalId) -> Terminal:
        """Put a terminal back into use; it has to be enrolled again."""
        return await self._withdraw(actor, terminal_id, "terminal.activate", {"active": True})

    async def _withdraw(self, actor: Actor, terminal_id: TerminalId, act: str, values: dict[str, bool]) -> Terminal:
        await self._administered(actor, terminal_id, act)
        async with self._database.transaction() as tx:
            await tx.execute(
                update(terminals)
                .where(terminals.c.id == terminal_id)
                .values(
                    credential_hash=None, enrolled_at=None, enrolment_hash=None, enrolment_expires_at=None, **values
                )
            )
            await self._audit.record(tx, AuditEntry(actor=actor.id, action=act, target=terminal_id))
            await self._sessions.end_at_terminal(tx, terminal_id, "terminal_revoked", actor=actor.id)
            return await self._directory.terminal(terminal_id, tx=tx)

    async def _administered(self, actor: Actor, terminal_id: TerminalId, act: str) -> Terminal:
        terminal = await self._directory.terminal(terminal_id)
        target = Target(facility_id=terminal.facility_id)
        await self._guard.require(actor, Action.ADMINISTER_FACILITY, target, act=act, on=terminal_id)
        return terminal


CODE_TAKEN = N_("Another terminal of this facility has this code.")
INACTIVE = N_("This terminal is out of use. Put it back into use first.")
WRONG_CODE = N_("This code is wrong, used or expired. Ask your administrator for a new one.")
