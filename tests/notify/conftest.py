"""A push service on loopback, and a browser that subscribes to it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.fetch import Fetcher
from foundation.reach import Reach
from notify.webpush import Pusher, PushKey, Subscription


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Received:
    """One message as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class PushService:
    """Takes messages, or refuses them with `status`."""

    port: int
    status: int = 201
    received: list[Received] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://push.test:{self.port}"


class Browser:
    """The keys of a subscription, as a browser makes them."""

    def __init__(self, service: PushService, name: str = "one") -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.auth = secrets.token_bytes(16)
        point = self.private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.subscription = Subscription(f"{service.origin}/push/{name}", text(point), text(self.auth))


@pytest.fixture
async def push_service() -> AsyncIterator[PushService]:
    service = PushService(0)

    async def take(request: web.Request) -> web.Response:
        service.received.append(Received(request.path, dict(request.headers), await request.read()))
        return web.Response(status=service.status)

    application = web.Application()
    application.router.add_post("/push/{name}", take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.port = runner.addresses[0][1]
    yield service
    await runner.cleanup()


@pytest.fixture
async def pusher(push_service: PushService, tmp_path: Path) -> AsyncIterator[Pusher]:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    fetcher = Fetcher(Reach.read("127.0.0.0/8", f"push.test:{push_service.port}"), resolve=resolve)
    key = PushKey.from_file(tmp_path / "push-key.pem", create=True)
    yield Pusher(key, fetcher, hosts=("push.test", "*.push.example"), contact="admin@hoichan.example.vn")
    await fetcher.close()
