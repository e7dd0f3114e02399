"""The password asked for once more before an act that has to be the person's own: opening a book, signing."""

from __future__ import annotations

from sqlalchemy import select

from foundation.database import Transaction
from foundation.errors import Invalid, SignInNeeded
from foundation.ids import StaffId
from identity.accounts import PRESENT, PRESENT_LAST
from identity.authentication import Authentication
from identity.model import Session
from identity.sessions import ENDED
from identity.tables import staff


async def password_number(
    authentication: Authentication, session: Session, password: str, *, act: str, address: str
) -> int:
    """Which of the person's passwords was given, for `require_unchanged`. A wrong one is audited as a denied `act`.

    Raises `Invalid("password.present")`, `TooMany("sign_in.throttled")`.
    """
    try:
        verified = await authentication.check(
            session.staff.user_name,
            password,
            act=act,
            address=address,
            terminal_id=None if session.terminal is None else session.terminal.id,
        )
    except SignInNeeded as error:
        message = PRESENT_LAST if "left" in error.parameters else PRESENT
        raise Invalid("password.present", message, field="password", **error.parameters) from error
    return verified.password_number


async def require_unchanged(tx: Transaction, staff_id: StaffId, number: int) -> None:
    """Raise `SignInNeeded("session.ended")` when the person was deactivated or got another password meanwhile.

    The lock makes a deactivation or a reset wait until what this transaction writes is there to be seen.
    """
    c = staff.c
    current = select(c.id).where(c.id == staff_id, c.password_number == number, c.active)
    if (await tx.execute(current.with_for_update())).first() is None:
        raise SignInNeeded("session.ended", ENDED)
