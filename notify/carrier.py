"""What a way to a person has to do: carry a message, and say what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from notify.notice import Message


class Verdict(StrEnum):
    """What became of one try."""

    TAKEN = "taken"
    """Whoever carries it on has it."""
    FAILED = "failed"
    """Not now: try again."""
    REFUSED = "refused"
    """Never: trying again changes nothing."""
    NOWHERE = "nowhere"
    """The person has no such address any more."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A verdict; `fault` is a short code such as `smtp.550`, never a text that names an address."""

    verdict: Verdict
    fault: str = ""


TAKEN = Receipt(Verdict.TAKEN)
NOWHERE = Receipt(Verdict.NOWHERE, "no_address")


class Carrier(Protocol):
    """E-mail, SMS or Web Push."""

    async def carry(self, message: Message) -> Receipt:
        """One try. The same message twice is one message to whoever reads its id (Message-ID, Idempotency-Key)."""
        ...
