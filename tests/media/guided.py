"""Fuzz one parser by coverage with atheris: `python -m tests.media.guided PARSER [libFuzzer's options] [FOLDER…]`.

Atheris is no dependency of the project: it has wheels for some Pythons on Linux alone, and weighs 35 MB.
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # installed by who wants it

with atheris.instrument_imports(include=["media", "aioice"]):
    from tests.media.parsers import PARSERS


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in PARSERS:
        sys.exit(f"one of: {', '.join(PARSERS)}")
    parser = PARSERS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, parser)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
