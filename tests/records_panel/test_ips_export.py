"""The summary that leaves: a document of IPS 2.0.0 that says what the book says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from foundation.ids import PatientId
from records_panel.fhir_mapping import book_view
from records_panel.ips_export import ips_document
from records_panel.tables import patients
from tests.records_panel.conftest import LANH, ZONE, Records
from tests.records_panel.npm_samples import sample_files
from tests.records_panel.samples import NOW, allergy, restricted
from tests.records_panel.test_book_import import load

BUNDLES = [path for path in sample_files() if json.loads(path.read_text("utf-8")).get("type") == "document"]


def references(node: Any) -> list[str]:
    """Every reference in a JSON tree."""
    if isinstance(node, dict):
        own = [node["reference"]] if isinstance(node.get("reference"), str) else []
        return own + [found for item in node.values() for found in references(item)]
    return [found for item in node for found in references(item)] if isinstance(node, list) else []


@pytest.mark.parametrize("path", BUNDLES, ids=[path.stem for path in BUNDLES])
async def test_a_book_that_came_as_a_summary_leaves_as_one(records: Records, path: Path) -> None:
    await load(records, path)
    async with records.database.reading() as tx:
        patient_id = PatientId((await tx.execute(select(patients.c.id))).scalar_one())
    made = ips_document(await records.book.fetch(patient_id, whole=True), NOW)
    kinds = [entry["resource"]["resourceType"] for entry in made["entry"]]
    assert (made["type"], kinds[0], kinds[1]) == ("document", "Composition", "Patient")
    assert kinds.count("Composition") == kinds.count("Patient") == 1
    sections = made["entry"][0]["resource"]["section"]
    found = {section["code"]["coding"][0]["code"] for section in sections}
    assert found >= {"11450-4", "48765-2", "10160-0"}
    assert all(
        section["text"]["div"] and ("entry" in section or "emptyReason" in section or section["text"])
        for section in sections
    )
    urls = {entry["fullUrl"] for entry in made["entry"]}
    assert len(urls) == len(made["entry"])
    assert {name for name in references(made["entry"][0]) if not name.startswith("#")} <= urls
    before = book_view(json.loads(path.read_bytes()), NOW, source="A book", zone=ZONE)  # noqa: ASYNC240 - a small file of a test
    after = book_view(made, NOW, source="A book", zone=ZONE)
    for name in ("red_line", "problems", "past_problems", "drugs", "vaccines", "procedures", "functional", "plans"):
        texts = {item.text for item in getattr(before, name).items}
        assert {item.text for item in getattr(after, name).items} >= texts, name
    for name in ("red_line", "problems", "drugs"):
        kinds_before = {absence.kind for absence in getattr(before, name).absences}
        assert {absence.kind for absence in getattr(after, name).absences} == kinds_before, name


async def test_what_is_restricted_does_not_leave(records: Records) -> None:
    (patient_id,) = await records.add(LANH, resources=[restricted(allergy("BÍ MẬT")), allergy("Tôm")])
    made = json.dumps(ips_document(await records.book.fetch(patient_id, whole=True), NOW), ensure_ascii=False)
    assert "Tôm" in made
    assert "BÍ MẬT" not in made
