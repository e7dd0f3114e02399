"""Who a book belongs to: the identity as stored, and what of it a search may show. Plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from foundation.ids import PatientId
from records_panel.identifiers import Bhyt, Cccd, Mismatch, masked, read_bhyt, read_cccd


class Evidence(StrEnum):
    """What a person or a paper at the bedside can say to prove who it is. Two of them establish an identity."""

    CCCD = "cccd"
    BHYT = "bhyt"
    BIRTH_DATE = "birth_date"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Identity:
    """A citizen as the book knows them. `sex` is FHIR's AdministrativeGender; `commune` is its name for people."""

    name: str
    birth_date: date
    sex: str
    commune_code: str
    commune: str = ""
    cccd: str | None = None
    bhyt: str | None = None
    bhyt_valid_until: date | None = None
    address: str = ""
    telephone: str = ""

    @property
    def citizen_number(self) -> Cccd | None:
        """The citizen number, read."""
        return read_cccd(self.cccd) if self.cccd else None

    @property
    def insurance(self) -> Bhyt | None:
        """The insurance number, read."""
        return read_bhyt(self.bhyt) if self.bhyt else None

    @property
    def warnings(self) -> tuple[Mismatch, ...]:
        """Where the citizen number says otherwise; a reason to look again, never to refuse."""
        number = self.citizen_number
        return number.warnings(self.birth_date, self.sex) if number else ()


@dataclass(frozen=True, slots=True)
class MaskedPatient:
    """One row of a search: enough to choose by, no whole number and no birth date, which are still to be confirmed."""

    patient_id: PatientId
    name: str
    sex: str
    birth_year: int
    commune: str
    commune_code: str
    masked_cccd: str | None
    masked_bhyt: str | None

    @classmethod
    def of(cls, patient_id: PatientId, identity: Identity) -> MaskedPatient:
        """What may be shown of this person."""
        return cls(
            patient_id=patient_id,
            name=identity.name,
            sex=identity.sex,
            birth_year=identity.birth_date.year,
            commune=identity.commune,
            commune_code=identity.commune_code,
            masked_cccd=masked(identity.cccd),
            masked_bhyt=masked(identity.bhyt),
        )


@dataclass(frozen=True, slots=True)
class SearchResult:
    """At most ten rows. With `more`, others match too: ask for the commune or the sex."""

    rows: tuple[MaskedPatient, ...]
    more: bool
