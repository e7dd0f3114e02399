"""Web Push: a message to a browser whose page is closed (RFC 8030), encrypted for it (RFC 8291), signed (RFC 8292).

The push service between is a company's. It learns that a device is rung and when, and can read nothing; what is sent
names no patient all the same. A message goes only to hosts of the setting `push_hosts`, whatever a browser claims.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from webpush import WebPush, WebPushSubscription  # type: ignore[import-untyped]  # webpush has no type marker
from yarl import URL

from foundation.errors import Invalid
from foundation.fetch import Fetcher, FetchFailed, Follow
from foundation.i18n import N_

TIMEOUT_S = 5.0
MOST_ENDPOINT = 2_000
_MOST_ANSWER = 10_000
_TOKEN_S = 3_600
"""How long the signature of a message may be used; RFC 8292 §2 allows a day."""
_GONE = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a browser gives (Push API, PushSubscription): where to send, and for whom to encrypt, base64url."""

    endpoint: str
    p256dh: str
    auth: str


class Outcome(StrEnum):
    """What became of a message."""

    TAKEN = "taken"
    """The push service has it."""
    GONE = "gone"
    """There is no such subscription any more: forget it."""
    FAILED = "failed"
    """Not now: try again."""


class PushKey:
    """The key (P-256) by which push services know this installation. Browsers are bound to its public half."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private

    @classmethod
    def from_file(cls, path: Path, *, create: bool = False) -> PushKey:
        """Read the PEM; with `create`, make the file (mode 0600) when there is none. Raises OSError, ValueError."""
        if create and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(fresh)
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except TypeError:  # it is encrypted
            raise ValueError("the key has a password") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("not a P-256 key")
        return cls(key)

    @property
    def public(self) -> str:
        """What a browser subscribes with (`applicationServerKey`), base64url."""
        point = self._private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return base64.urlsafe_b64encode(point).rstrip(b"=").decode()

    def pems(self) -> tuple[bytes, bytes]:
        """Both halves, as the library takes them."""
        private = self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = self._private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return private, public


class Pusher:
    """Sends messages. `hosts` are names of push services; `*.example.com` stands for every name below it.

    `contact` is a mail address at which a push service reaches who runs this installation (RFC 8292 §2.1).
    """

    def __init__(self, key: PushKey, fetcher: Fetcher, *, hosts: tuple[str, ...], contact: str) -> None:
        self.public_key = key.public
        private, public = key.pems()
        self._library = WebPush(private, public, subscriber=contact, expiration=_TOKEN_S)
        self._fetcher = fetcher
        self._hosts = tuple(host.casefold() for host in hosts)

    def checked(self, subscription: Subscription) -> Subscription:
        """The subscription, if messages may be sent to it. Raises Invalid `push.endpoint`, `push.keys`."""
        try:
            host = (URL(subscription.endpoint).host or "").casefold()
        except ValueError:
            host = ""
        if len(subscription.endpoint) > MOST_ENDPOINT or not any(_matches(host, allowed) for allowed in self._hosts):
            raise Invalid("push.endpoint", FOREIGN, field="endpoint")
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bytes(subscription.p256dh))
            if len(_bytes(subscription.auth)) != 16:
                raise ValueError
        except ValueError:
            raise Invalid("push.keys", KEYS, field="keys") from None
        return subscription

    async def send(
        self, subscription: Subscription, message: Mapping[str, Any], *, ttl_s: int, topic: str, urgent: bool
    ) -> Outcome:
        """Send a message, which the service keeps for `ttl_s`; a later one of the same topic replaces it (§5.4).

        `topic` has at most 32 characters of base64url.
        """
        self.checked(subscription)
        made = self._library.get(
            json.dumps(message, separators=(",", ":"), ensure_ascii=False),
            WebPushSubscription.model_validate(
                {
                    "endpoint": subscription.endpoint,
                    "keys": {"p256dh": subscription.p256dh, "auth": subscription.auth},
                }
            ),
            ttl=ttl_s,
        )
        headers = {
            "Authorization": made.headers["authorization"],
            "Content-Encoding": made.headers["content-encoding"],
            "Content-Type": "application/octet-stream",
            "TTL": str(ttl_s),
            "Topic": topic,
            "Urgency": "high" if urgent else "normal",
        }
        try:
            answer = await self._fetcher.request(
                "POST",
                subscription.endpoint,
                headers=headers,
                body=made.encrypted,
                timeout_s=TIMEOUT_S,
                most_bytes=_MOST_ANSWER,
                follow=Follow.NONE,
            )
        except FetchFailed:
            return Outcome.FAILED
        if answer.status in _GONE:
            return Outcome.GONE
        return Outcome.TAKEN if 200 <= answer.status < 300 else Outcome.FAILED


def _matches(host: str, allowed: str) -> bool:
    return host.endswith(allowed[1:]) if allowed.startswith("*.") else bool(host) and host == allowed


def _bytes(text: str) -> bytes:
    """Base64url without padding. Raises ValueError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("no base64url") from error


FOREIGN = N_("This browser's push service is not among those that this installation sends to.")
KEYS = N_("The browser gave no usable keys. Try again, or use another browser.")
