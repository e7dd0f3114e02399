"""Replay files through every parser: `python -m tests.media.replay FOLDER…`.

For corpora of this project and of others: each file is given to the readers of SDP, RTCP, RTP payloads, header
extensions, connectivity checks and the control channel, and as authentic RTP and RTCP to a forwarder. A file that makes
one of them raise, take more than two seconds or hold more than 64 MB is named, and the command ends with status 1.
"""

from __future__ import annotations

import sys
import time
import traceback
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.media.parsers import PARSERS

LONGEST_S = 2.0
MOST_OCTETS = 64 << 20
_MOST_READ = 1 << 20
"""Octets of a file that are looked at: no message that the worker takes is longer."""


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """Every file at or below the paths, in order."""
    for path in paths:
        yield from sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def replay(data: bytes) -> Iterator[str]:
    """What went wrong with one input, a line for each parser that failed."""
    for name, parser in PARSERS.items():
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        began = time.process_time()
        try:
            parser(data)
        except Exception as error:  # noqa: BLE001 - any error at all is what this looks for
            place = traceback.extract_tb(error.__traceback__)[-1]
            yield f"{name}: {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
        took, held = time.process_time() - began, tracemalloc.get_traced_memory()[1] - before
        if took > LONGEST_S:
            yield f"{name}: {took:.1f} s"
        if held > MOST_OCTETS:
            yield f"{name}: {held >> 20} MB"


def main(arguments: list[str]) -> int:
    """Replay what the arguments name; how many files failed."""
    count = failed = 0
    tracemalloc.start()
    try:
        for path in files(map(Path, arguments)):
            count += 1
            with path.open("rb") as file:
                faults = list(replay(file.read(_MOST_READ)))
            for fault in faults:
                sys.stdout.write(f"{path}: {fault}\n")
            failed += bool(faults)
    finally:
        tracemalloc.stop()
    sys.stdout.write(f"{count} files replayed, {failed} failed\n")
    return failed


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(min(1, main(sys.argv[1:])))
