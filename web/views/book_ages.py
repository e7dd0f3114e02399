"""From which age on a value looks old: a setting for each kind of entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from foundation.settings import Settings


@dataclass(frozen=True, slots=True)
class Ages:
    """The age from which an entry is old. What is told once for life (allergy, operation, vaccine) never is."""

    vitals: timedelta = timedelta(hours=24)
    weight: timedelta = timedelta(days=180)
    results: timedelta = timedelta(days=365)
    reports: timedelta = timedelta(days=730)
    drugs: timedelta = timedelta(days=365)

    @classmethod
    def of(cls, settings: Settings) -> Ages:
        """As the installation has it."""
        return cls(
            vitals=timedelta(hours=settings.old_vitals_hours),
            weight=timedelta(days=settings.old_weight_days),
            results=timedelta(days=settings.old_results_days),
            reports=timedelta(days=settings.old_reports_days),
            drugs=timedelta(days=settings.old_drugs_days),
        )
