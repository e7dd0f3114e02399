"""Opening the book: access, then audit, then fetch; every refusal is on record. On both stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from consult_rooms.model import Consult, ConsultState, IdentityState, Participant, ParticipantRole, Patient
from foundation.audit import Audit, AuditEntry, audit_entries
from foundation.database import Database
from foundation.errors import Forbidden, NotFound, Unavailable
from foundation.ids import ConsultId, PatientId
from foundation.sealing import Sealer
from identity.model import Role
from records_panel.embedded_book import EmbeddedBook, NewBook
from records_panel.panel import Panel, Place
from tests.consult_rooms.conftest import UNKNOWN_WOMAN, World
from tests.records_panel.conftest import LANH, ZONE
from tests.records_panel.samples import allergy


class WatchedBook:
    """A source that notes what the audit trail held when it was asked, and may be out of order."""

    name = "A book"

    def __init__(self, database: Database, failure: Exception | None = None) -> None:
        self._database = database
        self._failure = failure
        self.seen: list[list[Any]] = []

    async def fetch(self, patient_id: PatientId, *, whole: bool = False) -> dict[str, Any]:
        self.seen.append(await reads(self._database))
        if self._failure is not None:
            raise self._failure
        return {"resourceType": "Bundle", "entry": [{"resource": allergy("Penicillin", "high")}]}


async def reads(database: Database) -> list[Any]:
    query = select(audit_entries).where(audit_entries.c.action == "book.read").order_by(audit_entries.c.number)
    async with database.reading() as tx:
        return list((await tx.execute(query)).all())


def panel(world: World, book: Any, audit: Any = None) -> Panel:
    return Panel(world.database, world.store, audit or Audit(world.database), book, zone=ZONE)


async def claimed(world: World) -> Consult:
    consult = await world.ask()
    return await world.answers.accept(world["ha"], consult.id)


async def place_of(world: World, opened: Panel, consult: Consult, user_name: str) -> Place:
    return await opened.place(world[user_name], None, consult.id)


@pytest.mark.parametrize("user_name", ["ha", "lan"])
async def test_both_sides_read_the_book_after_the_claim(world: World, user_name: str) -> None:
    consult = await claimed(world)
    book = WatchedBook(world.database)
    opened = panel(world, book)
    place = await place_of(world, opened, consult, user_name)
    view = (await opened.open_book(world[user_name], None, place, address="10.0.0.7")).view
    assert [line.text for line in view.red_line.items] == ["Penicillin"]
    assert view.banner.source == "A book"
    ((entry,),) = book.seen
    assert (entry.actor, entry.outcome, entry.address) == (world[user_name].id, "success", "10.0.0.7")
    assert (entry.consult_id, entry.patient_id) == (consult.id, consult.patient.patient_id)


@pytest.mark.parametrize("failure", [OSError("down"), TimeoutError(), Unavailable("database.unavailable", "-")])
async def test_a_source_that_fails_is_unavailable_and_the_attempt_on_record(world: World, failure: Exception) -> None:
    consult = await claimed(world)
    opened = panel(world, WatchedBook(world.database, failure))
    place = await place_of(world, opened, consult, "ha")
    with pytest.raises(Unavailable) as refused:
        await opened.open_book(world["ha"], None, place)
    assert refused.value.code == "book.unavailable"
    assert [entry.outcome for entry in await reads(world.database)] == ["success"]


async def test_without_a_trail_nothing_is_fetched(world: World) -> None:
    class BrokenAudit:
        async def commit(self, entry: AuditEntry) -> None:
            raise Unavailable("database.unavailable", "-")

    consult = await claimed(world)
    book = WatchedBook(world.database)
    opened = panel(world, book, BrokenAudit())
    place = await place_of(world, opened, consult, "ha")
    with pytest.raises(Unavailable):
        await opened.open_book(world["ha"], None, place)
    assert book.seen == []


def _closed(consult: Consult, participant: Participant) -> tuple[Consult, Participant]:
    return replace(consult, state=ConsultState.CLOSED), participant


def _unclaimed(consult: Consult, participant: Participant) -> tuple[Consult, Participant]:
    return replace(consult, state=ConsultState.RINGING, claimed_at=None, specialist_id=None), participant


def _a_day_later(consult: Consult, participant: Participant) -> tuple[Consult, Participant]:
    assert consult.claimed_at is not None
    return replace(consult, claimed_at=consult.claimed_at - timedelta(hours=24)), participant


def _observer(consult: Consult, participant: Participant) -> tuple[Consult, Participant]:
    return consult, replace(participant, role=ParticipantRole.OBSERVER, sees_book=False)


def _of_another_consult(consult: Consult, participant: Participant) -> tuple[Consult, Participant]:
    return consult, replace(participant, consult_id=ConsultId("con_" + "9" * 32))


def _nameless(consult: Consult, participant: Participant) -> tuple[Consult, Participant]:
    return replace(consult, patient=UNKNOWN_WOMAN), participant


def _refused_by_the_patient(consult: Consult, participant: Participant) -> tuple[Consult, Participant]:
    assert consult.consent is not None
    return replace(consult, consent=replace(consult.consent, record_view=False)), participant


_CODES: dict[Callable[[Consult, Participant], tuple[Consult, Participant]], str] = {
    _nameless: "book.identity_not_established",
    _unclaimed: "book.not_yet",
    _refused_by_the_patient: "book.refused",
}


@pytest.mark.parametrize(
    "change",
    [_unclaimed, _observer, _of_another_consult, _nameless, _refused_by_the_patient],
    ids=lambda change: change.__name__,
)
async def test_refusals_are_on_record_and_fetch_nothing(
    world: World, change: Callable[[Consult, Participant], tuple[Consult, Participant]]
) -> None:
    consult = await claimed(world)
    book = WatchedBook(world.database)
    opened = panel(world, book)
    place = await place_of(world, opened, consult, "ha")
    assert place.consult is not None
    assert place.participant is not None
    changed, participant = change(place.consult, place.participant)
    with pytest.raises(Forbidden) as refused:
        await opened.open_book(world["ha"], None, replace(place, consult=changed, participant=participant))
    expected = _CODES.get(change, "book.denied")
    assert refused.value.code == expected
    assert book.seen == []
    assert [(entry.outcome, entry.details["reason"]) for entry in await reads(world.database)] == [("denied", expected)]


@pytest.mark.parametrize("change", [_closed, _a_day_later], ids=lambda change: change.__name__)
async def test_a_consult_that_is_over_asks_the_books_consents_alone(
    world: World, change: Callable[[Consult, Participant], tuple[Consult, Participant]]
) -> None:
    consult = await claimed(world)
    book = WatchedBook(world.database)
    opened = panel(world, book)
    place = await place_of(world, opened, consult, "ha")
    assert place.consult is not None
    assert place.participant is not None
    changed, participant = change(place.consult, place.participant)
    with pytest.raises(Forbidden) as refused:
        await opened.open_book(world["ha"], None, replace(place, consult=changed, participant=participant))
    assert refused.value.code == "book.over"
    assert [(entry.outcome, entry.details["reason"]) for entry in await reads(world.database)] == [
        ("denied", "book.over")
    ]
    async with world.database.reading() as tx:
        asked = await tx.execute(select(audit_entries).where(audit_entries.c.action == "book.consents"))
    assert [entry.outcome for entry in asked] == ["success"]


async def test_the_grant_ends_with_the_hour(world: World) -> None:
    consult = await claimed(world)
    opened = panel(world, WatchedBook(world.database))
    world.clock.advance(24 * 3600 - 1)
    place = await place_of(world, opened, consult, "ha")
    await opened.open_book(world["ha"], None, place)
    world.clock.advance(1)
    place = await place_of(world, opened, consult, "ha")
    with pytest.raises(Forbidden):
        await opened.open_book(world["ha"], None, place)


async def test_strangers_and_those_who_were_only_rung_see_nothing(world: World) -> None:
    consult = await claimed(world)
    opened = panel(world, WatchedBook(world.database))
    with pytest.raises(NotFound):
        await place_of(world, opened, consult, "xa")
    with pytest.raises(NotFound):
        await opened.place(world["ha"], None, ConsultId("con_" + "0" * 32))
    coordinator = await place_of(world, opened, consult, "dieu")
    with pytest.raises(Forbidden):
        await opened.open_book(world["dieu"], None, coordinator)
    # Nobody reads by another person's place.
    place = await place_of(world, opened, consult, "ha")
    with pytest.raises(Forbidden):
        await opened.open_book(world["khai"], None, place)
    outcomes = [(entry.actor, entry.outcome) for entry in await reads(world.database)]
    assert outcomes == [(world[name].id, "denied") for name in ("xa", "dieu", "khai")]


async def test_a_person_without_a_clinical_role_reads_nothing(world: World) -> None:
    consult = await claimed(world)
    opened = panel(world, WatchedBook(world.database))
    place = await place_of(world, opened, consult, "ha")
    former = replace(world["ha"], roles=frozenset({Role.ADMINISTRATOR}))
    with pytest.raises(Forbidden):
        await opened.open_book(former, None, place)


async def test_the_embedded_book_opens_for_a_confirmed_identity(world: World, sealer: Sealer) -> None:
    book = EmbeddedBook(world.database, sealer)
    async with world.database.transaction() as tx:
        (patient_id,) = await book.import_many(tx, [NewBook(LANH, [allergy("Penicillin", "high")])], author="demo")
    patient = Patient(patient_id, IdentityState.ESTABLISHED, LANH.name, LANH.birth_date, LANH.sex, "••••4471")
    consult = await world.ask(patient=patient)
    await world.answers.accept(world["ha"], consult.id)
    opened = panel(world, book)
    place = await place_of(world, opened, consult, "ha")
    view = (await opened.open_book(world["ha"], None, place)).view
    assert (view.banner.name, view.banner.masked_number) == (LANH.name, "••••4471")
    assert [line.text for line in view.red_line.items] == ["Penicillin"]
