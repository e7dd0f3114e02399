"""Values over time: one axis a unit, exact conversion alone, each value with its own range."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from records_panel.model import Mark, Trend
from tests.records_panel.samples import value, view


def trend(key: str, *resources: Any) -> Trend:
    return next(one for one in view(*resources).trends if one.key == key)


CREATININE = "2160-0"


def test_a_value_each_with_its_own_range() -> None:
    found = trend(
        CREATININE,
        value("Creatinin", CREATININE, 128, "umol/L", "2026-11-18", low=62, high=106),
        value("Creatinin", CREATININE, 90, "umol/L", "2025-01-02", low=53, high=97),
    )
    (chart,) = found.charts
    (line,) = chart.lines
    assert chart.unit == "umol/L"
    assert not chart.converted
    assert [(point.value, point.low, point.high, point.mark) for point in line.points] == [
        (90, 53, 97, None),
        (128, 62, 106, Mark.HIGH),
    ]
    assert line.points[0].at == datetime(2025, 1, 2, tzinfo=UTC).timestamp()
    assert [one.quantity and one.quantity.value for one in found.values] == [128, 90]


def test_what_is_exact_shares_the_axis_of_the_newest_with_its_range() -> None:
    found = trend(
        "1988-5",
        value("CRP", "1988-5", 1.2, "mg/dL", "2024-03-01", low=0, high=0.5),
        value("CRP", "1988-5", 3, "mg/L", "2026-11-18", high=5),
    )
    (chart,) = found.charts
    assert chart.converted
    assert chart.unit == "mg/L"
    assert [(point.value, point.low, point.high) for point in chart.lines[0].points] == [(12, 0, 5), (3, None, 5)]
    # The table keeps what was written.
    assert [(one.quantity.value, one.quantity.unit) for one in found.values if one.quantity] == [
        (3, "mg/L"),
        (1.2, "mg/dL"),
    ]


def test_two_units_never_share_an_axis() -> None:
    found = trend(
        "2339-0",
        value("Glucose", "2339-0", 180, "mg/dL", "2024-03-01", category="laboratory"),
        value("Glucose", "2339-0", 9.8, "mmol/L", "2026-11-18"),
        value("Glucose", "2339-0", 7.1, "mmol/L", "2026-01-18"),
    )
    assert [chart.unit for chart in found.charts] == ["mmol/L", "mg/dL"]
    assert [len(chart.lines[0].points) for chart in found.charts] == [2, 1]


def test_limits_words_and_vague_days_stand_among_the_values_only() -> None:
    found = trend(
        "6598-7",
        value("Troponin", "6598-7", 14, "ng/L", "2026-11-18", low=None, high=14),
        value("Troponin", "6598-7", 3, "ng/L", "2019"),
        value(
            "Troponin", "6598-7", None, day="2026-11-17", valueQuantity={"value": 5, "comparator": "<", "code": "ng/L"}
        ),
        value("Troponin", "6598-7", None, day="2026-11-16", valueString="âm tính"),
    )
    assert len(found.values) == 4
    (chart,) = found.charts
    assert [point.value for point in chart.lines[0].points] == [14]


def test_the_two_pressures_are_two_lines_of_one_chart() -> None:
    pressure = {
        "resourceType": "Observation",
        "code": {"text": "HA", "coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
        "effectiveDateTime": "2026-11-23T07:00:00Z",
        "component": [
            {
                "code": {"text": name, "coding": [{"system": "http://loinc.org", "code": code}]},
                "valueQuantity": {"value": number, "unit": "mmHg", "code": "mm[Hg]"},
            }
            for name, code, number in (("Tâm thu", "8480-6", 178), ("Tâm trương", "8462-4", 96))
        ],
    }
    found = trend("blood_pressure", pressure)
    assert [one.text for one in found.values] == ["178/96 mmHg"], "one measurement is one row"
    (chart,) = found.charts
    assert [(line.name, [point.value for point in line.points]) for line in chart.lines] == [
        ("Tâm thu", [178]),
        ("Tâm trương", [96]),
    ]


def test_a_sign_gathers_its_codes_and_a_result_knows_its_trend() -> None:
    book = view(
        value("Nhiệt độ", "8310-5", 36.8, "Cel", "2026-11-18", category="vital-signs"),
        value("Body temp", "8331-1", 98.6, "[degF]", "2026-11-17", category="vital-signs"),
        value("Kali", "2823-3", 3.3, "mmol/L"),
    )
    keys = {one.key for one in book.trends}
    assert {"temperature", "2823-3"} <= keys
    temperature = next(one for one in book.trends if one.key == "temperature")
    assert [point.value for point in temperature.charts[0].lines[0].points] == [37.0, 36.8]
    assert [result.trend for result in book.results.items] == ["2823-3"]
