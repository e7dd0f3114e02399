"""Credentials for TURN servers (RFC 8656) that share a secret with us: coturn's `use-auth-secret`.

Nobody is registered with the TURN server: the username is `EXPIRY:NAME`, with the Unix second after which it is
refused, and the password is the HMAC-SHA1 of that username (draft-uberti-behave-turn-rest-00 §2.2). An allocation
that stands is not cut when its credentials expire: they have to outlive the last moment at which a call is set up anew.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from foundation.clock import Clock
from media.api import IceServer


def credentials(secret: str, name: str, expires_at: datetime) -> tuple[str, str]:
    """Username and password for that name, good until then by the TURN server's own clock."""
    username = f"{int(expires_at.timestamp())}:{name}"
    # SHA-1 is the scheme's own; what breaks it as a hash leaves it sound in an HMAC (RFC 6194).
    code = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
    return username, base64.b64encode(code).decode()


class TurnServers:
    """The installation's TURN servers, all under one secret. The twin `NoRelays` of `media.api` has none."""

    def __init__(self, urls: Sequence[str], secret: str, life: timedelta, clock: Clock) -> None:
        self._urls = tuple(urls)
        self._secret = secret
        self._life = life
        self._clock = clock

    def servers(self, participant_id: str) -> tuple[IceServer, ...]:
        """See `media.api.Relays`."""
        username, password = credentials(self._secret, participant_id, self._clock.now() + self._life)
        return (IceServer(self._urls, username, password),)
