"""Files too large to be held whole: sealed piece by piece as they arrive, kept in sealed segments, read from anywhere.

A piece is what arrived in one go; a segment is `SEGMENT` bytes of the whole file, the last one less. Each is sealed by
itself and bound to its place in its file, so that none can be moved, left out in the middle or swapped with another's.
How long a file is its row says; one that was cut short on the disk is unreadable where it ends. Everything here blocks:
callers run it in a thread.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.errors import NotFound, Unavailable
from foundation.files import FULL, UNAVAILABLE, UNKNOWN, sync_folder
from foundation.ids import FileId, UploadId, is_id
from foundation.sealing import Sealer

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SEGMENT = 1024 * 1024
LARGE = "large"
"""Name of the folder of segmented files."""
SEAL = 1 + 12 + 16
"""Bytes that sealing adds: the key's number, the nonce, the tag."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Piece:
    """Where a piece stands: its first byte's place in the whole, its size in bytes, the name of its file."""

    start: int
    size: int
    name: str


class Segments:
    """Keeps pieces and segmented files in a folder. Access and audit are the caller's."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        self._arriving = folder / "arriving"
        self._large = folder / LARGE
        self._sealer = sealer

    def keep_piece(self, upload_id: UploadId, start: int, content: bytes) -> Piece:
        """Write one piece; once this returns it is on disk. Raises Unavailable `files.full`, `files.unavailable`."""
        piece = Piece(start, len(content), secrets.token_hex(8))
        sealed = self._sealer.seal(content, _place_of_piece(upload_id, start))
        self._write(self._of_upload(upload_id) / piece.name, [sealed])
        return piece

    def piece(self, upload_id: UploadId, piece: Piece) -> bytes:
        """Its content. Raises Unavailable when it cannot be read."""
        try:
            sealed = (self._of_upload(upload_id) / piece.name).read_bytes()
        except OSError as error:
            raise Unavailable("files.unavailable", UNAVAILABLE) from error
        return self._sealer.open(sealed, _place_of_piece(upload_id, piece.start))

    def drop_piece(self, upload_id: UploadId, piece: Piece) -> None:
        """Remove one; when it is gone already, nothing happens."""
        (self._of_upload(upload_id) / piece.name).unlink(missing_ok=True)

    def drop_pieces(self, upload_id: UploadId) -> None:
        """Remove all of an upload."""
        shutil.rmtree(self._of_upload(upload_id), ignore_errors=True)

    def arriving(self) -> list[str]:
        """Names of all uploads of which there are pieces."""
        return sorted(path.name for path in self._arriving.iterdir()) if self._arriving.is_dir() else []

    def assemble(self, file_id: FileId, upload_id: UploadId, pieces: Sequence[Piece]) -> None:
        """Make a file of all its pieces in order; once this returns it is on disk."""
        contents = (self.piece(upload_id, piece) for piece in pieces)
        self._write(
            self._path(file_id),
            (self._sealer.seal(part, place_of_segment(file_id, index)) for index, part in enumerate(_cut(contents))),
        )

    def drop(self, file_id: FileId) -> None:
        """Remove a file that nothing speaks of."""
        self._path(file_id).unlink(missing_ok=True)

    def read(self, file_id: FileId, start: int, stop: int) -> Iterator[bytes]:
        """Its bytes from `start` up to `stop`, a segment at a time. Raises NotFound, Unavailable."""
        try:
            with self._path(file_id).open("rb") as file:
                for index in range(start // SEGMENT, (stop + SEGMENT - 1) // SEGMENT):
                    file.seek(index * (SEGMENT + SEAL))
                    part = self._sealer.open(file.read(SEGMENT + SEAL), place_of_segment(file_id, index))
                    first = index * SEGMENT
                    yield part[max(start - first, 0) : stop - first]
        except FileNotFoundError as error:
            raise NotFound("file.unknown", UNKNOWN) from error
        except OSError as error:
            raise Unavailable("files.unavailable", UNAVAILABLE) from error

    def _write(self, path: Path, parts: Iterable[bytes]) -> None:
        # Whole or not at all, as in `foundation.files`.
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                with fresh.open("xb") as file:
                    for part in parts:
                        file.write(part)
                    file.flush()
                    os.fsync(file.fileno())
                fresh.replace(path)
            finally:
                fresh.unlink(missing_ok=True)
            sync_folder(path.parent)
        except OSError as error:
            if error.errno in _FULL:
                raise Unavailable("files.full", FULL) from error
            raise Unavailable("files.unavailable", UNAVAILABLE) from error

    def _of_upload(self, upload_id: UploadId) -> Path:
        if not is_id(upload_id, "upl"):
            raise NotFound("file.unknown", UNKNOWN)
        return self._arriving / upload_id

    def _path(self, file_id: FileId) -> Path:
        if not is_id(file_id, "fil"):
            raise NotFound("file.unknown", UNKNOWN)
        # Ids begin with the time: their end spreads them over folders.
        return self._large / file_id[-2:] / file_id


class PieceReader(io.RawIOBase):
    """An upload as a file that can be read and sought, one piece in memory at a time: what Pillow decodes from."""

    def __init__(self, segments: Segments, upload_id: UploadId, pieces: Sequence[Piece]) -> None:
        super().__init__()
        self._segments = segments
        self._upload_id = upload_id
        self._pieces = list(pieces)
        self._size = sum(piece.size for piece in pieces)
        self._at = 0
        self._open: tuple[Piece, bytes] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "before the beginning")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        found = self._piece_at(self._at)
        if found is None:
            return 0
        piece, content = found
        inside = self._at - piece.start
        part = content[inside : inside + len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _piece_at(self, place: int) -> tuple[Piece, bytes] | None:
        if self._open is not None and self._open[0].start <= place < self._open[0].start + self._open[0].size:
            return self._open
        piece = next((one for one in self._pieces if one.start <= place < one.start + one.size), None)
        self._open = None if piece is None else (piece, self._segments.piece(self._upload_id, piece))
        return self._open


def _cut(contents: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in segments."""
    held = bytearray()
    for content in contents:
        held += content
        while len(held) >= SEGMENT:
            yield bytes(held[:SEGMENT])
            del held[:SEGMENT]
    if held:
        yield bytes(held)


def place_of_segment(file_id: FileId, index: int) -> str:
    return f"files:{file_id}:{index}"


def _place_of_piece(upload_id: UploadId, start: int) -> str:
    return f"pieces:{upload_id}:{start}"
