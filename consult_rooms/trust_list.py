"""The trust list: every key that ever signed here, when it held and whether it was revoked; signed, and without names.

It is what a verifier needs besides a payload (docs/signatures.md). It is published for everybody, and its version
grows with each key made or revoked, so that a verifier never goes back to an older one.
"""

from __future__ import annotations

from consult_rooms.signatures import canonical, encoded, moment
from consult_rooms.signing_keys import KeyRing
from foundation.clock import Clock

FORMAT = "hoichan-trust/1"
_FRESH_S = 3600.0
"""A list is signed anew after this long, so that its time tells how old a copy is."""


class TrustList:
    """Makes the list, and keeps it as long as nothing changes."""

    def __init__(self, keys: KeyRing, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._made: tuple[int, float, str] | None = None

    async def text(self) -> str:
        """The signed list: canonical JSON of `list` (itself canonical JSON, as text), `signature` and `public`."""
        version, now = await self._keys.version(), self._clock.monotonic()
        if self._made is not None and self._made[0] == version and now - self._made[1] < _FRESH_S:
            return self._made[2]
        version, keys = await self._keys.published()
        own = await self._keys.installation()
        told = canonical(
            {
                "format": FORMAT,
                "version": version,
                "issued": moment(self._clock.now()),
                "keys": [
                    {
                        "id": one.id,
                        "public": one.public,
                        "from": moment(one.created_at),
                        "revoked": None if one.revoked_at is None else moment(one.revoked_at),
                        "reason": None if one.reason is None else one.reason.value,
                    }
                    for one in keys
                ],
            }
        )
        signature = await self._keys.sign(own, told.encode())
        text = canonical({"list": told, "signature": encoded(signature), "public": own.public})
        self._made = (version, now, text)
        return text
