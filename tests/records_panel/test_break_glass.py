"""Opening a closed book in an emergency, its review, and who has viewed a book. On both stores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from limits.aio.storage import MemoryStorage
from sqlalchemy import func, select, update

from consult_rooms.model import Consult, IdentityState, ParticipantRole, Patient
from foundation.audit import Audit, AuditEntry, audit_entries
from foundation.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unavailable
from foundation.ids import ConsultId, PatientId, SessionId
from foundation.sealing import Sealer
from identity.authentication import Authentication
from identity.guard import Guard
from identity.model import Role, Sensitivity, Session, Staff
from identity.oversight import TOPIC
from identity.passwords import Passwords
from identity.tables import staff as staff_table
from identity.throttle import Throttle
from records_panel.break_glass import BreakGlass
from records_panel.embedded_book import EmbeddedBook, NewBook
from records_panel.glass import GlassReason, Verdict
from records_panel.glass_reviews import GlassReviews
from records_panel.grants import Decision, Why
from records_panel.identifiers import NumberKind
from records_panel.panel import BookClosed, OpenBook, Panel
from records_panel.searches import Searches
from records_panel.tables import break_glass
from records_panel.viewings import Viewings
from tests.consult_rooms.conftest import CENTRAL_HOSPITAL, STROKE_HOSPITAL, World
from tests.records_panel.conftest import LANH, ZONE
from tests.records_panel.directives import DENY, DENY_EMERGENCY, PERMIT_HUB
from tests.records_panel.samples import allergy, restricted

PASSWORD = "bốn con vịt qua sông"
DEPRESSION = {"resourceType": "Condition", "code": {"text": "Trầm cảm"}}
PRESSURE = {"resourceType": "Condition", "code": {"text": "Tăng huyết áp"}}
WORDS = "Bệnh nhân trở nặng, cần tiền sử dùng thuốc"


@dataclass
class Ward:
    """The country of the consults, with books that can be opened in an emergency."""

    world: World
    panel: Panel
    glass: BreakGlass
    reviews: GlassReviews
    viewings: Viewings
    book: EmbeddedBook
    hints: list[dict[str, Any]]

    async def session(self, user_name: str) -> Session:
        """A person who is signed in."""
        person = await self.person(user_name)
        facility = await self.world.directory.facility(person.facility_id)
        now = self.world.clock.now()
        number = SessionId(f"ses_{user_name}")
        return Session(number, person, facility, None, "-", now, now + timedelta(hours=12), locked=False)

    async def person(self, user_name: str) -> Staff:
        return await self.world.directory.staff(self.world[user_name].id)

    async def change(self, user_name: str, **values: Any) -> None:
        async with self.world.database.transaction() as tx:
            await tx.execute(update(staff_table).where(staff_table.c.user_name == user_name).values(values))

    async def closed(self, *resources: dict[str, Any]) -> Consult:
        """A consult whose opinion is closed, of a patient with a book."""
        async with self.world.database.transaction() as tx:
            books = [NewBook(LANH, resources or [allergy("Penicillin", "high")])]
            (patient_id,) = await self.book.import_many(tx, books, author="demo")
        patient = Patient(patient_id, IdentityState.ESTABLISHED, LANH.name, LANH.birth_date, LANH.sex, "••••4471")
        consult = await self.world.ask(patient=patient)
        await self.world.answers.accept(self.world["ha"], consult.id)
        await self.world.rooms.invite(self.world["ha"], consult.id, self.world["bong"].id, ParticipantRole.OBSERVER)
        await self.world.rooms.end(self.world["ha"], consult.id)
        await self.world.opinions.save(self.world["ha"], consult.id, "Theo dõi", 0)
        return await self.world.opinions.close(self.world["ha"], consult.id)

    async def break_it(self, user_name: str, consult: Consult, **changes: Any) -> None:
        given = {"password": PASSWORD, "reason": GlassReason.DANGER, "words": WORDS, "address": "10.0.0.9"} | changes
        await self.glass.open(await self.session(user_name), consult.id, **given)

    async def read(self, user_name: str, consult: Consult) -> OpenBook:
        session = await self.session(user_name)
        place = await self.panel.place(session.staff, session, consult.id)
        return await self.panel.open_book(session.staff, session, place)

    async def trail(self, action: str) -> list[Any]:
        query = select(audit_entries).where(audit_entries.c.action == action).order_by(audit_entries.c.number)
        async with self.world.database.reading() as tx:
            return list((await tx.execute(query)).all())

    async def openings(self) -> int:
        async with self.world.database.reading() as tx:
            return int((await tx.execute(select(func.count()).select_from(break_glass))).scalar_one())


@pytest.fixture
async def ward(world: World, sealer: Sealer) -> Ward:
    database, audit = world.database, Audit(world.database)
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    [hashed] = await passwords.hash_random([PASSWORD])
    officer = {"roles": ["data_protection_officer"], "password_hash": hashed}
    async with database.transaction() as tx:
        await tx.execute(update(staff_table).values(password_hash=hashed))
        # Three coordinators and specialists of these tests become officers: here, elsewhere, of everything.
        for name, more in (("dieu", {}), ("xadieu", {}), ("mai", {"installation_wide": True})):
            await tx.execute(update(staff_table).where(staff_table.c.user_name == name).values(officer | more))
    book = EmbeddedBook(database, sealer)
    panel = Panel(database, world.store, audit, book, zone=ZONE)
    throttle = Throttle(MemoryStorage(), per_account=5, per_address=60)
    authentication = Authentication(database, passwords, throttle, audit)
    searches = Searches(MemoryStorage())
    hints: list[dict[str, Any]] = []

    class Noted:
        async def publish(self, topic: str, message: dict[str, Any]) -> None:
            hints.append({"topic": topic, **message})

    bus: Any = Noted()
    return Ward(
        world,
        panel,
        BreakGlass(database, audit, authentication, world.directory, panel, searches, sealer, bus),
        GlassReviews(database, audit, Guard(audit), world.directory, sealer),
        Viewings(database, audit, Guard(audit), world.directory, sealer, searches),
        book,
        hints,
    )


async def test_a_closed_book_opens_for_four_hours_and_everybody_knows(ward: Ward) -> None:
    consult = await ward.closed()
    with pytest.raises(BookClosed) as closed:
        await ward.read("ha", consult)
    assert (closed.value.code, closed.value.breakable) == ("book.over", True)
    await ward.break_it("ha", consult)
    opened = await ward.read("ha", consult)
    assert [line.text for line in opened.view.red_line.items] == ["Penicillin"]
    assert opened.access.glass is not None
    assert opened.access.until == ward.world.clock.now() + timedelta(hours=4)
    (broken,) = await ward.trail("book.break_glass")
    assert (broken.actor, broken.outcome, broken.address) == (ward.world["ha"].id, "success", "10.0.0.9")
    assert (broken.patient_id, broken.consult_id) == (consult.patient.patient_id, consult.id)
    assert broken.details["reason"] == "danger"
    assert WORDS not in str(broken.details)
    read = (await ward.trail("book.read"))[-1]
    assert (read.details["purpose"], read.details["ground"], read.details["glass"]) == (
        "BTG",
        "break_glass",
        broken.target,
    )
    # Whom it concerns is told at once: the officer of that hospital and the one of everything, nobody else.
    assert {hint["staff"] for hint in ward.hints} == {ward.world["dieu"].id, ward.world["mai"].id}
    assert {hint["topic"] for hint in ward.hints} == {TOPIC}
    ward.world.clock.advance(4 * 3600)
    with pytest.raises(BookClosed):
        await ward.read("ha", consult)


async def test_outside_any_consult_a_book_opens_to_who_opened_it(ward: Ward) -> None:
    patient_id = PatientId(str((await ward.closed()).patient.patient_id))
    far = await ward.session("xa")
    glass_id = await ward.glass.open_outside(
        far, patient_id, password=PASSWORD, reason=GlassReason.UNABLE, words=WORDS, address="10.0.0.9"
    )
    place = await ward.panel.outside(far.staff, far, glass_id)
    opened = await ward.panel.open_book(far.staff, far, place)
    assert [line.text for line in opened.view.red_line.items] == ["Penicillin"]
    [broken], [*reads] = await ward.trail("book.break_glass"), await ward.trail("book.read")
    assert (broken.patient_id, broken.consult_id, broken.outcome) == (patient_id, None, "success")
    assert (reads[-1].consult_id, reads[-1].details["purpose"]) == (None, "BTG")
    # The officer where the person works, and the one of the installation; not the one of a facility without a part.
    assert {hint["staff"] for hint in ward.hints} == {ward.world["xadieu"].id, ward.world["mai"].id}
    [row] = await ward.reviews.waiting(await ward.person("xadieu"))
    assert (row.consult_code, await ward.reviews.count(await ward.person("xadieu"))) == (None, 1)
    assert await ward.reviews.count(await ward.person("dieu")) == 0
    other = await ward.session("ha")
    with pytest.raises(NotFound):
        await ward.panel.outside(other.staff, other, glass_id)
    ward.world.clock.advance(4 * 3600)
    with pytest.raises(Forbidden) as over:
        await ward.panel.outside(far.staff, far, glass_id)
    assert over.value.code == "glass.over"
    assert [entry.outcome for entry in (await ward.trail("book.read"))[-2:]] == ["denied", "denied"]


async def test_outside_any_consult_a_coordinator_opens_nothing(ward: Ward) -> None:
    patient_id = PatientId(str((await ward.closed()).patient.patient_id))
    nobody = await ward.session("khue") if "khue" in ward.world.people else await ward.session("dieu")
    with pytest.raises(Forbidden):
        await ward.glass.open_outside(nobody, patient_id, password=PASSWORD, reason=GlassReason.DANGER, words=WORDS)
    assert await ward.openings() == 0
    assert [entry.outcome for entry in await ward.trail("book.break_glass")] == ["denied"]


async def test_nobody_elses_book_and_nobody_else(ward: Ward) -> None:
    consult = await ward.closed()
    await ward.break_it("ha", consult)
    other = await ward.world.ask("another")
    with pytest.raises(NotFound):
        await ward.panel.place(ward.world["xa"], None, consult.id)
    with pytest.raises(BookClosed):
        await ward.read("lan", consult)
    await ward.world.answers.accept(ward.world["khai"], other.id)
    with pytest.raises(BookClosed):
        await ward.read("lan", replace(other, id=consult.id))


async def test_a_colleague_at_the_hospital_finds_the_door_and_a_stranger_none(ward: Ward) -> None:
    consult = await ward.closed()
    await ward.change("khai", facility_id=STROKE_HOSPITAL)
    session = await ward.session("khai")
    assert await ward.glass.by_code(session, consult.code.lower()) == consult.id
    with pytest.raises(NotFound):
        await ward.panel.place(session.staff, session, consult.id)
    await ward.break_it("khai", consult)
    place = await ward.panel.place(session.staff, session, consult.id)
    assert place.related is None
    assert (await ward.read("khai", consult)).access.glass is not None
    for stranger in ("xa", "an"):
        with pytest.raises(NotFound):
            await ward.break_it(stranger, consult)
    with pytest.raises(NotFound):
        await ward.glass.by_code(session, "HC-0000-0000")
    assert await ward.openings() == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"words": "vội         quá"}, "glass.words"),
        ({"words": "x" * 2001}, "glass.words"),
        ({"password": "sai mật khẩu"}, "password.present"),
    ],
)
async def test_without_words_or_password_nothing_opens(ward: Ward, changes: dict[str, str], code: str) -> None:
    consult = await ward.closed()
    with pytest.raises(Invalid) as refused:
        await ward.break_it("ha", consult, **changes)
    assert refused.value.code == code
    assert await ward.openings() == 0
    assert ward.hints == []
    with pytest.raises(BookClosed):
        await ward.read("ha", consult)


async def test_passwords_are_throttled_as_at_the_sign_in(ward: Ward) -> None:
    consult = await ward.closed()
    for _ in range(5):
        with pytest.raises(Invalid):
            await ward.break_it("ha", consult, password="sai mật khẩu")
    with pytest.raises(TooMany):
        await ward.break_it("ha", consult)
    assert [entry.outcome for entry in await ward.trail("book.break_glass")] == ["denied"] * 5
    assert await ward.openings() == 0


async def test_without_a_trail_nothing_opens(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    consult = await ward.closed()

    async def broken(self: Audit, transaction: object, entry: AuditEntry) -> None:
        if entry.action == "book.break_glass":
            raise Unavailable("database.unavailable", "-")

    monkeypatch.setattr(Audit, "record", broken)
    with pytest.raises(Unavailable):
        await ward.break_it("ha", consult)
    assert await ward.openings() == 0
    assert ward.hints == []


async def test_who_may_not_is_refused_on_record(ward: Ward) -> None:
    consult = await ward.closed()
    await ward.change("lan", roles=["coordinator"])
    with pytest.raises(Forbidden) as refused:
        await ward.break_it("lan", consult)
    assert refused.value.code == "glass.denied"
    assert [entry.outcome for entry in await ward.trail("book.break_glass")] == ["denied"]
    assert await ward.openings() == 0


async def test_restricted_entries_take_a_scope_or_the_reason_that_says_so(ward: Ward) -> None:
    depression = restricted(DEPRESSION)
    depression["meta"]["security"].append({"code": "PSY"})
    consult = await ward.closed(depression, PRESSURE)

    async def problems() -> tuple[list[str], int]:
        view = (await ward.read("ha", consult)).view
        return [item.text for item in view.problems.items], view.withheld

    await ward.break_it("ha", consult)
    assert await problems() == (["Tăng huyết áp"], 1)
    await ward.break_it("ha", consult, reason=GlassReason.RESTRICTED)
    assert (sorted((await problems())[0]), (await problems())[1]) == (["Trầm cảm", "Tăng huyết áp"], 0)
    with pytest.raises(Forbidden):  # there is nothing more to open
        await ward.break_it("ha", consult, reason=GlassReason.RESTRICTED)
    await ward.break_it("lan", consult)
    assert (await ward.read("lan", consult)).view.withheld == 1
    await ward.change("lan", sensitivities=[Sensitivity.PSYCHIATRIC])
    assert (await ward.read("lan", consult)).view.withheld == 0
    await ward.change("lan", sensitivities=[Sensitivity.HIV])
    assert (await ward.read("lan", consult)).view.withheld == 1


async def test_a_consent_in_the_book_closes_opens_and_may_withstand_an_emergency(ward: Ward) -> None:
    permitted = await ward.closed(allergy("Penicillin"), PERMIT_HUB | {"id": "permit"})
    # BS. Lan's health station has the code that this consent names.
    assert (await ward.read("lan", permitted)).access.ground == "consent"
    with pytest.raises(BookClosed):
        await ward.read("ha", permitted)


async def test_a_denial_is_overcome_by_an_emergency_unless_it_speaks_of_one(ward: Ward) -> None:
    consult = await ward.closed(allergy("Penicillin"), DENY | {"id": "deny"})
    await ward.break_it("ha", consult)
    assert (await ward.read("ha", consult)).access.ground == "break_glass"
    session = await ward.session("ha")
    async with ward.world.database.transaction() as tx:
        await ward.book.append(
            tx, consult.patient.patient_id or PatientId(""), [DENY_EMERGENCY], author="x", facility_code="51001"
        )
    with pytest.raises(BookClosed) as refused:
        await ward.read("ha", consult)
    assert not refused.value.breakable
    # The permission before the fetch was taken back: the list shows no view, and the refusal.
    patient_id = PatientId(str(consult.patient.patient_id))
    page = await ward.viewings.beside_book(session, patient_id, consult.id, Decision(Why.OPEN))
    assert [(one.act, one.allowed) for one in page.rows[:2]] == [("book.viewers", True), ("book.read", False)]


async def test_officers_review_what_is_theirs_once_and_nobody_their_own(ward: Ward) -> None:
    consult = await ward.closed()
    await ward.break_it("ha", consult)
    here, elsewhere, wide = [await ward.person(name) for name in ("dieu", "xadieu", "mai")]
    (row,) = await ward.reviews.waiting(here)
    assert (row.person_name, row.consult_code, row.verdict) == ("BS. Hà", consult.code, None)
    assert row.glass.due_at == ward.world.clock.now() + timedelta(hours=72)
    assert not row.overdue(row.glass.due_at - timedelta(seconds=1))
    assert row.overdue(row.glass.due_at)
    assert [one.glass.id for one in await ward.reviews.waiting(wide)] == [row.glass.id]
    assert await ward.reviews.waiting(elsewhere) == []
    with pytest.raises(NotFound):
        await ward.reviews.case(elsewhere, row.glass.id)
    with pytest.raises(Forbidden):
        await ward.reviews.waiting(await ward.person("ha"))
    case = await ward.reviews.case(here, row.glass.id)
    assert (case.words, case.note) == (WORDS, "")
    assert [entry.target for entry in await ward.trail("glass.read")] == [row.glass.id]
    with pytest.raises(Invalid):
        await ward.reviews.review(here, row.glass.id, Verdict.UNJUSTIFIED, "không")
    await ward.reviews.review(here, row.glass.id, Verdict.UNJUSTIFIED, "Không có tình huống cấp cứu nào")
    with pytest.raises(Conflict):
        await ward.reviews.review(wide, row.glass.id, Verdict.JUSTIFIED, "")
    (settled,) = await ward.reviews.settled(wide)
    assert (settled.verdict, settled.reviewer_name, await ward.reviews.waiting(wide)) == (
        Verdict.UNJUSTIFIED,
        here.full_name,
        [],
    )
    assert (await ward.reviews.case(wide, row.glass.id)).note == "Không có tình huống cấp cứu nào"
    (reviewed,) = await ward.trail("glass.review")
    assert (reviewed.actor, reviewed.details["verdict"]) == (here.id, "unjustified")


async def test_nobody_reviews_their_own(ward: Ward) -> None:
    consult = await ward.closed()
    await ward.change("ha", roles=["specialist", Role.DATA_PROTECTION_OFFICER])
    await ward.break_it("ha", consult)
    mine = await ward.person("ha")
    (row,) = await ward.reviews.waiting(mine)
    with pytest.raises(Forbidden) as refused:
        await ward.reviews.review(mine, row.glass.id, Verdict.JUSTIFIED, "")
    assert refused.value.code == "glass.own"
    assert [entry.outcome for entry in await ward.trail("glass.review")] == ["denied"]


async def test_a_book_lists_every_view_with_who_where_and_why(ward: Ward) -> None:
    consult = await ward.closed()
    patient_id = consult.patient.patient_id
    assert patient_id is not None
    with pytest.raises(BookClosed):
        await ward.read("lan", consult)
    await ward.break_it("ha", consult)
    await ward.read("ha", consult)
    # Where one worked then, not where one works now.
    await ward.change("ha", facility_id=CENTRAL_HOSPITAL)
    officer = await ward.session("xadieu")
    found = await ward.viewings.find(officer, NumberKind.CCCD, LANH.cccd or "")
    assert found is not None
    assert found.patient_id == patient_id
    masked, page = await ward.viewings.for_officer(officer, found.patient_id)
    lines = [(one.latest.name, one.latest.is_emergency, one.latest.allowed, len(one.rows)) for one in page.groups]
    assert lines == [("Điều phối Xa", False, True, 1), ("BS. Hà", True, True, 2), ("BS. Lan", False, False, 1)]
    assert masked.masked_cccd == "••••4471"
    told = [(one.name, one.facility, one.act, one.ground, one.reason, one.allowed) for one in page.rows]
    assert told == [
        ("Điều phối Xa", "Bệnh viện Xa", "book.viewers", "", "", True),
        ("BS. Hà", "Bệnh viện Tỉnh", "book.read", "break_glass", "danger", True),
        ("BS. Hà", "Bệnh viện Tỉnh", "book.break_glass", "", "danger", True),
        ("BS. Lan", "Trạm Đảo", "book.read", "", "book.over", False),
    ]
    assert {one.consult_code for one in page.rows[1:]} == {consult.code}
    (search,) = await ward.trail("patient.search")
    assert (search.patient_id, str(LANH.cccd) in str(search)) == (patient_id, False)


async def test_views_come_page_by_page_and_only_to_officers(ward: Ward) -> None:
    consult = await ward.closed()
    patient_id = PatientId(str(consult.patient.patient_id))
    audit = Audit(ward.world.database)
    for visit in range(30):
        for _ in range(3):
            entry = AuditEntry(ward.world["ha"].id, "book.read", SessionId(f"ses_{visit}"), patient_id=patient_id)
            await audit.commit(entry)
    officer = await ward.session("dieu")
    _, first = await ward.viewings.for_officer(officer, patient_id)
    _, second = await ward.viewings.for_officer(officer, patient_id, before=first.before)
    assert [len(group.rows) for group in first.groups] == [1, *[3] * 19]
    assert [len(group.rows) for group in second.groups] == [3] * 11
    assert second.before is None
    assert first.groups[1].first.number < first.groups[1].latest.number
    assert {row.number for row in first.rows}.isdisjoint(row.number for row in second.rows)
    with pytest.raises(Forbidden):
        await ward.viewings.for_officer(await ward.session("ha"), patient_id)
    with pytest.raises(Forbidden):
        await ward.viewings.find(await ward.session("ha"), NumberKind.CCCD, LANH.cccd or "")
    assert await ward.viewings.find(officer, NumberKind.CCCD, "001000000000") is None
    with pytest.raises(NotFound):
        await ward.panel.place(ward.world["ha"], None, ConsultId("con_" + "0" * 32))
