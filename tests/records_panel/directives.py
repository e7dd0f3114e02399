"""Invented FHIR R4 Consents, for the tests of who may read."""

from __future__ import annotations

from typing import Any

FACILITY = "http://fhir.hl7.org.vn/core/sid/ma-cskcb"


def consent(
    kind: str | None,
    *,
    status: str = "active",
    scope: str = "patient-privacy",
    category: str = "59284-0",
    policy: str = "",
    facility: str = "",
    actor: str = "",
    purpose: list[str] | None = None,
    label: str = "",
    types: list[str] | None = None,
    **provision: Any,
) -> dict[str, Any]:
    """A Consent whose provision has this type, for this facility's code."""
    if kind:
        provision["type"] = kind
    if facility or actor:
        reference = {"reference": actor} if actor else {"identifier": {"system": FACILITY, "value": facility}}
        provision["actor"] = [{"role": {"coding": [{"code": "IRCP"}]}, "reference": reference}]
    if purpose:
        provision["purpose"] = [{"code": code} for code in purpose]
    if label:
        provision["securityLabel"] = [{"code": label}]
    if types:
        provision["class"] = [{"code": one} for one in types]
    made: dict[str, Any] = {
        "resourceType": "Consent",
        "id": "consent",
        "status": status,
        "scope": {"coding": [{"code": scope}]},
        "category": [{"coding": [{"code": category}]}],
        "provision": provision,
    }
    return made | ({"policyRule": {"coding": [{"code": policy}]}} if policy else {})


DENY = consent("deny")
DENY_EMERGENCY = consent("deny", purpose=["TREAT", "BTG"])
DENY_LABORATORY = consent("deny", types=["DiagnosticReport"])
PERMIT_HUB = consent("permit", facility="51001", period={"end": "2026-12-31"})
