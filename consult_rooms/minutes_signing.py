"""Signing minutes, which locks them, and adding to locked ones.

The rule of the lock: minutes are locked by the last missing signature of chair, secretary and every member who is not
recorded as absent, all under one version. A save makes a new version, under which nobody has signed yet. After the
lock there are addenda alone, each a signed document of its own. A signature is made outside the database, then kept by
one transaction that judges everything again: there is none that is half made, and the same one asked for twice is one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import update

from consult_rooms import bounds, outgoing
from consult_rooms.follow_up_plan import FollowUpPlan
from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogKind
from consult_rooms.minutes import LOCKED, OVER, STALE, entry_of, moved, place_of
from consult_rooms.minutes_document import addendum
from consult_rooms.minutes_draft import TEXT, require_ready
from consult_rooms.minutes_facts import Known
from consult_rooms.minutes_model import Addendum, Attendee, Saved
from consult_rooms.minutes_store import MinutesStore, addendum_place, of
from consult_rooms.minutes_tables import minutes, minutes_addenda, minutes_signatures
from consult_rooms.signatures import digest_of, encoded, seconds, statement
from consult_rooms.signing_keys import Signer, SigningKey
from consult_rooms.store import ConsultStore
from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Forbidden
from foundation.i18n import N_
from foundation.ids import ConsultId
from identity.authentication import Authentication
from identity.model import Session
from identity.reauthentication import password_number, require_unchanged
from identity.store import Directory

SIGN, ADD = "minutes.sign", "minutes.add"
RUNNING = N_("The consult still runs. Minutes are signed when it has ended.")
NOT_A_SIGNER = N_("These minutes do not wait for your signature.")
IDENTITY = N_("The patient's identity has changed since these minutes were saved. Save them again, then sign.")
NOT_LOCKED = N_("These minutes are not locked yet: change them instead of adding to them.")
TAKEN = N_("Somebody added to these minutes meanwhile. Read it, then add yours.")


@dataclass(frozen=True, slots=True)
class _Ready:
    """Somebody who may sign a version now. `done`: they have signed it before."""

    there: Known
    saved: Saved
    signer: Attendee
    locked_at: datetime | None
    done: bool


@dataclass(frozen=True, slots=True)
class _Locked:
    """Locked minutes that somebody may add to, and what was added so far."""

    there: Known
    saved: Saved
    author: Attendee
    addenda: tuple[Addendum, ...]


class MinutesSigning:
    """Signatures under minutes. `signer` makes them: this installation's keys, or a qualified provider."""

    def __init__(
        self,
        database: Database,
        store: ConsultStore,
        log: ConsultLog,
        directory: Directory,
        audit: Audit,
        authentication: Authentication,
        signer: Signer,
        plan: FollowUpPlan | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._log = log
        self._directory = directory
        self._audit = audit
        self._authentication = authentication
        self._signer = signer
        self._plan = FollowUpPlan() if plan is None else plan
        self._rows = MinutesStore(store.sealer)

    async def sign(
        self,
        session: Session,
        consult_id: ConsultId,
        version: int,
        *,
        password: str,
        person: int | None = None,
        address: str = "",
    ) -> bool:
        """Sign that version, once the password has been given again; whether the minutes are locked now.

        Raises Conflict `minutes.stale`, `minutes.locked`, `minutes.running`, `minutes.identity_moved`, `key.revoked`;
        Invalid of `require_ready` and `password.present`; Forbidden `minutes.not_a_signer`, audited; TooMany.
        """
        staff = session.staff
        async with self._database.reading() as tx:
            at = (await tx.now()).replace(microsecond=0)
            ready = await self._ready(tx, session, consult_id, version, person)
        checked = await password_number(self._authentication, session, password, act=SIGN, address=address)
        key = await self._signer.key(staff)
        of_all, seat = len(ready.saved.content.signers), ready.signer.seat
        value = await self._value(key, ready.saved.digest, seat.value, at, of_all)
        async with self._database.transaction() as tx:
            await require_unchanged(tx, staff.id, checked)
            ready = await self._ready(tx, session, consult_id, version, person, lock=True)
            if ready.done:
                return ready.locked_at is not None
            saved = ready.saved
            await self._signer.require_current(tx, key)
            await tx.execute(
                minutes_signatures.insert().values(
                    consult_id=consult_id,
                    person=saved.person,
                    version=version,
                    staff_id=staff.id,
                    seat=seat,
                    signers=of_all,
                    at=at,
                    key_id=key.id,
                    signature=value,
                )
            )
            await self._log.append(tx, consult_id, LogKind.MINUTES_SIGNED, staff.id, {"version": version})
            signed = {one.staff_id for one in await self._rows.signatures(tx, saved)}
            whole = all(one.staff_id in signed for one in saved.content.signers)
            if whole:
                lock = update(minutes).where(*of(minutes, consult_id, saved.person))
                await tx.execute(lock.values(locked_at=await tx.now()))
                await self._log.append(tx, consult_id, LogKind.MINUTES_LOCKED, staff.id, {"version": version})
                await outgoing.anew(tx, consult_id)
                await self._plan.begin(tx, consult_id, saved.person)
            told: dict[str, str | int | bool | None] = {"version": version, "sha256": saved.digest, "locked": whole}
            entry = entry_of(session, SIGN, consult_id, ready.there, told)
            await self._audit.record(tx, replace(entry, address=address, target=key.id))
        return whole

    async def add(
        self,
        session: Session,
        consult_id: ConsultId,
        number: int,
        text: str,
        *,
        password: str,
        person: int | None = None,
        address: str = "",
    ) -> None:
        """Sign an addendum to locked minutes; `number` is the next one as the writer has read them, from 1.

        Raises Conflict `minutes.not_locked`, `minutes.addendum_taken`, `key.revoked`; Forbidden `minutes.not_a_signer`
        for somebody who does not stand in the minutes; Invalid `text.too_long`, `text.empty`, `password.present`.
        """
        staff, said = session.staff, bounds.text(text, TEXT, "text", empty=False)
        async with self._database.reading() as tx:
            at = (await tx.now()).replace(microsecond=0)
            locked = await self._locked(tx, session, consult_id, person)
        checked = await password_number(self._authentication, session, password, act=ADD, address=address)
        key = await self._signer.key(staff)
        saved, code = locked.saved, locked.there.facts.code
        document = addendum(saved.digest, code, saved.person, number, locked.author, said)
        digest = digest_of(document)
        value = await self._value(key, digest, "author", at, 1)
        async with self._database.transaction() as tx:
            await require_unchanged(tx, staff.id, checked)
            locked = await self._locked(tx, session, consult_id, person, lock=True)
            if any(one.digest == digest for one in locked.addenda):
                return
            if number != len(locked.addenda) + 1:
                raise Conflict("minutes.addendum_taken", TAKEN)
            await self._signer.require_current(tx, key)
            place = addendum_place(consult_id, saved.person, number)
            await tx.execute(
                minutes_addenda.insert().values(
                    consult_id=consult_id,
                    person=saved.person,
                    number=number,
                    author_id=staff.id,
                    document_sealed=self._store.sealer.seal_text(document, place),
                    sha256=digest,
                    at=at,
                    key_id=key.id,
                    signature=value,
                )
            )
            await self._log.append(tx, consult_id, LogKind.MINUTES_ADDED, staff.id, {"addendum": number})
            await outgoing.anew(tx, consult_id)
            entry = entry_of(session, ADD, consult_id, locked.there, {"addendum": number, "sha256": digest})
            await self._audit.record(tx, replace(entry, address=address, target=key.id))

    async def _value(self, key: SigningKey, digest: str, seat: str, at: datetime, of_all: int) -> str:
        return encoded(await self._signer.sign(key, statement(digest, seat, seconds(at), key.id, of_all)))

    async def _ready(
        self,
        tx: Transaction,
        session: Session,
        consult_id: ConsultId,
        version: int,
        person: int | None,
        *,
        lock: bool = False,
    ) -> _Ready:
        """Judge whether this person may sign that version now; see `sign` for what it raises."""
        staff = session.staff
        place, there = await place_of(tx, self._store, self._directory, staff, consult_id, person, lock=lock)
        number = there.person.number
        newest, locked_at = await self._rows.head(tx, consult_id, number)
        saved = await self._rows.version(tx, consult_id, number, newest)
        if saved is None or version != newest:
            raise Conflict("minutes.stale", STALE, seen=version, now=newest)
        signer = saved.content.signer(staff.id)
        if signer is None:
            raise await self._refused(session, SIGN, consult_id, there, lock=lock)
        if any(one.staff_id == staff.id for one in await self._rows.signatures(tx, saved)):
            return _Ready(there, saved, signer, locked_at, done=True)
        if locked_at is not None:
            raise Conflict("minutes.locked", LOCKED)
        if place.consult.state not in OVER:
            raise Conflict("minutes.running", RUNNING)
        if moved(saved, there):
            raise Conflict("minutes.identity_moved", IDENTITY)
        require_ready(saved.content)
        return _Ready(there, saved, signer, None, done=False)

    async def _locked(
        self, tx: Transaction, session: Session, consult_id: ConsultId, person: int | None, *, lock: bool = False
    ) -> _Locked:
        """Judge whether this person may add to the minutes now; see `add`."""
        staff = session.staff
        _, there = await place_of(tx, self._store, self._directory, staff, consult_id, person, lock=lock)
        number = there.person.number
        newest, locked_at = await self._rows.head(tx, consult_id, number)
        saved = await self._rows.version(tx, consult_id, number, newest)
        if saved is None or locked_at is None:
            raise Conflict("minutes.not_locked", NOT_LOCKED)
        author = next((one for one in saved.content.people if one.staff_id == staff.id), None)
        if author is None:
            raise await self._refused(session, ADD, consult_id, there, lock=lock)
        return _Locked(there, saved, author, await self._rows.addenda(tx, consult_id, number))

    async def _refused(
        self, session: Session, act: str, consult_id: ConsultId, there: Known, *, lock: bool
    ) -> Forbidden:
        """The refusal, audited. Under the lock it is the second judgement, and the trail would wait for itself."""
        if not lock:
            denied: AuditEntry = replace(entry_of(session, act, consult_id, there, {}), outcome="denied")
            await self._audit.commit(denied)
        return Forbidden("minutes.not_a_signer", NOT_A_SIGNER)
