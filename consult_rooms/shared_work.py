"""All that both sides of a consult do on one thing at once, as one part of the program."""

from __future__ import annotations

from dataclasses import dataclass

from consult_rooms.advice import Advice
from consult_rooms.drawings import Drawings
from consult_rooms.log import ConsultLog
from consult_rooms.store import ConsultStore
from foundation.database import Database
from identity.store import Directory


@dataclass(frozen=True, slots=True)
class SharedWork:
    """Advice that one gives and the other reads back, and what both draw on pictures."""

    advice: Advice
    drawings: Drawings

    @classmethod
    def over(cls, database: Database, store: ConsultStore, log: ConsultLog, directory: Directory) -> SharedWork:
        """Its services over one store."""
        return cls(Advice(database, store, log, directory), Drawings(database, store, log, directory))
