"""Why a consult is not in a book yet, in words that tell a person what to do."""

from __future__ import annotations

from foundation.i18n import N_
from records_panel.provenance import Reason
from records_panel.source_errors import REASONS
from records_panel.writeback import NO_TARGET, PATIENT_UNKNOWN

_WORDS = {
    PATIENT_UNKNOWN: N_("does not know this patient by number and name: enter the patient there, then try again"),
    NO_TARGET: N_("is no longer written to: ask your administrator"),
}
REJECTED = N_("did not accept what was sent (%(status)s)")
FAILED = N_("could not be written to; tell your administrator")


def fault_words(fault: str) -> tuple[str, dict[str, str]]:
    """The message id of a fault, and what it takes: a sentence that begins with the book's name."""
    if fault.startswith("rejected_"):
        return REJECTED, {"status": fault.removeprefix("rejected_")}
    if fault in set(Reason):
        return REASONS[Reason(fault)], {}
    return _WORDS.get(fault, FAILED), {}
