"""The load peer's engine in C, compiled when a bench begins, into a folder that goes with it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent
_ENGINE = ("plane.c", "send.c", "receive.c", "control.c")
_FLAGS = ("-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-std=gnu11")


class CannotMeasure(Exception):
    """Something that the bench needs is missing or does not work; the text tells people what to do about it."""


def engine(folder: Path) -> Path:
    """The shared library of the load peer, compiled into `folder`. Raises CannotMeasure."""
    return _compile(folder / "engine.so", _ENGINE, ("-lsrtp2", "-lpthread"))


def loopback(folder: Path) -> Path:
    """The library that makes Janus use the loopback interface, compiled into `folder`. Raises CannotMeasure."""
    return _compile(folder / "loopback.so", ("loopback.c",), ("-ldl",))


def _compile(target: Path, sources: tuple[str, ...], libraries: tuple[str, ...]) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        raise CannotMeasure("the load peer needs a C compiler: on Debian, apt-get install gcc libc6-dev libsrtp2-dev")
    arguments = [compiler, *_FLAGS, *(str(SOURCES / name) for name in sources), "-o", str(target), *libraries]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        if "srtp2/srtp.h" in done.stderr or "-lsrtp2" in done.stderr:
            raise CannotMeasure("the load peer needs libsrtp's headers: on Debian, apt-get install libsrtp2-dev")
        raise CannotMeasure(f"the load peer could not be compiled:\n{done.stderr}")
    return target
