"""What people said and wrote in consults, under a new key: read as before, and the old key can go."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import LargeBinary, select

from consult_rooms.advice import Wording
from consult_rooms.aftercare_model import Outcome
from consult_rooms.bookings import Order
from consult_rooms.busy_calendars import address_place
from consult_rooms.calendar_tables import busy_calendars
from consult_rooms.devices import Devices, DeviceScope
from consult_rooms.drafts import Drafts
from consult_rooms.enrolment_queries import EnrolmentQueries
from consult_rooms.enrolments import Enrolments
from consult_rooms.follow_ups import FollowUps
from consult_rooms.minutes_drafts import MinutesDrafts
from consult_rooms.model import Question
from consult_rooms.rekeying import SEALED
from consult_rooms.shared_work import SharedWork
from consult_rooms.store import ConsultStore
from foundation.audit import Audit
from foundation.ids import DraftId, new_id
from foundation.rekeying import Rekeying
from foundation.sealing import Sealer
from hoichan.schema import metadata
from notify.contacts import Contact, Contacts
from notify.rekeying import SEALED as BROWSERS
from notify.subscriptions import Subscriptions
from notify.webpush import Subscription
from records_panel.rekeying import SEALED as BOOKS
from tests.consult_rooms.conftest import CLINIC, CONSENT, PATIENT, QUESTION, STROKE, ZONE, World, build
from tests.consult_rooms.test_drawings import ARROW, picture
from tests.consult_rooms.test_identities import MERGED
from tests.consult_rooms.test_minutes import DRAFT, PASSWORD, desk_of

OLD = {0: bytes(32), 1: bytes(range(32))}
NEW = {0: bytes(32), 2: bytes(range(32, 64))}
BLIND = {
    "cccd_index", "bhyt_index", "word_index", "mark", "endpoint_hash", "secret_hash", "enrolment_hash",
    "credential_hash", "content_hash", "digest",
}  # fmt: skip
"""Columns of bytes that are marks and hashes, and so hold nothing that could be opened."""


def test_no_sealed_column_is_forgotten() -> None:
    known = {sealed.column for sealed in (*BOOKS, *SEALED, *BROWSERS)}
    columns = {column for table in metadata.sorted_tables for column in table.columns}
    bytes_of = {column for column in columns if isinstance(column.type, LargeBinary)}
    links = {column for column in bytes_of if str(column) == "import_links.link"}
    assert {column for column in bytes_of if column.name not in BLIND} - links == known


async def test_consults_move_to_the_newest_key_and_the_old_one_can_go(world: World) -> None:
    """That a value opens at all shows that its place is told rightly: it is sealed into it."""
    ha, lan = world["ha"], world["lan"]
    desk = await desk_of(world)
    over = await desk.held("minutes")
    await desk.minutes.save(desk.session("lan"), over.id, DRAFT, 0)
    typed = MinutesDrafts(world.database, world.store)
    await typed.keep(world["ha"], over.id, 0, [("summary", "Đang gõ")], base=1, revision=0)
    for who in ("lan", "ha", "khai"):
        await desk.sign(who, over)
    await desk.signing.add(desk.session("lan"), over.id, 1, "CT: không xuất huyết.", password=PASSWORD)
    follow_ups = FollowUps(world.database, world.store, world.log, world.directory)
    await follow_ups.answer(lan, over.id, 0, 1, Outcome.BETTER, "Đã ăn uống được.")
    consult = await world.ask(question=Question(situation="Huyết áp 180", recommendation="tiêu sợi huyết?"))
    asked = await world.inquiries.ask(ha, consult.id, "Đường huyết?", "ask-0001")
    await world.inquiries.answer(lan, consult.id, asked, "5,4")
    await world.intake.sheets.answer(lan, consult.id, "stroke", {"face": "yes"})
    await world.board.acts.comment(world["dieu"], consult.id, "Trạm đã gọi lại")
    await world.answers.accept(ha, consult.id)
    await world.rooms.join(ha, consult.id)
    await world.rooms.chat(lan, consult.id, "Huyết áp 190", "1")
    await world.opinions.save(ha, consult.id, "Dùng alteplase", 0)
    shared = SharedWork.over(world.database, world.store, world.log, world.directory)
    await shared.advice.give(ha, consult.id, Wording("drug", "Alteplase", "0,9 mg/kg"), "key-00001")
    await shared.drawings.draw(lan, consult.id, await picture(world, consult), ARROW, "str-00001")
    devices = Devices(world.database, world.store, Audit(world.database), world.bus)
    await devices.create(lan, consult.id, name="Máy siêu âm", scope=DeviceScope.VIEW, hours=4)
    await world.requests.change_identity(lan, consult.id, MERGED, "turned")
    await world.opinions.save(ha, consult.id, "Của người thứ hai", 0)
    second = await world.ask("second")
    draft_id = DraftId(new_id("dra"))
    await Drafts(world.database, world.store).keep(lan, draft_id, (("situation", "Khó thở"),))
    browsers = Subscriptions(world.database, Audit(world.database), world.store.sealer)
    browser = Subscription("https://push.example/1", "point", "auth")
    browser_id = await browsers.add(ha.id, browser, name="Máy trực", language="vi")
    order = Order(lan.id, CLINIC, None, lan.id, PATIENT, QUESTION, CONSENT, "wait")
    soon = world.clock.now() + timedelta(hours=1)
    await world.scheduling.waiting_list.add(lan, order, STROKE, soon, soon + timedelta(hours=1))
    contacts, mine = (
        Contacts(world.database, Audit(world.database), world.store.sealer),
        Contact("a@b.vn", "+84912345678"),
    )
    await contacts.save(ha.id, ha.id, mine)
    calendar_id = new_id("bsy")
    calendar = {
        "id": calendar_id,
        "staff_id": ha.id,
        "created_by": ha.id,
        "name": "",
        "created_at": world.clock.now(),
    }
    address = world.store.sealer.seal_text("https://a.example/b.ics", address_place(calendar_id))
    async with world.database.transaction() as tx:
        await tx.execute(busy_calendars.insert().values(**calendar, address_sealed=address))

    enrolments = Enrolments(world.database, world.store, Audit(world.database), ZONE)
    enrolled = await enrolments.enrol(lan, PATIENT, "hypertension", "self")
    day = world.clock.now().astimezone(ZONE).date()
    await enrolments.mark(lan, enrolled, "blood_pressure", day, day, "150/90")
    await enrolments.end(lan, enrolled, "moved", "Về Vinh")

    every = (*SEALED, *BROWSERS)
    async with world.database.reading() as tx:
        for sealed in every:
            values = (await tx.execute(select(sealed.column).where(sealed.column.is_not(None)))).scalars().all()
            assert {value[0] for value in values} == {1}, sealed.name
    rekeying = Rekeying(world.database, Sealer(OLD | NEW), every)
    # Killed in the middle, and begun anew.
    async for _name, _count in rekeying.run():
        break
    assert await rekeying.left() > 0
    assert {name async for name, _count in rekeying.run()} <= {sealed.name for sealed in every}
    assert await rekeying.left() == 0

    renewed = await build(world.database, world.clock, world.bus, Sealer(NEW), world.people, rota=False)
    found = await renewed.queries.consult(lan, second.id)
    assert (found.consult.patient, found.consult.question, found.consult.consent) == (
        second.patient,
        second.question,
        second.consent,
    )
    told = await renewed.queries.consult(ha, consult.id)
    assert told.consult.patient == MERGED
    assert [about.opinion.text for about in await renewed.opinions.each(ha, consult.id) if about.opinion] == [
        "Dùng alteplase",
        "Của người thứ hai",
    ]
    back = await renewed.requests.change_identity(lan, consult.id, None, "reverted")
    assert (back.patient, back.question.situation) == (consult.patient, "Huyết áp 180")
    stated = await renewed.intake.statements.read(lan, consult.id)
    assert [one.document["answers"] for one in stated.statements] == [{"face": "yes"}]
    assert (await Drafts(world.database, ConsultStore(Sealer(NEW))).get(lan, draft_id)).fields[0][1] == "Khó thở"
    kept = EnrolmentQueries(world.database, ConsultStore(Sealer(NEW)), world.directory, Audit(world.database), ZONE)
    ended = await kept.open(lan, enrolled)
    assert (ended.patient, ended.done[0].note, ended.end_note) == (PATIENT, "150/90", "Về Vinh")
    browsers = Subscriptions(world.database, Audit(world.database), Sealer(NEW))
    assert [one.subscription for one in await browsers.addresses([browser_id])] == [browser]
    assert await Contacts(world.database, Audit(world.database), Sealer(NEW)).of(ha.id) == mine
    async with world.database.reading() as tx:
        renewed_address = (await tx.execute(select(busy_calendars.c.address_sealed))).scalar_one()
    assert Sealer(NEW).open_text(renewed_address, address_place(calendar_id)) == "https://a.example/b.ics"
