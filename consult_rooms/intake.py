"""Everything that is stated about a consult beside its question, in one hand for those who wire and those who ask."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from consult_rooms.assessments import Assessments
from consult_rooms.log import ConsultLog
from consult_rooms.question_sheets import QuestionSheets
from consult_rooms.records import Records
from consult_rooms.statements import Statements
from consult_rooms.store import ConsultStore
from foundation.audit import Audit
from foundation.clock import Clock
from foundation.database import Database


@dataclass(frozen=True, slots=True)
class Intake:
    """Question sheets, scores, examinations, further consents, roll-calls, and the statements that they are kept as."""

    statements: Statements
    sheets: QuestionSheets
    records: Records
    assessments: Assessments

    @classmethod
    def over(
        cls, database: Database, store: ConsultStore, log: ConsultLog, audit: Audit, clock: Clock, zone: ZoneInfo
    ) -> Intake:
        """All of it over one database."""
        statements = Statements(database, store, log)
        sheets = QuestionSheets(database, statements, audit, clock, zone)
        return cls(statements, sheets, Records(statements), Assessments(statements, clock, zone))
