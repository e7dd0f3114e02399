"""A FHIR R4 bundle as the panel's view. Pure and tolerant: whatever is missing or odd leaves a silence, never an error.

Works from types and codes, with or without an IPS Composition (IPS 2.0.0), so that a sparse export reads as well as
a document. Restricted resources are dropped first and only counted.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from records_panel import entries, histories, reports
from records_panel.answers import answers_of
from records_panel.document import Document
from records_panel.drugs import drugs
from records_panel.fhir_reading import Json, as_dict, dicts, line, when, word
from records_panel.gaps import with_sources
from records_panel.identifier_systems import SYSTEMS
from records_panel.identifiers import NumberKind, masked
from records_panel.model import Banner, BookView
from records_panel.observations import Measured, measured
from records_panel.red_line import red_line
from records_panel.references import person_name
from records_panel.results import blood_group, measures, results
from records_panel.trends import trends
from records_panel.vital_signs import vital_signs, weight


def book_view(bundle: Json, now: datetime, *, source: str, zone: ZoneInfo) -> BookView:
    """The view of a bundle fetched at `now` (aware). `source` is a message id: the name of the book."""
    document = Document(as_dict(bundle))
    today = now.astimezone(zone).date()
    values = measured(document)
    active, past = entries.problems(document)
    used, stopped, thinning = drugs(document, today)
    implants = entries.devices(document)
    abnormal, everything = results(document, values)
    over_time = trends(values)
    view = BookView(
        banner=_banner(document, values, now, today, source),
        red_line=red_line(document, thinning, implants.items, today),
        past_allergies=histories.past_allergies(document),
        problems=active,
        past_problems=past,
        drugs=used,
        stopped_drugs=stopped,
        vitals=vital_signs(document, values),
        measures=measures(document, values),
        abnormal=abnormal,
        results=everything,
        reports=reports.reports(document),
        visits=reports.visits(document),
        procedures=entries.procedures(document),
        vaccines=entries.vaccines(document),
        devices=implants,
        family=entries.family(document),
        social=histories.social(document),
        pregnancies=histories.pregnancies(document),
        functional=histories.functional(document),
        story=histories.story(document),
        directives=histories.directives(document),
        consents=histories.consents(document),
        documents=entries.documents(document),
        plans=entries.plans(document),
        others=histories.others(document),
        withheld=document.withheld.total(),
        trends=over_time,
        several=over_time.several,
    )
    return with_sources(view, document, answers_of(as_dict(bundle)))


def _banner(document: Document, values: list[Measured], now: datetime, today: date, source: str) -> Banner:
    patient = document.patient
    until, insured = _insurance(document, today)
    kilograms, weighed = weight(values)
    return Banner(
        name=person_name(patient),
        birth_date=when(patient.get("birthDate")),
        sex=line(patient.get("gender"), 10) or None,
        masked_number=_masked_number(patient),
        insurance_until=until,
        insured=insured,
        blood_group=blood_group(values),
        weight=kilograms,
        weight_when=weighed,
        source=source,
        as_of=now,
        is_test=document.is_test,
    )


def _masked_number(patient: Json) -> str | None:
    identifiers = dicts(patient.get("identifier"))
    for system in SYSTEMS[NumberKind.CCCD]:
        for identifier in identifiers:
            if identifier.get("system") == system and (value := line(identifier.get("value"), 40)):
                return masked(value)
    return None


def _insurance(document: Document, today: date) -> tuple[date | None, bool | None]:
    """When the latest insurance ends, and whether it holds today."""
    ends: list[date] = []
    for coverage in document.all("Coverage"):
        end = when(as_dict(coverage.get("period")).get("end"))
        if end is not None and word(coverage.get("status")) in ("active", ""):
            ends.append(end.day)
    latest = max(ends, default=None)
    return latest, None if latest is None else latest >= today
