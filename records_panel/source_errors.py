"""What a source can do wrong, as the error that carries the reason to the panel and to the administrator."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from foundation.errors import Unavailable
from foundation.fetch import Fault, FetchFailed
from foundation.i18n import N_
from records_panel.provenance import Reason

_FAULTS = {
    Fault.TIMEOUT: Reason.TIMEOUT,
    Fault.TOO_LARGE: Reason.TOO_MUCH,
    Fault.REDIRECT: Reason.MALFORMED,
}


class SourceFailed(Unavailable):
    """A source, or one call to it, came to nothing. Its code is `book.unavailable`, as the panel tells people.

    `again` says that the same call may succeed in a moment, `after_s` the source's own wish when (Retry-After);
    `http_status` is what it answered with, `fault` what happened before there was one.
    """

    def __init__(
        self,
        reason: Reason,
        *,
        again: bool = False,
        after_s: float | None = None,
        http_status: int | None = None,
        fault: Fault | None = None,
    ) -> None:
        super().__init__("book.unavailable", REASONS[reason])
        self.reason = reason
        self.again = again
        self.after_s = after_s
        self.http_status = http_status
        self.fault = fault

    @classmethod
    def by_fault(cls, error: FetchFailed) -> SourceFailed:
        """What a failed call means."""
        reason = _FAULTS.get(error.fault, Reason.UNREACHABLE)
        return cls(reason, again=error.fault is Fault.CONNECTION, fault=error.fault)


REASONS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.TIMEOUT: N_("did not answer in time"),
        Reason.UNREACHABLE: N_("cannot be reached"),
        Reason.REFUSED: N_("does not let this system in"),
        Reason.THROTTLED: N_("has too many requests now"),
        Reason.FAILING: N_("reports an error of its own"),
        Reason.MALFORMED: N_("gave an answer that cannot be read"),
        Reason.WRONG_PATIENT: N_("gave entries of another patient, which were left out"),
        Reason.TOO_MUCH: N_("has more than is taken at once"),
        Reason.AMBIGUOUS: N_("has several patients with this number"),
        Reason.DISAGREES: N_("has this number under another name and birth date"),
        Reason.RESTING: N_("failed several times and will be asked again shortly"),
        Reason.LOADING: N_("is still loading"),
    }
)
