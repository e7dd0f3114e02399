"""The demo: refused where it may not be, complete after any kill, the same at each start, true to the program."""

from __future__ import annotations

import asyncio
import re
import shutil
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from consult_rooms.answers import Answers
from consult_rooms.model import ConsultState
from consult_rooms.opinions import Opinions
from consult_rooms.rooms import Rooms
from consult_rooms.scheduling import Scheduling
from consult_rooms.tables import appointments, consults, slots
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.errors import Conflict, SignInNeeded
from foundation.settings import Settings
from hoichan import demo
from hoichan.demo_books import load_books
from hoichan.demo_history import load_history
from hoichan.migrate import upgrade
from hoichan.seeding import SIGN_INS, is_demo, read_sign_ins, seed_demo
from hoichan.serving import services_of
from hoichan.wiring import Parts, opened
from identity.entries import FacilityEntry, StaffEntry
from identity.guard import Operator
from identity.model import FacilityKind, ManagingLevel, Role, TechnicalLevel
from identity.tables import facilities, installation, staff
from records_panel.tables import patients
from web.application import build
from web.services import DemoSignIn

MORNING = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""Nine o'clock in Vietnam."""


def at(var: Path) -> Settings:
    return Settings(var=var, database_url="", redis_url="", host="127.0.0.1")


async def seeded(var: Path, clock: FakeClock | None = None) -> tuple[DemoSignIn, ...]:
    async with opened(at(var), clock=clock or FakeClock(MORNING)) as parts:
        await upgrade(parts.database)
        return await seed_demo(parts, parts.settings)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded installation; tests that change it take a copy."""
    var = tmp_path_factory.mktemp("seeded") / "var"
    asyncio.run(seeded(var))
    return var


@pytest.fixture
def own(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "var"))


@pytest.fixture
async def parts(own: Path) -> AsyncIterator[Parts]:
    async with opened(at(own), clock=FakeClock(MORNING)) as there:
        yield there


@pytest.fixture
async def nothing(tmp_path: Path) -> AsyncIterator[Parts]:
    """An installation with tables and no data."""
    async with opened(at(tmp_path / "var"), clock=FakeClock(MORNING)) as there:
        await upgrade(there.database)
        yield there


async def count(database: Database, table: Any, *where: Any) -> int:
    async with database.reading() as read:
        return int((await read.execute(select(func.count()).select_from(table).where(*where))).scalar_one())


async def contents(database: Database) -> dict[str, int]:
    """Rows by table, of all tables."""
    async with database.reading() as read:
        found = await read.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
        return {name: (await read.execute(text(f'SELECT count(*) FROM "{name}"'))).scalar_one() for (name,) in found}


async def test_counts(parts: Parts) -> None:
    assert await is_demo(parts)
    assert [await count(parts.database, table) for table in (facilities, staff, patients)] == [12, 40, 80]
    assert await count(parts.database, consults, consults.c.state == ConsultState.CLOSED) == len(demo.past_consults())
    assert await count(parts.database, appointments) == len(demo.appointments(MORNING.date())) > 0
    assert await count(parts.database, consults, consults.c.state == ConsultState.RINGING) == 0


async def test_an_address_that_others_reach_is_refused(nothing: Parts) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.7", "hoichan.example.vn"):
        with pytest.raises(Conflict) as refused:
            await seed_demo(nothing, nothing.settings.model_copy(update={"host": host}))
        assert refused.value.code == "demo.not_loopback"
    assert await count(nothing.database, facilities) == 0
    assert not (nothing.settings.var / SIGN_INS).exists()


async def _facility(parts: Parts) -> Any:
    return await parts.administration.create_facility(
        Operator(),
        FacilityEntry(
            code="51999",
            name="Trạm Y tế xã thật",
            kind=FacilityKind.PROVINCIAL_HOSPITAL,
            technical_level=TechnicalLevel.BASIC,
            managing_level=ManagingLevel.PROVINCIAL,
            province_code="51",
            commune_code="00000",
        ),
    )


async def _person(parts: Parts) -> None:
    facility = await _facility(parts)
    await parts.accounts.create_staff(
        Operator(),
        StaffEntry(
            user_name="qt.that", full_name="Q. T. Thật", facility_id=facility.id, roles=frozenset({Role.ADMINISTRATOR})
        ),
    )


@pytest.mark.parametrize("before", [_facility, _person, load_books])
async def test_a_database_with_anything_else_is_refused(
    nothing: Parts, before: Callable[[Parts], Awaitable[object]]
) -> None:
    await before(nothing)
    there = await contents(nothing.database)
    with pytest.raises(Conflict) as refused:
        await seed_demo(nothing, nothing.settings)
    assert refused.value.code == "demo.not_empty"
    assert await contents(nothing.database) == there
    assert not await is_demo(nothing)
    assert not (nothing.settings.var / SIGN_INS).exists()


async def test_again_is_the_same(own: Path) -> None:
    before = (own / SIGN_INS).read_bytes()
    async with opened(at(own), clock=FakeClock(MORNING)) as parts:
        rows = await contents(parts.database)
        again = await seed_demo(parts, parts.settings)
        assert await contents(parts.database) == rows
    assert again == read_sign_ins(own / SIGN_INS)
    assert (own / SIGN_INS).read_bytes() == before


class Killed(Exception):
    """Stands for the end of the process at that place."""


async def _killed(_parts: Parts) -> None:
    raise Killed


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Killed after the first transaction: places and people alone."""
    var = tmp_path_factory.mktemp("bare") / "var"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hoichan.seeding.load_books", _killed)
        with pytest.raises(Killed):
            asyncio.run(seeded(var))
    return var


@pytest.fixture(scope="module")
def with_books(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Killed after the second: citizens and books, and no consult."""
    var = Path(shutil.copytree(bare, tmp_path_factory.mktemp("with_books") / "var"))

    async def load() -> None:
        async with opened(at(var), clock=FakeClock(MORNING)) as parts:
            await load_books(parts)

    asyncio.run(load())
    return var


async def completed(var: Path, whole: Path) -> None:
    """The next start makes of it what an undisturbed one makes."""
    sign_ins = (var / SIGN_INS).read_bytes()
    async with opened(at(whole), clock=FakeClock(MORNING)) as complete:
        expected, kinds = await contents(complete.database), await timelines(complete)
    async with opened(at(var), clock=FakeClock(MORNING)) as parts:
        assert await is_demo(parts)
        assert await contents(parts.database) != expected
        await seed_demo(parts, parts.settings)
        found = await contents(parts.database)
        assert {name: (rows, expected[name]) for name, rows in found.items() if rows != expected[name]} == {}
        assert await timelines(parts) == kinds
    assert (var / SIGN_INS).read_bytes() == sign_ins


async def test_a_start_after_the_first_transaction_completes_it(bare: Path, whole: Path, tmp_path: Path) -> None:
    await completed(Path(shutil.copytree(bare, tmp_path / "var")), whole)


@pytest.mark.chaos
async def test_a_start_after_the_books_completes_it(with_books: Path, whole: Path, tmp_path: Path) -> None:
    await completed(Path(shutil.copytree(with_books, tmp_path / "var")), whole)


@pytest.mark.parametrize(
    "place", ["save", "book", *(pytest.param(place, marks=pytest.mark.chaos) for place in ("accept", "end", "close"))]
)
async def test_a_start_after_a_kill_in_the_history_completes_it(
    with_books: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Every step is a transaction of its own; the process ends before the third of this kind."""
    owner: Any = {"accept": Answers, "end": Rooms, "save": Opinions, "close": Opinions}.get(place, Scheduling)
    original, calls = getattr(owner, place), 0

    async def step(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Killed
        return await original(*given, **named)

    var = Path(shutil.copytree(with_books, tmp_path / "var"))
    async with opened(at(var), clock=FakeClock(MORNING)) as parts:
        with monkeypatch.context() as patch:
            patch.setattr(owner, place, step)
            with pytest.raises(Killed):
                await load_history(parts)
    await completed(var, whole)


async def test_nothing_is_left_when_the_first_transaction_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    var = tmp_path / "var"

    async def fails(*_given: object, **_named: object) -> None:
        raise OperationalError("INSERT", {}, Exception("cut"))

    with monkeypatch.context() as patch:
        patch.setattr("hoichan.seeding.insert_staff", fails)
        with pytest.raises(OperationalError):
            await seeded(var)
    async with opened(at(var), clock=FakeClock(MORNING)) as parts:
        assert not await is_demo(parts)
        assert await count(parts.database, facilities) == 0
        with monkeypatch.context() as patch:
            patch.setattr("hoichan.seeding.load_books", _killed)  # the next transaction is another test's
            with pytest.raises(Killed):
                await seed_demo(parts, parts.settings)
        sign_ins = read_sign_ins(var / SIGN_INS)
        session, _ = await parts.accounts.sign_in(sign_ins[0].user_name, sign_ins[0].password, address="192.0.2.1")
        assert session.staff.user_name == sign_ins[0].user_name


async def timelines(parts: Parts) -> list[list[str]]:
    """The kinds of each past consult's log in order, oldest consult first."""
    async with parts.database.reading() as read:
        closed = select(consults.c.id).where(consults.c.closed_at.is_not(None)).order_by(consults.c.created_at)
        past = (await read.execute(closed)).scalars().all()
    told = []
    for consult_id in past:
        entries = await parts.log.since(consult_id, 0)
        assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
        assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
        assert all(entry.at < MORNING for entry in entries)
        told.append([str(entry.kind) for entry in entries])
    return told


async def test_past_consults_have_complete_timelines(parts: Parts) -> None:
    told = await timelines(parts)
    assert len(told) == len(demo.past_consults())
    for kinds in told:
        assert kinds[0] == "requested"
        assert kinds[1] == "step_started"
        while kinds[-1] in ("advice_read", "followed_up"):
            kinds.pop()
        assert kinds[-6:] == ["claimed", "joined", "joined", "opinion_saved", "ended", "closed"]
        # Where the nearer hospital has nobody of the field on call, its steps pass at once.
        assert "rung" in kinds[2:-6]
        assert set(kinds[2:-6]) <= {"rung", "step_started"}


async def test_each_side_finds_its_past_consults_and_the_opinion(parts: Parts) -> None:
    for past in demo.past_consults():
        for user_name in (past.requester, past.specialist):
            person = await parts.directory.staff_by_user_name(user_name)
            assert person is not None
            rows = await parts.queries.past(person)
            opinions = [await parts.opinions.get(person, row.consult.id) for row in rows]
            assert past.opinion in [opinion.text for opinion in opinions if opinion is not None]


def test_the_sign_ins_are_for_their_owner_alone(whole: Path) -> None:
    assert stat.S_IMODE((whole / SIGN_INS).stat().st_mode) == 0o600
    assert stat.S_IMODE((whole / "keys").stat().st_mode) == 0o600
    assert stat.S_IMODE(whole.stat().st_mode) == 0o700


def test_every_installation_has_passwords_of_its_own(whole: Path, bare: Path) -> None:
    here, there = read_sign_ins(whole / SIGN_INS), read_sign_ins(bare / SIGN_INS)
    assert [one.user_name for one in here] == [one.user_name for one in there]
    assert len({one.password for one in (*here, *there)}) == 80
    assert min(len(one.password) for one in here) >= 12


async def test_one_of_each_role_can_sign_in(parts: Parts) -> None:
    everybody = read_sign_ins(parts.settings.var / SIGN_INS)
    assert len(everybody) == 40
    sign_ins = list({one.role: one for one in everybody}.values())  # a password is slow to check, as it should be
    assert len(sign_ins) >= 5
    started = await asyncio.gather(
        *(
            parts.accounts.sign_in(one.user_name, one.password, address=f"192.0.2.{number}")
            for number, one in enumerate(sign_ins)
        )
    )
    for one, (session, _secret) in zip(sign_ins, started, strict=True):
        assert session.staff.user_name == one.user_name
        assert not session.staff.must_change_password
        assert one.role in session.staff.roles
    with pytest.raises(SignInNeeded):
        await parts.accounts.sign_in(sign_ins[0].user_name, sign_ins[1].password, address="192.0.2.99")


async def test_lost_passwords_are_said_to_be_lost(own: Path) -> None:
    (own / SIGN_INS).unlink()
    async with opened(at(own), clock=FakeClock(MORNING)) as parts:
        with pytest.raises(Conflict) as refused:
            await seed_demo(parts, parts.settings)
    assert refused.value.code == "demo.sign_ins_lost"


async def test_a_new_day_adds_new_slots_and_nothing_else(own: Path) -> None:
    async with opened(at(own), clock=FakeClock(MORNING)) as parts:
        before = await contents(parts.database)
        async with parts.database.reading() as read:
            old = {row.id: row for row in await read.execute(select(slots))}
    tomorrow = FakeClock(MORNING + timedelta(days=1))
    async with opened(at(own), clock=tomorrow) as parts:
        await seed_demo(parts, parts.settings)
        rows = await contents(parts.database)
        async with parts.database.reading() as read:
            new = {row.id: row for row in await read.execute(select(slots))}
            assert (await read.execute(select(installation.c.demo_day))).scalar_one() == tomorrow.now().date()
        assert {key: row for key, row in new.items() if key in old} == old
        assert len(new) > len(old)
        grown = {name for name, many in rows.items() if many != before[name]}
        assert grown <= CALENDAR, "facilities, people, citizens, books and sign-ins stay as they are"
        await seed_demo(parts, parts.settings)
        assert await contents(parts.database) == rows


CALENDAR = {
    "slots", "quarter_units", "appointments", "consults", "consult_codes", "consult_log",
    "participants", "identity_history", "notices",
}  # fmt: skip
"""Tables in which a new day's slots and bookings leave rows."""


async def test_every_page_says_demo(parts: Parts) -> None:
    async def ready() -> bool:
        return True

    for demo_installation in (True, False):
        application = build(services_of(parts, ready, demo_installation, ()))
        async with TestClient(TestServer(application)) as client:
            for path in ("/sign-in", "/terminal", "/nowhere"):
                page = await (await client.get(path)).text()
                assert bool(re.search(r'class="[^"]*\bdemo\b', page)) is demo_installation, path
