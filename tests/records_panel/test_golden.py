"""Every section of every summary that others wrote is in the pages of the panel, in a browser's eyes.

The expectation is read from the bundle by this file's own few lines, not by the program's reading of FHIR.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foundation.ids import PatientId
from tests.records_panel.npm_samples import PACKAGES, _unpacked, sample_files
from tests.records_panel.test_fragments import TABS, Clinic, clinic, demo_book, fragment, people, services

__all__ = ["clinic", "people", "services"]

Json = dict[str, Any]
ABSENT = re.compile(r"no-(?:known-\w|\w+-info)|^(?:716186003|160245001|78748[0-3]00[1-4])$")
IPS_SECTIONS = {
    "11450-4", "48765-2", "10160-0", "11369-6", "30954-2", "47519-4", "46264-8", "8716-3",
    "11348-0", "29762-2", "18776-5", "10162-6", "42348-3", "47420-5", "104605-1", "81338-6",
}  # fmt: skip
BUNDLES = [path for path in sample_files() if json.loads(path.read_text("utf-8"))["resourceType"] == "Bundle"]
EMPTY = {
    "nilknown": "known-none",
    "withheld": "withheld",
    "unavailable": "no-information",
    "notasked": "no-information",
}


class SampleBook:
    """A source that has one bundle for everybody."""

    name = "A book"

    def __init__(self, bundle: Json) -> None:
        self.bundle = bundle

    async def fetch(self, patient_id: PatientId, *, whole: bool = False) -> Json:
        return self.bundle


def concept_words(concept: Any) -> list[str]:
    """What a person might call it: the text, else any of the displays or codes."""
    if not isinstance(concept, dict):
        return []
    if concept.get("text"):
        return [concept["text"]]
    return [coding.get("display") or coding.get("code") or "" for coding in concept.get("coding", [])]


def expected(resource: Json, found: dict[str, Json]) -> list[str]:
    """Any one of these has to stand in the panel; empty when nothing can be asked for."""
    for field in ("code", "vaccineCode", "medicationCodeableConcept", "type"):
        if words := concept_words(resource.get(field)):
            return words
    medication = found.get(resource.get("medicationReference", {}).get("reference", ""), {})
    if words := concept_words(medication.get("code")):
        return words
    if "device" in resource:
        device = found.get(resource["device"].get("reference", ""), {})
        return [resource["device"].get("display", ""), *concept_words(device.get("type"))]
    provisions = [resource["provision"]] if isinstance(resource.get("provision"), dict) else []
    wishes = [word for one in provisions for code in one.get("code", []) for word in concept_words(code)]
    return [*wishes, *(word for one in resource.get("category", []) for word in concept_words(one))]


def is_heading(resource: Json) -> bool:
    """A panel of values says nothing but its name; its members stand on their own, vital signs under our names."""
    return resource["resourceType"] == "Observation" and not any(key.startswith("value") for key in resource)


def numbers(resource: Json) -> list[str]:
    parts = [resource, *resource.get("component", [])]
    values = [part["valueQuantity"]["value"] for part in parts if "value" in part.get("valueQuantity", {})]
    return [f"{value:g}".replace(".", ",") for value in values]


def sections(composition: Json) -> Iterator[tuple[str, Json]]:
    for section in composition.get("section", []):
        codes = [coding.get("code") for coding in section.get("code", {}).get("coding", [])]
        yield (codes[0] if codes else ""), section
        yield from sections(section)


def absent(resource: Json) -> bool:
    concept = resource.get("code") or resource.get("medicationCodeableConcept") or resource.get("vaccineCode") or {}
    return any(ABSENT.search(str(coding.get("code"))) for coding in concept.get("coding", []))


def missing(bundle: Json, text: str, kinds: set[str]) -> list[str]:
    """What the bundle's sections hold and the panel's pages do not."""
    found: dict[str, Json] = {}
    for entry in bundle["entry"]:
        resource = entry["resource"]
        found[f"{resource['resourceType']}/{resource.get('id')}"] = resource
        found[entry.get("fullUrl", "")] = resource
    lost = []
    for composition in [one for one in found.values() if one["resourceType"] == "Composition"]:
        for code, section in sections(composition):
            for entry in section.get("entry", []):
                reference = entry["reference"]
                resource = found.get(reference) or found.get("/".join(reference.split("/")[-2:]))
                if resource is None or is_heading(resource) or absent(resource):
                    continue
                if code == "8716-3" and all(number in text for number in numbers(resource)):
                    continue
                words = expected(resource, found)
                blood_group = "882-1" in json.dumps(resource.get("code", {}))
                if words and not blood_group and not any(word and word in text for word in words):
                    lost.append(f"{code} {resource['resourceType']} {words}")
            reasons = [coding["code"] for coding in section.get("emptyReason", {}).get("coding", [])]
            lost += [f"{code} {reason}" for reason in reasons if EMPTY.get(reason) not in kinds]
            if not section.get("entry") and not section.get("emptyReason") and "text" in section:
                words = re.sub(r"<[^>]+>", " ", html.unescape(section["text"]["div"])).split()
                if " ".join(words)[:60] not in text:
                    lost.append(f"{code} narrative")
    return lost


async def pages(clinic: Clinic, consult_id: str) -> tuple[str, set[str]]:
    """The words of all tabs, and the kinds of silences in them."""
    texts = []
    for tab in TABS:
        response, text = await fragment(clinic.specialist, f"/consults/{consult_id}/book?tab={tab}")
        assert response.status == 200
        assert not re.search(r"<script|\son[a-z]+=|javascript:", text)
        texts.append(text)
    whole = " ".join(texts)
    kinds = set(re.findall(r'data-kind="([a-z-]+)"', whole))
    return " ".join(re.sub(r"<[^>]+>", " ", whole).split()), kinds


async def test_every_section_of_every_sample_is_in_the_panel(clinic: Clinic) -> None:
    consult = await clinic.ask_for(*demo_book("stroke"))
    for path in BUNDLES:
        bundle = json.loads(path.read_text("utf-8"))
        clinic.site.services.panel._book = SampleBook(bundle)
        text, kinds = await pages(clinic, consult.id)
        assert missing(bundle, text, kinds) == [], path.stem


def test_the_samples_have_all_sixteen_sections() -> None:
    bundles = [json.loads(path.read_text("utf-8")) for path in BUNDLES]
    compositions = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    seen = {code for one in compositions if one["resourceType"] == "Composition" for code, _ in sections(one)}
    assert seen >= IPS_SECTIONS


@pytest.mark.parametrize("package", PACKAGES)
def test_npm_has_the_same_samples(package: str) -> None:
    """What a clone elsewhere fetches is what lies in the folder here."""
    here = {path.name: path for path in sample_files()}
    for path in _unpacked(package, PACKAGES[package]):
        assert Path(here[path.name]).read_bytes() == path.read_bytes()
