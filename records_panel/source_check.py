"""Whether a source is there and lets us in, without a word about any patient."""

from __future__ import annotations

from dataclasses import dataclass

from records_panel.fhir_kinds import WHOLE_KINDS
from records_panel.fhir_server import Budget, FhirServer
from records_panel.source_errors import SourceFailed

_NOBODY = "urn:hoichan:check|nobody"


@dataclass(frozen=True, slots=True)
class Check:
    """What a source said. `failure` is None when it can be used; `step` is where it failed."""

    step: str = ""
    failure: SourceFailed | None = None
    fhir_version: str = ""
    summary: bool = False
    lacking: tuple[str, ...] = ()
    """Resource types of the book that it does not let search."""


async def check(server: FhirServer) -> Check:
    """Ask for a token, for its CapabilityStatement, and for a patient whom nobody is."""
    step = "token"
    try:
        if server.service is not None:
            await server.service.token()
        step = "metadata"
        able = await server.capabilities(Budget())
        step = "search"
        await server.post_search("Patient", {"identifier": _NOBODY, "_count": "1"}, Budget())
    except SourceFailed as error:
        return Check(step, error)
    lacking = () if able.kinds is None else tuple(sorted(WHOLE_KINDS.keys() - able.kinds))
    has_summary = server.settings.summary == "yes" or (server.settings.summary == "auto" and able.summary)
    return Check(fhir_version=able.fhir_version, summary=has_summary, lacking=lacking)
