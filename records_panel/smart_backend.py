"""SMART Backend Services (SMART App Launch 2.2.0): a token for this system, by a signed assertion (RFC 7523 §2.2).

The token is kept until shortly before it expires and never leaves memory. Keys are read from their file once.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from foundation.clock import Clock
from foundation.fetch import Answer, Fetcher, FetchFailed, Follow
from records_panel.fhir_reading import Json, as_dict, number, word
from records_panel.provenance import Reason
from records_panel.source_errors import SourceFailed
from records_panel.source_settings import SourceAuth

_ASSERTION_S = 240  # at most five minutes, by the specification
_MARGIN_S = 30.0
_SHORTEST_S, _LONGEST_S = 10.0, 3600.0
_MOST_BYTES = 256 * 1024
_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class BackendService:
    """Who we are to one server."""

    def __init__(
        self, auth: SourceAuth, base: str, fetcher: Fetcher, clock: Clock, *, tls: ssl.SSLContext | None = None
    ) -> None:
        """Raises ValueError when the key file holds no private key for the algorithm, OSError when it is unreadable."""
        self._auth = auth
        self._key, self._key_id = _read_key(auth)
        self._base = base
        self._fetcher = fetcher
        self._clock = clock
        self._tls = tls
        self._lock = asyncio.Lock()
        self._token = ""
        self._good_until = 0.0
        self._token_url = auth.token_url

    async def token(self) -> str:
        """The access token. Raises `SourceFailed`."""
        async with self._lock:  # one of many calls asks, the others wait for its answer
            if not self._token or self._clock.monotonic() >= self._good_until:
                await self._renew()
            return self._token

    def forget(self, token: str) -> None:
        """The server does not take this token any more; a newer one stays."""
        if token == self._token:
            self._token = ""

    async def _renew(self) -> None:
        self._token = ""
        url = self._token_url or await self._discover()
        form = {
            "grant_type": "client_credentials",
            "scope": self._auth.scope,
            "client_assertion_type": _BEARER,
            "client_assertion": self._assertion(url),
        }
        answer = await self._ask("POST", url, form)
        content = _object(answer)
        token, kind = word(content.get("access_token")), word(content.get("token_type"))
        if answer.status >= 500:
            raise SourceFailed(Reason.FAILING, again=True, http_status=answer.status)
        if answer.status != 200:
            raise SourceFailed(Reason.REFUSED, http_status=answer.status)
        if not token or not token.isascii() or not token.isprintable() or kind.casefold() != "bearer":
            raise SourceFailed(Reason.MALFORMED, http_status=answer.status)
        lasts = min(max(number(content.get("expires_in")) or 0.0, _SHORTEST_S), _LONGEST_S)
        self._token, self._token_url = token, url
        self._good_until = self._clock.monotonic() + lasts - min(_MARGIN_S, lasts / 2)

    async def _discover(self) -> str:
        answer = await self._ask("GET", f"{self._base}/.well-known/smart-configuration", None)
        url = word(_object(answer).get("token_endpoint"))
        if answer.status != 200 or not url:
            raise SourceFailed(Reason.REFUSED if answer.status in (401, 403) else Reason.MALFORMED)
        return url

    def _assertion(self, audience: str) -> str:
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": self._auth.client_id,
            "sub": self._auth.client_id,
            "aud": audience,
            "iat": now,
            "exp": now + _ASSERTION_S,
            "jti": secrets.token_urlsafe(24),
        }
        header = {"alg": self._auth.algorithm, "typ": "JWT"} | ({"kid": self._key_id} if self._key_id else {})
        return jwt.encode(header, claims, self._key, algorithms=[self._auth.algorithm])

    async def _ask(self, method: str, url: str, form: dict[str, str] | None) -> Answer:
        try:
            return await self._fetcher.request(
                method,
                url,
                headers={"Accept": "application/json"},
                form=form,
                most_bytes=_MOST_BYTES,
                follow=Follow.SAME_ORIGIN,
                tls=self._tls,
            )
        except FetchFailed as error:
            raise SourceFailed.by_fault(error) from None


def _object(answer: Answer) -> Json:
    try:
        return as_dict(json.loads(answer.body))
    except (ValueError, RecursionError):
        return {}


def _read_key(auth: SourceAuth) -> tuple[ECKey | RSAKey, str]:
    """The private key of the file and its `kid`; an error never shows the content."""
    content = auth.key_file.read_bytes()
    kind = ECKey if auth.algorithm == "ES384" else RSAKey
    try:
        if content.lstrip().startswith(b"{"):
            given: Any = json.loads(content)
            found = KeySet.import_key_set(given).keys if "keys" in given else [kind.import_key(given)]
        else:
            found = [kind.import_key(content)]
        for key in found:
            fits = isinstance(key, kind) and key.is_private and auth.key_id in ("", key.kid or auth.key_id)
            if fits and isinstance(key, (ECKey, RSAKey)) and getattr(key, "curve_name", "P-384") == "P-384":
                return key, auth.key_id or key.kid or ""
    except (JoseError, ValueError, TypeError, KeyError):
        pass
    raise ValueError(f"{auth.key_file.name} holds no private key for {auth.algorithm}")
