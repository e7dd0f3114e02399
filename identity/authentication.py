"""Whether somebody is who they say: the one place where a typed password is judged."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update

from foundation.audit import Audit, AuditEntry
from foundation.database import Database
from foundation.errors import SignInNeeded
from foundation.i18n import N_
from foundation.ids import StaffId, TerminalId
from identity.model import Staff
from identity.passwords import Passwords
from identity.rows import specialty_list, staff_of
from identity.tables import facilities, staff
from identity.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Verified:
    """Somebody whose password was right. `password_number` counts that person's passwords: which one it was."""

    staff: Staff
    password_number: int


TOLD_BELOW = 3
"""From how many attempts left a person is told their number."""


class Authentication:
    """Judges passwords: throttled, audited, and at the same cost whether or not the name exists."""

    def __init__(self, database: Database, passwords: Passwords, throttle: Throttle, audit: Audit) -> None:
        self._database = database
        self._passwords = passwords
        self._throttle = throttle
        self._audit = audit

    async def check(
        self, user_name: str, password: str, *, act: str, address: str, terminal_id: TerminalId | None = None
    ) -> Verified:
        """The active person of that name and password. `act` is what a failure is audited as, such as `session.start`.

        Raises `SignInNeeded("sign_in.wrong")` or, with few attempts left, `("sign_in.last_attempts")`, the same for an
        unknown name, a wrong password and a deactivated account; `TooMany("sign_in.throttled")`.
        """
        name = user_name.strip().lower()
        attempt = await self._throttle.begin(name, address=address, terminal=terminal_id)
        async with self._database.reading() as read:
            rows = await read.execute(
                select(staff, specialty_list, facilities.c.active.label("facility_active"))
                .join(facilities, facilities.c.id == staff.c.facility_id)
                .where(staff.c.user_name == name)
            )
            row = rows.mappings().first()
        stored: str | None = None if row is None else row[staff.c.password_hash]
        fits = await self._passwords.verify(stored, password)
        if row is None or stored is None or not fits or not row[staff.c.active] or not row["facility_active"]:
            await self._throttle.failed(attempt)
            # The typed name is not kept: people type passwords into the wrong field.
            await self._audit.commit(
                AuditEntry(
                    actor="-" if row is None else row[staff.c.id],
                    action=act,
                    address=address,
                    target=terminal_id,
                    outcome="denied",
                )
            )
            if attempt.left < TOLD_BELOW:
                raise SignInNeeded("sign_in.last_attempts", LAST_ATTEMPTS, left=attempt.left)
            raise SignInNeeded("sign_in.wrong", WRONG)
        await self._throttle.succeeded(attempt)
        person = staff_of(row)
        if self._passwords.outdated(stored):
            await self._renew(person.id, stored, password)
        return Verified(person, row[staff.c.password_number])

    async def _renew(self, staff_id: StaffId, stored: str, password: str) -> None:
        """Hash again with today's parameters, unless the password was changed meanwhile."""
        renewed = await self._passwords.hash(password)
        async with self._database.transaction() as tx:
            await tx.execute(
                update(staff)
                .where(staff.c.id == staff_id, staff.c.password_hash == stored)
                .values(password_hash=renewed)
            )


WRONG = N_("The user name or the password is not right.")
LAST_ATTEMPTS = N_("The user name or the password is not right. Attempts left: %(left)s.")
