"""One FHIR R4 server by its REST interface (R4 3.1): reads and searches; what `fhir_writing` sends goes through here.

Each call is admitted by a breaker, proven by a token, and bounded in number, size and time. A read is tried again when
it may succeed in a moment: it is safe to repeat (RFC 9110 §9.2.1; a `_search` by POST is one by definition). What is
sent is not tried again here: whoever sends has an outbox.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from foundation.clock import Clock
from foundation.fetch import Answer, Fetcher, FetchFailed, Follow
from records_panel.breaker import Breaker
from records_panel.etags import Etags
from records_panel.fhir_reading import Json, as_dict, dicts, word
from records_panel.provenance import Reason
from records_panel.smart_backend import BackendService
from records_panel.source_errors import SourceFailed
from records_panel.source_settings import SourceSettings

ACCEPT = "application/fhir+json"
MOST_BYTES = 8 * 1024 * 1024
"""Of one answer."""
_JSON = ("application/fhir+json", "application/json", "application/json+fhir", "text/json")
_MOST_AT_ONCE = 8
_ATTEMPTS = 3
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 2.0
_CALL_S = 15.0
_PARSED_HERE = 256 * 1024  # larger ones are parsed in a thread: the event loop carries calls too
_GONE_ON = frozenset({429, 500, 502, 503, 504})

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server says of itself. `kinds` are the types that it lets search; None when it does not say."""

    fhir_version: str = ""
    summary: bool = False
    kinds: frozenset[str] | None = None


@dataclass(slots=True)
class Budget:
    """How many bytes one opening of a book may still take from this server."""

    left: int = 4 * MOST_BYTES

    def take(self, count: int) -> None:
        """Raises `SourceFailed` when it is used up."""
        self.left -= count
        if self.left < 0:
            raise SourceFailed(Reason.TOO_MUCH)


@dataclass(slots=True)
class FhirServer:
    """The server of one source. `sleep` waits between attempts."""

    settings: SourceSettings
    fetcher: Fetcher
    clock: Clock
    etags: Etags
    tls: ssl.SSLContext | None = None
    sleep: Sleep = asyncio.sleep
    breaker: Breaker = field(init=False)
    service: BackendService | None = field(init=False)
    _gate: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        auth = self.settings.auth
        self.breaker = Breaker(self.clock)
        self.service = (
            BackendService(auth, self.settings.base, self.fetcher, self.clock, tls=self.tls) if auth else None
        )
        self._gate = asyncio.Semaphore(_MOST_AT_ONCE)

    async def get(self, url: str, budget: Budget, expected: str) -> Json:
        """A resource of the expected type. `url` is below the base, or whole. Raises `SourceFailed`."""
        return await self._repeated("GET", self._whole(url), None, budget, expected)

    async def post_search(self, kind: str, form: Mapping[str, str], budget: Budget) -> Json:
        """A search whose parameters stand in no address (R4 3.1.1.9.1). Raises `SourceFailed`."""
        return await self._repeated("POST", f"{self.settings.base}/{kind}/_search", form, budget, "Bundle")

    async def capabilities(self, budget: Budget) -> Capabilities:
        """Its CapabilityStatement (R4 3.1.0.13), as far as it matters here."""
        statement = await self.get("metadata", budget, "CapabilityStatement")
        kinds: set[str] = set()
        summary = False
        for rest in dicts(statement.get("rest")):
            operations = dicts(rest.get("operation"))
            for resource in dicts(rest.get("resource")):
                kind = word(resource.get("type"))
                if kind == "Patient":
                    operations += dicts(resource.get("operation"))
                if any(one.get("code") == "search-type" for one in dicts(resource.get("interaction"))):
                    kinds.add(kind)
            summary = summary or any(_is_summary(operation) for operation in operations)
        return Capabilities(word(statement.get("fhirVersion")), summary, frozenset(kinds) or None)

    async def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One call that changes something there, once. Raises `SourceFailed` when the server has not judged it."""
        async with self._gate:
            if not self.breaker.admits():
                raise SourceFailed(Reason.RESTING)
            try:
                answer = await self._send(method, path, body, headers)
            except SourceFailed as error:
                if error.reason in (Reason.TIMEOUT, Reason.UNREACHABLE, Reason.FAILING):
                    self.breaker.failed()
                else:
                    self.breaker.succeeded()
                raise
            self.breaker.succeeded()
            return answer

    async def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        token = await self.service.token() if self.service else ""
        proof = {"Authorization": f"Bearer {token}"} if token else {}
        told = {"Accept": ACCEPT, "Content-Type": ACCEPT, "Prefer": "return=representation", **headers, **proof}
        url = f"{self.settings.base}/{path}"
        try:
            answer = await self.fetcher.request(
                method, url, headers=told, body=body, timeout_s=_CALL_S, most_bytes=MOST_BYTES, tls=self.tls
            )
        except FetchFailed as error:
            raise SourceFailed.by_fault(error) from None
        if answer.status in (401, 403):
            if self.service and token:
                self.service.forget(token)
            raise SourceFailed(Reason.REFUSED, http_status=answer.status)
        if answer.status >= 500:
            raise SourceFailed(Reason.FAILING, http_status=answer.status)
        return answer

    def _whole(self, url: str) -> str:
        return url if "://" in url else f"{self.settings.base}/{url}"

    async def _repeated(
        self, method: str, url: str, form: Mapping[str, str] | None, budget: Budget, expected: str
    ) -> Json:
        attempts = AsyncRetrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=_pause,
            retry=retry_if_exception(lambda error: isinstance(error, SourceFailed) and error.again),
            sleep=self.sleep,
            reraise=True,
        )
        async for attempt in attempts:
            with attempt:
                body = await self._admitted(method, url, form)
                budget.take(len(body))
                return await _resource(body, expected)
        raise AssertionError("tenacity ends with a value or an error")

    async def _admitted(self, method: str, url: str, form: Mapping[str, str] | None) -> bytes:
        async with self._gate:
            if not self.breaker.admits():
                raise SourceFailed(Reason.RESTING)
            try:
                body = await self._call(method, url, form)
            except SourceFailed as error:
                if error.reason in (Reason.TIMEOUT, Reason.UNREACHABLE, Reason.FAILING):
                    self.breaker.failed()
                else:
                    self.breaker.succeeded()
                raise
            self.breaker.succeeded()
            return body

    async def _call(self, method: str, url: str, form: Mapping[str, str] | None) -> bytes:
        token = await self.service.token() if self.service else ""
        headers = {"Accept": ACCEPT, "Prefer": "handling=lenient"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        key = f"{self.settings.id} {url}" if form is None else ""
        if key and (etag := self.etags.etag(key)):
            headers["If-None-Match"] = etag
        try:
            answer = await self.fetcher.request(
                method,
                url,
                headers=headers,
                form=form,
                timeout_s=_CALL_S,
                most_bytes=MOST_BYTES,
                follow=Follow.SAME_ORIGIN,
                tls=self.tls,
            )
        except FetchFailed as error:
            raise SourceFailed.by_fault(error) from None
        return self._body(answer, token, key)

    def _body(self, answer: Answer, token: str, key: str) -> bytes:
        status = answer.status
        if status == 304 and (kept := self.etags.confirmed(key)) is not None:
            return kept
        if status == 200:
            if answer.headers.get("Content-Type", "").partition(";")[0].strip().casefold() not in _JSON:
                raise SourceFailed(Reason.MALFORMED, http_status=status)
            if key and (etag := answer.headers.get("ETag")):
                self.etags.keep(key, etag, answer.body)
            return answer.body
        if status == 401 and self.service and token:
            self.service.forget(token)
            raise SourceFailed(Reason.REFUSED, again=True, http_status=status)
        if status in _GONE_ON:
            after = _seconds(answer.headers.get("Retry-After", ""))
            reason = Reason.THROTTLED if status == 429 else Reason.FAILING
            soon = after is None or after <= _LONGEST_WAIT_S
            raise SourceFailed(reason, again=soon, after_s=after, http_status=status)
        if status in (401, 403):
            raise SourceFailed(Reason.REFUSED, http_status=status)
        raise SourceFailed(Reason.FAILING if status >= 500 else Reason.MALFORMED, http_status=status)


def _pause(state: RetryCallState) -> float:
    """The server's own wish, else longer from attempt to attempt; by chance, so that many do not come at once."""
    error = state.outcome.exception() if state.outcome else None
    wished = error.after_s if isinstance(error, SourceFailed) and error.after_s is not None else 0.0
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (state.attempt_number - 1))
    return wished + random.uniform(longest / 2, longest)  # noqa: S311 - no secret


def _seconds(text: str) -> float | None:
    # The other form, a date (RFC 9110 §10.2.3), is read as too long to wait for.
    if not text.strip():
        return None
    return float(text) if text.strip().isdecimal() and len(text) < 9 else float("inf")


async def _resource(body: bytes, expected: str) -> Json:
    try:
        read = json.loads(body) if len(body) <= _PARSED_HERE else await asyncio.to_thread(json.loads, body)
    except (ValueError, RecursionError):
        raise SourceFailed(Reason.MALFORMED) from None
    resource = as_dict(read)
    if resource.get("resourceType") != expected:
        raise SourceFailed(Reason.MALFORMED)
    return resource


def _is_summary(operation: Json) -> bool:
    name, definition = word(operation.get("name")).lstrip("$"), word(operation.get("definition"))
    return name in ("summary", "patient-summary") or definition.rstrip("/").endswith("/OperationDefinition/summary")
