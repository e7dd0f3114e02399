"""How soon the panel of a book is there when a million citizens have one, and what a book takes.

Real IPS bundles (../shared/fhir-samples, or HL7's from npm) are imported by the importer's own code and timed; then
they are sealed again for as many invented citizens as asked, each with a number and a name of their own, into
PostgreSQL and SQLite. Then the real web application answers the panel's request: session, place in the consult, grant,
audit entry (committed), summary, view, HTML. The same content is asked of Medplum's FHIR router by parallel searches.

    .venv/bin/python -m bench.book [--json] [--quick]

Needs PostgreSQL and Node (`make test-services`, `npm ci` in tests/medplum), 20 GB of disk for the full run.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bench.books.filling import Filler, templates
from bench.books.people import identity_of, whole_database_bytes
from bench.report import arguments
from consult_rooms.model import IdentityState, Patient, Question, Urgency
from foundation.ids import PatientId
from foundation.pauses import settle
from foundation.settings import Settings
from hoichan.migrate import upgrade
from hoichan.seeding import SIGN_INS, read_sign_ins, seed_demo
from hoichan.serving import services_of
from hoichan.wiring import Parts, opened
from records_panel.book_import import BookImport
from records_panel.fhir_kinds import SUMMARY_KINDS
from tests.conftest import PostgresServer
from tests.medplum.process import Medplum
from tests.records_panel.npm_samples import sample_files
from tests.web.conftest import ORIGIN, Browser
from web.application import build
from web.services import DemoSignIn

AIMS = {"summary_p99_ms": "50", "fetch_p99_ms": "1", "bytes_per_patient": "8000"}
_CITIZENS, _QUICK_CITIZENS = 1_000_000, 20_000
_IMPORTS, _FETCHES, _CONSULTS, _ROUNDS, _SEARCHES = 300, 5_000, 60, 20, 100
_WARM = 60


@dataclass(frozen=True)
class Store:
    """One kind of database, with a folder for its installation."""

    prefix: str
    folder: Path
    url: str
    files: Path
    """Where the database has its files."""


def rank(values: list[float], share: float) -> float:
    """The value of that rank in milliseconds (nearest rank). Raises ValueError when nothing was measured."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("nothing was measured")
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 2)


async def ready() -> bool:
    """There is no media in this bench."""
    return True


@asynccontextmanager
async def installation(store: Store) -> AsyncIterator[tuple[Parts, dict[str, DemoSignIn]]]:
    """The demo's people over a database of its own; made when it is opened for the first time."""
    keys = store.folder / "keys"
    if store.url:
        from foundation.sealing import Sealer

        Sealer.from_file(keys, create=True)
    settings = Settings(
        var=store.folder,
        database_url=store.url,
        keys_file=keys if store.url else None,
        origins=ORIGIN,
        rate_person=0,  # one person asks for all of it here
        rate_facility=0,
    )
    async with opened(settings) as parts:
        if not (store.folder / SIGN_INS).exists():
            await upgrade(parts.database)
            await seed_demo(parts, settings)
        yield parts, {one.user_name: one for one in read_sign_ins(store.folder / SIGN_INS)}


async def imported(parts: Parts, folder: Path, bundles: list[dict[str, Any]], count: int) -> float:
    """Files a second through the importer: one Bundle of one new citizen a file, real ones in turn."""
    folder.mkdir()  # noqa: ASYNC240 - before anything is timed
    for number in range(count):
        (folder / f"{number}.json").write_text(json.dumps(renamed(bundles[number % len(bundles)], number)))
    job = BookImport(parts.database, parts.sealer, parts.book, parts.audit, "51001")
    began = time.perf_counter()
    outcomes = [one.outcome async for one in job.run([folder])]
    seconds = time.perf_counter() - began
    if set(outcomes) != {"accepted"}:
        raise RuntimeError("the importer did not take everything")
    return count / seconds


def renamed(bundle: dict[str, Any], number: int) -> dict[str, Any]:
    """The bundle of another citizen."""
    changed: dict[str, Any] = json.loads(json.dumps(bundle))
    for entry in changed["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            system = "http://fhir.hl7.org.vn/core/sid/cccd"
            entry["resource"]["identifier"] = [{"system": system, "value": f"0010{number:08d}"}]
    return changed


def in_memory(folder: Path) -> None:
    """Read a database's files once, so that what is measured next is the store and not this machine's disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as opened_file:
                while opened_file.read(1 << 22):
                    pass


async def fetches(parts: Parts, ids: list[PatientId], count: int, seed: int) -> list[float]:
    """Seconds of each summary of the store alone: query, opening the seal, unpacking, reading."""
    dice = random.Random(seed)
    taken = []
    for number in range(count + _WARM):
        patient_id = dice.choice(ids)
        began = time.perf_counter()
        await parts.book.fetch(patient_id)
        if number >= _WARM:
            taken.append(time.perf_counter() - began)
    return taken


async def panels(parts: Parts, people: dict[str, DemoSignIn], ids: list[PatientId], rounds: int) -> list[float]:
    """Seconds of each request of the panel, as the specialist's browser makes it."""
    services = services_of(parts, ready, True, tuple(people.values()))
    server = TestServer(build(services), host="127.0.0.1")
    await server.start_server()
    client: TestClient[web.Request, web.Application] = TestClient(server, cookie_jar=aiohttp.CookieJar(unsafe=True))
    try:
        dice = random.Random(11)
        consults = [await consult_of(parts, dice.choice(ids), number) for number in range(_CONSULTS)]
        browser = Browser(client)
        await browser.sign_in(CALLER, people[CALLER].password)
        taken = []
        settle()  # as the serving process does
        for number in range(rounds * _CONSULTS + _WARM):
            address = f"/consults/{dice.choice(consults)}/book"
            began = time.perf_counter()
            async with client.get(address, headers={"X-Fragment": "1"}) as response:
                text = await response.text()
            seconds = time.perf_counter() - began
            if response.status != 200 or ("redline" not in text and "absence" not in text):
                raise RuntimeError(f"the panel answered {response.status}")
            if number >= _WARM:
                taken.append(seconds)
        return taken
    finally:
        await client.close()


CALLER, EXPERT = "bs.bao", "bs.thuha"


async def consult_of(parts: Parts, patient_id: PatientId, number: int) -> str:
    """An emergency about that citizen, taken by a specialist who is on call."""
    caller = await parts.directory.staff_by_user_name(CALLER)
    expert = await parts.directory.staff_by_user_name(EXPERT)
    if caller is None or expert is None:
        raise RuntimeError("the demo lacks its people")
    identity = await identity_of(parts, patient_id)
    patient = Patient(
        patient_id, IdentityState.ESTABLISHED, identity.name, identity.birth_date, identity.sex, "••••0000"
    )
    consult = await parts.requests.create(
        caller,
        terminal_id=None,
        specialty_id=next(iter(expert.specialties)),
        urgency=Urgency.EMERGENCY,
        patient=patient,
        question=Question(situation="Yếu nửa người", recommendation="Tái tưới máu?"),
        consent=None,
        idempotency_key=f"bench-{number}-{patient_id}",
    )
    await parts.pairing.answers.accept(expert, consult.id)
    return str(consult.id)


async def medplum(bundles: Iterable[dict[str, Any]], count: int) -> float:
    """Median of one patient's summary from Medplum: one search a type, all at once."""
    server = Medplum()
    try:
        people = [await stored(server, bundle) for bundle in bundles]
        taken = []
        async with aiohttp.ClientSession() as http:

            async def search(kind: str, patient: str) -> None:
                body = {"patient": f"Patient/{patient}", "_count": "200"}
                async with http.post(f"{server.base}/{kind}/_search", data=body) as answer:
                    await answer.json(content_type=None)

            for number in range(count + 10):
                patient = people[number % len(people)]
                began = time.perf_counter()
                await asyncio.gather(*(search(kind, patient) for kind in SUMMARY_KINDS))
                if number >= 10:
                    taken.append(time.perf_counter() - began)
        return rank(taken, 0.5)
    finally:
        server.stop()


async def stored(server: Medplum, bundle: dict[str, Any]) -> str:
    """Put a bundle's resources into Medplum; gives the id of its Patient there."""
    resources = [entry["resource"] for entry in bundle["entry"]]
    person = await server.create(next(one for one in resources if one["resourceType"] == "Patient"))
    for resource in resources:
        if resource["resourceType"] in SUMMARY_KINDS:
            for field in ("patient", "subject", "beneficiary"):
                if field in resource:
                    resource[field] = {"reference": f"Patient/{person['id']}"}
            await server.create(resource)
    return str(person["id"])


async def begun(store: Store, imports: int) -> tuple[float, int]:
    """An installation with its demo. Gives files imported a second, and bytes of the database before it is filled."""
    store.folder.mkdir()
    async with installation(store) as (parts, _people):
        per_second = await imported(parts, store.folder / "in", real_bundles(), imports)
        return per_second, await whole_database_bytes(parts)


def fill(store: Store, citizens: int) -> None:
    """Fill a store, in a process of its own; the file `ids` then names its citizens."""

    async def work() -> list[PatientId]:
        async with installation(store) as (parts, _people):
            return await Filler(parts, templates(real_bundles())).fill(citizens)

    began = time.perf_counter()
    (store.folder / "ids").write_text("\n".join(asyncio.run(work())))
    print(f"{store.prefix}{citizens} books in {time.perf_counter() - began:.0f} s", file=sys.stderr)


def filled(stores: list[Store], citizens: int) -> None:
    """Fill all stores side by side: nothing is timed meanwhile. Raises RuntimeError when one could not be filled."""
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=fill, args=(store, citizens)) for store in stores]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise RuntimeError("a store could not be filled")


async def measured(store: Store, before: int, *, quick: bool) -> dict[str, float]:
    """The figures of a filled store."""
    ids = [PatientId(line) for line in (store.folder / "ids").read_text().split("\n")]
    async with installation(store) as (parts, people):
        size = await whole_database_bytes(parts) - before
        summaries = await panels(parts, people, ids, _ROUNDS // (2 if quick else 1))
        cold = await fetches(parts, ids, _FETCHES // 4, 5)
        await asyncio.to_thread(in_memory, store.files)
        alone = await fetches(parts, ids, _FETCHES // (2 if quick else 1), 7)
    return {
        f"{store.prefix}summary_p50_ms": rank(summaries, 0.5),
        f"{store.prefix}summary_p99_ms": rank(summaries, 0.99),
        f"{store.prefix}fetch_p50_ms": rank(alone, 0.5),
        f"{store.prefix}fetch_p99_ms": rank(alone, 0.99),
        f"{store.prefix}cold_fetch_p99_ms": rank(cold, 0.99),
        f"{store.prefix}bytes_per_patient": round(size / len(ids)),
    }


def real_bundles() -> list[dict[str, Any]]:
    """Every patient summary among the samples."""
    bundles = [json.loads(path.read_text("utf-8")) for path in sample_files()]
    return [one for one in bundles if one.get("type") == "document"]


async def run(*, quick: bool) -> dict[str, float]:
    """All figures of both databases and of Medplum."""
    citizens = _QUICK_CITIZENS if quick else _CITIZENS
    imports = _IMPORTS // (3 if quick else 1)
    figures: dict[str, float] = {"patients": citizens}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "postgres"
        Path(folder).chmod(0o755)  # noqa: ASYNC240 - PostgreSQL runs as a user of its own
        place.mkdir()
        server = PostgresServer(place)
        try:
            server.sql("CREATE DATABASE bench")
            stores = [
                Store("", Path(folder) / "pg", server.url("bench"), place),
                Store("sqlite_", Path(folder) / "sqlite", "", Path(folder) / "sqlite"),
            ]
            before = {}
            for store in stores:
                per_second, before[store] = await begun(store, imports)
                figures[f"{store.prefix}import_per_s"] = round(per_second, 1)
            await asyncio.to_thread(filled, stores, citizens)
            for store in stores:
                figures |= await measured(store, before[store], quick=quick)
        finally:
            server.stop()
    figures["medplum_summary_p50_ms"] = await medplum(real_bundles(), _SEARCHES // (2 if quick else 1))
    return figures


def main() -> None:
    """Run the bench."""
    asked = arguments(__doc__ or "")
    figures = asyncio.run(run(quick=asked.quick))
    for name, value in figures.items():
        print(f"{name:28} {value:>12}   {AIMS.get(name.removeprefix('sqlite_'), '')}")
    if asked.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
