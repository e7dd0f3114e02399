"""What minutes cost while 200 consults are written at once: a save of the note, a signature, a document of four pages.

On SQLite and the program's own services, with the passwords' real hashing. 200 writers, of whom one half writes the
opinion and the other minutes, have the server keep it every few seconds, as browsers do; beside them minutes are
signed and set. `autosave_p95_ms` is from the call to its commit, `sign_p95_ms` the whole signature, `password_ms` the
check of a password alone; `pdf_p95_ms` the setting of four pages in a thread.

    .venv/bin/python -m bench.minutes [--json] [--quick]
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from bench.report import Figures, arguments, percentiles, show
from consult_rooms.minutes_draft import MinutesDraft
from consult_rooms.minutes_model import Task, Voice
from consult_rooms.model import Consult, ParticipantRole, Urgency
from consult_rooms.store import ConsultStore
from consult_rooms.tables import consults
from foundation.ids import SessionId, new_id
from foundation.settings import Settings
from hoichan.migrate import upgrade
from hoichan.wiring import Parts, opened
from identity.model import Session, Staff
from identity.tables import staff
from tests.consult_rooms.conftest import CONSENT, PATIENT, QUESTION, STROKE, TERMINAL, seed
from web.documents.minutes_pdf import TEMPLATE, minutes_data
from web.documents.press import Press

AIMS = {"pdf_p95_ms": "300", "sign_p95_ms": "150", "autosave_p95_ms": "50"}
WRITERS = 200
EVERY_S = 4.0
"""How often each writer's browser saves."""
PAUSE_S = 1.5
"""Between two consults that end: of 200, each a quarter of an hour long, one ends every four seconds."""
PASSWORD = "mười hai con giáp"
LINE = "Nghĩ nhiều đến nhồi máu não do thuyên tắc từ tim, chuyển ngay bằng tàu cấp cứu. "
DRAFT = MinutesDraft(
    summary=LINE * 40,
    opinions=(Voice("BS. Hà", LINE * 40), Voice("BS. Lan", LINE * 20, True)),
    conclusion=LINE * 20,
    plan=tuple(Task(LINE, "BS. Lan") for _ in range(8)),
)


class Bench:
    """Consults that are being written, with those who write them."""

    def __init__(self, parts: Parts, people: dict[str, Staff], held: list[Consult], facility: Session) -> None:
        self.parts = parts
        self.people = people
        self.held = held
        self._like = facility
        self.saves: list[float] = []

    def session(self, who: str) -> Session:
        return replace(self._like, id=SessionId(new_id("ses")), staff=self.people[who])

    async def write(self, consult: Consult, seconds: float, *, into_minutes: bool) -> None:
        """One writer: the note grows and is saved, as `web/client/room/opinion.ts` and `minutes/writing.ts` do it."""
        version, text, until = 0, "", time.monotonic() + seconds
        office, who = self.parts.minutes, self.people["ha"]
        await asyncio.sleep(random.random() * EVERY_S)
        while time.monotonic() < until:
            text = (text + LINE)[-15_000:]
            began = time.perf_counter()
            if into_minutes:
                typed = [("summary", text), ("conclusion", LINE)]
                version = (await office.drafts.keep(who, consult.id, 0, typed, base=0, revision=version)).revision
            else:
                version = (await self.parts.opinions.save(who, consult.id, text, version)).version
            self.saves.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(EVERY_S * (0.5 + random.random()))


@asynccontextmanager
async def prepared(folder: Path) -> AsyncIterator[Bench]:
    """A migrated installation with `WRITERS` consults that run and as many again that have ended."""
    settings = Settings(var=folder, database_url="", redis_url="")
    async with opened(settings) as parts:
        await upgrade(parts.database)
        people = await seed(parts.database)
        hashed = await parts.passwords.hash(PASSWORD)
        held, store = [], ConsultStore(parts.sealer)
        for number in range(2 * WRITERS):
            asked = await parts.requests.create(
                people["lan"],
                terminal_id=TERMINAL,
                specialty_id=STROKE,
                urgency=Urgency.EMERGENCY,
                patient=PATIENT,
                question=QUESTION,
                consent=CONSENT,
                idempotency_key=str(number),
            )
            held.append(asked)
        ids = {
            "specialist_id": people["ha"].id,
            "owner_id": people["ha"].id,
            "specialist_facility_id": people["ha"].facility_id,
        }
        now = parts.clock.now()
        async with parts.database.transaction() as tx:
            await tx.execute(update(staff).values(password_hash=hashed))
            for number, consult in enumerate(held):
                state = {"state": "claimed"} if number < WRITERS else {"state": "ended", "ended_at": now}
                taken = {**ids, **state, "claimed_at": now, "step": None, "step_due_at": None}
                await tx.execute(update(consults).where(consults.c.id == consult.id).values(**taken))
                there = (("ha", ParticipantRole.SPECIALIST), ("lan", ParticipantRole.REQUESTER))
                await store.admit(tx, consult.id, [(people[who].id, role, True) for who, role in there])
        facility = await parts.directory.facility(people["ha"].facility_id)
        ends = now + timedelta(hours=12)
        like = Session(SessionId("ses"), people["ha"], facility, None, "c", now, ends, False)
        yield Bench(parts, people, held, like)


async def timed(act: Awaitable[object]) -> float:
    """How long it takes, in ms."""
    began = time.perf_counter()
    await act
    return (time.perf_counter() - began) * 1000


async def measure(*, quick: bool) -> Figures:
    """All figures, taken beside the writers."""
    rounds = 6 if quick else 24
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as name:
        async with prepared(Path(name)) as bench:
            office, press = bench.parts.minutes, Press()
            seconds = 12.0 if quick else 45.0
            writers = [
                asyncio.create_task(bench.write(one, seconds, into_minutes=number % 2 == 1))
                for number, one in enumerate(bench.held[:WRITERS])
            ]
            signs, pdfs = [], []
            over, ha, lan = bench.held[WRITERS : WRITERS + rounds], bench.session("ha"), bench.session("lan")
            language = bench.parts.languages.get("vi")
            for consult in over:
                await office.minutes.save(lan, consult.id, DRAFT, 0)
                for who in (lan, ha):
                    took = await timed(office.signing.sign(who, consult.id, 1, password=PASSWORD))
                    signs.append(took)
                view = await office.minutes.read(ha, consult.id)
                address = "https://hoichan.example/verify"
                data = minutes_data(view, language, bench.parts.zone, footer="", address=address)
                pdfs.append(await timed(press.pdf(TEMPLATE, data, bench.parts.clock.now())))
                await asyncio.sleep(PAUSE_S)
            await asyncio.gather(*writers)
            alone = [await timed(bench.parts.passwords.verify(None, PASSWORD)) for _ in range(10)]
            press.close()
    return {
        "pdf_p95_ms": percentiles(pdfs)["p95"],
        "pdf_ms": percentiles(pdfs),
        "sign_p95_ms": percentiles(signs)["p95"],
        "sign_ms": percentiles(signs),
        "password_ms": percentiles(alone),
        "autosave_p95_ms": percentiles(bench.saves)["p95"],
        "autosave_ms": percentiles(bench.saves),
        "autosaves_per_s": round(len(bench.saves) / seconds, 1),
    }


def main() -> None:
    options = arguments("What minutes cost while 200 consults are written at once.")
    show(asyncio.run(measure(quick=options.quick)), AIMS, as_json=options.json)


if __name__ == "__main__":
    main()
