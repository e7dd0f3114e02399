"""Letters and slips on paper, and the page of what has not got into a book: read as people get them."""

from __future__ import annotations

import html
from pathlib import Path

import pikepdf
from sqlalchemy import select, update

from consult_rooms.advice import Wording
from consult_rooms.outgoing_tables import outgoing
from consult_rooms.signatures import digest_of
from foundation.audit import audit_entries
from tests.web.test_minutes_pages import Scene, scene, words_of
from tests.web.ward import ward

__all__ = ["scene", "ward"]


async def closed(scene: Scene) -> str:
    """The scene with a drug advised and the opinion closed; the address of the consult."""
    world, expert, consult = scene.ward.world, scene.ward.expert, scene.consult
    advice = scene.ward.site.services.shared.advice
    drug = Wording("drug", "Aspirin 81 mg", "4 viên, nhai ngay")
    for number, one in enumerate([drug, Wording("referral", "Vượt khả năng điều trị tại trạm")]):
        await advice.give(expert, consult.id, one, client_id=f"i{number}")
    await world.opinions.save(expert, consult.id, "Nghĩ nhồi máu não. Chuyển ngay.", 0)
    await world.opinions.close(expert, consult.id)
    return f"/consults/{consult.id}"


async def test_letters_say_in_vietnamese_what_was_decided(scene: Scene, tmp_path: Path) -> None:
    doctor = scene.ward.doctor
    page = f"/consults/{scene.consult.id}"
    assert (await doctor.get(f"{page}/referral.pdf")).status == 404
    await closed(scene)
    await doctor.get(page)
    assert f"{page}/referral.pdf" in doctor.page
    told = {}
    for name in ("referral", "prescription"):
        answer = await doctor.get(f"{page}/{name}.pdf")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
        (tmp_path / name).write_bytes(await answer.read())
        told[name] = " ".join(words_of(tmp_path / name).split())
        with pikepdf.open(tmp_path / name) as pdf, pdf.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("2", "B")
    assert "GIẤY GIỚI THIỆU CHUYỂN TUYẾN" in told["referral"]
    assert "Nguyễn Văn Lành" in told["referral"]
    assert "Vượt khả năng điều trị tại trạm" in told["referral"]
    assert "ĐỀ XUẤT KÊ ĐƠN" in told["prescription"]
    assert "Aspirin 81 mg" in told["prescription"]
    assert "4 viên, nhai ngay" in told["prescription"]
    assert "Bác sĩ trực tiếp khám quyết định và kê đơn." in told["prescription"]
    assert (await scene.ward.stranger.get(f"{page}/referral.pdf")).status == 404
    async with scene.ward.world.database.reading() as tx:
        printed = select(audit_entries.c.target).where(audit_entries.c.action == "paper.print")
        assert (await tx.execute(printed)).scalars().all() == ["referral", "prescription"]


async def test_the_slip_proves_the_minutes_on_one_page_and_names_nobody(scene: Scene, tmp_path: Path) -> None:
    doctor = scene.ward.doctor
    page = f"/consults/{scene.consult.id}/slip.pdf"
    await scene.save(doctor)
    assert (await doctor.get(page)).status == 404
    await scene.sign(doctor, 1)
    (tmp_path / "slip.pdf").write_bytes(await (await doctor.get(page)).read())
    text = words_of(tmp_path / "slip.pdf")
    with pikepdf.open(tmp_path / "slip.pdf") as pdf:
        assert len(pdf.pages) == 1
    for name in ("Lành", "Hà", scene.ward.keeper.full_name):
        assert name not in text
    signed = await (await doctor.get(f"/consults/{scene.consult.id}/minutes.json")).json()
    # Poppler takes a hyphen at a line's end for one that parts a word.
    assert signed["payload"].replace("-", "") in "".join(text.split()).replace("-", "")
    assert digest_of(signed["document"]) in text


async def test_what_a_book_refused_is_seen_on_the_consult_and_tried_again(scene: Scene) -> None:
    doctor, world = scene.ward.doctor, scene.ward.world
    page = await closed(scene)
    await doctor.get(page)
    assert 'id="unwritten"' not in doctor.page
    async with world.database.transaction() as tx:
        refused = {"state": "dead", "fault": "rejected_422", "ended_at": await tx.now()}
        await tx.execute(update(outgoing).values(refused))
    await doctor.get(page)
    assert 'id="unwritten"' in doctor.page
    await doctor.get("/write-backs")
    assert "không chấp nhận nội dung đã gửi (422)" in html.unescape(doctor.page)
    row = {"consult": scene.consult.id, "person": "0", "target": "embedded"}
    await scene.ward.stranger.get("/write-backs")
    assert scene.consult.code not in scene.ward.stranger.page
    assert (await scene.ward.stranger.post("/write-backs", row)).status == 403
    assert (await doctor.post("/write-backs", row)).status == 303
    async with world.database.reading() as tx:
        assert (await tx.execute(select(outgoing.c.state))).scalar_one() == "waiting"
