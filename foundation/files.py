"""Attachments: pictures and documents that came with a consult, sealed on disk and named by what they hold.

What arrives is held in memory until it is known to be harmless, so that nothing unsealed ever touches the disk. The
type is told by the first bytes and never by a name or header. A picture is decoded and encoded anew: no EXIF, no place
where it was taken, no thumbnail of what was cropped away survives, and its orientation is applied first. Its colour
profile goes with the rest; browsers convert what they send to sRGB. A PDF is kept as it is, and so is only ever given
out as a download. A file's id is a keyed hash of its content: who does not hold the index key learns nothing from it.
Voice clips, and all that is too large for memory, are kept by `foundation.segments`.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import IO

from PIL import Image, ImageOps

from foundation.errors import Invalid, NotFound, Unavailable
from foundation.i18n import N_
from foundation.ids import FileId, is_id
from foundation.sealing import Sealer

MOST_BYTES = 15 * 1024 * 1024
"""Of one file as it arrives."""
MOST_PIXELS = 40_000_000
"""Of one picture; told by its header before anything is decoded."""
LONGEST = 4096
"""Pixels of a kept picture's longer side; a larger one is made smaller."""
SMALL = 320
"""The same of the small picture that lists show."""
ARRIVING = 16
"""Files that may arrive at the same time: with `MOST_BYTES` this bounds the memory."""
DECODING = 2
HEAD = 64
"""First bytes of a file that tell its kind."""
ARRIVAL_S = 300.0
"""How long a file may take to arrive: a photograph over a line of 20 kbit/s."""
_QUALITY = 88
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FileKind(StrEnum):
    """What is taken; the value is the media type (RFC 6838)."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    PDF = "application/pdf"
    WEBM = "audio/webm"
    OGG = "audio/ogg"
    MP4 = "audio/mp4"

    @property
    def is_picture(self) -> bool:
        """Whether it can be shown as a picture."""
        return self.value.startswith("image/")

    @property
    def is_voice(self) -> bool:
        """Whether it can be heard."""
        return self.value.startswith("audio/")

    @property
    def ending(self) -> str:
        """What a downloaded file's name ends in."""
        return "jpg" if self is FileKind.JPEG else self.value.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is on disk. A picture has its size in pixels and a small twin; `size` is in bytes."""

    id: FileId
    kind: FileKind
    size: int
    width: int = 0
    height: int = 0
    small_id: FileId | None = None


class Files:
    """Keeps and gives back. Access and audit are the caller's."""

    def __init__(self, folder: Path, sealer: Sealer, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._sealer = sealer
        self._most_bytes = most_bytes
        self._arriving = asyncio.Semaphore(ARRIVING)
        self._decoding = asyncio.Semaphore(DECODING)

    async def keep(self, chunks: AsyncIterator[bytes]) -> Kept:
        """Take a file as it arrives; once this returns it is on disk. The same content is the same file.

        Raises Invalid `file.empty`, `file.too_large`, `file.kind`, `file.pixels`, `file.unreadable`; Unavailable
        `files.busy`, `files.slow`, `files.full` or `files.unavailable`, and then nothing of it is left behind.
        """
        if self._arriving.locked():
            raise Unavailable("files.busy", BUSY)
        async with self._arriving:
            try:
                async with asyncio.timeout(ARRIVAL_S):
                    content = await self._received(chunks)
            except TimeoutError as error:
                raise Unavailable("files.slow", SLOW) from error
            kind = sniffed(content)
            async with self._decoding:
                return await asyncio.to_thread(self._keep, content, kind)

    async def open(self, file_id: FileId) -> bytes:
        """The content. Raises NotFound `file.unknown`, Unavailable `files.unavailable` or `sealing.unreadable`."""
        if not is_id(file_id, "fil"):
            raise NotFound("file.unknown", UNKNOWN)
        try:
            sealed = await asyncio.to_thread(self._path(file_id).read_bytes)
        except FileNotFoundError as error:
            raise NotFound("file.unknown", UNKNOWN) from error
        except OSError as error:
            raise Unavailable("files.unavailable", UNAVAILABLE) from error
        return await asyncio.to_thread(self._sealer.open, sealed, place_of(file_id))

    async def _received(self, chunks: AsyncIterator[bytes]) -> bytes:
        content = bytearray()
        async for chunk in chunks:
            if len(content) + len(chunk) > self._most_bytes:
                raise too_large(self._most_bytes)
            content += chunk
        if not content:
            raise Invalid("file.empty", N_("The file is empty."), field="file")
        return bytes(content)

    def _keep(self, content: bytes, kind: FileKind) -> Kept:
        if not kind.is_picture:
            return Kept(self._write(content), kind, len(content))
        return self._keep_picture(BytesIO(content), kind)

    async def keep_picture(self, source: IO[bytes], kind: FileKind) -> Kept:
        """Keep a picture that has arrived already and is read from `source`, in a thread. Raises what `keep` does."""
        async with self._decoding:
            return await asyncio.to_thread(self._keep_picture, source, kind)

    def _keep_picture(self, source: IO[bytes], kind: FileKind) -> Kept:
        picture, small, width, height = redrawn(source, kind)
        small_id = self._write(small)
        return Kept(self._write(picture), kind, len(picture), width, height, small_id)

    def _write(self, content: bytes) -> FileId:
        file_id = FileId("fil_" + self._sealer.mark("file", content).hex())
        path = self._path(file_id)
        if path.exists():
            return file_id
        # Whole or not at all: a name appears only once its content is durable.
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                with fresh.open("xb") as file:
                    file.write(self._sealer.seal(content, place_of(file_id)))
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
        return file_id

    def _path(self, file_id: FileId) -> Path:
        name = file_id.removeprefix("fil_")
        return self._folder / name[:2] / name[2:]


def sniffed(content: bytes, *, voice: bool = False) -> FileKind:
    """The kind by its first bytes (WHATWG MIME Sniffing, 6.1, 6.2 and 7.1), `HEAD` of which are enough.

    Raises `Invalid("file.kind")` for any other, and for a voice clip unless `voice` is taken.
    """
    if content.startswith(b"\xff\xd8\xff"):
        return FileKind.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return FileKind.PNG
    if content[:4] == b"RIFF" and content[8:14] == b"WEBPVP":
        return FileKind.WEBP
    if content.startswith(b"%PDF-"):
        return FileKind.PDF
    heard = _heard(content[:HEAD]) if voice else None
    if heard is not None:
        return heard
    raise Invalid("file.kind", KIND_OR_VOICE if voice else KIND, field="file")


def _heard(head: bytes) -> FileKind | None:
    """What browsers record voice in: WebM (Chromium), Ogg (Firefox), MP4 (Safari)."""
    if head.startswith(b"\x1aE\xdf\xa3") and b"webm" in head:  # the EBML header names the document's type (RFC 8794)
        return FileKind.WEBM
    if head.startswith(b"OggS\x00") and b"OpusHead" in head:  # RFC 7845, 5.1
        return FileKind.OGG
    if head[4:8] == b"ftyp" and head[8:11] in (b"M4A", b"iso", b"mp4"):  # ISO/IEC 14496-12, 4.3
        return FileKind.MP4
    return None


def redrawn(source: IO[bytes], kind: FileKind) -> tuple[bytes, bytes, int, int]:
    """The picture and its small twin (JPEG), encoded anew, and the picture's width and height in pixels."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # refused below, at less than that
            opened = Image.open(source, formats=[kind.name])
        if opened.width * opened.height > MOST_PIXELS:
            raise Invalid("file.pixels", PIXELS, field="file", most=MOST_PIXELS // 1_000_000)
        with opened:
            upright = ImageOps.exif_transpose(opened)
            has_alpha = kind is not FileKind.JPEG and upright.has_transparency_data
            picture = upright.convert("RGBA" if has_alpha else "RGB")
    except Image.DecompressionBombError as error:
        raise Invalid("file.pixels", PIXELS, field="file", most=MOST_PIXELS // 1_000_000) from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, MemoryError) as error:
        # What Pillow's readers raise for broken or hostile files.
        raise Invalid("file.unreadable", UNREADABLE, field="file") from error
    picture.thumbnail((LONGEST, LONGEST))
    small = Image.new("RGB", picture.size, "white")
    small.paste(picture, mask=picture if has_alpha else None)
    small.thumbnail((SMALL, SMALL))
    return _encoded(picture, kind), _encoded(small, FileKind.JPEG), picture.width, picture.height


def too_large(most: int) -> Invalid:
    """The error for a file of more than `most` bytes."""
    return Invalid("file.too_large", TOO_LARGE, field="file", most=most // 1024 // 1024)


def _encoded(picture: Image.Image, kind: FileKind) -> bytes:
    picture.info.clear()  # comments and profiles, which some encoders would write again
    made = BytesIO()
    options: dict[str, int | bool] = {"optimize": True} if kind is FileKind.PNG else {"quality": _QUALITY}
    picture.save(made, format=kind.name, **options)
    return made.getvalue()


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def place_of(file_id: FileId) -> str:
    return f"files:{file_id}"


KIND = N_("Only pictures (JPEG, PNG, WebP) and PDF documents can be taken.")
KIND_OR_VOICE = N_("Only pictures (JPEG, PNG, WebP), PDF documents and voice clips can be taken.")
TOO_LARGE = N_("The file is too large: %(most)s MB at most.")
PIXELS = N_("The picture is too large: %(most)s million pixels at most.")
UNREADABLE = N_("The picture cannot be read. Take it again, or save it as JPEG.")
UNKNOWN = N_("There is no such file.")
FULL = N_(
    "The server's disk is full. The file was not kept; what was kept before is untouched. Tell the administrator."
)
UNAVAILABLE = N_("The server cannot reach its files now. Nothing was changed; try again in a moment.")
BUSY = N_("Too many files arrive at this moment. Try again in a few seconds.")
SLOW = N_("The file took too long to arrive. Try again when the line is better.")
