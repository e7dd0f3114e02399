"""What leaves for a push service: opened by another library than the one that closed it, signed, bounded in where."""

from __future__ import annotations

import base64
import json
import stat
from dataclasses import replace
from pathlib import Path

import http_ece  # type: ignore[import-untyped]  # http-ece has no type marker
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from foundation.errors import Invalid
from foundation.fetch import Fetcher
from notify.webpush import Outcome, Pusher, PushKey
from tests.notify.conftest import Browser, PushService

MESSAGE = {"kind": "ring", "title": "Cấp cứu: có ca đang gọi"}


async def sent(pusher: Pusher, browser: Browser) -> Outcome:
    return await pusher.send(browser.subscription, MESSAGE, ttl_s=120, topic="a" * 32, urgent=True)


async def test_the_browser_alone_can_read_it(pusher: Pusher, push_service: PushService) -> None:
    browser, stranger = Browser(push_service), Browser(push_service)
    assert await sent(pusher, browser) is Outcome.TAKEN
    [message] = push_service.received
    assert message.headers["Content-Encoding"] == "aes128gcm"
    opened = http_ece.decrypt(message.body, private_key=browser.private, auth_secret=browser.auth, version="aes128gcm")
    assert json.loads(opened) == MESSAGE
    with pytest.raises(http_ece.ECEException):
        http_ece.decrypt(message.body, private_key=stranger.private, auth_secret=stranger.auth, version="aes128gcm")


async def test_it_is_signed_for_that_service_and_kept_a_short_time(pusher: Pusher, push_service: PushService) -> None:
    await sent(pusher, Browser(push_service))
    [message] = push_service.received
    scheme, _, parameters = message.headers["Authorization"].partition(" ")
    given = dict(part.strip().split("=", 1) for part in parameters.split(","))
    assert (scheme, given["k"]) == ("vapid", pusher.public_key)
    raw = pusher.public_key + "=" * (-len(pusher.public_key) % 4)
    point = base64.urlsafe_b64decode(raw)
    key = ECKey.import_key(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": base64.urlsafe_b64encode(point[1:33]).rstrip(b"=").decode(),
            "y": base64.urlsafe_b64encode(point[33:]).rstrip(b"=").decode(),
        }
    )
    claims = jwt.decode(given["t"], key, algorithms=["ES256"]).claims
    assert (claims["aud"], claims["sub"]) == ("http://push.test", "mailto:admin@hoichan.example.vn")
    assert (message.headers["TTL"], message.headers["Urgency"], message.headers["Topic"]) == ("120", "high", "a" * 32)


@pytest.mark.parametrize(("status", "outcome"), [(410, Outcome.GONE), (404, Outcome.GONE), (503, Outcome.FAILED)])
async def test_a_refusal_says_whether_to_try_again(
    pusher: Pusher, push_service: PushService, status: int, outcome: Outcome
) -> None:
    push_service.status = status
    assert await sent(pusher, Browser(push_service)) is outcome


async def test_a_service_that_does_not_answer_is_tried_again(pusher: Pusher, push_service: PushService) -> None:
    browser = Browser(push_service)
    elsewhere = replace(browser.subscription, endpoint="https://push.test:9/push/one")
    assert await pusher.send(elsewhere, MESSAGE, ttl_s=1, topic="a", urgent=False) is Outcome.FAILED


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://127.0.0.1/push",
        "https://push.test.evil.example/push",
        "https://evilpush.example/push",
        "https://push.example/push",
        "not an address",
        "",
        "https://push.test/" + "a" * 2_000,
    ],
)
async def test_nothing_goes_to_a_host_that_is_no_push_service(
    pusher: Pusher, push_service: PushService, endpoint: str
) -> None:
    subscription = replace(Browser(push_service).subscription, endpoint=endpoint)
    with pytest.raises(Invalid, match=r"push\.endpoint"):
        await pusher.send(subscription, MESSAGE, ttl_s=1, topic="a", urgent=False)
    assert push_service.received == []


async def test_names_below_an_allowed_one_are_allowed(pusher: Pusher, push_service: PushService) -> None:
    subscription = replace(Browser(push_service).subscription, endpoint="https://eu.push.example/x")
    assert pusher.checked(subscription) is subscription


@pytest.mark.parametrize("fields", [{"p256dh": "AAAA"}, {"p256dh": "not base64!"}, {"auth": "AAAA"}, {"auth": ""}])
async def test_unusable_keys_are_refused(pusher: Pusher, push_service: PushService, fields: dict[str, str]) -> None:
    with pytest.raises(Invalid, match=r"push\.keys"):
        pusher.checked(replace(Browser(push_service).subscription, **fields))


def test_the_key_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "var" / "push-key.pem"
    made = PushKey.from_file(path, create=True)
    assert PushKey.from_file(path, create=True).public == made.public
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(made.public) == 87
    with pytest.raises(OSError):  # noqa: PT011 - any of them
        PushKey.from_file(tmp_path / "absent.pem")
    path.write_text("nonsense")
    with pytest.raises(ValueError):  # noqa: PT011 - any of them
        PushKey.from_file(path)
    assert Pusher(made, Fetcher(), hosts=(), contact="a@b.vn").public_key == made.public
