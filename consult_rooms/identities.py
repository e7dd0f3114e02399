"""The patient of a consult after the request: confirmed, merged with a book, or taken back. Every state is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from sqlalchemy import Row, func, select, update

from consult_rooms import bounds
from consult_rooms.model import Consent, ConsentBy, Consult, IdentityChange, IdentityState, Patient, Question
from consult_rooms.store import ConsultStore
from consult_rooms.tables import consults, identity_history
from foundation.database import Transaction
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import ConsultId, StaffId

PLACE = "identity_history.patient"
LEFT = "identity_history.left"
REQUESTED = "requested"
NOTHING = N_("The identity is that of the request; there is nothing to take back.")


class Follower(Protocol):
    """What has to follow a consult's identity, inside the transaction that changes it and under the consult's lock."""

    async def __call__(self, tx: Transaction, actor: StaffId, consult: Consult, patient: Patient) -> None:
        """`consult` is as it was before; `patient` is who it is from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom a consult is or was about. `number` is that of the change that turned the room to them; 0: nobody.

    It names the person for good: confirming who they are does not change it, nor does turning back to them.
    """

    number: int
    patient: Patient


async def people(tx: Transaction, store: ConsultStore, consult_id: ConsultId) -> tuple[tuple[Person, ...], Person]:
    """Whom the consult is or was about, in order, and whom it is about now. A turn that was taken back counts not."""
    query = select(identity_history).where(identity_history.c.consult_id == consult_id)
    held = _holding((await tx.execute(query.order_by(identity_history.c.number))).all())
    found: dict[int, Patient] = {}
    now = 0
    for row in held:
        patient = store.opened_patient(f"{consult_id}:{row.number}", row.patient_sealed, PLACE)
        if row.kind == IdentityChange.TURNED:
            known = (number for number, other in found.items() if other.patient_id == patient.patient_id)
            now = next(known, row.number)
        found[now] = patient
    persons = tuple(Person(number, patient) for number, patient in sorted(found.items()))
    return persons, Person(now, found[now])


async def begin(
    tx: Transaction, store: ConsultStore, consult_id: ConsultId, requester_id: StaffId, patient: Patient
) -> None:
    """Keep the identity of the request as the first of the history."""
    await _write(tx, store, consult_id, 0, requester_id, REQUESTED, patient)


async def change(
    tx: Transaction,
    store: ConsultStore,
    consult: Consult,
    actor: StaffId,
    kind: IdentityChange,
    patient: Patient | None,
) -> Patient:
    """Give the consult another identity and return it. The caller holds the consult's lock, logs and audits.

    `turned` leaves the earlier patient with the question and the consent. `reverted` takes back the last change that
    still holds, with what it put aside; it needs no patient. Raises Invalid `patient.unusable`,
    Conflict `identity.nothing_to_revert`.
    """
    history = (
        await tx.execute(
            select(identity_history)
            .where(identity_history.c.consult_id == consult.id)
            .order_by(identity_history.c.number)
        )
    ).all()
    number, left, values = history[-1].number + 1, None, {}
    if kind is IdentityChange.REVERTED:
        undone, before = _last_holding(history)
        new = store.opened_patient(f"{consult.id}:{before.number}", before.patient_sealed, PLACE)
        if undone.left_sealed is not None:
            left, values = _left(store, consult, number), _given_back(store, consult, undone)
    else:
        if patient is None or patient.identity is not IdentityState.ESTABLISHED:
            raise Invalid("patient.unusable", bounds.UNUSABLE_PATIENT, field="patient")
        new = bounds.patient(patient)
        if new == consult.patient:
            return new
        if kind is IdentityChange.TURNED:
            # What was asked and allowed for one person is neither for the next.
            left = _left(store, consult, number)
            values = {**store.question_values(consult.id, Question()), **store.consent_values(consult.id, None)}
    await _write(tx, store, consult.id, number, actor, kind, new, left)
    await tx.execute(
        update(consults).where(consults.c.id == consult.id).values(**store.patient_values(consult.id, new), **values)
    )
    return new


def _last_holding(history: Sequence[Row[Any]]) -> tuple[Row[Any], Row[Any]]:
    """The last change that still holds, and the one before it."""
    holding = _holding(history)
    if len(holding) < 2:
        raise Conflict("identity.nothing_to_revert", NOTHING)
    return holding[-1], holding[-2]


def _holding(history: Sequence[Row[Any]]) -> list[Row[Any]]:
    """The changes that were not taken back."""
    holding: list[Row[Any]] = []
    for row in history:
        if row.kind == IdentityChange.REVERTED:
            holding.pop()
        else:
            holding.append(row)
    return holding


def _left(store: ConsultStore, consult: Consult, number: int) -> bytes:
    """The question and consent of the patient who is left."""
    consent = None if consult.consent is None else asdict(consult.consent)
    plain = json.dumps({"question": asdict(consult.question), "consent": consent}).encode()
    return store.sealer.seal(plain, f"{LEFT}:{consult.id}:{number}")


def _given_back(store: ConsultStore, consult: Consult, row: Row[Any]) -> dict[str, Any]:
    """Column values of what a turn had put aside."""
    left = json.loads(store.sealer.open(row.left_sealed, f"{LEFT}:{consult.id}:{row.number}"))
    consent = left["consent"] and Consent(**{**left["consent"], "by": ConsentBy(left["consent"]["by"])})
    return {
        **store.question_values(consult.id, Question(**left["question"])),
        **store.consent_values(consult.id, consent),
    }


async def changes(tx: Transaction, consult: Consult) -> int:
    """How many changes there were since the request."""
    return int(
        (
            await tx.execute(
                select(func.count()).where(identity_history.c.consult_id == consult.id, identity_history.c.number > 0)
            )
        ).scalar_one()
    )


async def _write(
    tx: Transaction,
    store: ConsultStore,
    consult_id: ConsultId,
    number: int,
    actor: StaffId,
    kind: str,
    patient: Patient,
    left: bytes | None = None,
) -> None:
    await tx.execute(
        _KEPT,
        {
            "consult_id": consult_id,
            "number": number,
            "at": await tx.now(),
            "actor": actor,
            "kind": kind,
            "patient_id": patient.patient_id,
            "patient_sealed": store.sealed_patient(f"{consult_id}:{number}", patient, PLACE),
            "left_sealed": left,
        },
    )


_KEPT = identity_history.insert().inline()
