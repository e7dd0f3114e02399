"""Which kinds of restricted entries a resource is: its security labels (FHIR R4 Resource.meta.security), read.

Codes are of HL7 v3 ActCode (ActInformationSensitivityPolicy) and v3-Confidentiality: R restricted, V very restricted.
A kind that nobody here knows of, beside R, counts as `other`: it stays closed without a scope of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from identity.model import Sensitivity
from records_panel.fhir_reading import Json, as_dict, dicts

KINDS: Mapping[str, Sensitivity] = MappingProxyType(
    {
        code: kind
        for kind, codes in {
            Sensitivity.HIV: ("HIV",),
            Sensitivity.PSYCHIATRIC: ("PSY", "PSYTHPN", "MH", "BH", "EMOTDIS", "COGN"),
            Sensitivity.SUBSTANCE: ("ETH", "ETHUD", "SUD", "OPIOIDUD"),
            Sensitivity.REPRODUCTIVE: ("SEX", "STD", "RPR", "PREGNANT"),
            Sensitivity.VIOLENCE: ("SDV", "VIO", "MST", "IDS"),
            Sensitivity.GENETIC: ("GDIS", "SICKLE", "SCA"),
            Sensitivity.OTHER: ("TBOO", "SPI", "DVD"),
        }.items()
        for code in codes
    }
)
"""Sensitivity labels by their code."""
_RESTRICTED, _VERY_RESTRICTED = "R", "V"


def labels(resource: Json) -> frozenset[str]:
    """The codes of a resource's security labels, in capitals."""
    security = dicts(as_dict(resource.get("meta")).get("security"))
    return frozenset(str(label["code"]).strip().upper() for label in security if label.get("code"))


def kinds(resource: Json) -> frozenset[Sensitivity]:
    """The scopes that a reader needs, all of them; none for what whoever reads the book may read."""
    told = labels(resource)
    found = {KINDS[code] for code in told if code in KINDS}
    if _VERY_RESTRICTED in told:
        found.add(Sensitivity.VERY_RESTRICTED)
    if not found and _RESTRICTED in told:
        found.add(Sensitivity.OTHER)
    return frozenset(found)
