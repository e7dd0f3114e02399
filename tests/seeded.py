"""A demo that nobody has used yet, seeded once a run: a server starts from a copy in a fraction of the time.

The processes of a run share it, whichever needs it first makes it; what a first start does by itself is for the tests
of `hoichan run` and of the seeding.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
SHARED = "TESTS_SHARED_FOLDER"
"""The variable by which the processes of a run know their common folder; tests/conftest.py makes and removes it."""


def copied_demo(var: Path) -> Path:
    """Make `var` the folder of a demo of its own."""
    shutil.copytree(_seeded(), var)
    return var


def _seeded() -> Path:
    folder = Path(os.environ[SHARED])
    with (folder / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "demo").exists():
            kept = {key: value for key, value in os.environ.items() if not key.startswith("HOICHAN_")}
            shutil.rmtree(folder / "half", ignore_errors=True)
            subprocess.run(
                [sys.executable, "-m", "hoichan", "seed", "--demo"],
                cwd=REPOSITORY,
                env={**kept, "HOICHAN_VAR": str(folder / "half")},
                check=True,
                capture_output=True,
                timeout=120,
            )
            (folder / "half").rename(folder / "demo")
    return folder / "demo"
