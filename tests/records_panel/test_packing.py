"""What a row holds comes back as it went in, however odd, and what no row holds is refused."""

from __future__ import annotations

from typing import Any

import pytest

from foundation.errors import Unavailable
from records_panel.packing import packed, unpacked


def nested(depth: int) -> dict[str, Any]:
    """An extension within an extension, so many times."""
    made: dict[str, Any] = {"url": "e", "valueDecimal": 0.1}
    for _ in range(depth):
        made = {"url": "e", "extension": [made]}
    return made


@pytest.mark.parametrize(
    "content",
    [
        {"resourceType": "Bundle", "entry": []},
        {"name": "Đặng Thị Bưởi", "value": [0.1, 1.0, -0.0, 7.25, 123456789.123456789]},
        {"value": 123456789012345678901234567890, "large": 1e300},
        {"value": float("inf")},
        nested(400),
    ],
)
def test_a_row_comes_back_as_it_went_in(content: dict[str, Any]) -> None:
    base = packed({"resourceType": "Bundle", "entry": [{"resource": content}]})
    for row, against in ((packed(content), None), (packed(content, base=base), base)):
        read = unpacked(row, base=against)
        assert read == content
        assert repr(read) == repr(content)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(Unavailable, match=r"book\.unreadable"):
        unpacked(packed({"a": 1})[:-3])
