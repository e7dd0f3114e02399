"""The private folder of a run: cleared away when its owner was killed, and only then."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hoichan.run_folder import RunFolder

OWNER = "import time; from hoichan.run_folder import RunFolder; print(RunFolder().path, flush=True); time.sleep(60)"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_a_killed_owners_folder_goes_with_the_next_start(temporary: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        theirs = Path(owner.stdout.readline().strip())
        first = RunFolder()
        assert theirs.is_dir(), "its owner lives"
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    (theirs / "token").write_text("secret")
    second = RunFolder()
    assert not theirs.exists()
    assert first.path.is_dir()
    assert second.path.stat().st_mode & 0o077 == 0
    for folder in (first, second):
        folder.close()
    assert list(temporary.iterdir()) == []


def test_what_is_no_folder_of_a_run_stays(temporary: Path) -> None:
    other = temporary / "hoichan-notes"
    other.mkdir()
    (temporary / "hoichan-file").write_text("")
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").write_text("")
    (temporary / "hoichan-link").symlink_to(elsewhere)
    RunFolder().close()
    assert {path.name for path in temporary.iterdir()} == {"hoichan-notes", "hoichan-file", "hoichan-link", "elsewhere"}
    assert (elsewhere / "lock").exists()
