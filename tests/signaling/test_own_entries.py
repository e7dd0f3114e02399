"""What a node wrote itself is told without being read again; what another wrote between is read, in its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from consult_rooms.log import ConsultLog
from consult_rooms.log_entry import LogEntry, LogKind
from foundation.i18n import Languages
from foundation.ids import ConsultId, SessionId
from signaling.connections import Connection, Connections
from signaling.notices import Notices
from tests.signaling.conftest import Live
from tests.statements import statements


class Made:
    """Notes what would be told."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []

    async def make(self, _consult_id: ConsultId, entries: Sequence[LogEntry]) -> None:
        self.entries.extend(entries)


async def test_own_entries_are_not_read_again_and_anothers_come_in_their_place(live: Live) -> None:
    world = live.world
    connections, made, elsewhere = Connections(), Made(), ConsultLog(world.database, world.bus)
    connections.add(Connection("socket", SessionId("ses_1"), world["ha"].id, Languages().get(None)))
    telling: Any = made
    notices = Notices(world.database, world.log, world.bus, connections, telling, world.clock)
    await notices.open()
    consult = await world.ask()
    with statements(world.database) as seen:
        await notices.catch_up(consult.id)
    assert not seen
    for log in (elsewhere, world.log, world.log, elsewhere):
        async with world.database.transaction() as tx:
            await log.append(tx, consult.id, LogKind.BUSY, world["ha"].id, {})
    await notices.catch_up(consult.id)
    await notices.catch_up(consult.id)
    stored = await world.log.since(consult.id, 0)
    assert made.entries == stored
