"""Further consents of the patient, each for itself: to a recording, to teaching. A refusal is recorded too. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from consult_rooms import bounds
from consult_rooms.model import ConsentBy
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.text import clean_line

NAME = 200
NO_WITNESS = N_("Name the witness of a consent that was spoken.")
NOT_POSSIBLE = N_("When nobody could be asked, there is no consent to this.")


class Purpose(StrEnum):
    """What is consented to beside the consult itself."""

    RECORDING = "recording"
    TEACHING = "teaching"


@dataclass(frozen=True, slots=True)
class FurtherConsent:
    """One answer of the patient, or of who speaks for them. A spoken one has a witness; `note` says the rest."""

    purpose: Purpose
    given: bool
    by: ConsentBy
    spoken: bool
    witness: str = ""
    note: str = ""

    def json(self) -> dict[str, Any]:
        """As it is sealed."""
        return {
            "given": self.given,
            "by": self.by.value,
            "spoken": self.spoken,
            "witness": self.witness,
            "note": self.note,
        }


def further_consent(purpose: str, data: Mapping[str, Any]) -> FurtherConsent:
    """The consent that was sealed."""
    return FurtherConsent(
        Purpose(purpose), data["given"], ConsentBy(data["by"]), data["spoken"], data["witness"], data["note"]
    )


def checked(one: FurtherConsent) -> FurtherConsent:
    """The consent with its texts in their normal form.

    Raises Invalid `text.too_long`, `consent.no_witness`, `consent.not_possible`.
    """
    witness = clean_line(bounds.text(one.witness, NAME, "witness"))
    if one.spoken and not witness:
        raise Invalid("consent.no_witness", NO_WITNESS, field="witness")
    if one.given and one.by is ConsentBy.NOT_POSSIBLE:
        raise Invalid("consent.not_possible", NOT_POSSIBLE, field="by")
    note = bounds.text(one.note, bounds.NOTE, "note")
    return FurtherConsent(one.purpose, one.given, one.by, one.spoken, witness if one.spoken else "", note)
