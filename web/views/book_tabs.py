"""How the book is parted: which section stands on which tab, and what it is called. Decides nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from foundation.i18n import N_

TABS: Mapping[str, str] = MappingProxyType(
    {
        "summary": N_("Summary"),
        "results": N_("Results"),
        "imaging": N_("Imaging"),
        "visits": N_("Visits"),
        "history": N_("History"),
        "papers": N_("Papers"),
        "viewers": N_("Viewed by"),
        "search": N_("Search"),
    }
)
"""In the order of the tab line; each is one tap away."""

PARTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "summary": {
            "red_line": N_("Warnings"),
            "problems": N_("Active problems"),
            "drugs": N_("Current drugs"),
            "vitals": N_("Vital signs"),
        },
        "results": {"results": N_("All results"), "measures": N_("Other measurements")},
        "imaging": {"reports": N_("Imaging and reports")},
        "visits": {"visits": N_("Visits")},
        "history": {
            "procedures": N_("Procedures and operations"),
            "past_problems": N_("Past problems"),
            "past_allergies": N_("Past or excluded allergies"),
            "stopped_drugs": N_("Stopped drugs"),
            "vaccines": N_("Vaccinations"),
            "devices": N_("Implants and devices"),
            "pregnancies": N_("Pregnancies"),
            "family": N_("Family history"),
            "social": N_("Social history"),
            "functional": N_("Functional status"),
            "story": N_("Patient story"),
        },
        "papers": {
            "plans": N_("Plans of care"),
            "directives": N_("Advance directives"),
            "consents": N_("Consents given"),
            "documents": N_("Documents"),
            "others": N_("Other sections"),
        },
    }
)
"""By tab: the sections (fields of `BookView`) and their headings. `abnormal` is left out: all of it is in `results`."""

TITLES: Mapping[str, str] = MappingProxyType({part: title for parts in PARTS.values() for part, title in parts.items()})
TAB_OF: Mapping[str, str] = MappingProxyType({part: tab for tab, parts in PARTS.items() for part in parts})
WHOLE = frozenset(TABS) - {"summary", "viewers", "search"}
"""Tabs that read beyond the summary."""
