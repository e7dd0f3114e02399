"""Which FHIR identifier systems mean which number. Two namespaces are in use in Viet Nam, and both are read.

`fhir.hl7.org.vn` is the community's VN Core 0.6.0, `fhir.ehealth.gov.vn` the draft of the Ministry of Health, whose
`citizen_id` is the old nine-digit CMND and whose `national_id` is the CCCD. A source with other systems says so in
its settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from foundation.errors import Invalid
from records_panel.citizens import Identity
from records_panel.fhir_reading import Json, dicts, line
from records_panel.identifiers import NumberKind, read_bhyt, read_cccd

SYSTEMS: Mapping[NumberKind, tuple[str, ...]] = MappingProxyType(
    {
        NumberKind.CCCD: (
            "http://fhir.hl7.org.vn/core/sid/cccd",
            "http://fhir.ehealth.gov.vn/core/sid/national_id",
        ),
        NumberKind.BHYT: ("http://fhir.hl7.org.vn/core/sid/bhyt",),
    }
)


@dataclass(frozen=True, slots=True)
class Systems:
    """The systems that one source uses."""

    cccd: tuple[str, ...] = SYSTEMS[NumberKind.CCCD]
    bhyt: tuple[str, ...] = SYSTEMS[NumberKind.BHYT]

    def tokens(self, identity: Identity) -> list[str]:
        """FHIR search tokens (`system|value`) of every form that this person's numbers may have there."""
        number = identity.citizen_number
        found = [f"{system}|{number.number}" for system in self.cccd] if number else []
        return found + [f"{system}|{value}" for value in _insurance(identity) for system in self.bhyt]

    def names(self, patient: Json, identity: Identity) -> bool:
        """Whether a FHIR Patient has one of this person's numbers, under a system of that number and not as old."""
        for identifier in dicts(patient.get("identifier")):
            system, value = identifier.get("system"), line(identifier.get("value"), 40)
            if identifier.get("use") == "old" or not value:
                continue
            try:
                if system in self.cccd and identity.cccd and read_cccd(value).number == identity.cccd:
                    return True
                if system in self.bhyt and _same_insurance(value, identity):
                    return True
            except Invalid:
                continue  # a number out of form names nobody
        return False


def _insurance(identity: Identity) -> Iterator[str]:
    known = identity.insurance
    if known is not None:
        yield from dict.fromkeys((known.number, known.key))
    if identity.cccd and (known is None or not known.is_cccd):
        yield identity.cccd  # since August 2025 the citizen number is an insurance number too


def _same_insurance(value: str, identity: Identity) -> bool:
    given, known = read_bhyt(value), identity.insurance
    if given.is_cccd:
        return given.key == identity.cccd
    return known is not None and known.key == given.key
