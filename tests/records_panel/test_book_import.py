"""Files of other systems into the embedded book: all is reported, nobody mixed, nothing done twice."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import signal
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from foundation.ids import PatientId
from records_panel.book_import import BookImport
from records_panel.bulk_reading import read_file
from records_panel.fhir_mapping import book_view
from records_panel.import_runs import Reported, totals
from records_panel.ips_export import ips_document
from records_panel.model import RedLineKind
from records_panel.packing import unpacked
from records_panel.tables import import_problems, import_runs, imports, patients, resource_log
from tests.records_panel.conftest import LANH, ZONE, Records
from tests.records_panel.npm_samples import sample_files
from tests.records_panel.samples import NOW, allergy, drug
from web.import_words import PROBLEMS

Json = dict[str, Any]
CCCD = "http://fhir.hl7.org.vn/core/sid/cccd"
NATIONAL_ID = "http://fhir.ehealth.gov.vn/core/sid/national_id"


def patient(
    number: str = "", system: str = CCCD, *, name: str = "Trần Thị Mai", born: str = "1970-02-03", **more: Any
) -> Json:
    identifiers = [{"system": system, "value": number}] if number else []
    return {
        "resourceType": "Patient",
        "id": "p",
        "identifier": identifiers,
        "name": [{"text": name}],
        "birthDate": born,
        "gender": "female",
    } | more


def entries(*resources: Json) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def write(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), "utf-8")
    return path


async def load(records: Records, *paths: Path, facility: str = "") -> list[Reported]:
    job = BookImport(records.database, records.sealer, records.book, records.audit, facility)
    return [reported async for reported in job.run(paths)]


async def everybody(records: Records) -> list[PatientId]:
    async with records.database.reading() as tx:
        return [PatientId(row.id) for row in await tx.execute(select(patients.c.id).order_by(patients.c.id))]


async def rows(records: Records) -> int:
    async with records.database.reading() as tx:
        return int((await tx.execute(select(func.count()).select_from(resource_log))).scalar_one())


async def test_every_sample_comes_in_whole_and_reads_as_before(records: Records) -> None:
    for path in sample_files():
        bundle = json.loads(path.read_text("utf-8"))
        people = [one for one in bundle.get("entry", []) if one["resource"]["resourceType"] == "Patient"]
        if bundle["resourceType"] != "Bundle" or len(people) != 1:
            continue
        before = set(await everybody(records))
        reported = await load(records, path)
        assert {one.outcome for one in reported} == {"accepted"}, path.stem
        (patient_id,) = set(await everybody(records)) - before
        direct = book_view(bundle, NOW, source="A book", zone=ZONE)
        stored = book_view(await records.book.fetch(patient_id, whole=True), NOW, source="A book", zone=ZONE)
        short = book_view(await records.book.fetch(patient_id), NOW, source="A book", zone=ZONE)
        for name in ("problems", "past_problems", "drugs", "vaccines", "procedures", "story", "functional", "plans"):
            texts = [item.text for item in getattr(direct, name).items]
            assert [item.text for item in getattr(stored, name).items] == texts, (path.stem, name)
            kinds = {absence.kind for absence in getattr(direct, name).absences}
            assert {absence.kind for absence in getattr(stored, name).absences} == kinds, (path.stem, name)
        for view in (stored, short):
            assert [(line.kind, line.text) for line in view.red_line.items] == [
                (line.kind, line.text) for line in direct.red_line.items
            ], path.stem
            assert len(view.abnormal.items) == len(direct.abnormal.items)
        assert len(stored.results.items) == len(direct.results.items)


async def test_the_same_again_changes_nothing_and_a_correction_supersedes(records: Records, tmp_path: Path) -> None:
    first = write(tmp_path, "a.json", entries(patient("051170004471"), allergy("Penicilin", id="a"), drug("X", id="d")))
    assert totals(await load(records, first)) == Counter(accepted=3)
    count = await rows(records)
    assert await load(records, first) == []
    copied = write(tmp_path, "b.json", first.read_text() + "\n")
    assert totals(await load(records, copied)) == Counter(unchanged=3)
    assert await rows(records) == count
    better = write(tmp_path, "c.json", entries(patient("051170004471"), allergy("Penicillin", id="a")))
    assert totals(await load(records, better)) == Counter(unchanged=1, superseded=1)
    (patient_id,) = await everybody(records)
    book = book_view(await records.book.fetch(patient_id), NOW, source="A book", zone=ZONE)
    assert [line.text for line in book.red_line.items] == ["Penicillin"]


async def test_both_namespaces_name_one_person(records: Records, tmp_path: Path) -> None:
    (known,) = await records.add(LANH)
    async with records.database.transaction() as tx:
        await tx.execute(patients.update().values(demo=False))
    person = patient("051 058 004 471", NATIONAL_ID, name=LANH.name, born="1958-03-12")
    assert totals(await load(records, write(tmp_path, "a.json", entries(person, drug("X"))))) == Counter(accepted=2)
    assert await everybody(records) == [known]


async def test_people_are_never_mixed(records: Records, tmp_path: Path) -> None:
    await records.add(LANH)
    count = await rows(records)
    demo = patient(LANH.cccd or "", name=LANH.name, born="1958-03-12")
    other = patient(LANH.cccd or "", name="Ai Khác", born="1990-01-01")
    for number, (person, code) in enumerate(((demo, "demo_mixed"), (other, "other_person"))):
        reported = await load(records, write(tmp_path, f"{number}.json", entries(person, drug("X"))))
        assert {(one.outcome, one.problems) for one in reported} == {("refused", (code,))}
    stray = entries(patient("051170004471"), drug("Y", subject={"reference": "Patient/somebody-else"}), drug("Z"))
    reported = await load(records, write(tmp_path, "stray.json", stray))
    assert [(one.outcome, one.problems) for one in reported] == [
        ("refused", ("unknown_patient",)),
        ("accepted", ()),
        ("accepted", ()),
    ]
    assert await rows(records) == count + 1
    assert len(await everybody(records)) == 2
    # The same local id in another hospital's bundle is another person.
    stranger = patient(name="Lê Văn Xa", born="1999-09-09")
    await load(records, write(tmp_path, "far.json", entries(stranger)))
    assert len(await everybody(records)) == 3
    # And so is one of the same name, birth date and local id whose citizen number is another.
    await load(records, write(tmp_path, "twin.json", entries(patient("051170009999"))))
    assert len(await everybody(records)) == 4


async def originals(records: Records, patient_id: PatientId) -> list[bytes]:
    """The texts that are kept of a book, beside its resources."""
    async with records.database.reading() as tx:
        stored = await records.book.resources(tx, patient_id)
    return [base64.b64decode(one["data"]) for one in stored if one["resourceType"] == "Binary"]


async def test_nothing_that_was_imported_is_lost(records: Records, tmp_path: Path) -> None:
    """An entry that cannot be read as it was written stays in the log byte for byte."""
    nested = '{"url":"x","extension":[' * 4000 + '{"url":"last"}' + "]}" * 4000
    entry = (
        '{"resource": {"resourceType":"MedicationStatement","id":"d","status":"active","dose":NaN,'
        '"medicationCodeableConcept":{"text":"Sai"},"medicationCodeableConcept":{"text":"Thu\\ud800ốc"},'
        f'"extension":[{nested}]}}}}'
    )
    person = json.dumps({"resource": patient("051170004471")}, ensure_ascii=False)
    text = f'{{"resourceType":"Bundle","entry":[{person},{entry}]}}'
    whose, read = await load(records, write(tmp_path, "a.json", text))
    assert (whose.problems, whose.outcome) == ((), "accepted")
    assert set(read.problems) == {"too_deep", "not_a_number", "duplicate_key", "not_text"}
    (patient_id,) = await everybody(records)
    assert await originals(records, patient_id) == [entry.encode()]
    for whole in (True, False):
        bundle = await records.book.fetch(patient_id, whole=whole)
        view = book_view(bundle, NOW, source="A book", zone=ZONE)
        assert [one.text for one in view.drugs.items] == ["Thu\ufffdốc"]
        assert not [one for one in view.others.items if "original" in one.text or "Binary" in one.text]
    document = ips_document(await records.book.fetch(patient_id, whole=True), NOW)
    assert "Binary" not in json.dumps(document)
    # The same again changes nothing; a correction below what is read is one all the same.
    again = write(tmp_path, "b.json", text + " ")
    assert totals(await load(records, again)) == {"unchanged": 2}
    better = write(tmp_path, "c.json", text.replace('"last"', '"better"'))
    assert totals(await load(records, better)) == {"unchanged": 1, "superseded": 1}
    assert await originals(records, patient_id) == [entry.replace('"last"', '"better"').encode()]
    async with records.database.reading() as tx:
        run = (await tx.execute(select(import_runs).order_by(import_runs.c.id))).first()
        kinds = (await tx.execute(select(import_problems.c.resource_type).distinct())).scalars().all()
    assert run is not None
    assert (run.accepted, run.problems, run.files, run.ended_at is not None) == (2, 4, 1, True)
    assert kinds == ["MedicationStatement"]


async def test_an_entry_whose_text_is_too_large_to_keep_is_refused(records: Records, tmp_path: Path) -> None:
    large = {"resource": drug("Thuốc", id="d", note=[{"text": "x" * 7_000_000}])}
    text = json.dumps({"resourceType": "Bundle", "entry": [{"resource": patient("051170004471")}, large]})
    text = text.replace('"status": "active"', '"status": "active", "n": NaN')
    reported = await load(records, write(tmp_path, "a.json", text))
    (read,) = [one for one in reported if one.place == "entry 2"]
    assert (read.outcome, read.problems) == ("refused", ("not_a_number", "book.too_large"))


async def test_a_file_that_was_cut_off_gives_what_it_has(records: Records, tmp_path: Path) -> None:
    text = json.dumps(entries(patient("051170004471"), drug("Một", id="1"), drug("Hai", id="2")))
    reported = await load(records, write(tmp_path, "a.json", text[: text.index("Hai")]))
    assert [(one.place, one.outcome, one.problems) for one in reported if one.outcome != "accepted"] == [
        ("after entry 2", "refused", ("not_json",))
    ]
    assert totals(reported)["accepted"] == 2


def test_bundles_within_a_bundle_give_their_entries(tmp_path: Path) -> None:
    """The answer to a batch, and `$summary` in Parameters; in a broken one, too."""
    inner = entries(drug("Một", id="1"), drug("Hai", id="2"))
    batch = {
        "resourceType": "Bundle",
        "type": "batch-response",
        "entry": [{"resource": inner}, {"resource": drug("Ba")}],
    }
    told = {"resourceType": "Parameters", "parameter": [{"name": "return", "resource": inner}]}
    for number, content in enumerate((batch, told)):
        text = json.dumps(content)
        for broken in (text, text.replace('"status"', '"n": NaN, "status"')):
            found = list(read_file(write(tmp_path, f"{number}.json", broken)))
            names = [(one.resource or {})["medicationCodeableConcept"]["text"] for one in found]
            assert names == ["Một", "Hai", "Ba"][: len(found)]
            assert [one.place for one in found][:2] == ["entry 1 entry 1", "entry 1 entry 2"]
            assert {bool(one.original) for one in found} == {broken != text}


_DRUGS = [drug("Thuốc một", id="1"), drug("Thuốc hai", id="2")]
_LINES = "\r\n\r\n".join(json.dumps(one, ensure_ascii=False) for one in _DRUGS) + "\r\n \r\n"
_DOCUMENT = json.dumps(entries(*_DRUGS), ensure_ascii=False)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.json", _DOCUMENT.encode("utf-8-sig"), ""),
        ("a.json", _DOCUMENT.encode("utf-16"), ""),
        ("a.ndjson", _LINES.encode(), ""),
        ("a.ndjson", _LINES.encode("utf-8-sig"), ""),
        ("a.ndjson", _LINES.encode("utf-16"), ""),
        ("a.xml", b'<?xml version="1.0"?><Bundle xmlns="http://hl7.org/fhir"/>', "xml"),
        ("a.json", '\n <Bundle xmlns="http://hl7.org/fhir"/>'.encode("utf-16"), "xml"),
        ("a.json.gz", gzip.compress(_DOCUMENT.encode()), "compressed"),
        ("a.ndjson", gzip.compress(_LINES.encode()), "compressed"),
        ("a.json", b"", "not_json"),
    ],
)
def test_a_file_is_read_however_it_is_written_or_told_as_what_it_is(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    read = list(read_file(path))
    if problem:
        assert [one.problems for one in read] == [(problem,)]
        assert problem in PROBLEMS
    else:
        assert [one.resource for one in read] == _DRUGS
        assert [one.problems for one in read] == [(), ()]


async def test_bulk_data_goes_to_the_person_it_names(records: Records, tmp_path: Path) -> None:
    people = [patient(f"05117000{n:04d}", id=str(n), name=f"Người {n}") for n in range(5)]
    lines = [json.dumps(drug(f"Thuốc {n}", id=str(n), subject={"reference": f"Patient/{n}"})) for n in range(5)]
    write(tmp_path, "Patient.ndjson", "\n".join(map(json.dumps, people)))
    write(tmp_path, "MedicationStatement.ndjson", "\n".join([*lines, "{broken", '{"a": 1}']))
    reported = await load(records, tmp_path)
    assert totals(reported) == Counter(accepted=10, refused=2)
    assert [(one.place, one.problems) for one in reported if one.outcome == "refused"] == [
        ("line 6", ("not_json",)),
        ("line 7", ("no_resource",)),
    ]
    for patient_id in await everybody(records):
        view = book_view(await records.book.fetch(patient_id), NOW, source="A book", zone=ZONE)
        assert [one.text.removeprefix("Thuốc ") for one in view.drugs.items] == [str(view.banner.name)[-1]]


async def test_who_is_contained_in_an_entry_is_not_taken_for_the_patient_of_the_file(
    records: Records, tmp_path: Path
) -> None:
    def theirs(born: str) -> Json:
        inner = {"resourceType": "Patient", "id": "who", "birthDate": born}
        return allergy(f"Của người sinh {born}", subject={"reference": "#who"}, contained=[inner])

    both = entries(patient("051170004471"), theirs("1970-02-03"), theirs("1999-09-09"))
    reported = await load(records, write(tmp_path, "a.json", both))
    assert [one.outcome for one in reported if one.problems] == ["refused"]
    (patient_id,) = await everybody(records)
    book = book_view(await records.book.fetch(patient_id), NOW, source="A book", zone=ZONE)
    assert [line.text for line in book.red_line.items] == ["Của người sinh 1970-02-03"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_history_shows_what_holds_now(records: Records, tmp_path: Path, at_once: bool) -> None:
    """It has the newest version first, and every version is kept."""
    void = {"coding": [{"code": "entered-in-error"}]}
    new = allergy("Penicillin", id="a", meta={"lastUpdated": "2024-01-02T00:00:00Z"}, verificationStatus=void)
    old = allergy("Penicillin", id="a", meta={"lastUpdated": "2023-01-02T00:00:00Z"})
    person = patient("051170004471")
    history = [entries(person, new, old)] if at_once else [entries(person, new), entries(person, old)]
    for number, bundle in enumerate(history):
        await load(records, write(tmp_path, f"{number}.json", bundle | {"type": "history"}))
    (patient_id,) = await everybody(records)
    for whole in (True, False):
        book = book_view(await records.book.fetch(patient_id, whole=whole), NOW, source="A book", zone=ZONE)
        assert book.red_line.items == ()
    async with records.database.reading() as tx:
        log = await records.book._log(tx, patient_id)
    assert str([unpacked(row) for row in log]).count("'text': 'Penicillin'") == 2


_MEDICATION: Json = {"resourceType": "Medication", "id": "m1", "code": {"text": "Warfarin 5 mg"}}
_UNUSED: Json = {"resourceType": "Organization", "id": "o9", "name": "Không ai gọi tên"}
_STAFF: list[Json] = [
    {"resourceType": "PractitionerRole", "id": "r1", "organization": {"reference": "Organization/o1"}},
    {"resourceType": "Organization", "id": "o1", "name": "TTYT Sông Trà"},
]


def _prescribed(person: str) -> Json:
    reference = {
        "medicationReference": {"reference": "Medication/m1"},
        "requester": {"reference": "PractitionerRole/r1"},
    }
    made: Json = {"resourceType": "MedicationRequest", "id": f"d-{person}", "status": "active", "intent": "order"}
    return made | reference | {"subject": {"reference": f"Patient/{person}"}}


@pytest.mark.parametrize("is_bulk", [True, False])
async def test_what_several_people_share_comes_to_each_of_them(records: Records, tmp_path: Path, is_bulk: bool) -> None:
    """A drug that is known by reference alone has its name, though the Medication is about nobody."""
    people = [patient("051170004471", id="1"), patient("051170004472", id="2", name="Lê Văn Hai", born="1980-01-01")]
    drugs = [_prescribed("1"), _prescribed("2")]
    if is_bulk:
        files = {"Patient": people, "MedicationRequest": drugs, "Medication": [_MEDICATION], "Staff": []}
        files |= {"PractitionerRole": _STAFF[:1], "Organization": [*_STAFF[1:], _UNUSED]}
        for name, resources in files.items():
            write(tmp_path, f"{name}.ndjson", "\n".join(json.dumps(one) for one in resources))
    else:
        write(tmp_path, "search.json", entries(_MEDICATION, _UNUSED, *_STAFF, *drugs, *people))
    reported = await load(records, tmp_path, facility="51001")
    assert totals(reported) == Counter(accepted=7, refused=1)
    assert [(one.resource_type, one.problems) for one in reported if one.problems] == [
        ("Organization", ("no_patient",))
    ]
    for patient_id in await everybody(records):
        for whole in (False, True):
            book = book_view(await records.book.fetch(patient_id, whole=whole), NOW, source="A book", zone=ZONE)
            assert [one.text for one in book.drugs.items] == ["Warfarin 5 mg"]
            assert [one.origin.facility for one in book.drugs.items] == ["TTYT Sông Trà"]
            assert RedLineKind.ANTICOAGULANT in {one.kind for one in book.red_line.items}


async def test_what_is_wrong_is_told_and_the_rest_is_kept(records: Records, tmp_path: Path) -> None:
    deep: Json = {"url": "x"}
    for _ in range(300):
        deep = {"url": "x", "extension": [deep]}
    name = unicodedata.normalize("NFD", "Thuốc hạ áp")
    text = json.dumps(entries(patient("051170004471"), drug(name, extension=[deep], id="d")))
    text = text.replace('"status": "active"', '"status": "active", "status": "active", "n": NaN')
    whose, read = await load(records, write(tmp_path, "a.json", text))
    assert whose.problems == ()
    assert set(read.problems) == {"duplicate_key", "not_a_number", "too_deep"}
    (patient_id,) = await everybody(records)
    book = book_view(await records.book.fetch(patient_id), NOW, source="A book", zone=ZONE)
    assert [one.text for one in book.drugs.items] == ["Thuốc hạ áp"]
    async with records.database.reading() as tx:
        told = {row.code for row in await tx.execute(select(import_problems))}
    assert told == {"duplicate_key", "not_a_number", "too_deep"}
    nobody = write(tmp_path, "n.json", entries(patient(name="", born="1970"), drug("X")))
    assert {one.problems for one in await load(records, nobody)} == {("patient.name_needed",)}


def test_ten_thousand_levels_are_cut_and_the_rest_is_read(tmp_path: Path) -> None:
    nested = '{"url":"x","extension":[' * 10_000 + "]}" * 10_000
    text = '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Flag","extension":[' + nested + "]}},"
    path = write(tmp_path, "deep.json", text + '{"resource":{"resourceType":"Condition"}}]}')
    first, second = read_file(path)
    assert first.problems == ("too_deep",)
    assert (first.resource or {})["resourceType"] == "Flag"
    assert second.resource == {"resourceType": "Condition"}


def test_fifty_megabytes_are_read_as_a_stream(tmp_path: Path) -> None:
    """In a process of its own, which may take far less memory than the file would as one value."""
    one = json.dumps({"resource": drug("Thuốc", note=[{"text": "x" * 2000}], id="d")})
    path = tmp_path / "large.json"
    with path.open("w") as file:
        file.write('{"resourceType":"Bundle","entry":[' + one)
        for _ in range(50_000_000 // len(one)):
            file.write("," + one)
        file.write("]}")
    code = (
        "import resource,sys;from pathlib import Path;from records_panel.bulk_reading import read_file;"
        "status=Path('/proc/self/status').read_text();now=int(status.partition('VmData:')[2].split()[0])*1024;"
        "most=now+20_000_000;resource.setrlimit(resource.RLIMIT_DATA,(most,most));"
        "print(sum(one.resource is not None for one in read_file(Path(sys.argv[1]))))"
    )
    assert int(_python("-c", code, str(path))) > 20_000


def _python(*arguments: str) -> str:
    import subprocess

    root = Path(__file__).parents[2]
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True, cwd=root).stdout


async def test_an_import_that_is_killed_goes_on_where_it_was(records: Records, tmp_path: Path) -> None:
    """A transaction that never commits leaves the file where it was; the next run does the rest, and nothing twice."""
    large = [drug(f"Thuốc {n}", id=f"d{n}") for n in range(1000)]
    path = write(tmp_path, "large.json", entries(patient("051170004471"), *large))
    job = BookImport(records.database, records.sealer, records.book, records.audit)
    seen = []
    async for reported in job.run([path]):
        seen.append(reported)
        if len(seen) == 250:
            break
    async with records.database.reading() as tx:
        (done,) = [row.done for row in await tx.execute(select(imports))]
    assert done == 400
    rest = await load(records, path)
    assert totals(rest) == Counter(accepted=601)
    (patient_id,) = await everybody(records)
    book = book_view(await records.book.fetch(patient_id, whole=True), NOW, source="A book", zone=ZONE)
    assert len(book.drugs.items) == 1000
    assert await load(records, path) == []


@pytest.mark.parametrize("after_s", [pytest.param(0.6, marks=pytest.mark.chaos), 1.2])
async def test_the_command_survives_a_kill(tmp_path: Path, after_s: float) -> None:
    """The real command with the real signal, twice at different moments, and then to its end."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(40):
        resources = [drug(f"Thuốc {n}", id=f"d{n}") for n in range(20)]
        write(folder, f"{number}.json", entries(patient(f"0511700{number:05d}", name=f"Người {number}"), *resources))
    environment = os.environ | {"HOICHAN_VAR": str(tmp_path / "var")}
    command = (sys.executable, "-m", "hoichan", "book", "import", str(folder))
    started = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
    await asyncio.wait([asyncio.create_task(started.wait())], timeout=after_s)
    if started.returncode is None:
        started.send_signal(signal.SIGKILL)
    await started.wait()
    again = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    await again.communicate()
    assert again.returncode == 0
    export = (sys.executable, "-m", "hoichan", "book", "status")
    status = await asyncio.create_subprocess_exec(*export, env=environment, stdout=asyncio.subprocess.PIPE)
    output, _ = await status.communicate()
    assert b"40 books" in output
    assert b"40 rows" in output
