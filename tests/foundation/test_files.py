"""Attachments: what is taken, what is stripped from it, how it lies on disk, and a disk that is full."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from foundation.errors import HoichanError, Invalid, NotFound, Unavailable
from foundation.files import ARRIVING, LONGEST, MOST_PIXELS, SMALL, FileKind, Files, sniffed
from foundation.ids import FileId, is_id
from foundation.sealing import Sealer

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


async def chunks(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def picture(
    kind: str = "JPEG",
    size: tuple[int, int] = (60, 40),
    mode: str = "RGB",
    *,
    orientation: int = 0,
    place: bool = False,
) -> bytes:
    """A red picture with a blue left third, with what cameras write into it."""
    drawn = Image.new(mode, size, (200, 20, 20, 128)[: len(mode)])
    drawn.paste((20, 20, 200, 255)[: len(mode)], (0, 0, size[0] // 3, size[1]))
    exif = Image.Exif()
    exif[0x010F] = "SecretCameraMaker"
    if orientation:
        exif[0x0112] = orientation
    if place:
        exif.get_ifd(0x8825)[2] = (15.0, 22.0, 30.0)  # GPSLatitude
    made = BytesIO()
    drawn.save(made, kind, exif=exif, **({"comment": b"Tran Thi Diem Xua"} if kind == "JPEG" else {}))
    return made.getvalue()


@pytest.fixture
def files(tmp_path: Path, sealer: Sealer) -> Files:
    return Files(tmp_path / "files", sealer, most_bytes=300_000)


def on_disk(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "files").rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", [FileKind.JPEG, FileKind.PNG, FileKind.WEBP])
async def test_a_picture_comes_back_without_what_the_camera_wrote(files: Files, kind: FileKind) -> None:
    content = picture(kind.name, place=True)
    assert b"SecretCameraMaker" in content
    kept = await files.keep(chunks(content))
    assert (kept.kind, kept.width, kept.height) == (kind, 60, 40)
    assert is_id(kept.id, "fil")
    given = await files.open(kept.id)
    assert sniffed(given) is kind
    assert len(given) == kept.size
    for file_id in (kept.id, kept.small_id):
        assert file_id is not None
        content = await files.open(file_id)
        for secret in (b"SecretCameraMaker", b"Exif", b"EXIF", b"eXIf", b"Tran Thi"):
            assert secret not in content
        with Image.open(BytesIO(content)) as opened:
            assert not opened.getexif()


async def test_the_orientation_is_applied_before_it_is_dropped(files: Files) -> None:
    kept = await files.keep(chunks(picture(orientation=6)))  # lies on its left side: the top is at the right
    assert (kept.width, kept.height) == (40, 60)
    with Image.open(BytesIO(await files.open(kept.id))) as opened:
        top, bottom = opened.getpixel((20, 5)), opened.getpixel((20, 55))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[2] > 150 > bottom[2], "what was at the left is on top"


async def test_a_picture_keeps_its_transparency_and_its_twin_stands_on_white(files: Files) -> None:
    kept = await files.keep(chunks(picture("PNG", mode="RGBA")))
    with Image.open(BytesIO(await files.open(kept.id))) as opened:
        assert opened.mode == "RGBA"
    assert kept.small_id is not None
    with Image.open(BytesIO(await files.open(kept.small_id))) as small:
        assert (small.format, small.mode) == ("JPEG", "RGB")


async def test_a_large_picture_is_made_smaller(tmp_path: Path, sealer: Sealer) -> None:
    made = BytesIO()
    Image.new("L", (LONGEST * 2, 100), 90).save(made, "PNG")
    kept = await Files(tmp_path, sealer).keep(chunks(made.getvalue()))
    assert (kept.width, kept.height) == (LONGEST, 50)
    assert kept.small_id is not None
    with Image.open(BytesIO(await Files(tmp_path, sealer).open(kept.small_id))) as small:
        assert max(small.size) == SMALL


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""

    def part(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(b"\0" * 64)) + part(b"IEND", b"")


WRONG = {
    "nothing": (b"", "file.empty"),
    "text": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "file.kind"),
    "page": (b"<!doctype html><script>alert(1)</script>", "file.kind"),
    "GIF": (b"GIF89a" + bytes(20), "file.kind"),
    "TIFF": (b"II*\0" + bytes(20), "file.kind"),
    "program": (b"MZ" + bytes(200), "file.kind"),
    "sound in RIFF": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(20), "file.kind"),
    "cut JPEG": (picture()[:400], "file.unreadable"),
    "only a mark": (b"\xff\xd8\xff\xe0", "file.unreadable"),
    "page that calls itself PNG": (b"\x89PNG\r\n\x1a\n<script>alert(1)</script>", "file.unreadable"),
    "WebP of nothing": (b"RIFF\x10\0\0\0WEBPVP8 " + bytes(20), "file.unreadable"),
    "too many pixels": (bomb(MOST_PIXELS // 1000, 1001), "file.pixels"),
    "a bomb": (bomb(60_000, 60_000), "file.pixels"),
    "too many bytes": (b"%PDF-" + bytes(300_000), "file.too_large"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_refused_leaves_nothing(files: Files, tmp_path: Path, name: str) -> None:
    content, code = WRONG[name]
    with pytest.raises(Invalid) as refused:
        await files.keep(chunks(content))
    assert refused.value.code == code
    assert on_disk(tmp_path) == []


async def test_an_endless_file_is_read_no_further_than_it_may(files: Files) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1000
            yield bytes(1000)

    with pytest.raises(Invalid):
        await files.keep(endless())
    assert taken <= 301_000


async def test_a_document_is_kept_as_it_is_and_sealed(files: Files, tmp_path: Path) -> None:
    kept = await files.keep(chunks(PDF, 3))
    assert (kept.kind, kept.small_id) == (FileKind.PDF, None)
    assert await files.open(kept.id) == PDF
    (path,) = on_disk(tmp_path)
    assert b"PDF" not in path.read_bytes()
    again = await files.keep(chunks(PDF))
    assert again.id == kept.id, "the same content is the same file"
    assert on_disk(tmp_path) == [path]


async def test_ids_tell_nothing_without_the_key(files: Files, tmp_path: Path) -> None:
    other = Files(tmp_path / "other", Sealer({0: bytes([7]) * 32, 1: bytes(32)}))
    assert (await files.keep(chunks(PDF))).id != (await other.keep(chunks(PDF))).id


async def test_a_changed_or_exchanged_file_is_not_given_out(files: Files, tmp_path: Path) -> None:
    first = await files.keep(chunks(PDF))
    (path,) = on_disk(tmp_path)
    sealed = path.read_bytes()
    second = await files.keep(chunks(PDF + b"2"))
    (other,) = [found for found in on_disk(tmp_path) if found != path]
    path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    other.write_bytes(sealed)
    for kept in (first, second):
        with pytest.raises(Unavailable) as refused:
            await files.open(kept.id)
        assert refused.value.code == "sealing.unreadable"


@pytest.mark.parametrize("file_id", ["fil_" + "0" * 32, "../../keys", "fil_../../keys", "", "con_" + "0" * 32])
async def test_a_file_that_is_not_there(files: Files, tmp_path: Path, file_id: str) -> None:
    (tmp_path / "keys").write_text("secret")
    with pytest.raises(NotFound):
        await files.open(FileId(file_id))


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "files.full"), (errno.EIO, "files.unavailable")])
async def test_a_disk_that_fails_loses_nothing_of_before(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    kept = await files.keep(chunks(PDF))
    before = on_disk(tmp_path)

    def fail(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        with pytest.raises(Unavailable) as refused:
            await files.keep(chunks(picture()))
    assert refused.value.code == code
    assert on_disk(tmp_path) == before, "neither half a file nor a temporary one"
    assert await files.open(kept.id) == PDF
    await files.keep(chunks(picture()))  # and it goes on when there is room again


async def test_who_sends_nothing_holds_no_place_for_ever(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    gate = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        await gate.wait()
        yield PDF

    waiting = [asyncio.ensure_future(files.keep(slow())) for _ in range(ARRIVING)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await files.keep(chunks(PDF))
    assert refused.value.code == "files.busy"
    gate.set()
    assert {kept.kind for kept in await asyncio.gather(*waiting)} == {FileKind.PDF}
    monkeypatch.setattr("foundation.files.ARRIVAL_S", 0.0)
    gate.clear()
    with pytest.raises(HoichanError) as late:
        await files.keep(slow())
    assert late.value.code == "files.slow"
