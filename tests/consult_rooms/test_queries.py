"""What each reader is shown, on both stores."""

from __future__ import annotations

import re
from datetime import time, timedelta
from itertools import pairwise

import pytest

from consult_rooms.access import Relation
from consult_rooms.log import Data
from consult_rooms.log_entry import LogKind
from consult_rooms.model import CancelReason, DeclineReason, Level, Rung, Step, Way, WrittenCause
from consult_rooms.rows import Answer
from consult_rooms.wording import sentence
from foundation.errors import Forbidden, NotFound
from foundation.i18n import Languages
from foundation.ids import ConsultId, new_id
from tests.consult_rooms.conftest import BURNS, CLINIC, NAME, STROKE, STROKE_HOSPITAL, UNKNOWN_WOMAN, ZONE, World


async def test_strangers_and_unknown_ids_look_alike(world: World) -> None:
    consult = await world.ask()
    for who, consult_id in (("mai", consult.id), ("xa", consult.id), ("bong", consult.id), ("lan", new_id("con"))):
        with pytest.raises(NotFound) as error:
            await world.queries.consult(world[who], ConsultId(consult_id))
        assert error.value.code == "consult.unknown"
        with pytest.raises(NotFound):
            await world.queries.timeline(world[who], ConsultId(consult_id))


@pytest.mark.parametrize(
    ("who", "related", "named"),
    [
        ("lan", Relation.REQUESTER, True),
        ("ha", Relation.RUNG, False),
        ("an", Relation.CANDIDATE, False),
        ("dieu", Relation.COORDINATOR, False),
    ],
)
async def test_before_the_claim_only_the_requester_sees_the_name(
    world: World, who: str, related: Relation, named: bool
) -> None:
    consult = await world.ask()
    view = await world.queries.consult(world[who], consult.id)
    assert (view.related, view.names_patient) == (related, named)
    assert (view.consult.patient.name == NAME) is named
    assert (view.consult.patient.masked_number is not None) is named
    assert (view.consult.consent is not None) is named
    assert view.consult.question.line
    assert view.consult.patient.age(world.clock.now().date()) == 68
    assert [telephone.name for telephone in view.telephones] == ["Bệnh viện Tỉnh", "Bệnh viện Trung ương"]


async def test_after_the_claim_the_specialist_sees_the_name_and_their_hospital_first(world: World) -> None:
    consult = await world.ask()
    await world.answers.accept(world["khai"], consult.id)
    view = await world.queries.consult(world["khai"], consult.id)
    assert view.consult.patient.name == NAME
    assert view.telephones[0].name == "Bệnh viện Trung ương"
    assert await world.opens_book("khai", consult.id)
    assert view.room_open
    rung = await world.queries.consult(world["ha"], consult.id)
    assert (rung.consult.patient.name, rung.consult.question.line, rung.specialist_name) == (None, "", "BS. Khải")


async def test_a_ring_shows_what_one_must_know_and_no_name(world: World) -> None:
    consult = await world.ask()
    await world.requests.widen(world["lan"], consult.id)
    (ring,) = await world.queries.rings_for(world["khai"].id)
    assert (ring.consult_id, ring.code, ring.specialty.id) == (consult.id, consult.code, STROKE)
    assert (ring.age, ring.sex, ring.step) == (68, "female", Step.SPECIALTY)
    assert ring.question == "Yếu nửa người phải từ 40 phút Có tiêu sợi huyết được không?"
    assert ring.emergency_telephone == "0255 000 1001"
    assert set(ring.also_ringing) == {"BS. Hà", "BS. An"}
    assert NAME not in repr(ring)
    await world.answers.decline(world["khai"], consult.id, DeclineReason.IN_CONSULT)
    assert await world.queries.rings_for(world["khai"].id) == []
    (again,) = await world.queries.rings_for(world["ha"].id)
    assert "BS. Khải" not in again.also_ringing
    await world.answers.accept(world["an"], consult.id)
    assert await world.queries.rings_for(world["ha"].id) == []


async def test_the_waiting_view_tells_silences_apart(world: World) -> None:
    (other,) = await world.recruit(1)
    await world.presence.beat(world["ha"].id, "s1")
    await world.presence.beat(world["khai"].id, "s2", ConsultId("con_x"))
    consult = await world.ask()
    await world.requests.widen(world["lan"], consult.id)
    await world.answers.decline(other, consult.id, DeclineReason.OUT_OF_SCOPE)
    view = await world.queries.waiting_view(consult.id)
    assert {person.name: (person.answer, person.reason) for person in view.people} == {
        "BS. Hà": (Answer.RINGING, None),
        "BS. Khải": (Answer.BUSY, None),
        "BS. An": (Answer.OFFLINE, None),
        "BS. Số 0": (Answer.DECLINED, DeclineReason.OUT_OF_SCOPE),
    }
    assert (view.step, view.next_step) == (Step.SPECIALTY, Step.ALTERNATE)
    assert view.step_due_at == world.clock.now() + timedelta(seconds=30)
    assert NAME not in repr(view)
    await world.answers.accept(world["ha"], consult.id)
    taken = await world.queries.waiting_view(consult.id)
    assert (taken.claimed_by, taken.claimed_facility_name) == ("BS. Hà", "Bệnh viện Tỉnh")
    assert (taken.next_step, taken.step_due_at) == (None, None)
    assert {person.answer for person in taken.people} == {Answer.ACCEPTED, Answer.STOPPED, Answer.DECLINED}


async def test_who_is_on_call_now_says_when_nobody_is(world: World) -> None:
    await world.presence.beat(world["ha"].id, "s1")
    rows = {row.specialty.id: row.people for row in await world.queries.on_call_now(CLINIC)}
    assert rows[BURNS] == ()
    assert [(person.name, person.answer) for person in rows[STROKE]] == [("BS. Hà", Answer.RINGING)]


async def test_a_backup_is_not_said_to_be_on_call(world: World) -> None:
    for user_name in ("ha", "an"):
        await world.rota.add(
            world["dieu"],
            staff_id=world[user_name].id,
            specialty_id=STROKE,
            facility_id=STROKE_HOSPITAL,
            weekday=world.clock.now().astimezone(ZONE).weekday(),
            starts=time(0),
            ends=time(0),
            level=Level.BACKUP,
        )
    (row,) = [row for row in await world.queries.on_call_now(CLINIC) if row.specialty.id == STROKE]
    assert [person.name for person in row.people] == ["BS. Hà"]
    assert [person.name for person in row.backups] == ["BS. An"], "who is on call first is nobody's backup"


async def test_lists_follow_a_consult_from_ring_to_close(world: World) -> None:
    consult = await world.ask()
    assert [row.consult.id for row in await world.queries.waiting(world["lan"])] == [consult.id]
    assert await world.queries.waiting(world["ha"]) == []
    await world.answers.accept(world["ha"], consult.id)
    (row,) = await world.queries.waiting(world["ha"])
    assert (row.patient_name, row.age, row.related, row.specialist_name) == (NAME, 68, Relation.SPECIALIST, "BS. Hà")
    await world.rooms.end(world["ha"], consult.id)
    assert len(await world.queries.waiting(world["ha"])) == 1
    assert len(await world.queries.past(world["lan"])) == 1
    await world.opinions.save(world["ha"], consult.id, "Ý kiến", 0)
    await world.opinions.close(world["ha"], consult.id)
    assert await world.queries.waiting(world["ha"]) == []
    assert [row.consult.id for row in await world.queries.past(world["ha"])] == [consult.id]
    assert await world.queries.past(world["an"]) == []


async def test_the_past_is_paged_newest_first(world: World) -> None:
    for number in range(5):
        consult = await world.ask(f"k{number}")
        await world.requests.cancel(world["lan"], consult.id, CancelReason.MISTAKE)
        world.clock.advance(60)
    first = await world.queries.past(world["lan"], limit=3)
    rest = await world.queries.past(world["lan"], before=first[-1].consult.created_at, limit=3)
    codes = [row.consult.code for row in (*first, *rest)]
    assert codes == [f"HC-2611-000{number}" for number in (5, 4, 3, 2, 1)]


async def test_the_queue_is_the_coordinators_and_names_nobody(world: World) -> None:
    consult = await world.ask()
    await world.answers.decline(world["ha"], consult.id, DeclineReason.OTHER)
    (row,) = await world.queries.queue(world["dieu"])
    assert (row.rung, row.declined, row.row.patient_name) == (3, 1, None)
    assert NAME not in repr(row)
    assert await world.queries.queue(world["xadieu"]) == []
    with pytest.raises(Forbidden):
        await world.queries.queue(world["lan"])


async def test_a_slot_says_whose_booking_it_is_only_to_those_concerned(world: World) -> None:
    first, second = await world.publish(count=2)
    await world.book(first)
    span = (first.starts_at, second.ends_at)
    for who in ("lan", "ha", "dieu"):
        rows = await world.queries.slots(world[who], *span)
        assert [row.booked.patient_name if row.booked else None for row in rows] == [NAME, None]
    others = await world.queries.slots(world["khai"], *span)
    assert others == []
    assert len(await world.queries.slots(world["lan"], *span, free_only=True, specialist_id=world["ha"].id)) == 1
    assert await world.queries.slots(world["lan"], *span, specialty_id=BURNS) == []


async def live_through(world: World) -> list[ConsultId]:
    """Consults whose logs hold every kind of entry."""
    consult = await world.ask("live", patient=UNKNOWN_WOMAN, consent=None)
    lan, ha = world["lan"], world["ha"]
    await world.requests.change_question(lan, consult.id, consult.question)
    await world.answers.decline(ha, consult.id, DeclineReason.IN_PROCEDURE)
    await world.answers.accept(ha, consult.id)
    _, here = await world.rooms.join(lan, consult.id)
    _, there = await world.rooms.join(ha, consult.id)
    await world.rooms.first_frame(here, there.id, "video")
    await world.rooms.first_frame(here, there.id, "audio")
    await world.rooms.first_frame(here, there.id, "screen")
    for state in ("weak", "lost", "good"):
        await world.rooms.line_changed(here, state)
    for rung in Rung:
        await world.rooms.quality_changed(here, Way.SENDS, rung)
        await world.rooms.quality_changed(here, Way.SEES, rung)
        await world.rooms.quality_changed(here, Way.SEES, rung, there)
    for rung in (Rung.AUDIO, Rung.HD):
        await world.rooms.quality_changed(here, Way.WISHES, rung)
    await world.rooms.leave(here)
    await world.rooms.join(lan, consult.id)
    await world.rooms.invite(ha, consult.id, world["khai"].id)
    await world.rooms.invite(ha, consult.id, world["an"].id, "observer")
    await world.rooms.chat(lan, consult.id, "Chào", "1")
    # What the clinic adds to the book is written by `records_panel`, which lies above.
    async with world.database.transaction() as tx:
        for kind in (LogKind.ADDED, LogKind.ADDITION_WITHDRAWN):
            for what in ("vitals", "result", "picture", "document"):
                await world.log.append(tx, consult.id, kind, lan.id, {"addition": "add_1", "what": what})
    # What passes around a claim is tried in `test_answers`, `test_leases` and `test_handovers`.
    async with world.database.transaction() as tx:
        khai = world["khai"].id
        passed: tuple[tuple[LogKind, Data], ...] = (
            (LogKind.BUSY, {}),
            (LogKind.LATER, {"until": "2026-11-23T07:05:00+00:00"}),
            (LogKind.FORWARDED, {"staff": khai}),
            (LogKind.ASKED, {"inquiry": "inq_1"}),
            (LogKind.ANSWERED, {"inquiry": "inq_1"}),
            (LogKind.OWNER_CHANGED, {"owner": khai}),
            (LogKind.CLAIM_LOST, {"staff": khai, "owner": lan.id}),
            (LogKind.HANDOVER_OFFERED, {"staff": khai}),
            *((LogKind.HANDOVER_DECLINED, {"reason": reason.value}) for reason in DeclineReason),
            (LogKind.HANDOVER_WITHDRAWN, {"staff": khai}),
            (LogKind.HANDED_OVER, {"from": khai, "owner": ha.id}),
            (LogKind.PAUSED, {}),
            (LogKind.RESUMED, {}),
            # What becomes of written cases is tried in `test_written` and `tests.web.test_uploads`.
            *(
                (LogKind.WRITTEN, {"cause": cause.value, "due_at": "2026-11-23T07:30:00+00:00"})
                for cause in WrittenCause
            ),
            (LogKind.OVERDUE, {"staff": khai}),
            (LogKind.TAKEN, {"facility": CLINIC, "waited_s": 1.5, "owner": ha.id}),
            *((LogKind.ATTACHED, {"attachment": "att_1", "what": what}) for what in ("picture", "voice", "document")),
            (LogKind.RAISED, {"staff": khai}),
            # Of opinions about each of several patients in `test_opinions`.
            (LogKind.OPINION_LOCKED, {"version": 1}),
            (LogKind.DRAWN, {"stroke": 1, "change": "drawn"}),
            (LogKind.DRAWN, {"stroke": 1, "change": "undone"}),
            *(
                (LogKind.ADVISED, {"item": 1, "change": change})
                for change in ("given", "amended", "withdrawn", "will_do", "cannot", "done")
            ),
            # What coordinators do is tried in `test_board`, what becomes of booked times in `test_changes`, minutes in
            # `test_minutes`.
            *((LogKind.REASSIGNED, {"staff": khai, "to": to}) for to in ("specialist", "coordinator")),
            *((LogKind.ESCALATED, {"what": what}) for what in ("urgency", "step")),
            (LogKind.COMMENTED, {}),
            *((LogKind.DISPLACED, {"specialist": khai, "cause": cause}) for cause in ("emergency", "absent")),
            (LogKind.KEPT, {"owner": khai}),
            (LogKind.DELAYED, {"until": "2026-11-23T07:05:00+00:00"}),
            (LogKind.NO_SHOW, {"reason": "no_show"}),
            (LogKind.ARRIVED, {}),
            (LogKind.CHECKED, {"with": "name+birth_date"}),
            *((kind, {"version": 2}) for kind in (LogKind.MINUTES_SAVED, LogKind.MINUTES_SIGNED)),
            (LogKind.MINUTES_LOCKED, {"version": 2}),
            (LogKind.MINUTES_ADDED, {"addendum": 1}),
            (LogKind.ADVICE_READ, {"person": 0}),
            *((kind, {"person": 0, "day": 7}) for kind in (LogKind.FOLLOW_UP_DUE, LogKind.FOLLOWED_UP)),
            # What is stated beside the question in `test_question_sheets`.
            (LogKind.SHEET_ANSWERED, {"template": "stroke", "version": 1, "red_flags": 0}),
            (LogKind.SHEET_ANSWERED, {"template": "stroke", "version": 1, "red_flags": 2}),
            (LogKind.SCORED, {"score": "gcs", "version": 1}),
            (LogKind.EXAMINED, {"examination": "burns", "version": 1, "side": "clinic"}),
            (LogKind.FURTHER_CONSENT, {"purpose": "recording", "given": True, "by": "self", "spoken": True}),
            (LogKind.FURTHER_CONSENT, {"purpose": "recording", "given": False, "by": "self", "spoken": True}),
            (LogKind.FURTHER_CONSENT, {"purpose": "teaching", "given": True, "by": "proxy", "spoken": False}),
            (LogKind.FURTHER_CONSENT, {"purpose": "teaching", "given": False, "by": "proxy", "spoken": False}),
            (LogKind.ROLL_CALLED, {"side": "clinic", "people": 2}),
            (LogKind.ROLL_CALLED, {"side": "hospital", "people": 2}),
        )
        for kind, data in passed:
            await world.log.append(tx, consult.id, kind, ha.id, data)
    await world.requests.change_identity(lan, consult.id, (await world.ask("named")).patient, "confirmed")
    await world.requests.change_identity(lan, consult.id, None, "reverted")
    given = (await world.ask("given")).consent
    assert given is not None
    await world.requests.record_consent(lan, consult.id, given)
    await world.rooms.end(ha, consult.id)
    await world.opinions.save(ha, consult.id, "Ý kiến", 0)
    await world.opinions.close(ha, consult.id)
    first, second = await world.publish(count=2)
    booked = await world.book(first)
    await world.scheduling.move(world["dieu"], booked.id, second.id, 1)
    await world.scheduling.cancel(lan, booked.id, CancelReason.TRANSFERRED)
    return [consult.id, booked.consult_id]


async def test_every_kind_of_entry_reads_well_in_both_languages(world: World) -> None:
    consults = await live_through(world)
    languages = Languages()
    kinds = set()
    for consult_id in consults:
        rows = await world.queries.timeline(world["lan"], consult_id)
        assert [row.entry.number for row in rows] == list(range(1, len(rows) + 1))
        assert all(one.entry.at <= other.entry.at for one, other in pairwise(rows))
        for row in rows:
            kinds.add(row.entry.kind)
            vi, en = (sentence(languages.get(code), row, ZONE) for code in ("vi", "en"))
            assert vi != en, en
            for text in (vi, en):
                assert not re.search(r"%\(|None|stf_|  |^ | $", text), text
                assert NAME not in text
    assert kinds == set(LogKind)
    texts = [
        sentence(languages.get("en"), row, ZONE) for row in await world.queries.timeline(world["lan"], consults[1])
    ]
    assert texts == [
        "Điều phối Diệu booked this consult for 23/11/2026 16:00 with BS. Hà",
        "Điều phối Diệu moved this consult to 23/11/2026 16:30 with BS. Hà",
        "BS. Lan cancelled: the patient was transferred",
    ]


async def test_the_log_holds_ids_and_codes_alone(world: World) -> None:
    for consult_id in await live_through(world):
        for entry in await world.log.since(consult_id, 0):
            for value in entry.data.values():
                assert value is None or isinstance(value, bool | int | float) or re.fullmatch(r"[\w:+.-]+", value)
                assert value is None or str(value).isascii()
