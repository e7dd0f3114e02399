"""/consults/{id}/timeline in the browser and as files: advice and outcomes for readers of the opinion alone."""

from __future__ import annotations

import html
import json
from urllib.parse import quote

from tests.web.ward import Ward, ward

__all__ = ["ward"]

CLINICAL = ("Yếu nửa người", "Lành", "170/90", "Aspirin")


async def test_it_is_shown_and_taken_out_with_what_its_reader_may_know(ward: Ward) -> None:
    consult = await ward.held()
    path = f"/consults/{consult.id}"
    advice = {"kind": "drug", "text": "Aspirin", "dose": "300 mg"}
    given = await ward.specialist.post(f"{path}/advice", {**advice, "client_id": "timeline-0001"})
    assert given.status in (200, 303)
    await ward.specialist.get(path)
    assert f'href="{path}/timeline"' in ward.specialist.page
    await ward.specialist.get(f"{path}/timeline")
    assert 'data-goal="opinion"' in ward.specialist.page
    assert "Aspirin" in html.unescape(ward.specialist.page)
    told = json.loads(await (await ward.specialist.get(f"{path}/timeline.json")).read())
    assert told["clinical"]
    assert [one["text"] for one in told["advice"]] == ["Aspirin"]
    assert told["goals"][0]["goal"] == "answer"
    assert told["log"][0]["kind"] == "requested"

    keeper = ward.coordinator
    await keeper.get(f"{path}/timeline")
    for word in CLINICAL:
        assert word not in html.unescape(keeper.page)
    told = json.loads(await (await keeper.get(f"{path}/timeline.json")).read())
    assert not told["clinical"]
    assert "advice" not in told
    response = await keeper.get(f"{path}/timeline.csv")
    assert quote(consult.code) in response.headers["Content-Disposition"]
    table = (await response.read()).decode("utf-8-sig")
    assert table.startswith("Phần,")
    for word in CLINICAL:
        assert word not in table
    for ending in ("", ".csv", ".json"):
        assert (await ward.stranger.get(f"{path}/timeline{ending}")).status in (403, 404)
