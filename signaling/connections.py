"""The sockets that are open on this node: whose they are, what was delivered to each, how fast each may send."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from consult_rooms.rows import RingView
from foundation.clock import Clock
from foundation.errors import TooMany
from foundation.i18n import N_, Language
from foundation.ids import ConsultId, SessionId, StaffId, TerminalId
from foundation.paces import Asker
from signaling.server_events import ServerEvent

RATE_PER_S = 20.0
"""Events that one socket may send a second for long; a call in full swing needs two."""
BURST = 80.0
"""Events that it may send at once, as after a reconnect."""
PER_PERSON = 20
"""Open sockets of one person: tabs, terminals and those that are dying."""


class Index:
    """Sockets by the consult that rings on them, or whose log they follow: found without asking every socket."""

    def __init__(self) -> None:
        self._of: dict[ConsultId, set[Connection]] = {}

    def add(self, consult_id: ConsultId, connection: Connection) -> None:
        """Note it; again is the same."""
        self._of.setdefault(consult_id, set()).add(connection)

    def discard(self, consult_id: ConsultId, connection: Connection) -> None:
        """Forget it, when it is there."""
        found = self._of.get(consult_id)
        if found is not None:
            found.discard(connection)
            if not found:
                del self._of[consult_id]

    def of(self, consult_id: ConsultId) -> list[Connection]:
        """The sockets of a consult."""
        return list(self._of.get(consult_id, ()))


@dataclass(slots=True, eq=False)
class Connection:
    """One open socket of a person who is signed in."""

    id: str
    session_id: SessionId
    staff_id: StaffId
    language: Language
    asker: Asker | None = None
    """As whom its events are counted."""
    terminal_id: TerminalId | None = None
    """The clinic's terminal at which its person signed in."""
    watched: dict[ConsultId, int] = field(default_factory=dict)
    """Consults whose log it follows, with the last number delivered. Changed by `follow` and `unfollow` alone."""
    rings: dict[ConsultId, RingView] = field(default_factory=dict)
    """What rings on it now, as it was told last. Changed by `ring` and `hush` alone."""
    overtaken: set[ConsultId] = field(default_factory=set)
    """While it is greeted: consults of which there was news meanwhile."""
    home: Connections | None = None
    """Where it is found while it is open."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Its events are carried out one after the other, in the order in which they came."""
    waiting: int = 0
    """Events that wait for their turn."""
    tokens: float = BURST
    counted_at: float = 0.0

    def follow(self, consult_id: ConsultId, number: int) -> None:
        """Follow a consult's log from after that number, or note that it was delivered up to there."""
        self.watched[consult_id] = number
        if self.home is not None:
            self.home.followed.add(consult_id, self)

    def unfollow(self, consult_id: ConsultId) -> None:
        """Follow it no longer."""
        self.watched.pop(consult_id, None)
        if self.home is not None:
            self.home.followed.discard(consult_id, self)

    def ring(self, view: RingView) -> bool:
        """It rings here now. False when it does already, with nothing new to say."""
        if self.rings.get(view.consult_id) == view:
            return False
        self.rings[view.consult_id] = view
        if self.home is not None:
            self.home.rung.add(view.consult_id, self)
        return True

    def hush(self, consult_id: ConsultId) -> None:
        """It rings here no longer."""
        self.rings.pop(consult_id, None)
        if self.home is not None:
            self.home.rung.discard(consult_id, self)

    def take(self, clock: Clock) -> None:
        """Count one event. Raises TooMany("event.too_many") above the rate."""
        now = clock.monotonic()
        self.tokens = min(BURST, self.tokens + (now - self.counted_at) * RATE_PER_S)
        self.counted_at = now
        if self.tokens < 1 or self.waiting >= BURST:
            raise TooMany("event.too_many", TOO_FAST, retry_after_s=1)
        self.tokens -= 1


class Outlet(Protocol):
    """The way out to sockets; only the gateway knows what they are made of."""

    async def send(self, connection: Connection, event: ServerEvent) -> None:
        """Send an event. One that has fallen too far behind is cut instead: it comes back and asks what it missed."""
        ...

    async def cut(self, connection: Connection) -> None:
        """Close a socket for good: its client is told to stay away."""
        ...


class Connections:
    """Every open socket of this node."""

    def __init__(self) -> None:
        self._by_id: dict[str, Connection] = {}
        self._by_staff: dict[StaffId, set[Connection]] = defaultdict(set)
        self._by_session: dict[SessionId, set[Connection]] = defaultdict(set)
        self.followed = Index()
        self.rung = Index()
        self.greeted: set[Connection] = set()
        """Those that are being given what rings for them."""
        self.gone = 0
        """How many have left since the start."""

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, connection: Connection) -> None:
        """Note a socket. Raises TooMany("socket.too_many")."""
        if len(self._by_staff.get(connection.staff_id, ())) >= PER_PERSON:
            raise TooMany("socket.too_many", TOO_MANY_TABS, retry_after_s=30)
        self._by_id[connection.id] = connection
        self._by_staff[connection.staff_id].add(connection)
        self._by_session[connection.session_id].add(connection)
        connection.home = self

    def remove(self, connection: Connection) -> None:
        """Forget a socket; one that is not there is ignored."""
        if self._by_id.pop(connection.id, None) is None:
            return
        self.gone += 1
        _strike(self._by_staff, connection.staff_id, connection)
        _strike(self._by_session, connection.session_id, connection)
        connection.home = None
        for consult_id in connection.watched:
            self.followed.discard(consult_id, connection)
        for consult_id in connection.rings:
            self.rung.discard(consult_id, connection)

    def get(self, connection_id: str | None) -> Connection | None:
        """The socket of that id, while it is open here."""
        return None if connection_id is None else self._by_id.get(connection_id)

    def all(self) -> list[Connection]:
        """Every socket."""
        return list(self._by_id.values())

    def of(self, staff_ids: Iterable[StaffId]) -> list[Connection]:
        """The sockets of these people."""
        return [connection for staff_id in staff_ids for connection in self._by_staff.get(staff_id, ())]

    def of_session(self, session_id: SessionId) -> list[Connection]:
        """The sockets of one sign-in."""
        return list(self._by_session.get(session_id, ()))

    def watching(self, consult_id: ConsultId) -> list[Connection]:
        """Those that follow a consult's log."""
        return self.followed.of(consult_id)

    def ringing(self, consult_id: ConsultId) -> list[Connection]:
        """Those on which a consult rings."""
        return self.rung.of(consult_id)


Key = TypeVar("Key")


def _strike(index: dict[Key, set[Connection]], key: Key, connection: Connection) -> None:
    found = index.get(key)
    if found is not None:
        found.discard(connection)
        if not found:
            del index[key]


TOO_FAST = N_("Too much at once. Wait a second.")
TOO_MANY_TABS = N_("Too many windows are open under your name. Close some and try again.")
