"""Closed consults in their patients' books: in the own one and on a FHIR server of others, once, whatever breaks."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fhir.resources.R4B.bundle import Bundle
from sqlalchemy import select

from consult_rooms.advice_model import AdviceItem, AdviceKind, AdviceState
from consult_rooms.minutes_draft import MinutesDraft
from consult_rooms.minutes_model import Task, Voice
from consult_rooms.model import Consult, IdentityChange, IdentityState, Patient
from consult_rooms.outgoing_tables import outgoing as outgoing_table
from consult_rooms.signatures import decoded, holds, read_payload
from foundation.audit import Audit, audit_entries
from foundation.errors import Forbidden
from foundation.ids import AdviceId, PatientId
from identity.model import Role
from records_panel.consult_bundle import document
from records_panel.consult_report import Report, report
from records_panel.consult_resources import resources, voided
from records_panel.embedded_book import EmbeddedBook, NewBook
from records_panel.fhir_mapping import book_view
from records_panel.fhir_reading import Json
from records_panel.ips_export import ips_document
from records_panel.links import Links
from records_panel.summary import patient_resource
from records_panel.writeback import LONGEST_WAIT, Writeback, wait
from records_panel.writeback_desk import WritebackDesk
from tests.conftest import free_port
from tests.consult_rooms.conftest import ZONE, World
from tests.consult_rooms.test_minutes import Desk, desk_of
from tests.medplum.process import FOLDER, Medplum
from tests.records_panel.conftest import LANH, neighbour
from tests.records_panel.hospital import connected

OPINION = "Nghĩ nhiều đến nhồi máu não bán cầu trái <6 giờ & chưa có chống chỉ định."
_numbers = iter(range(40_000, 69_999))


@dataclass
class Case:
    """A consult whose opinion is closed, with the patient's own book to be written to."""

    desk: Desk
    book: EmbeddedBook
    consult: Consult
    patient_id: PatientId
    identity: Any

    @property
    def world(self) -> World:
        return self.desk.world

    def carrier(self, *sources: Any) -> Writeback:
        world = self.world
        audit = Audit(world.database)
        return Writeback(world.database, world.store, world.directory, audit, self.book, sources, lambda: 0.5)

    def names(self) -> WritebackDesk:
        return WritebackDesk(
            self.world.database, self.world.store, Audit(self.world.database), {"songtra": "BV Sông Trà"}
        )

    async def rows(self) -> dict[str, Any]:
        async with self.world.database.reading() as tx:
            return {row.target: row for row in await tx.execute(select(outgoing_table))}

    async def report(self) -> Report:
        async with self.world.database.reading() as tx:
            found = await report(tx, self.world.store, self.world.directory, self.consult.id, 0, 1)
        assert found is not None
        return found

    async def whole(self, patient_id: PatientId | None = None) -> list[Json]:
        bundle = await self.book.fetch(patient_id or self.patient_id, whole=True)
        return [entry["resource"] for entry in bundle["entry"]]

    async def sign(self) -> None:
        session = self.desk.session("ha")
        draft = MinutesDraft(
            summary="Yếu nửa người phải.",
            opinions=(Voice("BS. Hà", "Nhồi máu não."), Voice("BS. Khải", "Cần chụp mạch.", True)),
            conclusion="Chuyển ngay bằng tàu cấp cứu.",
            plan=(Task("Đo huyết áp mỗi 15 phút", "BS. Lan"),),
        )
        await self.desk.minutes.save(session, self.consult.id, draft, 0)
        for who in ("ha", "lan", "khai"):
            await self.desk.sign(who, self.consult)


@pytest.fixture
async def case(world: World, monkeypatch: pytest.MonkeyPatch) -> Case:
    identity = neighbour(next(_numbers), name="Nguyễn Văn Lành")
    book = EmbeddedBook(world.database, world.store.sealer)
    async with world.database.transaction() as tx:
        [patient_id] = await book.import_many(tx, [NewBook(identity, [])], author="demo", demo=True)
    desk = await desk_of(world)
    patient = Patient(patient_id, IdentityState.ESTABLISHED, identity.name, identity.birth_date, "male", "•••• 0001")
    monkeypatch.setattr(world, "ask", partial(world.ask, patient=patient))
    consult = await desk.held()
    saved = await world.opinions.save(world["ha"], consult.id, OPINION, 0)
    await world.opinions.close(world["ha"], consult.id, saved.person)
    return Case(desk, book, consult, patient_id, identity)


ITEMS = (
    (AdviceKind.DRUG, "Aspirin 81 mg", "4 viên, nhai ngay", AdviceState.OPEN, ""),
    (AdviceKind.TEST, "Đường huyết mao mạch", "", AdviceState.DONE, ""),
    (AdviceKind.REFERRAL, "Bệnh viện Tỉnh, đơn vị đột quỵ", "", AdviceState.CANNOT, "biển động"),
    (AdviceKind.WATCH, "Tri giác giảm: gọi lại ngay", "", AdviceState.WILL_DO, ""),
    (AdviceKind.ACTION, "Nằm đầu cao 30 độ", "", AdviceState.WITHDRAWN, ""),
)


async def everything(case: Case) -> Report:
    """The report of signed minutes, with advice of every kind."""
    await case.sign()
    found, expert = await case.report(), case.world["ha"]
    items = tuple(
        AdviceItem(
            id=AdviceId(f"adv_{number}"),
            consult_id=case.consult.id,
            number=number,
            person=0,
            version=1,
            kind=kind,
            text=text,
            dose=dose,
            state=state,
            reason=reason,
            author_id=expert.id,
            author_name=expert.full_name,
            changed_by=expert.id,
            changed_by_name=expert.full_name,
            changed_at=found.closed_at,
        )
        for number, (kind, text, dose, state, reason) in enumerate(ITEMS, 1)
    )
    return replace(found, items=items)


async def test_the_document_passes_two_validators_of_fhir_r4_and_misses_nothing(case: Case) -> None:
    found = await everything(case)
    made = resources(found)
    bundle = document(found, patient_resource(case.patient_id, case.identity, demo=False), made)
    Bundle.model_validate(bundle)
    judged = [bundle, *made, *voided(made)]
    node = ["node", str(FOLDER / "validate.mjs")]
    run = partial(subprocess.run, node, input=json.dumps(judged), capture_output=True, text=True, check=True)
    told = (await asyncio.to_thread(run)).stdout
    assert [fault for faults in json.loads(told) for fault in faults] == []

    kinds = Counter(entry["resource"]["resourceType"] for entry in bundle["entry"])
    wanted = {"Composition", "Patient", "Encounter", "ServiceRequest", "ClinicalImpression", "MedicationRequest"}
    assert wanted | {"CarePlan", "Consent", "Provenance", "Practitioner", "Organization"} <= kinds.keys()
    assert bundle["type"] == "document"
    assert bundle["entry"][0]["resource"]["resourceType"] == "Composition"
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    named = set(_references(bundle))
    assert named <= urls, "a document names nothing that it does not hold"
    by_kind = {one["resourceType"]: one for one in made}
    assert by_kind["MedicationRequest"]["intent"] == "proposal"
    assert by_kind["MedicationRequest"]["dosageInstruction"] == [{"text": "4 viên, nhai ngay"}]
    activity = by_kind["CarePlan"]["activity"]
    assert [one.get("detail", {}).get("status") for one in activity] == [
        *(None, None, None),
        *("scheduled", "cancelled", "scheduled"),
    ]


async def test_the_signatures_in_the_book_hold_by_the_format_of_the_documents_alone(case: Case) -> None:
    made = resources(await everything(case))
    provenance = next(one for one in made if one["resourceType"] == "Provenance")
    _, keys = await case.desk.keys.published()
    public = {key.id: decoded(key.public) for key in keys}
    signed = next(one for one in made if one["resourceType"] == "DocumentReference")
    file = json.loads(base64.b64decode(signed["content"][0]["attachment"]["data"]))
    assert len(provenance["signature"]) == 3
    for one in provenance["signature"]:
        told = read_payload(base64.b64decode(one["data"]).decode())
        [stamp] = told.stamps
        assert holds(stamp, told.digest, told.of, public[stamp.key_id])
    assert read_payload(file["payload"]).digest == told.digest


async def test_a_closed_consult_stands_in_the_book_and_its_drug_is_none_that_is_taken(case: Case) -> None:
    await case.carrier().run_due()
    [row] = (await case.rows()).values()
    assert (row.target, row.state, row.written) == ("embedded", "written", 1)
    view = book_view(await case.book.fetch(case.patient_id), case.world.clock.now(), source="-", zone=ZONE)
    assert any(OPINION in entry.detail for entry in view.others.items)
    assert not view.drugs.items
    assert not view.red_line.items, "a consent to a consult is no directive"
    whole = await case.book.fetch(case.patient_id, whole=True)
    visit = book_view(whole, case.world.clock.now(), source="-", zone=ZONE).visits.items[0]
    assert (visit.kind, visit.origin.facility) == ("virtual", "Bệnh viện Tỉnh")
    assert ips_document(whole, case.world.clock.now())["type"] == "document"

    await case.carrier().run_due()
    before = await case.whole()
    await case.sign()
    await case.carrier().run_due()
    after = await case.whole()
    assert (await case.rows())["embedded"].written == 2
    kinds = Counter(one["resourceType"] for one in after)
    assert kinds - Counter(one["resourceType"] for one in before) == Counter({"DocumentReference": 1, "CarePlan": 1})
    composition = next(one for one in after if one["resourceType"] == "Composition")
    assert composition["status"] == "final"
    async with case.world.database.reading() as tx:
        trail = (await tx.execute(select(audit_entries).where(audit_entries.c.action == "book.write_back"))).all()
    assert [(one.actor, one.patient_id) for one in trail] == [("writeback", case.patient_id)] * 2


async def test_a_consult_leaves_the_book_of_whom_it_was_not_about(case: Case) -> None:
    world = case.world
    await case.carrier().run_due()
    identity = neighbour(next(_numbers), name="Nguyễn Văn Hiền")
    async with world.database.transaction() as tx:
        [other] = await case.book.import_many(tx, [NewBook(identity, [])], author="demo", demo=True)
    patient = Patient(other, IdentityState.ESTABLISHED, identity.name, identity.birth_date, "male", "•••• 0002")
    world.clock.advance(60)
    await world.requests.change_identity(world["lan"], case.consult.id, patient, IdentityChange.MERGED)
    await case.carrier().run_due()
    ours = [one for one in await case.whole() if str(one.get("id")).startswith(case.consult.id[4:])]
    assert {one.get("status") for one in ours if one["resourceType"] != "Provenance"} == {"entered-in-error"}
    assert OPINION not in json.dumps(ours, ensure_ascii=False)
    assert OPINION in json.dumps(await case.whole(other), ensure_ascii=False)


async def test_without_an_identity_it_waits_and_goes_when_there_is_one(world: World) -> None:
    unknown = Patient(None, IdentityState.TEMPORARY, sex="male", age_years=60)
    consult = await world.ask(patient=unknown)
    await world.answers.accept(world["ha"], consult.id)
    await world.rooms.join(world["ha"], consult.id)
    await world.rooms.end(world["ha"], consult.id)
    await world.opinions.save(world["ha"], consult.id, OPINION, 0)
    await world.opinions.close(world["ha"], consult.id)
    book = EmbeddedBook(world.database, world.store.sealer)
    carrier = Writeback(world.database, world.store, world.directory, Audit(world.database), book, ())
    await carrier.run_due()
    async with world.database.transaction() as tx:
        assert (await tx.execute(select(outgoing_table.c.state))).scalar_one() == "held"
        [patient_id] = await book.import_many(tx, [NewBook(LANH, [])], author="demo", demo=True)
    known = Patient(patient_id, IdentityState.ESTABLISHED, LANH.name, LANH.birth_date, "male", "•••• 4471")
    await world.requests.change_identity(world["lan"], consult.id, known)
    await carrier.run_due()
    assert OPINION in json.dumps(await book.fetch(patient_id, whole=True), ensure_ascii=False)


@dataclass
class Cut:
    """A line to a server that breaks after so many calls have been let through, before or after the answer."""

    upstream: str
    port: int = 0
    calls: int = 10**6
    answered: bool = True

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.calls -= 1
        if self.calls < 0 and not self.answered:
            self._break(request)
        keep = {"content-type", "if-none-exist", "prefer", "accept"}
        headers = {name: value for name, value in request.headers.items() if name.lower() in keep}
        url = self.upstream + request.path_qs
        async with (
            aiohttp.ClientSession() as http,
            http.request(request.method, url, data=body, headers=headers) as got,
        ):
            answer = web.Response(body=await got.read(), status=got.status, content_type=got.content_type)
        if self.calls < 0:
            self._break(request)  # it was done there, and nobody hears of it
        return answer

    def _break(self, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.abort()
        raise web.HTTPServiceUnavailable


@pytest.fixture
async def line(medplum: Medplum) -> AsyncIterator[Cut]:
    cut = Cut(medplum.base.removesuffix("/fhir/R4"), free_port())
    application = web.Application(client_max_size=2**26)
    application.router.add_route("*", "/{path:.*}", cut.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", cut.port).start()
    yield cut
    await runner.cleanup()


async def _there(medplum: Medplum, patient: str) -> Counter[str]:
    """What the server has of that patient, by type."""
    found: Counter[str] = Counter()
    fields = {"Consent": "patient"}
    async with aiohttp.ClientSession() as http:
        for kind in ("Encounter", "ServiceRequest", "ClinicalImpression", "CarePlan", "Composition", "Consent"):
            url = f"{medplum.base}/{kind}?{fields.get(kind, 'subject')}=Patient/{patient}"
            async with http.get(url) as answer:
                bundle = await answer.json(content_type=None)
            found[kind] = len(bundle.get("entry", []))
    return found


@pytest.mark.parametrize("answered", [True, False])
async def test_a_server_gets_it_whole_and_once_however_often_the_line_is_cut(
    case: Case, medplum: Medplum, line: Cut, answered: bool
) -> None:
    world = case.world
    person = patient_resource("", case.identity, demo=False)
    del person["id"]
    patient = (await medplum.create(person))["id"]
    line.answered = answered
    links = Links(world.database, world.store.sealer)
    async with connected(
        f"http://127.0.0.1:{line.port}/fhir/R4", links, world.clock, deadline_s=30, writes=True
    ) as book:
        carrier = case.carrier(book)
        await carrier.run_due()
        for calls in (1, 4, 7, 9):
            line.calls = calls
            await carrier.run_due()
            row = (await case.rows())["songtra"]
            assert (row.state, row.fault) == ("waiting", "unreachable")
            assert await case.names().unwritten(world["lan"]) == [] or row.tries >= 3
            world.clock.advance(7200)
        line.calls = 10**6
        await carrier.run_due()
        assert (await case.rows())["songtra"].state == "written"
        once = {"Encounter": 1, "ServiceRequest": 1, "ClinicalImpression": 1, "Composition": 1, "Consent": 1}
        assert await _there(medplum, patient) == Counter(once)
        await case.sign()
        world.clock.advance(60)
        await carrier.run_due()
        await carrier.run_due()
        assert await _there(medplum, patient) == Counter(once | {"CarePlan": 1})
        view = book_view(await book.fetch(case.patient_id, whole=True), world.clock.now(), source="-", zone=ZONE)
        assert [visit.kind for visit in view.visits.items] == ["virtual"]
        async with aiohttp.ClientSession() as http:
            asked = f"{medplum.base}/Bundle?identifier=urn:hoichan:document|{case.consult.id}.0.document.2"
            async with http.get(asked) as answer:
                [entry] = (await answer.json(content_type=None))["entry"]
        Bundle.model_validate(entry["resource"])


async def test_a_refusal_is_shown_to_those_who_can_do_something_and_tried_when_they_say_so(
    case: Case, medplum: Medplum, line: Cut
) -> None:
    """The server does not know the patient; then it does."""
    world = case.world
    links = Links(world.database, world.store.sealer)
    desk = case.names()
    async with connected(medplum.base, links, world.clock, deadline_s=30, writes=True) as book:
        carrier = case.carrier(book)
        await carrier.run_due()
        await carrier.run_due()
        [one] = await desk.unwritten(world["ha"])
        assert (one.source, one.fault, one.is_dead) == ("BV Sông Trà", "patient_unknown", True)
        boss = replace(world["dieu"], roles=frozenset({Role.ADMINISTRATOR}))
        assert len(await desk.unwritten(boss)) == 1
        assert await desk.unwritten(world["mai"]) == []
        with pytest.raises(Forbidden):
            await desk.again(world["mai"], case.consult.id, 0, "songtra")
        person = patient_resource("", case.identity, demo=False)
        del person["id"]
        await medplum.create(person)
        await desk.again(boss, case.consult.id, 0, "songtra")
        await carrier.run_due()
        assert (await case.rows())["songtra"].state == "written"
        assert await desk.unwritten(boss) == []


async def test_what_a_server_says_against_it_is_read_by_the_people_of_the_consult_alone(
    case: Case, medplum: Medplum
) -> None:
    """Somebody has put the same encounter there twice, and the server does not choose between them."""
    world = case.world
    person = patient_resource("", case.identity, demo=False)
    del person["id"]
    await medplum.create(person)
    [encounter] = [one for one in resources(await case.report()) if one["resourceType"] == "Encounter"]
    for _ in range(2):
        kept = ("resourceType", "identifier", "status", "class")
        await medplum.create({name: encounter[name] for name in kept})
    links = Links(world.database, world.store.sealer)
    async with connected(medplum.base, links, world.clock, deadline_s=30, writes=True) as book:
        carrier = case.carrier(book)
        await carrier.run_due()
        await carrier.run_due()
    [one] = await case.names().unwritten(world["ha"])
    [(kind, issue)] = one.issues
    assert (one.fault, kind, issue.code) == ("rejected_412", "Encounter", "multiple-matches")
    assert issue.diagnostics
    boss = replace(world["dieu"], roles=frozenset({Role.ADMINISTRATOR}))
    [(_, issue)] = (await case.names().unwritten(boss))[0].issues
    assert (issue.code, issue.diagnostics) == ("multiple-matches", "")


def test_waits_grow_and_end_at_an_hour() -> None:
    waits = [wait(tries, 1.0) for tries in range(1, 40)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(seconds=30), LONGEST_WAIT)


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [one for part in value.values() for one in _references(part)]
    return [one for part in value for one in _references(part)] if isinstance(value, list) else []
