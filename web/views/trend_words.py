"""How values over time are written: the chart as data for the page's script, names in the reader's language."""

from __future__ import annotations

from foundation.i18n import Language
from records_panel.model import Trend, TrendChart, VitalKind
from records_panel.trends import WEIGHT_KEY
from web.views.book_words import UNITS, VITAL_FULL_NAMES, WEIGHT


class TrendWords:
    """Writes trends in one language. `zone` is where the days of the axis begin."""

    def __init__(self, language: Language, zone: str) -> None:
        self._language = language
        self._zone = zone

    def name(self, trend: Trend) -> str:
        """A sign's own name in the reader's language, else the record's."""
        if trend.key in list(VitalKind):
            return self._language.text(VITAL_FULL_NAMES[VitalKind(trend.key)])
        return self._language.text(WEIGHT) if trend.key == WEIGHT_KEY else trend.name

    def unit(self, chart: TrendChart) -> str:
        """The unit of an axis."""
        return self._language.text(UNITS.get(chart.unit, chart.unit))

    def data(self, chart: TrendChart) -> dict[str, object]:
        """`lines`: each a name and points of seconds, value, low and high bound; a missing bound is null."""
        lines = [
            {
                "name": line.name,
                "points": [[point.at, point.value, point.low, point.high] for point in line.points],
            }
            for line in chart.lines
        ]
        return {"unit": self.unit(chart), "zone": self._zone, "language": self._language.code, "lines": lines}
