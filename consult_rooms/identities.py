"""The patient of a consult after the request: confirmed, merged with a book, or taken back. Every state is kept."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import Row, func, select, update

from consult_rooms import bounds
from consult_rooms.model import Consult, IdentityChange, IdentityState, Patient
from consult_rooms.store import ConsultStore
from consult_rooms.tables import consults, identity_history
from foundation.database import Transaction
from foundation.errors import Conflict, Invalid
from foundation.i18n import N_
from foundation.ids import StaffId

PLACE = "identity_history.patient"
REQUESTED = "requested"
NOTHING = N_("The identity is that of the request; there is nothing to take back.")


class Follower(Protocol):
    """What has to follow a consult's identity, inside the transaction that changes it and under the consult's lock."""

    async def __call__(self, tx: Transaction, actor: StaffId, consult: Consult, patient: Patient) -> None:
        """`consult` is as it was before; `patient` is who it is from now on."""
        ...


async def begin(tx: Transaction, store: ConsultStore, consult: Consult) -> None:
    """Keep the identity of the request as the first of the history."""
    await _write(tx, store, consult, 0, consult.requester_id, REQUESTED, consult.patient)


async def change(
    tx: Transaction,
    store: ConsultStore,
    consult: Consult,
    actor: StaffId,
    kind: IdentityChange,
    patient: Patient | None,
) -> Patient:
    """Give the consult another identity and return it. The caller holds the consult's lock, logs and audits.

    `reverted` takes back the last change that still holds; it needs no patient. Raises Invalid `patient.unusable`,
    Conflict `identity.nothing_to_revert`.
    """
    history = (
        await tx.execute(
            select(identity_history)
            .where(identity_history.c.consult_id == consult.id)
            .order_by(identity_history.c.number)
        )
    ).all()
    if kind is IdentityChange.REVERTED:
        holding: list[Row[Any]] = []
        for row in history:
            if row.kind == IdentityChange.REVERTED:
                holding.pop()
            else:
                holding.append(row)
        if len(holding) < 2:
            raise Conflict("identity.nothing_to_revert", NOTHING)
        before = holding[-2]
        new = store.opened_patient(f"{consult.id}:{before.number}", before.patient_sealed, PLACE)
    else:
        if patient is None or patient.identity is not IdentityState.ESTABLISHED:
            raise Invalid("patient.unusable", bounds.UNUSABLE_PATIENT, field="patient")
        new = bounds.patient(patient)
        if new == consult.patient:
            return new
    await _write(tx, store, consult, history[-1].number + 1, actor, kind, new)
    await tx.execute(
        update(consults).where(consults.c.id == consult.id).values(**store.patient_values(consult.id, new))
    )
    return new


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
    tx: Transaction, store: ConsultStore, consult: Consult, number: int, actor: StaffId, kind: str, patient: Patient
) -> None:
    await tx.execute(
        identity_history.insert().values(
            consult_id=consult.id,
            number=number,
            at=await tx.now(),
            actor=actor,
            kind=kind,
            patient_id=patient.patient_id,
            patient_sealed=store.sealed_patient(f"{consult.id}:{number}", patient, PLACE),
        )
    )
