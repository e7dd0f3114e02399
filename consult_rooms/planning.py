"""Everything about what a hospital offers, in one hand: templates, absences, the slots they make, conferences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from consult_rooms.absences import Absences
from consult_rooms.availability import Availability
from consult_rooms.conference_queries import ConferenceQueries
from consult_rooms.conferences import Conferences
from consult_rooms.conflicts import Conflicts
from consult_rooms.joins import Joins
from consult_rooms.materialising import Materialising
from consult_rooms.store import ConsultStore
from consult_rooms.turn_notices import TurnNotices
from foundation.bus import Bus
from foundation.database import Database
from identity.store import Directory


@dataclass(frozen=True, slots=True)
class Planning:
    """Services that the edges ask."""

    materialising: Materialising
    availability: Availability
    absences: Absences
    conflicts: Conflicts
    conferences: Conferences
    conference_queries: ConferenceQueries

    @classmethod
    def over(
        cls,
        database: Database,
        store: ConsultStore,
        directory: Directory,
        bus: Bus,
        zone: ZoneInfo,
        *,
        ahead: timedelta,
        country: str,
        notices: TurnNotices | None = None,
    ) -> Planning:
        """All of them over one store. `ahead` and `country`: see `Materialising`."""
        joins = Joins(directory, store, zone)
        materialising = Materialising(database, directory, bus, zone, ahead, country)
        return cls(
            materialising,
            Availability(database, directory, materialising),
            Absences(database, directory, materialising, notices),
            Conflicts(database, store, joins),
            Conferences(database, store, directory, bus, materialising),
            ConferenceQueries(database, store, joins),
        )
