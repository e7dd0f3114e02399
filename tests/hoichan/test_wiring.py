"""What the program hands from one service to the next, where a forgotten hand would be felt by patients alone."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

from consult_rooms.model import Urgency
from foundation.clock import FakeClock
from foundation.settings import Settings
from hoichan.migrate import upgrade
from hoichan.wiring import opened
from records_panel.bedside import signs
from records_panel.embedded_book import NewBook
from tests.consult_rooms.conftest import CONSENT, QUESTION, STROKE, STROKE_HOSPITAL, TERMINAL, UNKNOWN_WOMAN, seed
from tests.records_panel.conftest import LANH
from tests.records_panel.test_additions import known

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


async def test_what_was_measured_follows_the_identity_in_the_program_itself(tmp_path: Path) -> None:
    settings = Settings(var=tmp_path, database_url="", redis_url="")
    async with opened(settings, clock=FakeClock(NOW)) as parts:
        await upgrade(parts.database)
        people = await seed(parts.database)
        lan, ha = people["lan"], people["ha"]
        await parts.rota.add(
            people["dieu"],
            staff_id=ha.id,
            specialty_id=STROKE,
            facility_id=STROKE_HOSPITAL,
            weekday=NOW.weekday(),
            starts=time(7),
            ends=time(7),
        )
        async with parts.database.transaction() as tx:
            (patient_id,) = await parts.book.import_many(tx, [NewBook(LANH, [])], author="demo")
        consult = await parts.requests.create(
            lan,
            terminal_id=TERMINAL,
            specialty_id=STROKE,
            urgency=Urgency.EMERGENCY,
            patient=UNKNOWN_WOMAN,
            question=QUESTION,
            consent=CONSENT,
            idempotency_key="k",
        )
        await parts.pairing.answers.accept(ha, consult.id)
        await parts.additions.add_signs(lan, None, consult.id, signs({"pulse": "80"}), key="a")

        async def measured() -> list[object]:
            bundle = await parts.book.fetch(patient_id, whole=True)
            found = [entry["resource"] for entry in bundle["entry"]]
            return [one["valueQuantity"]["value"] for one in found if one["resourceType"] == "Observation"]

        assert await measured() == []
        await parts.requests.change_identity(lan, consult.id, known(patient_id))
        assert await measured() == [80]
