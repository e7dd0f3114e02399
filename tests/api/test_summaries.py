"""The patient summary for a hospital's system: the panel's own decision and audit, and nothing before them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foundation.audit import Audit
from foundation.errors import Unavailable
from foundation.ids import ConsultId
from records_panel.embedded_book import EmbeddedBook
from tests.api.conftest import CCCD, Hospital, System
from tests.consult_rooms.conftest import STROKE_HOSPITAL
from tests.records_panel.samples import allergy, drug, restricted


@pytest.fixture
async def consult(hospital: Hospital, clinic: System) -> ConsultId:
    """A request that still rings; the book holds an open and a restricted entry."""
    book = EmbeddedBook(hospital.services.database, hospital.world.store.sealer)
    resources = [allergy("Penicillin", "high"), restricted(drug("Thuốc kháng HIV"))]
    async with hospital.services.database.transaction() as tx:
        await book.append(tx, hospital.patient_id, resources, author="stf_1", facility_code="51001")
    asked = await clinic.post("/requests", hospital.new_request(), key="k")
    return ConsultId(asked.body["id"])


async def test_the_one_who_took_the_case_gets_the_document(hospital: Hospital, consult: ConsultId) -> None:
    path = f"/consults/{consult}/$summary"
    far = await hospital.system(STROKE_HOSPITAL)
    early = await far.post(path, {"reader_user_name": "ha"})
    assert (early.status, early.code) in {(403, "book.not_yet"), (403, "book.denied")}
    assert not await hospital.audited("book.consents")
    await hospital.world.answers.accept(hospital.world["ha"], consult)
    given = await far.post(path, {"reader_user_name": "ha"})
    assert given.status == 200
    assert given.headers["Content-Type"].startswith("application/fhir+json")
    composition = given.body["entry"][0]["resource"]
    assert (given.body["type"], composition["resourceType"]) == ("document", "Composition")
    assert "Penicillin" in given.text
    assert "HIV" not in given.text
    read = [entry for entry in await hospital.audited("book.read") if entry.outcome == "success"]
    assert [(entry.actor, entry.patient_id) for entry in read] == [(hospital.world["ha"].id, hospital.patient_id)]
    called = (await hospital.audited("api.patient_summary"))[-1]
    assert (called.outcome, called.patient_id, called.consult_id) == ("success", hospital.patient_id, consult)
    assert not [call for call in hospital.calls if CCCD in call]
    # Whoever was only rung, who works elsewhere and who is nobody there.
    assert (await far.post(path, {"reader_user_name": "lan"})).code == "staff.unknown"
    stranger = await far.post(path, {"reader_user_name": "chief"})
    assert (stranger.status, stranger.code) == (404, "consult.unknown")


async def test_nothing_leaves_without_its_entry(
    hospital: Hospital, consult: ConsultId, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hospital.world.answers.accept(hospital.world["ha"], consult)
    far = await hospital.system(STROKE_HOSPITAL)
    fetched: list[Any] = []
    whole = EmbeddedBook.fetch

    async def fetch(self: EmbeddedBook, *args: Any, **named: Any) -> Any:
        fetched.append(args)
        return await whole(self, *args, **named)

    async def full(*_: Any) -> None:
        raise Unavailable("database.unavailable", "The database cannot be reached or written now.")

    monkeypatch.setattr(EmbeddedBook, "fetch", fetch)
    monkeypatch.setattr(Audit, "commit", full)
    refused = await far.post(f"/consults/{consult}/$summary", {"reader_user_name": "ha"})
    assert (refused.status, refused.code) == (503, "database.unavailable")
    assert fetched == []
    assert "Penicillin" not in json.dumps(refused.body)
