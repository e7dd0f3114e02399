"""Rows of consults to frozen values and back. Callers hold the transaction; nothing here decides anything.

A little above 300 lines: what seals a column, reads it and writes it stands in one place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Insert, Integer, Select, String, bindparam, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningUpdate

from consult_rooms.model import (
    CancelReason,
    Consent,
    ConsentBy,
    Consult,
    ConsultState,
    DeclineReason,
    IdentityState,
    Offer,
    OfferState,
    Participant,
    ParticipantRole,
    Patient,
    Question,
    Step,
    Urgency,
)
from consult_rooms.tables import consults, offers, participants
from foundation.database import Database, Instant, Transaction
from foundation.errors import NotFound
from foundation.i18n import N_
from foundation.ids import ConsultId, PatientId, StaffId, new_id
from foundation.sealing import Sealer

Row = Mapping[Any, Any]
"""A row by its columns, so that one statement may select several tables."""

UNKNOWN = N_("There is no such consult, or you are not part of it.")


class ConsultStore:
    """Reads and writes consults, offers and participants, sealing what names the patient or was written."""

    def __init__(self, sealer: Sealer) -> None:
        self.sealer = sealer

    def sealed_patient(self, place_id: str, patient: Patient, place: str = "consults.patient") -> bytes:
        """The identity as it is stored; `place_id` is the row's key."""
        parts = asdict(patient)
        parts["birth_date"] = None if patient.birth_date is None else patient.birth_date.isoformat()
        return self.sealer.seal(json.dumps(parts).encode(), f"{place}:{place_id}")

    def opened_patient(self, place_id: str, sealed: bytes, place: str = "consults.patient") -> Patient:
        """The identity that was sealed for that row."""
        parts = json.loads(self.sealer.open(sealed, f"{place}:{place_id}"))
        born = parts.pop("birth_date")
        identity = IdentityState(parts.pop("identity"))
        patient_id = parts.pop("patient_id")
        return Patient(
            patient_id=None if patient_id is None else PatientId(patient_id),
            identity=identity,
            birth_date=None if born is None else date.fromisoformat(born),
            **parts,
        )

    def patient_values(self, consult_id: ConsultId, patient: Patient) -> dict[str, Any]:
        """Column values of an identity."""
        return {"patient_id": patient.patient_id, "patient_sealed": self.sealed_patient(consult_id, patient)}

    def question_values(self, consult_id: ConsultId, question: Question) -> dict[str, Any]:
        """Column values of a question."""
        plain = json.dumps(asdict(question)).encode()
        return {"question_sealed": self.sealer.seal(plain, f"consults.question:{consult_id}")}

    def consent_values(self, consult_id: ConsultId, consent: Consent | None) -> dict[str, Any]:
        """Column values of a consent."""
        if consent is None:
            return {"consent_sealed": None}
        plain = json.dumps(asdict(consent)).encode()
        return {"consent_sealed": self.sealer.seal(plain, f"consults.consent:{consult_id}")}

    def consult(self, row: Row) -> Consult:
        """The consult of a row that holds the columns of `consults`."""
        c = consults.c
        consult_id = ConsultId(row[c.id])
        consent = None
        if row[c.consent_sealed] is not None:
            parts = json.loads(self.sealer.open(row[c.consent_sealed], f"consults.consent:{consult_id}"))
            consent = Consent(**{**parts, "by": ConsentBy(parts["by"])})
        question = json.loads(self.sealer.open(row[c.question_sealed], f"consults.question:{consult_id}"))
        return Consult(
            id=consult_id,
            code=row[c.code],
            state=ConsultState(row[c.state]),
            urgency=Urgency(row[c.urgency]),
            specialty_id=row[c.specialty_id],
            requester_id=row[c.requester_id],
            requester_facility_id=row[c.requester_facility_id],
            owner_id=row[c.owner_id],
            terminal_id=row[c.terminal_id],
            patient=self.opened_patient(consult_id, row[c.patient_sealed]),
            question=Question(**question),
            consent=consent,
            created_at=row[c.created_at],
            step=None if row[c.step] is None else Step(row[c.step]),
            step_due_at=row[c.step_due_at],
            specialist_id=row[c.specialist_id],
            specialist_facility_id=row[c.specialist_facility_id],
            claimed_at=row[c.claimed_at],
            opens_at=row[c.opens_at],
            ended_at=row[c.ended_at],
            closed_at=row[c.closed_at],
            log_number=row[c.log_number],
            starts_at=row[c.starts_at],
            ends_at=row[c.ends_at],
            cancelled_at=row[c.cancelled_at],
            cancel_reason=None if row[c.cancel_reason] is None else CancelReason(row[c.cancel_reason]),
            due_at=row[c.due_at],
            coordinator_id=row[c.coordinator_id],
            lease_until=row[c.lease_until],
            paused_at=row[c.paused_at],
        )

    async def find(self, tx: Transaction, consult_id: ConsultId, *, lock: bool = False) -> Consult | None:
        """The consult of that id. With `lock` no other writer changes it before this transaction ends."""
        # PostgreSQL's row lock; SQLite writes one transaction at a time and leaves the clause out.
        row = (await tx.execute(_LOCKED if lock else _FOUND, {"one_id": consult_id})).mappings().one_or_none()
        return None if row is None else self.consult(row)

    async def lock(self, tx: Transaction, consult_id: ConsultId) -> None:
        """Keep every other writer from the consult until this transaction ends; what is read afterwards is its newest.

        PostgreSQL locks the row. SQLite writes one transaction at a time, and needs nothing.
        """
        if tx.connection.dialect.name != "sqlite":
            await tx.execute(_LOCK, {"one_id": consult_id})

    async def get(self, tx: Transaction, consult_id: ConsultId, *, lock: bool = False) -> Consult:
        """The same; raises NotFound("consult.unknown")."""
        found = await self.find(tx, consult_id, lock=lock)
        if found is None:
            raise NotFound("consult.unknown", UNKNOWN)
        return found

    async def many(self, tx: Transaction, query: Select[Any]) -> list[Consult]:
        """The consults of a SELECT of `consults`."""
        return [self.consult(row) for row in (await tx.execute(query)).mappings()]

    async def change(
        self, tx: Transaction, consult_id: ConsultId, state: ConsultState, values: Mapping[str, Any]
    ) -> bool:
        """Compare-and-set: change the row while its state is still `state`. False when it was not."""
        return await self.change_logged(tx, consult_id, state, values, 0) is not None

    async def change_logged(
        self, tx: Transaction, consult_id: ConsultId, state: ConsultState, values: Mapping[str, Any], entries: int
    ) -> int | None:
        """The same, and takes the numbers of so many entries for `ConsultLog.numbered`: gives the last one, or None."""
        told = {f"new_{name}": value for name, value in values.items()}
        done = await tx.execute(
            _changing(tuple(values)), {**told, "one_id": consult_id, "one_state": state, "grown": entries}
        )
        number: int | None = done.scalar_one_or_none()
        return number

    async def offers(self, tx: Transaction, consult_id: ConsultId) -> list[Offer]:
        """Everybody rung for it, in the order of ringing."""
        found = await tx.execute(_OFFERS, {"one_id": consult_id})
        return [offer_of(row) for row in found.mappings()]

    async def participants(self, tx: Transaction, consult_id: ConsultId) -> list[Participant]:
        """Everybody who may be in its room, first come first."""
        found = await tx.execute(_PARTICIPANTS, {"one_id": consult_id})
        return [participant_of(row) for row in found.mappings()]

    async def participant(self, tx: Transaction, consult_id: ConsultId, staff_id: StaffId) -> Participant | None:
        """What that person is in the room, or None."""
        query = select(participants).where(participants.c.consult_id == consult_id, participants.c.staff_id == staff_id)
        row = (await tx.execute(query)).mappings().one_or_none()
        return None if row is None else participant_of(row)

    async def admit(
        self,
        tx: Transaction,
        consult_id: ConsultId,
        people: Iterable[tuple[StaffId, ParticipantRole, bool]],
        invited_by: StaffId | None = None,
    ) -> None:
        """Make people participants: (who, as what, whether they see the book). Who is one already gets the new part."""
        rows = [
            {
                "id": new_id("par"),
                "consult_id": consult_id,
                "staff_id": staff_id,
                "role": role,
                "sees_book": sees_book,
                "invited_by": invited_by,
                "line": "good",
            }
            for staff_id, role, sees_book in people
        ]
        await tx.execute(_ADMIT[tx.connection.dialect.name], rows)


# Made once: making a statement takes as long as asking it.
_ONE = bindparam("one_id", type_=String)
_FOUND = select(consults).where(consults.c.id == _ONE)
_LOCKED = _FOUND.with_for_update()
_LOCK = select(consults.c.id).where(consults.c.id == _ONE).with_for_update()
_OFFERS = select(offers).where(offers.c.consult_id == _ONE).order_by(offers.c.rung_at, offers.c.staff_id)
_PARTICIPANTS = select(participants).where(participants.c.consult_id == _ONE).order_by(participants.c.id)


def _admitting(new: sqlite.Insert | postgresql.Insert) -> Insert:
    parts = {"role": new.excluded.role, "sees_book": new.excluded.sees_book}
    return new.on_conflict_do_update(index_elements=["consult_id", "staff_id"], set_=parts).inline()


_ADMIT = MappingProxyType(
    {
        "sqlite": _admitting(sqlite.insert(participants)),
        "postgresql": _admitting(postgresql.insert(participants)),
    }
)


@lru_cache(maxsize=100)
def _changing(names: tuple[str, ...]) -> ReturningUpdate[tuple[int]]:
    """The statement of `ConsultStore.change_logged` for these columns."""
    new = {name: bindparam(f"new_{name}", type_=consults.c[name].type) for name in names}
    return (
        update(consults)
        .where(consults.c.id == _ONE, consults.c.state == bindparam("one_state", type_=String))
        .values(**new, log_number=consults.c.log_number + bindparam("grown", type_=Integer))
        .returning(consults.c.log_number)
    )


def offer_of(row: Row) -> Offer:
    """The offer of a row that holds the columns of `offers`."""
    c = offers.c
    return Offer(
        consult_id=row[c.consult_id],
        staff_id=row[c.staff_id],
        facility_id=row[c.facility_id],
        step=Step(row[c.step]),
        state=OfferState(row[c.state]),
        reason=None if row[c.reason] is None else DeclineReason(row[c.reason]),
        rung_at=row[c.rung_at],
        answered_at=row[c.answered_at],
        later_at=row[c.later_at],
    )


def participant_of(row: Row) -> Participant:
    """The participant of a row that holds the columns of `participants`."""
    c = participants.c
    return Participant(
        id=row[c.id],
        consult_id=row[c.consult_id],
        staff_id=row[c.staff_id],
        role=ParticipantRole(row[c.role]),
        sees_book=row[c.sees_book],
        joined_at=row[c.joined_at],
        left_at=row[c.left_at],
    )


_NEXT_CODE = text(
    "INSERT INTO consult_codes (month, last) VALUES (:month, 1) "
    "ON CONFLICT (month) DO UPDATE SET last = consult_codes.last + 1 RETURNING last"
)

_CODE_AHEAD = text(
    "INSERT INTO consult_codes (month, last) VALUES (to_char(coalesce(CAST(:store_time AS timestamptz), now())"
    " AT TIME ZONE CAST(:zone AS text), 'YYMM'), 1) "
    "ON CONFLICT (month) DO UPDATE SET last = consult_codes.last + 1 RETURNING month, last"
).bindparams(bindparam("store_time", type_=Instant))


async def new_code(tx: Transaction, local_now: datetime) -> str:
    """The next code of the month, such as `HC-2611-0412`: year, month, running number. Both stores know the clause."""
    month = local_now.strftime("%y%m")
    last = (await tx.execute(_NEXT_CODE, {"month": month})).scalar_one()
    return f"HC-{month}-{last:04d}"


async def code_ahead(database: Database, zone: ZoneInfo) -> str | None:
    """The next code on PostgreSQL, in a transaction of its own; None on SQLite, which has one writer in any case.

    One trip. In the request's own the month's row would be held until its commit, and the whole country would ask one
    after the other. A request that fails then leaves a gap in the numbers.
    """
    if database.is_sqlite:
        return None
    [(month, last)] = await database.once(_CODE_AHEAD, {"zone": zone.key})
    return f"HC-{month}-{last:04d}"
