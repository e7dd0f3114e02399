"""The trust list: every key that ever signed here, when it held and whether it was revoked; signed, and without names.

It is what a verifier needs besides a payload (docs/signatures.md). It is published for everybody, and its version
grows with each key made or revoked, so that a verifier never goes back to an older one. When the installation's own
key is renewed, the list carries what the retired one signed: the key that follows it.
"""

from __future__ import annotations

from itertools import pairwise

from consult_rooms.signatures import canonical, encoded, moment, seconds
from consult_rooms.signing_keys import KeyRing, Revocation, SigningKey
from foundation.clock import Clock

FORMAT = "hoichan-trust/1"
SUCCESSION = "hoichan-succession/1"
_FRESH_S = 3600.0
"""A list is signed anew after this long, so that its time tells how old a copy is."""


class TrustList:
    """Makes the list, and keeps it as long as nothing changes."""

    def __init__(self, keys: KeyRing, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._made: tuple[int, float, str] | None = None

    async def text(self) -> str:
        """Canonical JSON of `list` (itself canonical JSON, as text), `signature`, `public` and `successions`."""
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
        parts: dict[str, object] = {"list": told, "signature": encoded(signature), "public": own.public}
        if successions := await self._successions():
            parts["successions"] = successions
        text = canonical(parts)
        self._made = (version, now, text)
        return text

    async def _successions(self) -> list[dict[str, str | int]]:
        """By which key each key that signs lists was vouched for, the oldest first; whoever pinned one goes on."""
        known = await self._keys.installations()
        return [
            {
                "from": old.public,
                "to": new.public,
                "at": seconds(new.created_at),
                "signature": encoded(await self._keys.sign(old, heir(new))),
            }
            for old, new in pairwise(known)
            if old.reason is Revocation.RETIRED
        ]


def heir(new: SigningKey) -> bytes:
    """What a retired key of the installation signs: which key follows it."""
    told = {"format": SUCCESSION, "public": new.public, "at": seconds(new.created_at)}
    return canonical(told).encode()
