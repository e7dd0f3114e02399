"""How much a person, a terminal, a facility and a strange address may ask. Beyond it "full" is the answer, at once.

Token buckets in this process: what is refused costs neither the database nor the bus anything, and a cluster of N nodes
lets N times as much through. Requests of pages, of the REST interface and events of sockets count together. Whoever is
signed in is not counted by address: a whole province may come through one.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from foundation.addresses import network
from foundation.clock import Clock
from foundation.errors import TooMany
from foundation.i18n import N_

BURST_S = 10.0
"""What a bucket holds: so many seconds of its rate."""
MOST_KEYS = 100_000
"""Buckets of one kind at most. Those that are full again are forgotten long before."""
MOST_SECRETS = 20_000
"""Credentials whose owners are remembered, to refuse before the database is asked who it is."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests and events a second, for long; 0: as many as come."""

    person: float = 0.0
    terminal: float = 0.0
    facility: float = 0.0
    address: float = 0.0
    """Of everybody together who comes from there and is not signed in."""
    consults: float = 0.0
    """Consults that one facility may ask for, a minute."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: ids of `identity`. A system with a token is a person here."""

    person: str
    facility: str
    terminal: str | None = None


class Buckets:
    """A bucket a key: full at first, emptied by what is asked, filled again by `rate` a second."""

    def __init__(self, clock: Clock, rate: float, burst: float) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = max(1.0, burst)
        self._held: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        """What was left in each, and when; the longest untouched first."""

    def __len__(self) -> int:
        return len(self._held)

    def wait_s(self, key: Hashable) -> int:
        """Whole seconds until there is one to take; 0: now."""
        left = self._left(key)
        return 0 if left >= 1 else max(1, math.ceil((1 - left) / self._rate))

    def take(self, key: Hashable) -> None:
        """Take one, which `wait_s` has found there."""
        if self._rate <= 0:
            return
        now = self._clock.monotonic()
        self._held[key] = (self._left(key) - 1, now)
        self._held.move_to_end(key)
        # Two for one that is new: what is full again goes, and nothing is ever gone through as a whole.
        for _ in range(2):
            oldest, (left, at) = next(iter(self._held.items()))
            if left + (now - at) * self._rate < self._burst and len(self._held) <= MOST_KEYS:
                break
            del self._held[oldest]
            if not self._held:
                break

    def _left(self, key: Hashable) -> float:
        held = self._held.get(key)
        if held is None or self._rate <= 0:
            return self._burst
        left, at = held
        return min(self._burst, left + (self._clock.monotonic() - at) * self._rate)


class Paces:
    """The buckets of one process. Every refusal is a TooMany with a code `limit.…` and the seconds to wait."""

    def __init__(self, clock: Clock, rates: Rates) -> None:
        def buckets(rate: float) -> Buckets:
            return Buckets(clock, rate, rate * BURST_S)

        self._people = buckets(rates.person)
        self._terminals = buckets(rates.terminal)
        self._facilities = buckets(rates.facility)
        self._addresses = buckets(rates.address)
        self._consults = Buckets(clock, rates.consults / 60, rates.consults)
        self._owners: OrderedDict[bytes, Asker] = OrderedDict()

    def ask(self, asker: Asker) -> None:
        """Count one request or event. Raises TooMany `limit.person`, `limit.terminal` or `limit.facility`.

        What is refused counts nowhere: whoever goes wild takes nothing from the others of the facility.
        """
        counted = [(self._people, asker.person, "limit.person", PERSON)]
        if asker.terminal is not None:
            counted.append((self._terminals, asker.terminal, "limit.terminal", TERMINAL))
        counted.append((self._facilities, asker.facility, "limit.facility", FACILITY))
        for buckets, key, code, sentence in counted:
            _refuse(buckets, key, code, sentence)
        for buckets, key, _, _ in counted:
            buckets.take(key)

    def consult(self, facility: str) -> None:
        """Count a consult that a facility asks for. Raises TooMany `limit.consults`."""
        _refuse(self._consults, facility, "limit.consults", CONSULTS)
        self._consults.take(facility)

    def look(self, address: str) -> None:
        """Before it is looked up who asks. Raises TooMany `limit.address` when strangers asked too much from there."""
        _refuse(self._addresses, network(address), "limit.address", ADDRESS)

    def stranger(self, address: str) -> None:
        """Count a request of somebody who is not signed in; after `look`."""
        self._addresses.take(network(address))

    def remember(self, secret: str, asker: Asker) -> None:
        """Whose credential this is. Only to refuse sooner: nothing is opened by it."""
        key = _digest(secret)
        self._owners[key] = asker
        self._owners.move_to_end(key)
        if len(self._owners) > MOST_SECRETS:
            self._owners.popitem(last=False)

    def owner(self, secret: str) -> Asker | None:
        """Whose it was when it was last seen."""
        return self._owners.get(_digest(secret))


def _refuse(buckets: Buckets, key: Hashable, code: str, sentence: str) -> None:
    seconds = buckets.wait_s(key)
    if seconds:
        raise TooMany(code, sentence, retry_after_s=seconds)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


PERSON = N_("Too much is asked under your name just now. Go on in %(retry_after_s)s s.")
TERMINAL = N_("Too much is asked from this terminal just now. Go on in %(retry_after_s)s s.")
FACILITY = N_("Too much is asked from your facility just now. Go on in %(retry_after_s)s s.")
ADDRESS = N_("Too much is asked from this network just now. Go on in %(retry_after_s)s s.")
CONSULTS = N_(
    "Your facility has asked for too many consults within a minute. Ask again in %(retry_after_s)s s, or telephone."
)
