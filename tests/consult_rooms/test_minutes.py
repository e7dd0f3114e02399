"""Minutes: versions of several writers, signatures, the lock, addenda. On both stores."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from limits.aio.storage import MemoryStorage
from sqlalchemy import Table, func, select, update

from consult_rooms.advice import Advice, Wording
from consult_rooms.advice_model import AdviceState
from consult_rooms.minutes import Minutes
from consult_rooms.minutes_document import advice_in
from consult_rooms.minutes_draft import TEXT, MinutesDraft
from consult_rooms.minutes_model import Seat, Task, Voice
from consult_rooms.minutes_signing import MinutesSigning
from consult_rooms.minutes_tables import minutes_addenda, minutes_signatures, minutes_versions, signing_keys
from consult_rooms.model import Consult, IdentityChange, ParticipantRole
from consult_rooms.signatures import decoded, key_id
from consult_rooms.signing_keys import KeyRing, Revocation, SigningKey
from consult_rooms.trust_list import TrustList
from foundation.audit import Audit, audit_entries
from foundation.errors import Conflict, Forbidden, HoichanError, Invalid, NotFound
from foundation.ids import SessionId, new_id
from identity.authentication import Authentication
from identity.guard import Guard, Operator
from identity.model import Session
from identity.passwords import Passwords
from identity.tables import staff
from identity.throttle import Throttle
from tests.consult_rooms.conftest import World
from tests.consult_rooms.test_identities import MERGED

PASSWORD = "mười hai con giáp"
DRAFT = MinutesDraft(
    summary="Yếu nửa người phải từ 13:20.",
    opinions=(Voice("BS. Hà", "Nghĩ nhiều đến nhồi máu não."), Voice("BS. Khải", "Đề nghị chuyển thẳng.", True)),
    conclusion="Chuyển ngay bằng tàu cấp cứu.",
    plan=(Task("Đo huyết áp mỗi 15 phút", "BS. Lan"),),
)


@dataclass
class Desk:
    """The services of minutes over a world, and sessions of its people."""

    world: World
    keys: KeyRing
    minutes: Minutes
    signing: MinutesSigning
    session: Callable[[str], Session]

    async def held(self, key: str = "k") -> Consult:
        """A consult of BS. Lan with BS. Hà and BS. Khải, who came later; ended."""
        world = self.world
        consult = await world.ask(key)
        await world.answers.accept(world["ha"], consult.id)
        await world.rooms.join(world["lan"], consult.id)
        await world.rooms.join(world["ha"], consult.id)
        world.clock.advance(240)
        await world.rooms.invite(world["ha"], consult.id, world["khai"].id, ParticipantRole.INVITED)
        await world.rooms.join(world["khai"], consult.id)
        world.clock.advance(600)
        await world.rooms.end(world["ha"], consult.id)
        return consult

    async def sign(self, who: str, consult: Consult, version: int = 1, password: str = PASSWORD) -> bool:
        return await self.signing.sign(self.session(who), consult.id, version, password=password)

    async def count(self, table: Table) -> int:
        async with self.world.database.reading() as tx:
            return int((await tx.execute(select(func.count()).select_from(table))).scalar_one())


@pytest.fixture
async def desk(world: World) -> Desk:
    return await desk_of(world)


async def desk_of(world: World) -> Desk:
    """The services of minutes over that world; everybody's password is `PASSWORD`."""
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    hashed = await passwords.hash(PASSWORD)
    async with world.database.transaction() as tx:
        await tx.execute(update(staff).values(password_hash=hashed))
    audit = Audit(world.database)
    throttle = Throttle(MemoryStorage(), per_account=5, per_address=60)
    authentication = Authentication(world.database, passwords, throttle, audit)
    keys = KeyRing(world.database, world.store.sealer, audit, Guard(audit), world.directory)
    now = world.clock.now()
    clinic = (await world.directory.facilities())[0]

    def session(who: str) -> Session:
        return Session(SessionId(new_id("ses")), world[who], clinic, None, "c", now, now + timedelta(hours=12), False)

    parts = (world.database, world.store, world.log, world.directory)
    return Desk(
        world,
        keys,
        Minutes(*parts, world.opinions, audit),
        MinutesSigning(*parts, audit, authentication, keys),
        session,
    )


async def refused(act: Awaitable[object]) -> HoichanError:
    with pytest.raises(HoichanError) as told:
        await act
    return told.value


async def test_people_and_times_come_from_the_room_and_the_opinion_begins_the_text(desk: Desk) -> None:
    consult = await desk.held()
    await desk.world.opinions.save(desk.world["ha"], consult.id, "Chuyển ngay.", 0)
    view = await desk.minutes.read(desk.session("lan"), consult.id)
    start = consult.created_at
    seen = [
        (one.seat, one.name, one.came_at and one.came_at - start, one.left_at and one.left_at - start)
        for one in view.content.people
    ]
    ends = timedelta(seconds=840)
    assert seen == [
        (Seat.CHAIR, "BS. Hà", timedelta(), ends),
        (Seat.SECRETARY, "BS. Lan", timedelta(), ends),
        (Seat.MEMBER, "BS. Khải", timedelta(seconds=240), ends),
    ]
    assert view.content.opinions == (Voice("BS. Hà", "Chuyển ngay."),)
    assert (view.version, view.locked_at, view.facts.header.name) == (0, None, "Bệnh viện Tỉnh")
    async with desk.world.database.reading() as tx:
        acts = (await tx.execute(select(audit_entries.c.action).where(audit_entries.c.patient_id.is_not(None)))).all()
    assert ("minutes.read",) in acts


async def test_advice_stands_with_the_clinics_answers_and_what_is_still_to_be_done_begins_the_plan(desk: Desk) -> None:
    world, consult = desk.world, await desk.held()
    ha, lan = world["ha"], world["lan"]
    advice = Advice(world.database, world.store, world.log, world.directory)
    said = [
        ("drug", "Aspirin", "300 mg"),
        ("test", "Đường huyết", ""),
        ("referral", "Đơn vị đột quỵ", ""),
        ("watch", "Sốt", ""),
    ]
    given = [
        await advice.give(ha, consult.id, Wording(kind, text, dose), f"key-0000{number}")
        for number, (kind, text, dose) in enumerate(said)
    ]
    await advice.answer(lan, consult.id, given[0].id, 1, "cannot", "Trạm không có")
    await advice.answer(lan, consult.id, given[1].id, 1, "will_do")
    await advice.withdraw(ha, consult.id, given[3].id, 1)
    view = await desk.minutes.read(desk.session("ha"), consult.id)
    assert view.content.plan == (Task("Đường huyết", "BS. Lan"), Task("Đơn vị đột quỵ", "BS. Lan"))
    told = [(one.number, one.state, one.reason, one.given_by, one.answered_by) for one in view.advice]
    assert told == [
        (1, AdviceState.CANNOT, "Trạm không có", "BS. Hà", "BS. Lan"),
        (2, AdviceState.WILL_DO, "", "BS. Hà", "BS. Lan"),
        (3, AdviceState.OPEN, "", "BS. Hà", ""),
        (4, AdviceState.WITHDRAWN, "", "BS. Hà", ""),
    ]

    # What is saved is what is signed: a later answer is told, and comes in with the next version alone.
    saved = await desk.minutes.save(desk.session("ha"), consult.id, DRAFT, 0)
    assert json.loads(saved.document)["advice"][0]["dose"] == "300 mg"
    await advice.answer(lan, consult.id, given[2].id, 1, "done")
    view = await desk.minutes.read(desk.session("ha"), consult.id)
    assert (view.advice[2].state, view.advice_moved) == (AdviceState.OPEN, True)
    assert (await desk.minutes.save(desk.session("ha"), consult.id, DRAFT, 1)).version == 2
    view = await desk.minutes.read(desk.session("ha"), consult.id)
    assert (view.advice[2].state, view.advice_moved) == (AdviceState.DONE, False)

    # A document from before items were in it reads as one without.
    old = json.loads(saved.document)
    del old["advice"]
    assert advice_in(json.dumps(old)) == ()


async def test_strangers_observers_and_coordinators_read_no_minutes(desk: Desk) -> None:
    consult = await desk.held()
    for who, error in (("xa", NotFound), ("dieu", Forbidden), ("mai", NotFound)):
        assert isinstance(await refused(desk.minutes.read(desk.session(who), consult.id)), error)
        assert isinstance(await refused(desk.minutes.save(desk.session(who), consult.id, DRAFT, 0)), error)
        assert isinstance(await refused(desk.sign(who, consult)), error)


async def test_of_two_editors_the_second_is_told_what_changed_and_loses_nothing(desk: Desk) -> None:
    consult = await desk.held()
    lan, ha = desk.session("lan"), desk.session("ha")
    first = await desk.minutes.save(ha, consult.id, DRAFT, 0)
    other = replace(DRAFT, summary="Khác.", conclusion="Chuyển bằng xe.")
    assert (await desk.minutes.save(ha, consult.id, other, 1)).version == 2
    late = await refused(desk.minutes.save(lan, consult.id, replace(DRAFT, plan=()), 1))
    assert isinstance(late, Conflict)
    assert (late.code, late.parameters) == (
        "minutes.stale",
        {"seen": 1, "now": 2, "changed": "summary,conclusion"},
    )
    again = await desk.minutes.save(ha, consult.id, other, 1)
    assert again.version == 2, "the same save sent twice is one"
    assert (await desk.minutes.read(lan, consult.id)).content.summary == "Khác."
    assert first.digest != again.digest
    assert await desk.count(minutes_versions) == 2
    acts = [desk.minutes.save(one, consult.id, replace(DRAFT, summary=f"Cùng lúc {one.id}"), 2) for one in (lan, ha)]
    results = await asyncio.gather(*acts, return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["Conflict", "Saved"]


async def test_minutes_are_locked_by_the_last_signature_of_chair_secretary_and_members(desk: Desk) -> None:
    consult = await desk.held()
    saved = await desk.minutes.save(desk.session("lan"), consult.id, DRAFT, 0)
    assert not await desk.sign("lan", consult)
    assert not await desk.sign("ha", consult)
    assert not await desk.sign("ha", consult), "asked for twice it is one"
    assert await desk.sign("khai", consult)
    view = await desk.minutes.read(desk.session("lan"), consult.id)
    assert view.locked_at == desk.world.clock.now()
    assert [(one.seat, one.of) for one in view.signatures] == [
        (Seat.CHAIR, 3),
        (Seat.SECRETARY, 3),
        (Seat.MEMBER, 3),
    ]
    assert view.saved is not None
    assert view.saved.digest == saved.digest
    for one in view.signatures:
        async with desk.world.database.reading() as tx:
            public = (
                await tx.execute(select(signing_keys.c.public).where(signing_keys.c.id == one.key_id))
            ).scalar_one()
        # What docs/signatures.md says, by hand: canonical JSON of six members, keys sorted, no space.
        told = (
            f'{{"as":"{one.seat.value}","at":{int(one.at.timestamp())},"document":"{saved.digest}",'
            f'"format":"hoichan-signature/1","key":"{one.key_id}","of":3}}'
        )
        Ed25519PublicKey.from_public_bytes(decoded(public)).verify(decoded(one.value), told.encode())
        assert key_id(decoded(public)) == one.key_id
    late = await refused(desk.minutes.save(desk.session("lan"), consult.id, replace(DRAFT, summary="Sửa"), 1))
    assert late.code == "minutes.locked"
    assert (await desk.world.kinds(consult))[-5:] == [
        "minutes_saved",
        *["minutes_signed"] * 3,
        "minutes_locked",
    ]
    assert await desk.count(minutes_signatures) == 3


async def test_a_member_who_is_recorded_as_absent_is_not_waited_for(desk: Desk) -> None:
    consult = await desk.held()
    khai, ha = desk.world["khai"].id, desk.world["ha"].id
    seats = {khai: (Seat.MEMBER, "Đã ra về trước"), ha: (Seat.CHAIR, "không tính")}
    draft = replace(DRAFT, seats=seats, guests=[("bà Trần Thị Sen (vợ)", "người nhà"), ("", "")])
    saved = await desk.minutes.save(desk.session("lan"), consult.id, draft, 0)
    assert [(one.name, one.seat, one.absent) for one in saved.content.people] == [
        ("BS. Hà", Seat.CHAIR, ""),
        ("BS. Lan", Seat.SECRETARY, ""),
        ("BS. Khải", Seat.MEMBER, "Đã ra về trước"),
        ("bà Trần Thị Sen (vợ)", Seat.PRESENT, ""),
    ]
    denied = await refused(desk.sign("khai", consult))
    assert denied.code == "minutes.not_a_signer"
    assert not await desk.sign("lan", consult)
    assert await desk.sign("ha", consult)


async def test_a_signature_on_a_stale_version_is_refused_and_earlier_ones_lapse(desk: Desk) -> None:
    consult = await desk.held()
    await desk.minutes.save(desk.session("lan"), consult.id, DRAFT, 0)
    await desk.sign("lan", consult)
    await desk.minutes.save(desk.session("ha"), consult.id, replace(DRAFT, conclusion="Khác."), 1)
    stale = await refused(desk.sign("khai", consult, 1))
    assert (stale.code, stale.parameters) == ("minutes.stale", {"seen": 1, "now": 2})
    view = await desk.minutes.read(desk.session("lan"), consult.id)
    assert (view.signatures, view.lapsed) == ((), 1)
    waiting = view.awaits(desk.world["lan"])
    assert waiting is not None
    assert waiting.name == "BS. Lan"


async def test_what_cannot_be_signed_says_why_and_writes_nothing(desk: Desk) -> None:
    world = desk.world
    consult = await world.ask()
    early = await refused(desk.minutes.read(desk.session("lan"), consult.id))
    assert early.code == "minutes.not_held"
    await world.answers.accept(world["ha"], consult.id)
    ha, lan = desk.session("ha"), desk.session("lan")
    await desk.minutes.save(ha, consult.id, DRAFT, 0)
    assert (await refused(desk.sign("ha", consult))).code == "minutes.running"
    await world.rooms.join(world["ha"], consult.id)
    await world.rooms.end(world["ha"], consult.id)
    both = {world["lan"].id: (Seat.CHAIR, "")}
    for number, (draft, code) in enumerate(
        (
            (replace(DRAFT, seats=both), "minutes.no_chair"),
            (replace(DRAFT, seats={world["lan"].id: (Seat.MEMBER, "")}), "minutes.no_secretary"),
            (replace(DRAFT, conclusion=""), "minutes.no_conclusion"),
        ),
        start=1,
    ):
        await desk.minutes.save(lan, consult.id, draft, number)
        assert (await refused(desk.sign("ha", consult, number + 1))).code == code
    await desk.minutes.save(lan, consult.id, DRAFT, 4)
    wrong = await refused(desk.sign("ha", consult, 5, "sai"))
    assert (wrong.code, isinstance(wrong, Invalid)) == ("password.present", True)
    await world.requests.change_identity(world["lan"], consult.id, MERGED, IdentityChange.MERGED)
    assert (await refused(desk.sign("ha", consult, 5))).code == "minutes.identity_moved"
    await desk.minutes.save(lan, consult.id, DRAFT, 5)
    assert not await desk.sign("ha", consult, 6)
    assert await desk.count(minutes_signatures) == 1


async def test_a_text_that_is_too_long_names_its_field(desk: Desk) -> None:
    consult = await desk.held()
    ha = desk.session("ha")
    for draft, code, field in (
        (replace(DRAFT, summary="ư" * 100_000), "text.too_long", "summary"),
        (replace(DRAFT, opinions=[Voice("A", "ộ" * TEXT)] * 5), "minutes.too_much", "summary"),
        (replace(DRAFT, plan=[Task("x", "y")] * 81), "minutes.too_many", "plan"),
    ):
        error = await refused(desk.minutes.save(ha, consult.id, draft, 0))
        assert isinstance(error, Invalid)
        assert (error.code, error.field) == (code, field)
    # Decomposed letters and direction overrides do not get into a document.
    saved = await desk.minutes.save(ha, consult.id, replace(DRAFT, summary="Nguye\u0302\u0303n\u202e abc"), 0)
    assert saved.content.summary == "Nguyễn abc"


async def test_a_line_that_breaks_while_signing_leaves_no_half_signature(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    consult = await desk.held()
    await desk.minutes.save(desk.session("lan"), consult.id, DRAFT, 0)
    await desk.keys.key(desk.world["ha"])
    record = Audit.record

    async def broken(self: Audit, *told: object) -> None:
        raise RuntimeError("cut")

    monkeypatch.setattr(Audit, "record", broken)
    with pytest.raises(RuntimeError):
        await desk.sign("ha", consult)
    assert await desk.count(minutes_signatures) == 0
    assert "minutes_signed" not in await desk.world.kinds(consult)
    monkeypatch.setattr(Audit, "record", record)
    assert not await desk.sign("ha", consult)
    assert await desk.count(minutes_signatures) == 1


async def test_addenda_come_after_the_lock_each_signed_by_its_author(desk: Desk) -> None:
    consult = await desk.held()
    saved = await desk.minutes.save(desk.session("lan"), consult.id, DRAFT, 0)

    async def add(who: str, number: int, text: str) -> None:
        await desk.signing.add(desk.session(who), consult.id, number, text, password=PASSWORD)

    assert (await refused(add("ha", 1, "Thêm"))).code == "minutes.not_locked"
    for who in ("ha", "lan", "khai"):
        await desk.sign(who, consult)
    await add("ha", 1, "CT: không xuất huyết.")
    await add("ha", 1, "CT: không xuất huyết.")
    assert (await refused(add("lan", 1, "Đã đến viện."))).code == "minutes.addendum_taken"
    await add("lan", 2, "Đã đến viện.")
    assert (await refused(add("lan", 3, "  "))).code == "text.empty"
    view = await desk.minutes.read(desk.session("khai"), consult.id)
    assert [(one.number, one.author_name, one.text) for one in view.addenda] == [
        (1, "BS. Hà", "CT: không xuất huyết."),
        (2, "BS. Lan", "Đã đến viện."),
    ]
    assert json.loads(view.addenda[0].document)["minutes"] == saved.digest
    assert await desk.count(minutes_addenda) == 2


async def test_a_revoked_key_signs_no_more_and_the_next_signature_makes_another(desk: Desk) -> None:
    world, operator = desk.world, Operator()
    key = await desk.keys.key(world["ha"])
    assert await desk.keys.key(world["ha"]) == key
    version, listed = await desk.keys.published()
    assert (version, listed) == (1, [key])
    denied = await refused(desk.keys.revoke(world["lan"], key.id, Revocation.RETIRED))
    assert isinstance(denied, Forbidden)
    await desk.keys.revoke(operator, key.id, Revocation.RETIRED)
    fresh = await desk.keys.key(world["ha"])
    assert fresh.id != key.id
    with pytest.raises(Conflict):
        async with world.database.transaction() as tx:
            await desk.keys.require_current(tx, key)
    await desk.keys.revoke(operator, key.id, Revocation.COMPROMISED)
    version, listed = await desk.keys.published()
    assert version == 3
    assert {one.id: one.reason for one in listed} == {key.id: Revocation.COMPROMISED, fresh.id: None}
    keys = await asyncio.gather(*(desk.keys.key(world["khai"]) for _ in range(4)))
    assert len({one.id for one in keys}) == 1, "two first signatures at once make one key"
    assert (await refused(desk.keys.revoke(operator, (await desk.keys.installation()).id, Revocation.RETIRED))).code


async def test_the_trust_list_holds_keys_and_no_names_and_is_signed(desk: Desk) -> None:
    trust = TrustList(desk.keys, desk.world.clock)
    key: SigningKey = await desk.keys.key(desk.world["ha"])
    text = await trust.text()
    assert await trust.text() is text
    told = json.loads(text)
    Ed25519PublicKey.from_public_bytes(decoded(told["public"])).verify(
        decoded(told["signature"]), told["list"].encode()
    )
    listed = json.loads(told["list"])
    assert [one["id"] for one in listed["keys"]] == [key.id]
    assert desk.world["ha"].id not in text
    await desk.keys.revoke(Operator(), key.id, Revocation.COMPROMISED)
    after = json.loads(json.loads(await trust.text())["list"])
    assert (after["version"], after["keys"][0]["reason"]) == (listed["version"] + 1, "compromised")


async def test_keys_are_renewed_with_age_and_the_installations_old_key_vouches_for_the_new(desk: Desk) -> None:
    world, trust = desk.world, TrustList(desk.keys, desk.world.clock)
    consult = await desk.held()
    await desk.minutes.save(desk.session("lan"), consult.id, DRAFT, 0)
    await desk.sign("ha", consult)
    first, before = await desk.keys.installation(), json.loads(await trust.text())
    old = await desk.keys.key(world["ha"])
    world.clock.advance(366 * 86_400)
    renewed = await asyncio.gather(*(desk.keys.key(world["ha"]) for _ in range(3)))
    assert len({one.id for one in renewed}) == 1, "asked for three times at once it is renewed once"
    assert renewed[0].id != old.id
    told = json.loads(await trust.text())
    listed = {one["id"]: one for one in json.loads(told["list"])["keys"]}
    assert (listed[old.id]["reason"], listed[renewed[0].id]["revoked"]) == ("retired", None)
    assert json.loads(told["list"])["version"] > json.loads(before["list"])["version"]
    second = await desk.keys.installation()
    assert (before["public"], told["public"]) == (first.public, second.public)
    (one,) = told["successions"]
    # What docs/signatures.md says, by hand.
    said = f'{{"at":{one["at"]},"format":"hoichan-succession/1","public":"{second.public}"}}'
    Ed25519PublicKey.from_public_bytes(decoded(one["from"])).verify(decoded(one["signature"]), said.encode())
    assert (one["from"], one["to"]) == (first.public, second.public)
    third = await desk.keys.renew_installation(Revocation.COMPROMISED)
    after = json.loads(await trust.text())
    assert after["public"] == third.public
    assert [one["to"] for one in after["successions"]] == [second.public], "a compromised key vouches for nothing"
    assert not await desk.sign("khai", consult)
    assert await desk.sign("lan", consult), "minutes begun under the old key are signed to the end"
