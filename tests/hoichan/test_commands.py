"""The command line: what it says of itself, and how it ends when something does not fit."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from foundation.settings import Settings
from hoichan.__main__ import main
from tests.conftest import PostgresServer, free_port
from tests.hoichan.program import REPOSITORY, hoichan, invoke
from tests.hoichan.test_migrations import empty

HELP = [
    ([], ["run", "web", "media", "migrate", "seed", "staff", "HOICHAN_", "docs/operations.md", "create-admin"]),
    (["run"], ["--demo", "HOICHAN_VAR", "HOICHAN_HOST", "127.0.0.1:8080", "Ctrl-C"]),
    (["web"], ["HOICHAN_DATABASE_URL", "HOICHAN_REDIS_URL", "HOICHAN_KEYS_FILE", "HOICHAN_MEDIA_TOKEN_FILE"]),
    (
        ["media"],
        [
            "--check",
            "--status",
            "--drain",
            "--open",
            "--token",
            "127.0.0.1:8090",
            "HOICHAN_MEDIA_WORKERS",
            "HOICHAN_MEDIA_BIND",
            "HOICHAN_MEDIA_ANNOUNCE",
            "HOICHAN_MEDIA_CONTROL",
        ],
    ),
    (["migrate"], ["--check", "--new", "several nodes"]),
    (["seed"], ["--demo", "loopback", "demo-sign-ins.json"]),
    (["book"], ["import", "status", "problems", "sources", "operator"]),
    (["book", "import"], ["--facility", "--report", "ndjson", "HTEST"]),
    (["book", "status"], ["files were imported"]),
    (["book", "export"], ["summary", "IPS"]),
    (["book", "rekey"], ["newest key"]),
    (["book", "reindex"], ["also-index", "can be stopped and killed"]),
    (["book", "problems"], ["newest first"]),
    (["book", "sources"], ["HOICHAN_SOURCES_FILE", "CapabilityStatement", "no patient's data", "exit 0 or 1"]),
    (["staff"], ["create-admin", "create", "reset-password", "deactivate", "list", "audit"]),
    (["staff", "create-admin"], ["--user-name", "--full-name", "--facility-code", "administrator"]),
    (["staff", "create"], ["--role", "--specialty", "--licence-number", "--installation-wide"]),
    (["staff", "reset-password"], ["USER_NAME", "sessions end"]),
    (["staff", "deactivate"], ["USER_NAME", "stays on record"]),
    (["staff", "list"], ["--facility-code", "--all"]),
    (["audit"], ["verify", "export", "key", "HOICHAN_AUDIT_ANCHORS", "docs/operations.md"]),
    (["audit", "verify"], ["--since", "--until", "--public-key", "--anchors", "Exit status 0", "One line a fault"]),
    (["audit", "export"], ["AuditEvent", "--since", "--until", "--output", "opaque ids only"]),
    (["audit", "key"], ["public key", "PEM"]),
    (["signing"], ["key", "renew", "trust list"]),
    (["signing", "key"], ["id of the key", "publishing"]),
    (["signing", "renew"], ["--compromised", "Verifiers follow by themselves"]),
]


@pytest.mark.parametrize(
    ("command", "words"), HELP, ids=lambda value: "-".join(value) if isinstance(value, list) else ""
)
def test_help_says_what_matters(command: list[str], words: list[str]) -> None:
    result = invoke(*command, "--help")
    assert result.exit_code == 0
    told = " ".join(result.output.split())
    assert [word for word in words if word not in told] == []


def test_every_command_is_in_the_list_above() -> None:
    known = {" ".join(command) for command, _ in HELP}
    with main.make_context("hoichan", ["--help"], resilient_parsing=True) as context:
        there = set(main.list_commands(context))
        for group in sorted(there):
            there |= {f"{group} {name}" for name in getattr(main.get_command(context, group), "commands", {})}
    assert known - {""} == there


def test_the_program_starts_as_a_module() -> None:
    result = hoichan("--version")
    assert (result.returncode, result.stdout.strip()) == (0, "hoichan, version 0.1.0")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("port", "abc", "integer"),
        ("port", "70000", "65535"),
        ("zone", "Asia/Nowhere", "no such time zone"),
        ("zone", "../../etc/passwd", "no such time zone"),
        ("log_level", "loud", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("database_url", "mysql://a", "postgresql+asyncpg://"),
        ("redis_url", "127.0.0.1:6379", "redis://"),
        ("media", "elsewhere", "'child'"),
        ("turn_urls", "turn:a.example.vn, stun:b.example.vn", "stun:b.example.vn is no TURN address"),
        ("media_tcp", "70000", "same, off, or a port number"),
        ("session_hours", "0", "1"),
        ("proxied", "perhaps", "boolean"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str, reason: str) -> None:
    result = invoke("run", **{name: value})
    assert result.exit_code == 1
    assert f"HOICHAN_{name.upper()}: " in result.output
    assert reason in result.output
    assert "Traceback" not in result.output
    assert "Value error" not in result.output


def test_settings_may_be_written_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOICHAN_LOG_LEVEL", "debug")
    assert Settings().log_level == "DEBUG"


def test_what_a_command_lacks_is_said(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    keys = tmp_path / "keys"
    keys.write_text("not a key file")
    database, redis = "postgresql+asyncpg://u@127.0.0.1:1/d", "redis://127.0.0.1:1"
    both: dict[str, object] = {"database_url": database, "redis_url": redis}
    cases: list[tuple[list[str], dict[str, object], str]] = [
        (["run"], {"redis_url": redis}, "start `hoichan web`"),
        (["web"], {}, "HOICHAN_DATABASE_URL and HOICHAN_REDIS_URL"),
        (["web"], {"redis_url": redis}, "HOICHAN_DATABASE_URL"),
        (["web"], both, "HOICHAN_MEDIA_TOKEN_FILE"),
        (["web"], both | {"media_token_file": tmp_path / "none"}, "secret file none cannot be read"),
        (["web"], both | {"media_token_file": token}, "HOICHAN_KEYS_FILE"),
        (["web"], both | {"media_token_file": token, "keys_file": keys}, "key file keys cannot be used"),
        (["migrate"], {"database_url": database}, "database.unavailable"),
        (["migrate"], {"var": "/proc/hoichan"}, "cannot be made"),
        (["seed"], {}, "--demo"),
        (["staff", "list"], {"turn_urls": "turn:a.example.vn:3478"}, "HOICHAN_TURN_SECRET_FILE"),
        (["media"], {}, "HOICHAN_MEDIA_TOKEN_FILE"),
        (["media"], {"media_token_file": token}, "HOICHAN_MEDIA_CONTROL"),
        (["media"], {"media_token_file": token, "media_control": "127.0.0.1:1", "media_bind": "0.0.0.0"}, "ANNOUNCE"),
        (["media", "--open"], {}, "--token"),
        (["media", "--open", "--token", "short"], {}, "8 characters"),
        (["media", "--open", "--token", "long enough", "--http", "8090"], {}, "HOST:PORT"),
        (["staff", "reset-password", "nobody"], {"var": tmp_path / "var"}, "nobody has the user name nobody"),
    ]
    for command, settings, told in cases:
        result = invoke(*command, **{"var": tmp_path / "var"} | settings)
        assert result.exit_code in (1, 2), (command, settings)
        assert told in result.output, (command, settings, result.output)
        assert "secret" not in result.output.replace("the secret", "").replace("secret file", "")


def test_a_node_does_not_serve_over_a_database_without_tables(postgres: PostgresServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    keys = tmp_path / "keys"
    keys.write_text("0:" + "A" * 43 + "=\n1:" + "B" * 42 + "A=\n")
    settings = {"database_url": empty(postgres), "redis_url": "redis://127.0.0.1:1"}
    result = invoke("web", media_token_file=token, keys_file=keys, var=tmp_path, **settings)
    assert result.exit_code == 1
    assert "run `hoichan migrate` first" in result.output
    assert "Traceback" not in result.output


def test_migrating_by_command(tmp_path: Path) -> None:
    assert invoke("migrate", "--check", var=tmp_path).exit_code == 1
    assert invoke("migrate", var=tmp_path).exit_code == 0
    assert invoke("migrate", "--check", var=tmp_path).exit_code == 0


def test_seeding_by_command_says_where_the_sign_ins_are(tmp_path: Path) -> None:
    refused = invoke("seed", "--demo", var=tmp_path, host="0.0.0.0")
    assert (refused.exit_code, "demo.not_loopback" in refused.output) == (1, True)
    result = invoke("seed", "--demo", var=tmp_path)
    assert (result.exit_code, result.output.strip()) == (0, f"40 sign-ins in {tmp_path / 'demo-sign-ins.json'}")


def test_a_taken_port_is_said_and_leaves_nothing_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = hoichan("run", var=tmp_path, port=port)
    assert result.returncode == 1
    assert f"cannot listen at 127.0.0.1:{port}: another program listens there" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir()), "it is said before anything is made"
    strange = invoke("run", var=tmp_path, port=free_port(), host="no-such-host.invalid")
    assert strange.exit_code == 1
    assert "cannot listen at no-such-host.invalid" in strange.output
    assert "Traceback" not in strange.output


def test_operations_lists_every_setting() -> None:
    """docs/operations.md is what an operator reads; its table is this, to the letter."""
    page = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    assert table() in page
    assert len(re.findall(r"^\| `HOICHAN_", page, re.MULTILINE)) == len(Settings.model_fields)
    assert [name for name, one in Settings.model_fields.items() if len(one.description or "") < 10] == []


def table() -> str:
    """The table of settings in Markdown, in the order of the program's own list."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, one in Settings.model_fields.items():
        default = str(one.default).lower() if isinstance(one.default, bool) else str(one.default or "")
        if one.default == 0 and not isinstance(one.default, bool):
            default = "0"
        shown = f"`{default}`" if default else ""
        lines.append(f"| `HOICHAN_{name.upper()}` | {shown} | {one.description} |")
    return "\n".join(lines)
