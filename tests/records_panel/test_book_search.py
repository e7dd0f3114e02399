"""Finding an entry of an open book by any spelling of any of its words."""

from __future__ import annotations

from typing import Any

import pytest

from records_panel.book_search import MOST_HITS, Anchors, search
from records_panel.model import BookView, Vital, VitalKind
from tests.records_panel.samples import allergy, drug, restricted, value, view

PARTS = {"red_line": "Cảnh báo", "drugs": "Thuốc đang dùng", "results": "Kết quả", "vitals": "Sinh hiệu"}


def problem(text: str, **more: Any) -> dict[str, Any]:
    active = {"coding": [{"code": "active"}]}
    return {"resourceType": "Condition", "clinicalStatus": active, "code": {"text": text}, **more}


@pytest.fixture
def book() -> BookView:
    return view(
        allergy("Đậu phộng", "high"),
        drug("Amlodipin 5 mg"),
        value("Kali máu", "2823-3", 3.3),
        value("Natri máu", "2951-2", 140),
        value("Mạch", "8867-4", 92, "/min", category="vital-signs"),
        restricted(drug("Tenofovir")),
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("dau phong", ["Đậu phộng"]),
        ("ĐẬU PHỘNG", ["Đậu phộng"]),
        ("Dau", ["Đậu phộng"]),
        ("amlo 5", ["Amlodipin 5 mg"]),
        ("kaly mau", ["Kali máu"]),  # i and y are one
        ("mau", ["Kali máu", "Natri máu"]),
        ("2823", ["Kali máu"]),
        ("thuoc dang dung", ["Amlodipin 5 mg"]),
        ("song tra kali", ["Kali máu"]),
        ("nhịp tim", ["Nhịp tim"]),
        ("tenofovir", []),
        ("phộng amlodipin", []),
        ("odipin", []),  # words are found from their beginning
        ("  ", []),
        ("<script>", []),
    ],
)
def test_any_spelling_finds_it(book: BookView, query: str, found: list[str]) -> None:
    def label(item: object) -> str:
        return "Nhịp tim" if isinstance(item, Vital) and item.kind is VitalKind.PULSE else ""

    assert [hit.text for hit in search(book, query, PARTS, label).hits] == found


def test_a_hit_leads_to_its_entry_and_says_whence_it_is(book: BookView) -> None:
    (hit,) = search(book, "natri", PARTS).hits
    drawn = Anchors()
    places = [drawn.of("results", item) for item in book.results.items]
    assert hit.anchor == places[[item.name for item in book.results.items].index("Natri máu")]
    assert hit.part == "results"
    assert hit.more == "140 mmol/L"
    assert hit.origin.facility == "BV Sông Trà"


def test_equal_entries_have_two_anchors() -> None:
    item = view(value("Kali", "2823-3", 3.3)).results.items[0]
    drawn = Anchors()
    first, second = drawn.of("results", item), drawn.of("results", item)
    assert first != second
    assert second == f"{first}-2"


def test_what_is_found_is_bounded() -> None:
    hits = search(view(*(problem(f"Viêm {number}") for number in range(MOST_HITS + 1))), "viem", {"problems": "Bệnh"})
    assert len(hits.hits) == MOST_HITS
    assert hits.more
