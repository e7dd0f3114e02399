"""Stored files sealed anew under the newest key, while they are read and written.

A file tells by its first byte under which key it is, so nothing has to be remembered to go on after a kill. Its name
stays the same; the new one takes its place whole, and a reader has either. Pieces that still arrive are left as they
are: they become a file under the newest key, or are dropped.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path

from foundation.files import place_of, sync_folder
from foundation.ids import FileId, is_id
from foundation.sealing import Sealer
from foundation.segments import LARGE, SEAL, SEGMENT, place_of_segment

_BATCH = 50
_FOLDER = re.compile(r"[0-9a-f]{2}")


class FileRekeying:
    """Seals files anew. One process is enough; two disturb nobody."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        self._folder = folder
        self._sealer = sealer

    async def run(self) -> AsyncIterator[int]:
        """Go through every file; yields how many changed in a batch.

        Raises `Unavailable("sealing.unreadable")` when an older key is missing from the key file.
        """
        paths = self._old()
        while batch := await asyncio.to_thread(lambda: list(islice(paths, _BATCH))):
            for path, file_id in batch:
                await asyncio.to_thread(self._reseal, path, file_id)
            yield len(batch)

    async def left(self) -> int:
        """How many files are still under an older key."""
        return await asyncio.to_thread(lambda: sum(1 for _ in self._old()))

    def _old(self) -> Iterator[tuple[Path, FileId]]:
        for folder in self._folders():
            is_large = folder.parent != self._folder
            for path in sorted(folder.iterdir()):
                file_id = path.name if is_large else f"fil_{folder.name}{path.name}"
                if is_id(file_id, "fil"):
                    with path.open("rb") as file:
                        if file.read(1) not in (self._sealer.current, b""):
                            yield path, FileId(file_id)

    def _folders(self) -> Iterator[Path]:
        for root in (self._folder, self._folder / LARGE):
            if root.is_dir():
                yield from sorted(path for path in root.iterdir() if _FOLDER.fullmatch(path.name))

    def _reseal(self, path: Path, file_id: FileId) -> None:
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        is_large = path.name == file_id
        try:
            with path.open("rb") as old, fresh.open("xb") as new:
                if is_large:
                    parts = enumerate(iter(lambda: old.read(SEGMENT + SEAL), b""))
                    for index, part in parts:
                        new.write(self._sealer.resealed(part, place_of_segment(file_id, index)))
                else:
                    new.write(self._sealer.resealed(old.read(), place_of(file_id)))
                new.flush()
                os.fsync(new.fileno())
            fresh.replace(path)
        except FileNotFoundError:
            if path.exists():
                raise
            # It was dropped meanwhile, and stays so.
        finally:
            fresh.unlink(missing_ok=True)
        sync_folder(path.parent)
