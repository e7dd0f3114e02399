"""Everything about what comes after the advice, and of patients who are followed up for years, in one hand."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from consult_rooms.aftercare_notices import AftercareNotices
from consult_rooms.check_intervals import CheckIntervals
from consult_rooms.debts import Debts
from consult_rooms.enrolment_queries import EnrolmentQueries
from consult_rooms.enrolments import Enrolments
from consult_rooms.follow_ups import FollowUps
from consult_rooms.log import ConsultLog
from consult_rooms.requests import Requests
from consult_rooms.returns import Returns
from consult_rooms.store import ConsultStore
from foundation.audit import Audit
from foundation.database import Database
from identity.store import Directory


@dataclass(frozen=True, slots=True)
class Aftercare:
    """Services that the pages ask."""

    follow_ups: FollowUps
    debts: Debts
    returns: Returns
    enrolments: Enrolments
    enrolled: EnrolmentQueries
    intervals: CheckIntervals

    @classmethod
    def over(
        cls,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        requests: Requests,
        zone: ZoneInfo,
        told: AftercareNotices | None = None,
        *,
        audit: Audit,
    ) -> Aftercare:
        """All of them over one store."""
        return cls(
            FollowUps(database, store, log, directory, told),
            Debts(database, store, directory, zone),
            Returns(database, store, requests),
            Enrolments(database, store, audit, zone),
            EnrolmentQueries(database, store, directory, audit, zone),
            CheckIntervals(database, audit),
        )
