"""SMS through an operator's or a hospital's HTTP gateway, whatever names that one gives to the parts of a message.

The administrator writes the body as the gateway wants it: a JSON object in which `{to}`, `{text}` and `{id}` are filled
in. `{id}` is the same on every try, also in the header `Idempotency-Key`, so that a gateway can tell a repetition.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from foundation.fetch import Fetcher, FetchFailed, Follow
from notify.carrier import NOWHERE, TAKEN, Carrier, Receipt, Verdict
from notify.contacts import Contacts
from notify.notice import Message

TIMEOUT_S = 15.0
_MOST_ANSWER = 100_000
MOST_TEXT = 300
"""Characters: about five parts of an SMS with Vietnamese letters (UCS-2)."""
_PLACE = re.compile(r"\{(?:to|text|id)\}")
_AGAIN = frozenset({408, 409, 425, 429})
"""Refusals that may end by themselves; 409 is a gateway that still works on the first try."""


@dataclass(frozen=True, slots=True)
class SmsGateway:
    """Where SMS go. `body` is the JSON object with its places; `as_form` sends it as a form's fields."""

    url: str
    body: Mapping[str, Any]
    authorization: str = field(default="", repr=False)
    """The value of the header Authorization, such as `Bearer …`; empty: none is sent."""
    as_form: bool = False


class SmsSender(Carrier):
    """Sends SMS: the message's first line and the way to its page."""

    def __init__(self, gateway: SmsGateway, contacts: Contacts, fetcher: Fetcher, site: str) -> None:
        self._gateway = gateway
        self._contacts = contacts
        self._fetcher = fetcher
        self._site = site

    async def carry(self, message: Message) -> Receipt:
        number = (await self._contacts.of(message.staff_id)).mobile
        if number is None:
            return NOWHERE
        text = f"Hoichan: {message.title}"[:MOST_TEXT] + f" {self._site}{message.path}"
        places = {"{to}": number, "{text}": text, "{id}": message.id}
        body = _filled(self._gateway.body, places)
        headers: dict[str, str] = {"Idempotency-Key": message.id}
        if self._gateway.authorization:
            headers["Authorization"] = self._gateway.authorization
        as_form = self._gateway.as_form
        try:
            answer = await self._fetcher.request(
                "POST",
                self._gateway.url,
                headers=headers if as_form else headers | {"Content-Type": "application/json"},
                form={name: str(value) for name, value in body.items()} if as_form else None,
                body=None if as_form else json.dumps(body, ensure_ascii=False).encode(),
                timeout_s=TIMEOUT_S,
                most_bytes=_MOST_ANSWER,
                follow=Follow.NONE,
            )
        except FetchFailed as failed:
            return Receipt(Verdict.FAILED, failed.code)
        if 200 <= answer.status < 300:
            return TAKEN
        refused = 400 <= answer.status < 500 and answer.status not in _AGAIN | {401, 403}
        return Receipt(Verdict.REFUSED if refused else Verdict.FAILED, f"sms.{answer.status}")


def _filled(value: Any, places: Mapping[str, str]) -> Any:
    """The same structure with its places filled in, in one pass: what is filled in is never looked at again."""
    if isinstance(value, dict):
        return {name: _filled(one, places) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, places) for one in value]
    return _PLACE.sub(lambda found: places[found[0]], value) if isinstance(value, str) else value
