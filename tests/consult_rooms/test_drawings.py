"""Strokes on the pictures of a consult: kept once, by author, bounded, taken back by their author alone."""

from __future__ import annotations

import pytest

from consult_rooms import drawings as rules
from consult_rooms.drawings import Drawings, Shape, StrokeKind
from consult_rooms.log_entry import LogKind
from consult_rooms.model import Consult, ParticipantRole
from consult_rooms.written_tables import attachments
from foundation.errors import Conflict, Forbidden, Invalid, NotFound
from foundation.ids import AttachmentId, new_id
from tests.consult_rooms.conftest import World
from tests.consult_rooms.test_opinions import taken

ARROW = Shape(StrokeKind.ARROW, ((100, 200), (5000, 10_000)))


async def picture(world: World, consult: Consult, kind: str = "image/jpeg") -> AttachmentId:
    """A row as `attachments` writes it; of the file nothing is asked here."""
    attachment_id = AttachmentId(new_id("att"))
    async with world.database.transaction() as tx:
        data = {"attachment": attachment_id, "what": "picture"}
        entry = await world.log.append(tx, consult.id, LogKind.ATTACHED, world["lan"].id, data)
        row = {"id": attachment_id, "consult_id": consult.id, "number": entry.number, "author_id": world["lan"].id}
        more = {"client_id": attachment_id, "kind": kind, "size": 1, "width": 4, "height": 3, "file_id": "fil_1"}
        await tx.execute(attachments.insert().values(**row, **more, at=entry.at))
    return attachment_id


async def test_both_draw_each_takes_back_their_own_and_all_is_there_afterwards(world: World) -> None:
    consult = await taken(world)
    drawings = Drawings(world.database, world.store, world.log, world.directory)
    ha, lan = world["ha"], world["lan"]
    on = await picture(world, consult)
    first = await drawings.draw(ha, consult.id, on, ARROW, "str-00001")
    assert await drawings.draw(ha, consult.id, on, ARROW, "str-00001") == first, "sent twice is one stroke"
    words = Shape(StrokeKind.TEXT, ((1, 2),), " Ổ nhồi máu ")
    second = await drawings.draw(lan, consult.id, on, words, "str-00001")
    assert [(one.number, one.author_name, one.shape) for one in (first, second)] == [
        (1, "BS. Hà", ARROW),
        (2, "BS. Lan", Shape(StrokeKind.TEXT, ((1, 2),), "Ổ nhồi máu")),
    ]
    with pytest.raises(Forbidden) as other:
        await drawings.undo(lan, consult.id, on, 1)
    assert other.value.code == "stroke.not_yours"
    for _ in range(2):
        assert (await drawings.undo(ha, consult.id, on, 1)).undone
    await world.rooms.end(ha, consult.id)
    assert [one.undone for one in await drawings.each(lan, consult.id, on)] == [True, False]
    assert [one.number for one in await drawings.each(lan, consult.id, on, {2})] == [2]
    drawn = [entry.data["change"] for entry in await world.log.since(consult.id, 0) if entry.kind is LogKind.DRAWN]
    assert drawn == ["drawn", "drawn", "undone"]
    with pytest.raises(Conflict):
        await drawings.draw(ha, consult.id, on, ARROW, "str-00002")


async def test_only_who_adds_to_the_thread_draws_and_only_on_its_pictures(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    consult = await taken(world)
    drawings = Drawings(world.database, world.store, world.log, world.directory)
    ha = world["ha"]
    on, paper = await picture(world, consult), await picture(world, consult, "application/pdf")
    await world.rooms.join(ha, consult.id)
    await world.rooms.invite(ha, consult.id, world["an"].id, ParticipantRole.OBSERVER)
    with pytest.raises(Forbidden):
        await drawings.draw(world["an"], consult.id, on, ARROW, "str-00001")
    assert await drawings.each(world["an"], consult.id, on) == []
    for staff, where in ((world["mai"], on), (ha, paper), (ha, AttachmentId(new_id("att")))):
        with pytest.raises(NotFound):
            await drawings.draw(staff, consult.id, where, ARROW, "str-00001")
    other = await taken_by_another(world)
    with pytest.raises(NotFound):
        await drawings.each(ha, other.id, on)
    freehand = StrokeKind.FREEHAND
    for shape in (
        Shape(StrokeKind.ARROW, ((1, 1),)),
        Shape(StrokeKind.CIRCLE, ((1, 1), (10_001, 1))),
        Shape(freehand, ((1, 1),) * (rules.POINTS + 1)),
        Shape(StrokeKind.TEXT, ((1, 1),), " "),
        Shape(StrokeKind.TEXT, ((1, 1),), "x" * (rules.TEXT + 1)),
    ):
        with pytest.raises(Invalid):
            await drawings.draw(ha, consult.id, on, shape, "str-00001")
    monkeypatch.setattr(rules, "MOST", 1)
    await drawings.draw(ha, consult.id, on, ARROW, "str-00001")
    with pytest.raises(Conflict) as full:
        await drawings.draw(ha, consult.id, on, ARROW, "str-00002")
    assert full.value.code == "stroke.too_many"


async def taken_by_another(world: World) -> Consult:
    """A consult of the same people, so that only the picture is not of it."""
    consult = await world.ask(key="another")
    await world.answers.accept(world["ha"], consult.id, pause=True)
    return consult
