"""Policy at the door of administration: a refusal is audited before it is raised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from foundation.audit import Audit, AuditEntry
from foundation.errors import Forbidden, Invalid
from identity.model import Staff
from identity.policy import DENIED, Action, Target, may


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever runs commands on the server itself: seeds, makes the first administrator. Never a web request."""

    id: str = "operator"


Actor = Staff | Operator


class Guard:
    """Asks the policy on behalf of a service."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def require(self, actor: Actor, action: Action, target: Target, *, act: str, on: str | None = None) -> None:
        """Raise `Forbidden("policy.denied")`, audited as a denied `act` on the thing of id `on`.

        To be called outside a transaction: the denial commits in one of its own.
        """
        if allowed(actor, action, target):
            return
        await self._audit.commit(AuditEntry(actor=actor.id, action=act, target=on, outcome="denied"))
        raise Forbidden("policy.denied", DENIED)


def allowed(actor: Actor, action: Action, target: Target) -> bool:
    """What `policy.may` says; an operator may do everything that administration offers."""
    return isinstance(actor, Operator) or may(actor, action, target)


@contextmanager
def unique(code: str, message: str, field: str) -> Iterator[None]:
    """Turn a broken unique key inside the block into an `Invalid` of that field."""
    try:
        yield
    except IntegrityError as error:
        raise Invalid(code, message, field=field) from error
