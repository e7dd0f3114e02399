"""What is added during a consult: who may, once only, into the right book and out of a wrong one. On both stores."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from consult_rooms.model import (
    Consent,
    ConsentBy,
    Consult,
    ConsultState,
    IdentityChange,
    IdentityState,
    ParticipantRole,
    Patient,
)
from consult_rooms.requests import Requests
from consult_rooms.tables import consults
from foundation.audit import Audit, audit_entries
from foundation.errors import Forbidden, HoichanError, Invalid, NotFound, Unavailable
from foundation.files import FileKind, Files
from foundation.ids import AdditionId, FileId, PatientId
from foundation.sealing import Sealer
from records_panel.addition_store import AdditionKind
from records_panel.additions import Additions
from records_panel.bedside import lab_result, signs
from records_panel.embedded_book import EmbeddedBook, NewBook
from records_panel.fhir_mapping import book_view
from records_panel.fhir_reading import Json
from records_panel.model import BookView, VitalKind
from records_panel.tables import additions
from tests.consult_rooms.conftest import UNKNOWN_WOMAN, ZONE, World
from tests.foundation.test_files import PDF, chunks, picture
from tests.records_panel.conftest import LANH, neighbour

PRESSURE = {"systolic": "178", "diastolic": "96", "pulse": "92", "oxygen": "95"}


@dataclass
class Bedside:
    """A consult that was taken, with two real books to stand in."""

    world: World
    book: EmbeddedBook
    service: Additions
    requests: Requests
    lanh: PatientId
    other: PatientId
    folder: Path

    async def claimed(self, patient: Patient, key: str = "k") -> Consult:
        consult = await self.world.ask(key, patient=patient)
        return await self.world.answers.accept(self.world["ha"], consult.id)

    async def take(self, consult: Consult, typed: dict[str, str], key: str = "a", by: str = "lan") -> AdditionId:
        return await self.service.add_signs(self.world[by], None, consult.id, signs(typed), key=key)

    async def resources(self, patient_id: PatientId, kind: str = "Observation") -> list[Json]:
        bundle = await self.book.fetch(patient_id, whole=True)
        found = [entry["resource"] for entry in bundle["entry"]]
        return [resource for resource in found if resource["resourceType"] == kind]

    async def view(self, patient_id: PatientId) -> BookView:
        return book_view(await self.book.fetch(patient_id), self.world.clock.now(), source="-", zone=ZONE)

    async def trail(self, *actions: str) -> list[Any]:
        query = select(audit_entries).where(audit_entries.c.action.in_(actions)).order_by(audit_entries.c.number)
        async with self.world.database.reading() as tx:
            return list((await tx.execute(query)).all())

    async def count(self) -> int:
        async with self.world.database.reading() as tx:
            return len((await tx.execute(select(additions))).all())


def known(patient_id: PatientId, name: str = LANH.name) -> Patient:
    return Patient(patient_id, IdentityState.ESTABLISHED, name, LANH.birth_date, "male", "•••• 4471")


@pytest.fixture
async def bedside(world: World, sealer: Sealer, tmp_path: Path) -> Bedside:
    audit = Audit(world.database)
    book = EmbeddedBook(world.database, sealer)
    folder = tmp_path / "files"
    service = Additions(world.database, world.store, world.log, world.directory, audit, book, Files(folder, sealer))
    requests = Requests(
        world.database, world.store, world.log, world.runner, world.directory, audit, world.claims, ZONE, service.follow
    )
    async with world.database.transaction() as tx:
        lanh, other = await book.import_many(tx, [NewBook(LANH, []), NewBook(neighbour(1), [])], author="demo")
    return Bedside(world, book, service, requests, lanh, other, folder)


async def test_signs_stand_in_the_book_at_once_as_the_profiles_want_them(bedside: Bedside) -> None:
    consult = await bedside.claimed(known(bedside.lanh))
    addition = await bedside.take(consult, PRESSURE | {"temperature": "36,8"})
    view = await bedside.view(bedside.lanh)
    vitals = {vital.kind: vital for vital in view.vitals.items}
    assert vitals[VitalKind.BLOOD_PRESSURE].values == (178, 96)
    assert vitals[VitalKind.TEMPERATURE].values == (36.8,)
    assert vitals[VitalKind.OXYGEN].values == (95,)
    pressure = (await bedside.resources(bedside.lanh))[0]
    assert pressure["meta"]["source"] == "urn:vn:cskcb:51001"
    assert [who["display"] for who in pressure["performer"]] == ["Trạm Đảo", "BS. Lan"]
    assert pressure["subject"] == {"reference": f"Patient/{bedside.lanh}"}
    assert pressure["effectiveDateTime"] == bedside.world.clock.now().isoformat()
    assert pressure["identifier"][0]["value"] == addition
    for resource in await bedside.resources(bedside.lanh):
        assert resource["status"] == "final"
        parts = resource.get("component", [resource])
        assert all(part["valueQuantity"]["system"] == "http://unitsofmeasure.org" for part in parts)
        assert all(coding["system"] == "http://loinc.org" for coding in resource["code"]["coding"])
    (entry,) = await bedside.trail("book.add")
    assert (entry.actor, entry.patient_id, entry.consult_id) == (bedside.world["lan"].id, bedside.lanh, consult.id)
    last = (await bedside.world.log.since(consult.id, 0))[-1]
    assert (last.kind.value, last.data) == ("added", {"addition": addition, "what": "vitals"})


async def test_nothing_of_it_is_legible_outside_the_seal(bedside: Bedside) -> None:
    consult = await bedside.claimed(known(bedside.lanh))
    await bedside.service.add_result(
        bedside.world["lan"], None, consult.id, lab_result("Troponin I hs", "5321", "ng/L", "", "14"), key="r"
    )
    async with bedside.world.database.reading() as tx:
        row = (await tx.execute(select(additions))).mappings().one()
        trail = (await tx.execute(select(audit_entries))).mappings().all()
    told = json.dumps([dict(row), [dict(one) for one in trail]], default=repr)
    told += json.dumps([entry.data for entry in await bedside.world.log.since(consult.id, 0)])
    assert "Troponin" not in told
    assert not re.search(r"\b5321\b", told)


async def test_a_retry_never_doubles(bedside: Bedside) -> None:
    consult = await bedside.claimed(known(bedside.lanh))
    sent = await asyncio.gather(*(bedside.take(consult, PRESSURE) for _ in range(5)))
    assert len(set(sent)) == 1
    assert len(await bedside.resources(bedside.lanh)) == 3
    assert (await bedside.world.kinds(consult)).count("added") == 1
    assert len(await bedside.trail("book.add")) == 1
    again = await bedside.take(consult, PRESSURE, key="another")
    theirs = await bedside.take(consult, PRESSURE, by="ha")  # the same key of another person is another thing
    assert len({*sent, again, theirs}) == 3


@pytest.mark.parametrize(
    ("hours", "counts"), [(0, True), (-1, True), (-24, True), (-24.1, False), (0.1, False), (None, False)]
)
async def test_a_value_that_waited_for_the_line_keeps_its_time(
    bedside: Bedside, hours: float | None, counts: bool
) -> None:
    consult = await bedside.claimed(known(bedside.lanh))
    now = bedside.world.clock.now()
    taken = None if hours is None else now + timedelta(hours=hours)
    await bedside.service.add_signs(
        bedside.world["lan"], None, consult.id, signs({"pulse": "80"}), key="a", taken_at=taken
    )
    (resource,) = await bedside.resources(bedside.lanh)
    assert resource["effectiveDateTime"] == (taken if taken and counts else now).isoformat()


async def test_a_result_keeps_its_range_and_is_marked_by_it(bedside: Bedside) -> None:
    consult = await bedside.claimed(known(bedside.lanh))
    lan = bedside.world["lan"]
    for key, found in enumerate(
        (
            lab_result("Kali", "6,1", "mmol/L", "3,5", "5"),
            lab_result("HBsAg", "Âm tính", "", "", ""),
            lab_result("D-dimer", "<0,2", "µg/mL FEU", "", "0,5"),
        )
    ):
        await bedside.service.add_result(lan, None, consult.id, found, key=str(key))
    results = {result.name: result for result in (await bedside.view(bedside.lanh)).results.items}
    potassium = results["Kali"]
    assert potassium.quantity is not None
    assert (potassium.quantity.value, potassium.quantity.key, potassium.mark) == (6.1, "mmol/L", "H")
    assert (results["HBsAg"].text, results["HBsAg"].mark) == ("Âm tính", None)
    assert results["D-dimer"].quantity is not None
    assert results["D-dimer"].quantity.comparator == "<"
    assert results["D-dimer"].mark is None


async def test_a_photograph_and_a_document_are_given_to_the_consults_people_alone(bedside: Bedside) -> None:
    consult = await bedside.claimed(known(bedside.lanh))
    world, service = bedside.world, bedside.service
    await service.add_file(world["lan"], None, consult.id, chunks(picture()), words="Vết thương", key="p")
    await service.add_file(world["lan"], None, consult.id, chunks(PDF), words="Giấy chuyển viện", key="d")
    paper, photo = await service.of_open_book(consult)
    assert (photo.kind, photo.facts["words"]) == (AdditionKind.PICTURE, "Vết thương")
    assert paper.kind is AdditionKind.DOCUMENT
    assert photo.file_id is not None
    assert photo.small_id is not None
    assert paper.file_id is not None
    (media,) = await bedside.resources(bedside.lanh, "Media")
    assert media["content"]["url"].endswith(photo.file_id)
    (reference,) = await bedside.resources(bedside.lanh, "DocumentReference")
    assert reference["content"][0]["attachment"]["contentType"] == "application/pdf"
    for file_id, kind in (
        (photo.file_id, FileKind.JPEG),
        (photo.small_id, FileKind.JPEG),
        (paper.file_id, FileKind.PDF),
    ):
        assert (await service.file(world["ha"], None, consult.id, file_id))[0] is kind
    reads = await bedside.trail("file.read")
    assert [(entry.target, entry.outcome) for entry in reads] == [
        (photo.file_id, "success"),
        (photo.small_id, "success"),
        (paper.file_id, "success"),
    ]
    with pytest.raises(NotFound) as refused:
        await service.file(world["khai"], None, consult.id, photo.file_id)
    assert refused.value.code == "consult.unknown"
    foreign = await bedside.claimed(known(bedside.other), key="k2")
    with pytest.raises(NotFound):
        await service.file(world["ha"], None, foreign.id, photo.file_id)
    assert [entry.outcome for entry in await bedside.trail("file.read")][3:] == ["denied", "denied"]
    later = await bedside.claimed(known(bedside.lanh), key="k3")
    assert (await service.file(world["ha"], None, later.id, photo.file_id))[0] is FileKind.JPEG


async def test_a_file_is_not_read_without_a_trail(bedside: Bedside, monkeypatch: pytest.MonkeyPatch) -> None:
    consult = await bedside.claimed(known(bedside.lanh))
    await bedside.service.add_file(bedside.world["lan"], None, consult.id, chunks(PDF), words="", key="p")
    ((paper),) = await bedside.service.of_open_book(consult)
    assert paper.file_id is not None

    async def broken(_self: Audit, _entry: object) -> None:
        raise Unavailable("database.unavailable", "-")

    async def never(_self: Files, _file_id: FileId) -> bytes:
        raise AssertionError("it was read before it was on record")

    monkeypatch.setattr(Audit, "commit", broken)
    monkeypatch.setattr(Files, "open", never)
    with pytest.raises(Unavailable):
        await bedside.service.file(bedside.world["ha"], None, consult.id, paper.file_id)


async def _observing(bedside: Bedside, consult: Consult) -> None:
    async with bedside.world.database.transaction() as tx:
        await bedside.world.store.admit(tx, consult.id, [(bedside.world["khai"].id, ParticipantRole.OBSERVER, True)])


async def _invited_without_the_book(bedside: Bedside, consult: Consult) -> None:
    async with bedside.world.database.transaction() as tx:
        await bedside.world.store.admit(tx, consult.id, [(bedside.world["khai"].id, ParticipantRole.INVITED, False)])


async def _refused(bedside: Bedside, consult: Consult) -> None:
    said = Consent(consult=True, record_view=False, by=ConsentBy.SELF)
    await bedside.requests.record_consent(bedside.world["lan"], consult.id, said)


async def _closed(bedside: Bedside, consult: Consult) -> None:
    async with bedside.world.database.transaction() as tx:
        await tx.execute(update(consults).values(state=ConsultState.CLOSED))


async def _a_day_later(bedside: Bedside, consult: Consult) -> None:
    bedside.world.clock.advance(24 * 3600)


@pytest.mark.parametrize("patient", ["known", "temporary"])
@pytest.mark.parametrize(
    ("happens", "by", "code"),
    [
        (None, "xa", "consult.unknown"),
        (None, "dieu", "addition.denied"),
        (_observing, "khai", "addition.denied"),
        (_invited_without_the_book, "khai", "addition.denied"),
        (_refused, "lan", "addition.denied"),
        (_closed, "lan", "addition.denied"),
        (_a_day_later, "lan", "addition.denied"),
    ],
)
async def test_nobody_else_and_at_no_other_time(
    bedside: Bedside, patient: str, happens: Callable[..., Any] | None, by: str, code: str
) -> None:
    consult = await bedside.claimed(known(bedside.lanh) if patient == "known" else UNKNOWN_WOMAN)
    if happens is not None:
        await happens(bedside, consult)
    taken = 0

    async def watched() -> AsyncIterator[bytes]:
        nonlocal taken
        taken += 1
        yield PDF

    person = bedside.world[by]
    tries = [
        bedside.take(consult, PRESSURE, by=by),
        bedside.service.add_result(person, None, consult.id, lab_result("Kali", "5", "", "", ""), key="r"),
        bedside.service.add_file(person, None, consult.id, watched(), words="", key="f"),
    ]
    for attempt in tries:
        with pytest.raises(HoichanError) as refused:
            await attempt
        assert refused.value.code == code
    assert taken == 0, "not a byte of a file is taken from a stranger"
    assert await bedside.count() == 0
    denied = await bedside.trail("book.add")
    assert [(entry.actor, entry.outcome, entry.details) for entry in denied] == [
        (person.id, "denied", {"reason": code})
    ] * 3
    if happens not in (_observing,):
        assert await bedside.service.of_temporary(person, None, consult.id) == [] if code != "consult.unknown" else True


async def test_before_the_claim_nothing_is_added(bedside: Bedside) -> None:
    consult = await bedside.world.ask(patient=known(bedside.lanh))
    with pytest.raises(Forbidden):
        await bedside.take(consult, PRESSURE)


async def test_under_a_temporary_identity_it_waits_and_moves_when_somebody_knows(bedside: Bedside) -> None:
    consult = await bedside.claimed(UNKNOWN_WOMAN)
    await bedside.take(consult, PRESSURE)
    (shown,) = await bedside.service.of_temporary(bedside.world["ha"], None, consult.id)
    assert {sign.value: value for sign, value in shown.signs.items()} == {
        "systolic": 178,
        "diastolic": 96,
        "pulse": 92,
        "oxygen": 95,
    }
    assert (shown.author_name, shown.facility_name) == ("BS. Lan", "Trạm Đảo")
    (read,) = await bedside.trail("additions.read")
    assert (read.actor, read.outcome) == (bedside.world["ha"].id, "success")
    assert await bedside.resources(bedside.lanh) == []
    await bedside.requests.change_identity(bedside.world["lan"], consult.id, known(bedside.lanh))
    assert len(await bedside.resources(bedside.lanh)) == 3
    vitals = (await bedside.view(bedside.lanh)).vitals.items
    assert vitals[0].values == (178, 96)
    assert vitals[0].origin.facility_code == "51001", "it stays the clinic's that measured it"
    (moved,) = await bedside.trail("book.move_in", "book.move_out")
    assert (moved.action, moved.patient_id, moved.details) == ("book.move_in", bedside.lanh, {"count": 1})


async def test_a_wrong_identity_is_taken_back_out_of_the_book(bedside: Bedside) -> None:
    consult = await bedside.claimed(UNKNOWN_WOMAN)
    await bedside.take(consult, PRESSURE)
    await bedside.service.add_file(bedside.world["lan"], None, consult.id, chunks(picture()), words="Ban đỏ", key="p")
    await bedside.requests.change_identity(bedside.world["lan"], consult.id, known(bedside.other))
    await bedside.take(consult, {"glucose": "5,5"}, key="later")
    lan = bedside.world["lan"]
    await bedside.requests.change_identity(lan, consult.id, None, IdentityChange.REVERTED)
    for kind in ("Observation", "Media"):
        resources = await bedside.resources(bedside.other, kind)
        assert resources, kind
        told = json.dumps(resources, ensure_ascii=False)
        assert {resource["status"] for resource in resources} == {"entered-in-error"}
        for secret in ("178", "5.5", "Ban đỏ", "urn:hoichan:file"):
            # By whole words: the digits of an id may hold the number by chance.
            assert not re.search(rf"\b{re.escape(secret)}\b", told), (
                "what was another person's is not left in this book"
            )
    assert not any(vital.values for vital in (await bedside.view(bedside.other)).vitals.items)
    assert len(await bedside.service.of_temporary(lan, None, consult.id)) == 3
    await bedside.requests.change_identity(lan, consult.id, known(bedside.lanh))
    assert {resource["status"] for resource in await bedside.resources(bedside.lanh)} == {"final"}
    assert (await bedside.view(bedside.lanh)).vitals.items[0].values == (178, 96)
    trail = await bedside.trail("book.move_in", "book.move_out")
    assert [(entry.action, entry.patient_id, entry.details["count"]) for entry in trail] == [
        ("book.move_in", bedside.other, 2),
        ("book.move_out", bedside.other, 3),
        ("book.move_in", bedside.lanh, 3),
    ]


async def test_a_merge_goes_straight_from_one_book_to_the_other_and_back(bedside: Bedside) -> None:
    consult = await bedside.claimed(known(bedside.other))
    await bedside.take(consult, {"pulse": "80"})
    lan = bedside.world["lan"]
    await bedside.requests.change_identity(lan, consult.id, known(bedside.lanh), IdentityChange.MERGED)
    statuses = [
        [resource["status"] for resource in await bedside.resources(one)] for one in (bedside.other, bedside.lanh)
    ]
    assert statuses == [["entered-in-error"], ["final"]]
    await bedside.requests.change_identity(lan, consult.id, None, IdentityChange.REVERTED)
    statuses = [
        [resource["status"] for resource in await bedside.resources(one)] for one in (bedside.other, bedside.lanh)
    ]
    assert statuses == [["final"], ["entered-in-error"]]
    vitals = (await bedside.view(bedside.other)).vitals.items
    assert next(vital for vital in vitals if vital.kind is VitalKind.PULSE).values == (80,)


@pytest.mark.parametrize("first", ["known", "temporary"])
async def test_what_was_measured_of_one_person_never_goes_to_the_next(bedside: Bedside, first: str) -> None:
    consult = await bedside.claimed(known(bedside.lanh) if first == "known" else UNKNOWN_WOMAN)
    lan, service = bedside.world["lan"], bedside.service
    await bedside.take(consult, {"pulse": "80"})
    await service.add_file(lan, None, consult.id, chunks(PDF), words="", key="p")
    before = await service.of_open_book(consult)
    await bedside.requests.change_identity(lan, consult.id, known(bedside.other), IdentityChange.TURNED)
    turned = (await bedside.world.queries.consult(lan, consult.id)).consult
    assert await bedside.resources(bedside.other) == []
    assert [resource["status"] for resource in await bedside.resources(bedside.lanh)] == ["final"] * (first == "known")
    assert await service.of_open_book(turned) == [], "nor is it shown beside the next one's book"
    file_id = before[0].file_id
    assert file_id is not None
    with pytest.raises(NotFound):
        await service.file(bedside.world["ha"], None, consult.id, file_id)
    await bedside.take(consult, {"pulse": "120"}, key="next")
    assert len(await bedside.resources(bedside.other)) == 1
    await bedside.requests.change_identity(lan, consult.id, None, IdentityChange.REVERTED)
    back = (await bedside.world.queries.consult(lan, consult.id)).consult
    assert await service.of_open_book(back) == before
    assert [resource["status"] for resource in await bedside.resources(bedside.other)] == ["final"]
    if first == "temporary":
        await bedside.requests.change_identity(lan, consult.id, known(bedside.lanh))
        (mine,) = await bedside.resources(bedside.lanh)
        assert mine["valueQuantity"]["value"] == 80, "and only what was measured of this person comes"


async def test_an_identity_that_cannot_be_followed_is_not_changed(bedside: Bedside) -> None:
    consult = await bedside.claimed(UNKNOWN_WOMAN)
    await bedside.take(consult, PRESSURE)
    nobody = known(PatientId("pat_" + "f" * 32))
    with pytest.raises(NotFound):
        await bedside.requests.change_identity(bedside.world["lan"], consult.id, nobody)
    async with bedside.world.database.reading() as tx:
        found = await bedside.world.store.get(tx, consult.id)
        rows = (await tx.execute(select(additions.c.patient_id))).scalars().all()
    assert found.patient == consult.patient
    assert rows == [None]


async def test_an_author_takes_back_what_was_entered_in_error(bedside: Bedside) -> None:
    consult = await bedside.claimed(known(bedside.lanh))
    world, service = bedside.world, bedside.service
    addition = await bedside.take(consult, {"pulse": "190"})
    with pytest.raises(Forbidden) as refused:
        await service.withdraw(world["ha"], None, consult.id, addition)
    assert refused.value.code == "addition.not_yours"
    with pytest.raises(NotFound):
        await service.withdraw(world["lan"], None, consult.id, AdditionId("add_" + "0" * 32))
    for _ in range(2):
        await service.withdraw(world["lan"], None, consult.id, addition)
    assert [resource["status"] for resource in await bedside.resources(bedside.lanh)] == ["entered-in-error"]
    assert await service.of_open_book(consult) == []
    assert (await world.kinds(consult)).count("addition_withdrawn") == 1
    outcomes = [entry.outcome for entry in await bedside.trail("book.withdraw")]
    assert outcomes == ["denied", "denied", "success"]
    assert await bedside.take(consult, {"pulse": "190"}) == addition, "its key stays used"
    await bedside.requests.change_identity(world["lan"], consult.id, known(bedside.other), IdentityChange.MERGED)
    assert await bedside.resources(bedside.other) == [], "what was withdrawn follows nobody"


async def test_a_full_disk_leaves_no_addition(bedside: Bedside, monkeypatch: pytest.MonkeyPatch) -> None:
    consult = await bedside.claimed(known(bedside.lanh))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", full)
        with pytest.raises(Unavailable) as refused:
            await bedside.service.add_file(
                bedside.world["lan"], None, consult.id, chunks(picture()), words="Vết thương", key="p"
            )
    assert refused.value.code == "files.full"
    assert await bedside.count() == 0
    assert "added" not in await bedside.world.kinds(consult)
    await bedside.service.add_file(bedside.world["lan"], None, consult.id, chunks(picture()), words="", key="p")
    assert await bedside.count() == 1


async def test_additions_of_one_consult_are_bounded(bedside: Bedside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("records_panel.addition_store.MOST", 2)
    consult = await bedside.claimed(known(bedside.lanh))
    for key in "ab":
        await bedside.take(consult, {"pulse": "80"}, key=key)
    with pytest.raises(HoichanError) as refused:
        await bedside.take(consult, {"pulse": "80"}, key="c")
    assert refused.value.code == "addition.too_many"
    await bedside.take(consult, {"pulse": "80"}, key="b")


async def test_a_key_is_needed(bedside: Bedside) -> None:
    consult = await bedside.claimed(known(bedside.lanh))
    with pytest.raises(Invalid):
        await bedside.take(consult, {"pulse": "80"}, key="")


def test_words_of_the_log_name_each_kind() -> None:
    from consult_rooms.log_entry import LogKind
    from consult_rooms.wording import _BY_CODE

    for kind in (LogKind.ADDED, LogKind.ADDITION_WITHDRAWN):
        assert set(_BY_CODE[kind][1]) == {one.value for one in AdditionKind}
