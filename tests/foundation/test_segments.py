"""Files too large for memory: pieces, segments, ranges, and what was changed on the disk."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from foundation.errors import NotFound, Unavailable
from foundation.ids import FileId, UploadId, new_id
from foundation.sealing import Sealer
from foundation.segments import SEGMENT, PieceReader, Segments

CONTENT = bytes(range(256)) * 10_000  # 2.44 segments
UPLOAD = UploadId(new_id("upl"))
FILE = FileId(new_id("fil"))


@pytest.fixture
def segments(tmp_path: Path, sealer: Sealer) -> Segments:
    return Segments(tmp_path, sealer)


def assembled(segments: Segments, sizes: tuple[int, ...] = (700_000, 100, 1_500_000, 359_900)) -> None:
    start, pieces = 0, []
    for size in sizes:
        pieces.append(segments.keep_piece(UPLOAD, start, CONTENT[start : start + size]))
        start += size
    assert start == len(CONTENT)
    segments.assemble(FILE, UPLOAD, pieces)


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, len(CONTENT)), (0, 1), (SEGMENT - 1, SEGMENT + 1), (SEGMENT, 2 * SEGMENT), (2_000_000, len(CONTENT))],
)
def test_any_range_of_what_arrived_in_pieces(segments: Segments, start: int, stop: int) -> None:
    assembled(segments)
    parts = list(segments.read(FILE, start, stop))
    assert b"".join(parts) == CONTENT[start:stop]
    assert max(len(part) for part in parts) <= SEGMENT


def test_nothing_on_the_disk_can_be_read_without_the_key(segments: Segments, tmp_path: Path) -> None:
    assembled(segments)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 5
    assert not any(CONTENT[:64] in path.read_bytes() for path in files)
    segments.drop_pieces(UPLOAD)
    assert segments.arriving() == []


def test_segments_that_changed_places_or_were_cut_off_are_not_given_out(segments: Segments, tmp_path: Path) -> None:
    assembled(segments)
    [path] = (tmp_path / "large").rglob("fil_*")
    sealed, size = path.read_bytes(), SEGMENT + 29
    path.write_bytes(sealed[size : 2 * size] + sealed[:size] + sealed[2 * size :])
    with pytest.raises(Unavailable):
        list(segments.read(FILE, 0, 10))
    path.write_bytes(sealed[: 2 * size])
    with pytest.raises(Unavailable):
        list(segments.read(FILE, 0, len(CONTENT)))


def test_a_piece_of_another_upload_cannot_be_put_in_its_place(segments: Segments, tmp_path: Path) -> None:
    piece = segments.keep_piece(UPLOAD, 0, b"one")
    other = UploadId(new_id("upl"))
    (tmp_path / "arriving" / other).mkdir()
    (tmp_path / "arriving" / UPLOAD / piece.name).rename(tmp_path / "arriving" / other / piece.name)
    with pytest.raises(Unavailable):
        segments.piece(other, piece)


def test_ids_are_no_paths(segments: Segments) -> None:
    with pytest.raises(NotFound):
        list(segments.read(FileId("fil_../../keys"), 0, 1))
    with pytest.raises(NotFound):
        segments.keep_piece(UploadId("../keys"), 0, b"")
    with pytest.raises(NotFound):
        list(segments.read(FILE, 0, 1))


def test_pieces_read_as_one_file(segments: Segments) -> None:
    pieces = [segments.keep_piece(UPLOAD, 0, b"hello "), segments.keep_piece(UPLOAD, 6, b"world")]
    reader = io.BufferedReader(PieceReader(segments, UPLOAD, pieces))
    assert reader.read() == b"hello world"
    assert reader.seek(-5, io.SEEK_END) == 6
    assert reader.read(3) == b"wor"
    assert reader.read(9) == b"ld"
    assert reader.read() == b""
