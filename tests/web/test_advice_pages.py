"""Advice on the consult's page and in the room: given, read back, unmistakable while it is not."""

from __future__ import annotations

import re

from tests.web.ward import Ward, ward

__all__ = ["ward"]

FRAGMENT = {"X-Fragment": "1"}


async def test_advice_is_given_and_read_back_on_the_page_and_after_the_close(ward: Ward) -> None:
    consult = await ward.held()
    page = f"/consults/{consult.id}"
    await ward.specialist.get(page)
    unfit = {"kind": "drug", "text": "Aspirin <b>", "client_id": "key-00001"}
    given = await ward.specialist.post(f"{page}/advice", unfit)
    assert given.status == 422, "a drug needs its dose"
    fields = {"kind": "drug", "text": "Aspirin <b>", "dose": "300 mg", "client_id": "key-00001"}
    await ward.specialist.get(page)
    refused = await ward.specialist.post(f"{page}/advice", fields | {"dose": ""}, headers=FRAGMENT)
    assert (refused.status, refused.headers.get("X-Fragment")) == (422, "1")
    assert "Thuốc phải có liều dùng" in await refused.text()
    for _ in range(2):
        await ward.specialist.get(page)
        assert (await ward.specialist.post(f"{page}/advice", fields, headers=FRAGMENT)).status == 200
    text = await (await ward.doctor.get(page)).text()
    assert "1 mục chưa được nhắc lại" in text
    assert text.count('data-state="open"') == 1
    assert "Aspirin &lt;b&gt;" in text
    advice_id = re.search(r'data-advice="(adv_\w+)"', text)
    assert advice_id is not None
    one = f"{page}/advice/{advice_id[1]}"
    answer = {"version": "1", "act": "cannot", "reason": "Trạm không có thuốc"}
    assert (await ward.specialist.post(one, answer)).status == 403, "the clinic's own part"
    assert (await ward.doctor.post(one, answer)).status == 303
    await ward.doctor.get(page)
    stale = await ward.doctor.post(one, {"version": "1", "act": "done"}, headers=FRAGMENT)
    assert (stale.status, "vừa được sửa" in await stale.text()) == (409, True)
    await ward.world.opinions.save(ward.expert, consult.id, "Chuyển tuyến.", 0)
    await ward.world.opinions.close(ward.expert, consult.id)
    await ward.doctor.get(page)
    assert (await ward.doctor.post(one, {"version": "2", "act": "done"}, headers=FRAGMENT)).status == 200
    seen = await (await ward.specialist.get(page)).text()
    assert 'data-state="done"' in seen
    assert 'id="advice-form"' not in seen, "nothing more is given after the close"
    assert "chưa được nhắc lại" not in seen
