"""A FHIR server as a source, against a real one on loopback that does what servers do, wrong things included."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from joserfc.jwk import ECKey, RSAKey

from foundation.errors import NotFound
from foundation.ids import PatientId
from records_panel.answers import answers_of
from records_panel.etags import Etags
from records_panel.fhir_client import FhirBook
from records_panel.links import Links
from records_panel.provenance import Gap, Reason
from records_panel.source_errors import SourceFailed
from tests.records_panel.conftest import LANH, Records
from tests.records_panel.hospital import (
    BHYT,
    MOH,
    Hospital,
    bundle,
    connected,
    in_turn,
    never,
    of,
    person,
    running,
    saying,
)
from tests.records_panel.samples import allergy, drug, value

PENICILLIN = of(allergy("Penicillin", "high"))
METFORMIN = of(drug("Metformin", dose="500 mg"))
SODIUM = of(value("Natri", "2951-2", 138))


@pytest.fixture
async def records(sqlite_database: Any, clock: Any, sealer: Any) -> Records:
    return Records(sqlite_database, clock, sealer)


@pytest.fixture
def links(records: Records) -> Links:
    return Links(records.database, records.sealer)


@pytest.fixture
async def hospital() -> AsyncIterator[Hospital]:
    async with running(Hospital([person(), PENICILLIN, METFORMIN, SODIUM])) as started:
        yield started


@pytest.fixture
async def patient(records: Records) -> PatientId:
    return (await records.add(LANH))[0]


@pytest.fixture
async def book(hospital: Hospital, links: Links, records: Records) -> AsyncIterator[FhirBook]:
    async with connected(hospital.base, links, records.clock) as opened:
        yield opened


def kinds(bundle_: dict[str, Any]) -> list[str]:
    return sorted({entry["resource"]["resourceType"] for entry in bundle_["entry"]} - {"Patient", "OperationOutcome"})


def gaps(bundle_: dict[str, Any]) -> tuple[Gap, ...]:
    [answer] = answers_of(bundle_)
    return answer.gaps


async def reason_of(book: FhirBook, patient: PatientId) -> Reason:
    with pytest.raises(SourceFailed) as failed:
        await book.fetch(patient)
    assert failed.value.code == "book.unavailable"
    assert LANH.cccd is not None
    assert LANH.cccd not in repr(failed.value)
    return failed.value.reason


async def test_a_patient_is_found_by_number_and_the_number_stands_in_no_address(
    book: FhirBook, hospital: Hospital, patient: PatientId
) -> None:
    found = await book.fetch(patient)
    assert kinds(found) == ["AllergyIntolerance", "MedicationStatement", "Observation"]
    assert gaps(found) == ()
    assert [answer.name for answer in answers_of(found)] == ["BV Sông Trà"]
    [(_, path, form, _)] = [asked for asked in hospital.asked if asked[0] == "POST"]
    assert path == "/fhir/Patient/_search"
    assert set(form["identifier"].split(",")) == {
        "http://fhir.hl7.org.vn/core/sid/cccd|051058004471",
        "http://fhir.ehealth.gov.vn/core/sid/national_id|051058004471",
        "http://fhir.hl7.org.vn/core/sid/bhyt|HT3515158004477",
        "http://fhir.hl7.org.vn/core/sid/bhyt|5158004477",
        "http://fhir.hl7.org.vn/core/sid/bhyt|051058004471",
    }
    for number in ("051058004471", "5158004477"):
        assert not any(number in asked for asked in hospital.paths())


@pytest.mark.parametrize(
    ("system", "number"),
    [(MOH, "051058004471"), (BHYT, "5158004477"), (BHYT, "HT3515158004477"), (BHYT, "051058004471")],
)
async def test_both_namespaces_and_every_form_of_a_number_find_the_patient(
    book: FhirBook, hospital: Hospital, patient: PatientId, system: str, number: str
) -> None:
    hospital.resources[0] = person(system=system, number=number)
    assert "AllergyIntolerance" in kinds(await book.fetch(patient))


async def test_other_systems_for_a_number_are_a_setting(
    hospital: Hospital, links: Links, records: Records, patient: PatientId
) -> None:
    hospital.resources[0] = person(system="urn:his:so-dinh-danh")
    async with connected(hospital.base, links, records.clock) as book:
        with pytest.raises(NotFound):
            await book.fetch(patient)
    async with connected(hospital.base, links, records.clock, cccd_systems=["urn:his:so-dinh-danh"]) as book:
        assert "AllergyIntolerance" in kinds(await book.fetch(patient))


async def test_whom_nobody_knows_there_or_here(book: FhirBook, hospital: Hospital, patient: PatientId) -> None:
    hospital.resources.clear()
    with pytest.raises(NotFound):
        await book.fetch(patient)
    with pytest.raises(NotFound):
        await book.fetch(PatientId("pat_" + "0" * 32))


@pytest.mark.parametrize(
    ("people", "reason"),
    [
        ([person("p1"), person("p2")], Reason.AMBIGUOUS),
        ([person("p1"), person("p2", system=BHYT, number="5158004477")], Reason.AMBIGUOUS),
        ([person(name=[{"text": "Trần Thị Hoa"}], birthDate="1970-01-01")], Reason.DISAGREES),
        ([person(name=[], birthDate=None)], Reason.DISAGREES),
        ([person(name=[{"text": "Trần Thị Hoa"}], birthDate="1958")], Reason.DISAGREES),
    ],
)
async def test_in_doubt_it_is_nobody(
    book: FhirBook, hospital: Hospital, patient: PatientId, people: list[Any], reason: Reason
) -> None:
    hospital.resources[:1] = people
    assert await reason_of(book, patient) is reason
    assert not any("Observation" in path for path in hospital.paths())


@pytest.mark.parametrize(
    "people",
    [
        [person("p2", active=False), person()],
        [person("p2", link=[{"type": "replaced-by", "other": {"reference": "Patient/p1"}}]), person()],
        [person(name=[{"text": "nguyen van lanh"}], birthDate="1959-01-01")],
        [person(name=[{"text": "Khác"}])],
    ],
)
async def test_a_second_identifier_is_enough_and_who_was_replaced_is_no_second_person(
    book: FhirBook, hospital: Hospital, patient: PatientId, people: list[Any]
) -> None:
    hospital.resources[:1] = people
    assert "AllergyIntolerance" in kinds(await book.fetch(patient))


async def test_a_server_that_ignores_parameters_gives_nobody_elses_entries(
    book: FhirBook, hospital: Hospital, patient: PatientId
) -> None:
    others = [of(allergy("Latex"), "p9"), PENICILLIN, allergy("Không rõ của ai")]
    hospital.faults["AllergyIntolerance"] = saying(200, json.dumps(bundle(others)))
    found = await book.fetch(patient)
    told = [entry["resource"]["code"]["text"] for entry in found["entry"] if "code" in entry["resource"]]
    assert "Latex" not in told
    assert "Không rõ của ai" not in told
    assert "Penicillin" in told
    assert gaps(found) == (Gap("AllergyIntolerance", Reason.WRONG_PATIENT),)
    everybody = bundle([person("p7", number="079199000001"), person("p8", number="079199000002")])
    hospital.faults["Patient"] = saying(200, json.dumps(everybody))
    hospital.resources.clear()
    with pytest.raises(NotFound):
        await book.fetch(patient)


async def test_all_pages_are_read(hospital: Hospital, links: Links, records: Records, patient: PatientId) -> None:
    hospital.resources += [of(value("Kali", "2823-3", n, day=f"2026-01-{n + 1:02}")) for n in range(20)]
    hospital.page_size = 7
    async with connected(hospital.base, links, records.clock) as book:
        found = await book.fetch(patient)
        assert sum(entry["resource"]["resourceType"] == "Observation" for entry in found["entry"]) == 21
        assert gaps(found) == ()
    async with connected(hospital.base, links, records.clock, most_pages=2) as book:
        found = await book.fetch(patient)
        assert sum(entry["resource"]["resourceType"] == "Observation" for entry in found["entry"]) == 14
        assert gaps(found) == (Gap("Observation", Reason.TOO_MUCH),)


@pytest.mark.parametrize(
    ("following", "reason"),
    [
        ("{base}/Observation?page=2", Reason.MALFORMED),  # the second page leads to itself
        ("http://127.0.0.1:1/fhir/Observation?page=2", Reason.MALFORMED),
        ("https://evil.example/Observation", Reason.MALFORMED),
        ("//evil.example/x", Reason.MALFORMED),
        ("http://[broken", Reason.MALFORMED),
    ],
)
async def test_paging_goes_round_in_no_circle_and_nowhere_else(
    book: FhirBook, hospital: Hospital, patient: PatientId, following: str, reason: Reason
) -> None:
    link = [{"relation": "next", "url": following.format(base=hospital.base)}]
    hospital.faults["Observation"] = saying(200, json.dumps(bundle([SODIUM], link=link)))
    found = await book.fetch(patient)
    assert "Observation" in kinds(found)
    assert gaps(found) == (Gap("Observation", reason),)
    assert sum("Observation" in path for path in hospital.paths()) <= 2


async def test_an_answer_that_is_cut_without_a_next_page_is_told_by_its_total(
    book: FhirBook, hospital: Hospital, patient: PatientId
) -> None:
    hospital.faults["Observation"] = saying(200, json.dumps(bundle([SODIUM], total=50)))
    assert gaps(await book.fetch(patient)) == (Gap("Observation", Reason.TOO_MUCH),)


HUGE = json.dumps(bundle([SODIUM | {"note": [{"text": "x" * 9_000_000}]}]))


@pytest.mark.parametrize(
    ("fault", "reason", "asked"),
    [
        (saying(500), Reason.FAILING, 3),
        (saying(501), Reason.FAILING, 1),
        (saying(503), Reason.FAILING, 3),
        (saying(429), Reason.THROTTLED, 3),
        (saying(429, **{"Retry-After": "1"}), Reason.THROTTLED, 3),
        (saying(429, **{"Retry-After": "600"}), Reason.THROTTLED, 1),
        (saying(503, **{"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), Reason.FAILING, 1),
        (saying(403), Reason.REFUSED, 1),
        (saying(404), Reason.MALFORMED, 1),
        (saying(200, '{"resourceType": "Bundle", "entry": [{"reso'), Reason.MALFORMED, 1),
        (saying(200, "[" * 100_000), Reason.MALFORMED, 1),
        (saying(200, ""), Reason.MALFORMED, 1),
        (saying(200, "<html>Mời đăng nhập</html>", "text/html"), Reason.MALFORMED, 1),
        (saying(200, json.dumps(bundle([SODIUM])), "text/html"), Reason.MALFORMED, 1),
        (saying(200, json.dumps(SODIUM)), Reason.MALFORMED, 1),
        (saying(200, '{"resourceType": "OperationOutcome"}'), Reason.MALFORMED, 1),
        (saying(302, Location="https://elsewhere.example/"), Reason.MALFORMED, 1),
        (saying(302, Location="http://127.0.0.1:1/"), Reason.MALFORMED, 1),
        (saying(200, HUGE), Reason.TOO_MUCH, 1),
        (never, Reason.TIMEOUT, 1),
    ],
)
async def test_what_fails_is_said_and_the_rest_is_shown(
    hospital: Hospital, links: Links, records: Records, patient: PatientId, fault: Any, reason: Reason, asked: int
) -> None:
    hospital.faults["Observation"] = fault
    slept: list[float] = []
    deadline = 1.0 if fault is never else 30.0
    async with connected(hospital.base, links, records.clock, slept=slept, deadline_s=deadline) as book:
        found = await book.fetch(patient)
    assert kinds(found) == ["AllergyIntolerance", "MedicationStatement"]
    assert gaps(found) == (Gap("Observation", reason),)
    assert sum("Observation" in path for path in hospital.paths()) == asked
    assert len(slept) == asked - 1
    assert all(0.1 <= seconds <= 4 for seconds in slept)


async def test_a_wish_to_wait_is_respected_and_a_failure_that_passes_is_not_told(
    hospital: Hospital, links: Links, records: Records, patient: PatientId
) -> None:
    slept: list[float] = []
    hospital.faults["Observation"] = in_turn(
        saying(429, **{"Retry-After": "2"}), saying(502), saying(200, json.dumps(bundle([SODIUM])))
    )
    async with connected(hospital.base, links, records.clock, slept=slept) as book:
        found = await book.fetch(patient)
    assert "Observation" in kinds(found)
    assert gaps(found) == ()
    assert slept[0] >= 2
    assert slept[1] < 2


async def test_a_connection_that_breaks_is_made_again(book: FhirBook, hospital: Hospital, patient: PatientId) -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    hospital.faults["Observation"] = in_turn(broken, saying(200, json.dumps(bundle([SODIUM]))))
    assert gaps(await book.fetch(patient)) == ()


async def test_a_server_that_is_away_or_slow_is_unavailable(
    hospital: Hospital, links: Links, records: Records, patient: PatientId
) -> None:
    hospital.faults["Patient"] = never
    async with connected(hospital.base, links, records.clock, deadline_s=0.3) as book:
        assert await reason_of(book, patient) is Reason.TIMEOUT
    async with connected("http://127.0.0.1:1/fhir", links, records.clock) as book:
        assert await reason_of(book, patient) is Reason.UNREACHABLE
    async with connected("https://127.0.0.1:1/fhir", links, records.clock) as book:
        assert await reason_of(book, patient) is Reason.UNREACHABLE


async def test_a_server_that_goes_on_failing_is_left_alone_and_tried_again(
    hospital: Hospital, links: Links, records: Records, patient: PatientId
) -> None:
    hospital.faults["Patient"] = saying(500)
    async with connected(hospital.base, links, records.clock) as book:
        assert await reason_of(book, patient) is Reason.FAILING
        assert await reason_of(book, patient) is Reason.RESTING
        before = len(hospital.asked)
        assert await reason_of(book, patient) is Reason.RESTING
        assert len(hospital.asked) == before
        del hospital.faults["Patient"]
        records.clock.advance(31)
        assert gaps(await book.fetch(patient)) == ()


async def test_a_summary_is_taken_where_there_is_one(
    hospital: Hospital, links: Links, records: Records, patient: PatientId
) -> None:
    composition = {"resourceType": "Composition", "id": "c", "subject": {"reference": "urn:uuid:1"}, "section": []}
    entries = [
        {"fullUrl": "urn:uuid:0", "resource": composition},
        {"fullUrl": "urn:uuid:1", "resource": person("other-id")},
        {"fullUrl": "urn:uuid:2", "resource": allergy("Penicillin") | {"patient": {"reference": "urn:uuid:1"}}},
        {"fullUrl": "urn:uuid:3", "resource": allergy("Latex") | {"patient": {"reference": "Patient/p9"}}},
    ]
    hospital.summary = {"resourceType": "Bundle", "type": "document", "entry": entries}
    async with connected(hospital.base, links, records.clock) as book:
        found = await book.fetch(patient)
        assert kinds(found) == ["AllergyIntolerance", "Composition"]
        assert gaps(found) == (Gap("AllergyIntolerance", Reason.WRONG_PATIENT),)
        assert "/fhir/Patient/p1/$summary" in hospital.paths()
        assert "Observation" in kinds(await book.fetch(patient, whole=True))
    async with connected(hospital.base, links, records.clock, summary="no") as book:
        assert "Observation" in kinds(await book.fetch(patient))
    hospital.faults["$summary"] = saying(404)
    async with connected(hospital.base, links, records.clock, summary="yes") as book:
        assert "Observation" in kinds(await book.fetch(patient))


async def test_consents_are_looked_for_beside_a_summary(
    hospital: Hospital, links: Links, records: Records, patient: PatientId
) -> None:
    own, denial = ({"resourceType": "Consent", "id": id_, "patient": {"reference": "Patient/p1"}} for id_ in "ab")
    hospital.resources += [own, denial]
    hospital.summary = bundle([]) | {"entry": [{"resource": one} for one in (person(), PENICILLIN, own)]}
    async with connected(hospital.base, links, records.clock, summary="yes") as book:
        entries = [entry["resource"] for entry in (await book.fetch(patient))["entry"]]
    assert sorted(one["id"] for one in entries if one["resourceType"] == "Consent") == ["a", "b"]
    assert "Observation" not in {one["resourceType"] for one in entries}


async def test_a_summary_of_somebody_else_is_not_taken(
    hospital: Hospital, links: Links, records: Records, patient: PatientId
) -> None:
    stranger = person("p1", number="079199000001")
    hospital.summary = {"resourceType": "Bundle", "type": "document", "entry": [{"resource": stranger}]}
    async with connected(hospital.base, links, records.clock) as book:
        assert await reason_of(book, patient) is Reason.WRONG_PATIENT


async def test_a_server_that_says_nothing_of_itself_is_asked_for_everything(
    book: FhirBook, hospital: Hospital, patient: PatientId
) -> None:
    hospital.faults["metadata"] = saying(404)
    assert gaps(await book.fetch(patient, whole=True)) == ()
    assert any("FamilyMemberHistory" in path for path in hospital.paths())


async def test_names_that_stand_behind_references_are_fetched(
    book: FhirBook, hospital: Hospital, patient: PatientId
) -> None:
    named = of(drug("")) | {"medicationReference": {"reference": "Medication/m1"}}
    del named["medicationCodeableConcept"]
    hospital.resources += [named, {"resourceType": "Medication", "id": "m1", "code": {"text": "Warfarin"}}]
    found = await book.fetch(patient)
    assert "Medication" in kinds(found)
    hospital.faults["Medication"] = saying(404)
    assert gaps(await book.fetch(patient)) == (Gap("MedicationStatement", Reason.MALFORMED),)


async def test_a_link_is_sealed_used_proven_and_given_up(
    book: FhirBook, hospital: Hospital, records: Records, links: Links, patient: PatientId
) -> None:
    await book.fetch(patient)
    assert (await links.read(patient, "songtra"))[1] == "p1"
    hospital.asked.clear()
    await book.fetch(patient)
    assert hospital.paths(method="POST") == []
    hospital.resources[0] = person("p1", number="079199000001")  # the id is somebody else's now
    with pytest.raises(NotFound):
        await book.fetch(patient)
    assert (await links.read(patient, "songtra"))[1] is None
    hospital.resources[0] = person()
    await book.fetch(patient)
    records.clock.advance(25 * 3600)
    hospital.asked.clear()
    await book.fetch(patient)
    assert hospital.paths(method="POST") == ["/fhir/Patient/_search"]


async def test_an_id_that_is_the_number_stands_in_no_address_either(
    book: FhirBook, hospital: Hospital, patient: PatientId
) -> None:
    number = str(LANH.cccd)
    hospital.resources[:] = [person(number), of(allergy("Penicillin"), number)]
    for _ in range(2):
        assert kinds(await book.fetch(patient)) == ["AllergyIntolerance"]
    assert not any(number in path for path in hospital.paths())


async def test_what_has_not_changed_is_not_sent_again(
    hospital: Hospital, links: Links, records: Records, patient: PatientId
) -> None:
    hospital.etags = True
    etags = Etags(records.clock)
    async with connected(hospital.base, links, records.clock, etags=etags) as book:
        first = await book.fetch(patient)
        await book.fetch(patient)  # by the link now, whose address is new
        hospital.asked.clear()
        again = await book.fetch(patient)
        assert all("If-None-Match" in headers for verb, path, _, headers in hospital.asked if "metadata" not in path)
        assert kinds(again) == kinds(first)
        hospital.resources.append(of(allergy("Latex")))
        assert len((await book.fetch(patient))["entry"]) == len(first["entry"]) + 1
        records.clock.advance(31 * 60)
        etags.sweep()
        assert len(etags) == 0


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
@pytest.mark.parametrize("form", ["pem", "jwk", "set"])
async def test_a_token_is_asked_for_with_a_signed_assertion_and_kept(
    hospital: Hospital, links: Links, records: Records, patient: PatientId, tmp_path: Path, algorithm: str, form: str
) -> None:
    made: ECKey | RSAKey
    made = (
        ECKey.generate_key("P-384", {"kid": "k1"}) if algorithm == "ES384" else RSAKey.generate_key(2048, {"kid": "k1"})
    )
    file = tmp_path / "key"
    one = made.as_dict(private=True)
    text = (
        made.as_pem(private=True).decode() if form == "pem" else json.dumps(one if form == "jwk" else {"keys": [one]})
    )
    file.write_text(text)
    hospital.key = made
    auth = {"client_id": "hoichan", "key_file": str(file), "algorithm": algorithm}
    async with connected(hospital.base, links, records.clock, auth=auth) as book:
        assert gaps(await book.fetch(patient)) == ()
        await book.fetch(patient)
        assert len(hospital.tokens) == 1
        records.clock.advance(280)  # shortly before its 300 s are over
        await book.fetch(patient)
        assert len(hospital.tokens) == 2
        hospital.tokens.clear()  # the server has forgotten it
        assert gaps(await book.fetch(patient)) == ()
        assert len(hospital.tokens) == 1


async def test_a_server_that_gives_no_token_does_not_let_us_in(
    hospital: Hospital, links: Links, records: Records, patient: PatientId, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(ECKey.generate_key("P-384").as_pem(private=True))
    hospital.key = ECKey.generate_key("P-384")
    auth = {"client_id": "hoichan", "key_file": str(file)}
    for answer, reason in (
        (saying(400, '{"error": "invalid_client"}', "application/json"), Reason.REFUSED),
        (saying(200, "{}", "application/json"), Reason.MALFORMED),
        (saying(200, '{"access_token": "a\\nb", "token_type": "bearer"}', "application/json"), Reason.MALFORMED),
        (saying(307, Location="https://elsewhere.example/token"), Reason.MALFORMED),
    ):
        hospital.faults["token"] = answer
        async with connected(hospital.base, links, records.clock, auth=auth) as book:
            assert await reason_of(book, patient) is reason
    assert not any("Patient" in path for path in hospital.paths())


@pytest.mark.parametrize("content", ["", "no key", '{"kty": "EC"}', '{"keys": []}', "public"])
async def test_a_key_file_without_a_private_key_is_told_without_its_content(
    links: Links, records: Records, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "songtra.key"
    file.write_text(ECKey.generate_key("P-384").as_pem(private=False).decode() if content == "public" else content)
    with pytest.raises(ValueError, match=r"songtra\.key holds no private key for ES384"):
        async with connected("https://a.example", links, records.clock, auth={"client_id": "h", "key_file": str(file)}):
            pass


async def test_whoever_has_no_number_is_not_looked_for(book: FhirBook, hospital: Hospital, records: Records) -> None:
    [nameless] = await records.add(replace(LANH, cccd=None, bhyt=None))
    with pytest.raises(NotFound):
        await book.fetch(nameless)
    assert hospital.paths(method="POST") == []


async def test_all_searches_failing_for_one_reason_is_the_source_failing(
    book: FhirBook, hospital: Hospital, patient: PatientId
) -> None:
    for kind in ("AllergyIntolerance", "MedicationStatement", "Observation"):
        hospital.faults[kind] = saying(403)
    assert await reason_of(book, patient) is Reason.REFUSED
