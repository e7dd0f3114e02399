"""A source that takes longer than the first sight of a book may: named, fetched to the end, and brought afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from foundation.clock import FakeClock
from foundation.ids import PatientId
from foundation.sealing import Sealer
from foundation.tasks import Tasks
from records_panel.books import Books, EarlyBooks
from records_panel.embedded_book import EmbeddedBook
from records_panel.fhir_client import FhirBook
from records_panel.fhir_mapping import book_view
from records_panel.late_sources import FRESH, MOST_AT_ONCE, LateSources
from records_panel.links import Links
from records_panel.merging import Part
from records_panel.model import AbsenceKind, BookView
from records_panel.provenance import Reason, SourceAnswer
from records_panel.sources import HealthBook
from tests.records_panel.conftest import LANH, ZONE, Records
from tests.records_panel.directives import DENY
from tests.records_panel.hospital import Hospital, connected, held, never, of, person, running
from tests.records_panel.samples import NOW, allergy, drug
from tests.records_panel.test_fragments import Clinic, clinic, fragment, people, services

__all__ = ["clinic", "people", "services"]
SOURCE = "BV Sông Trà"


@dataclass
class Late:
    """Two sources of one patient: the own book, and a hospital that answers when `released`."""

    hospital: Hospital
    source: FhirBook
    tasks: Tasks
    late: LateSources
    books: Books
    clock: FakeClock
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def early(self) -> EarlyBooks:
        """What is there without any waiting."""
        return EarlyBooks(self.books, 0.0)

    def hold(self) -> None:
        """Let the next fetch take until `released`."""
        self.released.clear()
        held(self.hospital, "AllergyIntolerance", self.released)

    async def ended(self) -> None:
        """Wait for all that goes on behind requests."""
        await asyncio.gather(*(running.task for running in self.late._running.values()))


@pytest.fixture
async def late(sqlite_database: Any, clock: FakeClock, sealer: Sealer) -> AsyncIterator[Late]:
    records, tasks = Records(sqlite_database, clock, sealer), Tasks()
    theirs = [person(), of(allergy("Latex", "high")), of(drug("Metformin", dose="500 mg"))]
    links = Links(sqlite_database, sealer)
    async with (
        running(Hospital(theirs, capable=False)) as hospital,
        connected(hospital.base, links, clock, deadline_s=30) as source,
    ):
        sources = LateSources(tasks, clock)
        made = Late(hospital, source, tasks, sources, Books(records.book, (source,), clock, sources), clock)
        made.hold()
        yield made
        await tasks.close()


@pytest.fixture
async def patient(late: Late, sqlite_database: Any, clock: FakeClock, sealer: Sealer) -> PatientId:
    return (await Records(sqlite_database, clock, sealer).add(LANH, resources=[allergy("Penicillin", "high")]))[0]


async def view_of(book: HealthBook, patient: PatientId) -> BookView:
    return book_view(await book.fetch(patient), NOW, source=book.name, zone=ZONE)


def allergies(view: BookView) -> list[str]:
    return sorted(line.text for line in view.red_line.items)


def told(view: BookView) -> dict[str, Reason | None]:
    return {answer.name: answer.failed for answer in view.sources}


async def test_what_came_is_shown_and_what_is_late_is_named_and_then_brought(late: Late, patient: PatientId) -> None:
    first = await view_of(late.early, patient)
    assert allergies(first) == ["Penicillin"]
    assert told(first)[SOURCE] is Reason.LOADING
    assert [(one.kind, one.text) for one in first.drugs.absences] == [(AbsenceKind.LOADING, SOURCE)]
    coming = asyncio.create_task(view_of(late.books, patient))
    await asyncio.sleep(0)
    assert not coming.done()
    late.released.set()
    second = await coming
    assert allergies(second) == ["Latex", "Penicillin"]
    assert told(second)[SOURCE] is None
    assert [drug.text for drug in second.drugs.items] == ["Metformin"]


async def test_who_comes_for_it_later_does_not_ask_the_source_anew(late: Late, patient: PatientId) -> None:
    await view_of(late.early, patient)
    late.released.set()
    await late.ended()
    asked = len(late.hospital.asked)
    for book in (late.books, late.early):
        assert allergies(await view_of(book, patient)) == ["Latex", "Penicillin"]
    assert len(late.hospital.asked) == asked


async def test_a_source_that_is_late_again_gives_what_it_gave_with_its_time(late: Late, patient: PatientId) -> None:
    await view_of(late.early, patient)
    late.released.set()
    await late.ended()
    then = late.clock.now()
    late.clock.advance(FRESH.total_seconds() + 1)
    late.hold()
    again = await view_of(late.early, patient)
    assert allergies(again) == ["Latex", "Penicillin"]
    assert {answer.name: answer.as_of for answer in again.sources}[SOURCE] == then
    late.hospital.resources.append(of(allergy("Aspirin")))
    late.released.set()
    await late.ended()
    assert allergies(await view_of(late.early, patient)) == ["Aspirin", "Latex", "Penicillin"]
    late.clock.advance(31 * 60)
    late.hold()
    assert told(await view_of(late.early, patient))[SOURCE] is Reason.LOADING, "the consult is long over"


async def test_a_source_in_time_is_asked_at_each_reading_and_not_kept(late: Late, patient: PatientId) -> None:
    late.released.set()
    book = EarlyBooks(late.books, 60.0)
    assert allergies(await view_of(book, patient)) == ["Latex", "Penicillin"]
    late.hospital.resources.append(of(allergy("Aspirin")))
    assert allergies(await view_of(book, patient)) == ["Aspirin", "Latex", "Penicillin"]


async def test_what_never_comes_becomes_unavailable_with_its_reason(
    late: Late, patient: PatientId, sqlite_database: Any, sealer: Sealer
) -> None:
    late.hospital.faults["AllergyIntolerance"] = never
    links = Links(sqlite_database, sealer)
    async with connected(late.hospital.base, links, late.clock, deadline_s=0.2, id="slow") as slow:
        slow._known, slow._known_until = late.source._known, float("inf")
        late.hospital.faults["Patient"] = never
        own = Records(sqlite_database, late.clock, sealer).book
        books = Books(own, (slow,), late.clock, late.late)
        first = await view_of(EarlyBooks(books, 0.0), patient)
        assert told(first)[SOURCE] is Reason.LOADING
        second = await view_of(books, patient)
        assert told(second)[SOURCE] is Reason.TIMEOUT
        assert [one.kind for one in second.drugs.absences] == [AbsenceKind.UNAVAILABLE]
        assert allergies(second) == ["Penicillin"]
        assert told(await view_of(EarlyBooks(books, 0.0), patient))[SOURCE] is Reason.TIMEOUT


async def test_when_nothing_else_came_the_late_one_is_waited_for(
    late: Late, patient: PatientId, sqlite_database: Any
) -> None:
    lost = EmbeddedBook(sqlite_database, Sealer({0: bytes(32), 1: bytes(reversed(range(32)))}))
    books = Books(lost, (late.source,), late.clock, late.late)
    coming = asyncio.create_task(view_of(EarlyBooks(books, 0.0), patient))
    while not any("/AllergyIntolerance" in path for path in late.hospital.paths()):
        await asyncio.sleep(0)
    assert not coming.done()
    late.released.set()
    assert allergies(await coming) == ["Latex"]


def part(number: int, clock: FakeClock) -> Part:
    return Part(SourceAnswer(f"s{number}", "S", clock.now()), {"resourceType": "Bundle"})


async def test_a_reader_who_goes_away_ends_nothing(clock: FakeClock) -> None:
    tasks, gate = Tasks(), asyncio.Event()
    sources = LateSources(tasks, clock)
    begun = 0

    async def fetch() -> Part:
        nonlocal begun
        begun += 1
        await gate.wait()
        return part(1, clock)

    gone = asyncio.create_task(sources.ask("a", fetch, within_s=None))
    stays = asyncio.create_task(sources.ask("a", fetch, within_s=None))
    await asyncio.sleep(0)
    gone.cancel()
    gate.set()
    found = await stays
    assert found is not None
    assert (found.answer.key, begun) == ("s1", 1)
    await tasks.close()


async def test_so_many_go_on_behind_requests_and_no_more(clock: FakeClock) -> None:
    tasks, gate = Tasks(), asyncio.Event()
    sources = LateSources(tasks, clock)

    async def never_() -> Part:
        await gate.wait()
        raise AssertionError

    async def fetch() -> Part:
        return part(0, clock)

    for number in range(MOST_AT_ONCE):
        assert await sources.ask(f"{number}", never_, within_s=0) is None
    assert len(tasks._running) == MOST_AT_ONCE
    assert await sources.ask("one more", fetch, within_s=0) is not None, "waited for in the own request"
    assert len(tasks._running) == MOST_AT_ONCE
    await tasks.close()


async def test_the_panel_names_what_is_late_and_a_second_fragment_brings_it(clinic: Clinic, late: Late) -> None:
    consult = await clinic.ask_for(LANH, [allergy("Penicillin", "high")])
    panel = clinic.site.services.panel
    panel._book, panel._early = late.books, late.early
    path = f"/consults/{consult.id}/book"
    response, text = await fragment(clinic.specialist, path)
    assert response.status == 200
    assert "Penicillin" in text
    assert "Latex" not in text
    assert f"Đang tải từ {SOURCE}" in text
    assert f'data-late="{path}?tab=summary&late=1"' in text
    late.released.set()
    response, text = await fragment(clinic.specialist, f"{path}?tab=summary&late=1")
    assert "Latex" in text
    assert "Đang tải" not in text
    assert "data-late" not in text
    trail = [entry for entry in await clinic.records.trail() if entry.action == "book.read"]
    assert [entry.outcome for entry in trail] == ["success", "success"], "each release is on record"
    late.hold()
    late.clock.advance(FRESH.total_seconds() + 1)
    late.hospital.resources.append(of(DENY))
    late.released.set()
    response, text = await fragment(clinic.specialist, f"{path}?tab=summary&late=1")
    assert response.status == 403, "a Consent that came late binds from when it is here"
    assert "Latex" not in text
