"""`hoichan audit` on an installation that ran: whole after a kill, and every kind of tampering told in a line."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from foundation.anchors import AnchorSigner, public_pem
from tests.conftest import free_port
from tests.hoichan.program import Program, hoichan, invoke
from tests.seeded import copied_demo


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation that was killed in the middle of its work, run again, and ended."""
    folder = tmp_path_factory.mktemp("audited")
    var = copied_demo(folder / "var")
    for name, number in (("first", signal.SIGKILL), ("second", signal.SIGTERM)):
        settings = {"var": var, "port": free_port(), "media": "none"}
        program = Program(folder, name, "run", **settings)
        program.until(lambda program=program: "audit_chain" in program.readiness()[1], 40)
        program.until(lambda: (var / "anchors").exists(), 20)
        if name == "first":
            for person in ("bs.bao", "bs.thuha", "bs.khai"):
                assert invoke("staff", "reset-password", person, var=var).exit_code == 0
        program.end(number)
    return var


def rows(var: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(var / "hoichan.db", isolation_level=None)) as database:
        return database.execute(statement).fetchall()


def test_a_killed_installation_is_whole(var: Path) -> None:
    result = hoichan("audit", "verify", var=var)
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr
    assert re.search(r"^audit: \d+ rows verified, 0 not linked yet, \d+ anchors, the last of 20", result.stderr)
    assert re.search(r"^consult_log: \d{3,} rows verified, 0 not linked yet", result.stderr, re.MULTILINE)
    assert result.stderr.endswith("whole\n")
    (heads,) = rows(var, "SELECT count(*) FROM chains WHERE position = anchored_position")
    assert heads == (2,), "what was left was anchored at the end"
    assert (var / "audit-key.pem").stat().st_mode & 0o777 == 0o600


def test_tampering_is_told_in_lines_and_by_the_exit_status(var: Path, tmp_path: Path) -> None:
    copy = tmp_path / "var"
    shutil.copytree(var, copy)
    (last,) = rows(copy, "SELECT max(sequence) FROM consult_log")[0]
    rows(copy, "UPDATE audit_entries SET actor = 'sta_other' WHERE number = 2")
    rows(copy, "DELETE FROM audit_entries WHERE number = 3")
    rows(copy, "UPDATE consult_log SET data = '{}' WHERE sequence = 7")
    rows(copy, "UPDATE consult_log SET number = number + 1000 WHERE sequence IN (20, 21)")
    rows(copy, f"DELETE FROM consult_log WHERE sequence = {last}")
    result = invoke("audit", "verify", var=copy)
    assert result.exit_code == 1
    told = [re.sub(r" \(.*", "", line) for line in result.stdout.splitlines()]
    assert sorted(told) == sorted(
        [
            "changed    audit row 2",
            "removed    audit row 3",
            "changed    consult_log row 7",
            "changed    consult_log row 20",
            "changed    consult_log row 21",
            f"removed    consult_log row {last}",
        ]
    )
    assert result.stderr.endswith("6 faults\n")


def test_an_auditor_elsewhere_needs_the_public_key_alone(var: Path, tmp_path: Path) -> None:
    printed = invoke("audit", "key", var=var)
    assert printed.stdout == public_pem(AnchorSigner.from_file(var / "audit-key.pem").public_keys[-1])
    (tmp_path / "hoichan.pub").write_text(printed.stdout)
    shutil.copytree(var, tmp_path / "var", ignore=shutil.ignore_patterns("anchors", "*.pem", "keys"))
    key, anchors = ("--public-key", str(tmp_path / "hoichan.pub")), ("--anchors", str(var / "anchors"))
    assert invoke("audit", "verify", *key, *anchors, var=tmp_path / "var").exit_code == 0
    without = invoke("audit", "verify", *key, var=tmp_path / "var")
    assert (without.exit_code, "the files reach to 0" in without.stdout) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["verify", "--since", "yesterday"], "no day or instant"),
        (["verify", "--public-key", "none"], "cannot be read"),
        (["verify", "--public-key", "pyproject.toml"], "no public key"),
        (["verify"], "hoichan migrate"),
        (["export"], "hoichan migrate"),
        (["key"], "audit-key.pem cannot be read"),
    ],
)
def test_what_cannot_be_verified_is_said(arguments: list[str], told: str, var: Path, tmp_path: Path) -> None:
    folder = tmp_path if "migrate" in told or arguments == ["key"] else var
    result = invoke("audit", *arguments, var=folder)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_the_export_names_nobody_and_is_on_the_audit(var: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.ndjson"
    result = invoke("audit", "export", "--output", str(events), var=var)
    assert (result.exit_code, result.stderr) == (0, "")
    text = events.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == rows(var, "SELECT count(*) FROM audit_entries")[0][0]
    assert {line["resourceType"] for line in lines} == {"AuditEvent"}
    assert lines[-1]["subtype"][-1]["code"] == "audit.export"
    named = [name for row in rows(var, "SELECT full_name, user_name FROM staff") for name in row]
    assert [name for name in named if str(name) in text] == []
    assert invoke("audit", "export", "--since", "2999-01-01", var=var).stdout == ""
    assert len(invoke("audit", "export", "--until", "2999-01-01", var=var).stdout.splitlines()) == len(lines) + 2
