"""Stored files move to the newest key, small ones and segmented ones, and the older key can go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foundation.errors import Unavailable
from foundation.file_rekeying import FileRekeying
from foundation.files import Files
from foundation.ids import FileId, UploadId, new_id
from foundation.sealing import Sealer
from foundation.segments import SEGMENT, Segments

OLD = {0: bytes(32), 1: bytes(range(32))}
NEW = OLD | {2: bytes(range(32, 64))}
ALONE = {0: bytes(32), 2: NEW[2]}


async def sent(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_every_file_moves_to_the_newest_key_and_the_old_one_can_go(tmp_path: Path) -> None:
    contents = [b"%PDF-1.7 " + bytes([number]) * 100 for number in range(60)]
    files = Files(tmp_path, Sealer(OLD))
    ids = [(await files.keep(sent(content))).id for content in contents]
    segments, upload, large = Segments(tmp_path, Sealer(OLD)), UploadId(new_id("upl")), FileId(new_id("fil"))
    whole = bytes(range(256)) * 4096 * 2 + b"end"
    segments.assemble(large, upload, [segments.keep_piece(upload, 0, whole)])
    segments.drop_pieces(upload)
    assert len(whole) > 2 * SEGMENT
    rekeying = FileRekeying(tmp_path, Sealer(NEW))
    async for count in rekeying.run():  # killed after the first batch
        assert count == 50
        break
    assert await rekeying.left() == 11
    fresh = (await Files(tmp_path, Sealer(NEW)).keep(sent(b"%PDF- fresh"))).id
    assert sum([count async for count in rekeying.run()]) == 11
    assert await rekeying.left() == 0
    alone = Files(tmp_path, Sealer(ALONE))
    for file_id, content in zip((*ids, fresh), (*contents, b"%PDF- fresh"), strict=True):
        assert await alone.open(file_id) == content
    assert b"".join(Segments(tmp_path, Sealer(ALONE)).read(large, 0, len(whole))) == whole
    with pytest.raises(Unavailable):
        await files.open(ids[0])
    assert not _unfinished(tmp_path)
    # The same content is the same file under any key.
    assert (await alone.keep(sent(contents[0]))).id == ids[0]


async def test_a_missing_key_stops_it_and_changes_nothing(tmp_path: Path) -> None:
    kept = await Files(tmp_path, Sealer(OLD)).keep(sent(b"%PDF-1.7"))
    with pytest.raises(Unavailable):
        async for _ in FileRekeying(tmp_path, Sealer(ALONE)).run():
            pass
    assert await Files(tmp_path, Sealer(OLD)).open(kept.id) == b"%PDF-1.7"
    assert not _unfinished(tmp_path)


def _unfinished(folder: Path) -> list[Path]:
    return list(folder.rglob(".*"))
