"""The register of citizens: identities sealed at rest, found by blind indexes. Decides nothing about who may look."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from foundation.database import Transaction
from foundation.errors import Conflict, NotFound
from foundation.i18n import N_
from foundation.ids import PatientId
from foundation.sealing import Sealer
from records_panel.citizens import Identity
from records_panel.identifiers import Bhyt, Cccd
from records_panel.names import words
from records_panel.tables import patient_words, patients

Found = tuple[PatientId, Identity]
_NUMBERS = 1
"""Name of the lock (`Transaction.lock`) of those who give a number to somebody while index keys change."""


class Register:
    """Reads and writes the `patients` tables inside the caller's transaction."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def read(self, tx: Transaction, patient_id: PatientId) -> Identity:
        """The identity of that id. Raises `NotFound("patient.unknown")`."""
        row = (await tx.execute(select(patients.c.identity).where(patients.c.id == patient_id))).first()
        if row is None:
            raise NotFound("patient.unknown", UNKNOWN)
        return self._open(patient_id, row.identity)

    async def by_cccd(self, tx: Transaction, number: Cccd) -> Found | None:
        """The one citizen with this number."""
        return await self._one(tx, patients.c.cccd_index, self._sealer.indexes("cccd", number.number))

    async def by_bhyt(self, tx: Transaction, number: Bhyt) -> Found | None:
        """The one citizen with this insurance, whichever of the three forms is on the paper."""
        if number.is_cccd:
            return await self._one(tx, patients.c.cccd_index, self._sealer.indexes("cccd", number.key))
        return await self._one(tx, patients.c.bhyt_index, self._sealer.indexes("bhyt", number.key))

    async def by_words(
        self,
        tx: Transaction,
        name: Sequence[str],
        birth_year: int,
        *,
        commune: Sequence[str] = (),
        commune_code: str | None = None,
        sex: str | None = None,
        limit: int,
    ) -> list[Found]:
        """At most `limit` citizens of that birth year whose name holds all of these words, and so their commune."""
        looked_for = {_word_of("name", word, birth_year) for word in name}
        looked_for |= {_word_of("commune", word, birth_year) for word in commune}
        keys = {key for one in looked_for for key in self._sealer.indexes(*one)}
        matching = (
            select(patient_words.c.patient_id)
            .where(patient_words.c.word_index.in_(keys))
            .group_by(patient_words.c.patient_id)
            .having(func.count() == len(looked_for))
        )
        query = select(patients.c.id, patients.c.identity).where(patients.c.id.in_(matching))
        if commune_code:
            query = query.where(patients.c.commune_code == commune_code)
        if sex:
            query = query.where(patients.c.sex == sex)
        rows = await tx.execute(query.order_by(patients.c.id).limit(limit))
        return [(PatientId(row.id), self._open(PatientId(row.id), row.identity)) for row in rows]

    async def add(
        self,
        tx: Transaction,
        citizens: Iterable[Found],
        *,
        author: str,
        at: datetime,
        demo: bool = False,
        book_versions: Mapping[PatientId, int] | None = None,
    ) -> None:
        """Add citizens; `book_versions` are those of books that are imported with them.

        Raises `Conflict("patient.number_taken")` when a number belongs to somebody already.
        """
        rows: list[dict[str, Any]] = []
        found_by: list[dict[str, Any]] = []
        citizens = list(citizens)
        for patient_id, identity in citizens:
            rows.append(
                {"id": patient_id, "created_at": at, "created_by": author, "demo": demo}
                | {"book_version": (book_versions or {}).get(patient_id, 0)}
                | self._columns(patient_id, identity)
            )
            found_by += self._words(patient_id, identity)
        if not rows:
            return
        for patient_id, identity in citizens:
            await self._alone(tx, patient_id, identity)
        try:
            await tx.execute(insert(patients), rows)
        except IntegrityError as error:
            raise Conflict("patient.number_taken", NUMBER_TAKEN) from error
        await tx.execute(insert(patient_words), found_by)

    def rows(self, patient_id: PatientId, identity: Identity) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """What stands of a citizen in `patients` and in `patient_words`, sealed and indexed."""
        return self._columns(patient_id, identity), self._words(patient_id, identity)

    async def change(self, tx: Transaction, patient_id: PatientId, identity: Identity) -> None:
        """Write a corrected identity. Raises `NotFound`, or `Conflict("patient.number_taken")`."""
        # Locked, so that of two corrections at once the later one takes away the words of the earlier.
        query = select(patients.c.identity).where(patients.c.id == patient_id).with_for_update()
        row = (await tx.execute(query)).first()
        if row is None:
            raise NotFound("patient.unknown", UNKNOWN)
        known = self._open(patient_id, row.identity)
        await self._alone(tx, patient_id, identity)
        change = update(patients).where(patients.c.id == patient_id).values(self._columns(patient_id, identity))
        try:
            await tx.execute(change)
        except IntegrityError as error:
            raise Conflict("patient.number_taken", NUMBER_TAKEN) from error
        # The old words are known, so that the table needs no second index: it would be half as large again.
        keys = [key for one in _words_of(known) for key in self._sealer.indexes(*one)]
        old = patient_words.c.word_index.in_(keys) & (patient_words.c.patient_id == patient_id)
        await tx.execute(delete(patient_words).where(old))
        await tx.execute(insert(patient_words), self._words(patient_id, identity))

    async def reindex(self, tx: Transaction, patient_id: PatientId, sealed: bytes, stored: Mapping[str, Any]) -> bool:
        """Put a citizen's indexes under the key that is written now; whether any stood under another.

        `sealed` is the identity as read, `stored` its two index columns. The caller has locked the row. Raises
        `Conflict("patient.number_taken")` when the number is already somebody else's under that key.
        """
        identity = self._open(patient_id, sealed)
        columns = self._columns(patient_id, identity)
        numbers = {name: columns[name] for name in stored}
        fresh = {self._sealer.index(*one) for one in _words_of(identity)}
        stale = {key for one in _words_of(identity) for key in self._sealer.indexes(*one)} - fresh
        theirs = patient_words.c.patient_id == patient_id
        gone = await tx.execute(delete(patient_words).where(patient_words.c.word_index.in_(stale), theirs))
        if gone.rowcount:
            here = select(patient_words.c.word_index).where(patient_words.c.word_index.in_(fresh), theirs)
            there = set((await tx.execute(here)).scalars())
            words_to_add = [{"word_index": key, "patient_id": patient_id} for key in fresh - there]
            if words_to_add:
                await tx.execute(insert(patient_words), words_to_add)
        if numbers != dict(stored):
            try:
                await tx.execute(update(patients).where(patients.c.id == patient_id).values(numbers))
            except IntegrityError as error:
                raise Conflict("patient.number_taken", NUMBER_TAKEN) from error
        return bool(gone.rowcount) or numbers != dict(stored)

    async def _alone(self, tx: Transaction, patient_id: PatientId, identity: Identity) -> None:
        """While indexes change, a number may be somebody's under another key, which no unique column sees."""
        if not self._sealer.is_index_changing:
            return
        await tx.lock(_NUMBERS)
        number, insurance = identity.citizen_number, identity.insurance
        for found in (
            await self.by_cccd(tx, number) if number else None,
            await self.by_bhyt(tx, insurance) if insurance else None,
        ):
            if found is not None and found[0] != patient_id:
                raise Conflict("patient.number_taken", NUMBER_TAKEN)

    async def _one(self, tx: Transaction, column: Any, indexes: tuple[bytes, ...]) -> Found | None:
        same = column == indexes[0] if len(indexes) == 1 else column.in_(indexes)
        row = (await tx.execute(select(patients.c.id, patients.c.identity).where(same))).first()
        return None if row is None else (PatientId(row.id), self._open(PatientId(row.id), row.identity))

    def _columns(self, patient_id: PatientId, identity: Identity) -> dict[str, Any]:
        number, insurance = identity.citizen_number, identity.insurance
        plain = json.dumps(_to_json(identity), ensure_ascii=False, separators=(",", ":"))
        return {
            "identity": self._sealer.seal_text(plain, _place(patient_id)),
            "cccd_index": self._sealer.index("cccd", number.number) if number else None,
            # Insurance that is the citizen number is found by that index.
            "bhyt_index": self._sealer.index("bhyt", insurance.key) if insurance and not insurance.is_cccd else None,
            "sex": identity.sex,
            "commune_code": identity.commune_code,
        }

    def _words(self, patient_id: PatientId, identity: Identity) -> list[dict[str, Any]]:
        return [{"word_index": self._sealer.index(*one), "patient_id": patient_id} for one in _words_of(identity)]

    def _open(self, patient_id: PatientId, sealed: bytes) -> Identity:
        return _from_json(json.loads(self._sealer.open_text(sealed, _place(patient_id))))


def _words_of(identity: Identity) -> set[tuple[str, str]]:
    """Kind and value of what a citizen is found by, beside numbers."""
    year = identity.birth_date.year
    found = {_word_of("name", word, year) for word in words(identity.name)}
    return found | {_word_of("commune", word, year) for word in words(identity.commune)}


def _word_of(kind: str, word: str, birth_year: int) -> tuple[str, str]:
    return f"{kind}-word", f"{birth_year}\x00{word}"


def _place(patient_id: PatientId) -> str:
    return f"patients.identity:{patient_id}"


def _to_json(identity: Identity) -> dict[str, str | None]:
    until = identity.bhyt_valid_until
    return {
        "name": identity.name,
        "birth_date": identity.birth_date.isoformat(),
        "sex": identity.sex,
        "commune_code": identity.commune_code,
        "commune": identity.commune,
        "cccd": identity.cccd,
        "bhyt": identity.bhyt,
        "bhyt_valid_until": until.isoformat() if until else None,
        "address": identity.address,
        "telephone": identity.telephone,
    }


def _from_json(stored: dict[str, Any]) -> Identity:
    until = stored["bhyt_valid_until"]
    return Identity(
        **stored
        | {
            "birth_date": date.fromisoformat(stored["birth_date"]),
            "bhyt_valid_until": date.fromisoformat(until) if until else None,
        }
    )


UNKNOWN = N_("This patient is not known here.")
NUMBER_TAKEN = N_("Somebody with this number has a book already. Search by the number.")
