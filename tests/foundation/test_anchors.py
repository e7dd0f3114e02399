"""Anchors: written in spite of full disks and crashes, and found out when they were touched."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from foundation.anchors import Anchor, AnchorFolder, AnchorSigner, anchor_files, read_lines
from tests.foundation.chained import Chained


async def test_anchors_that_were_touched_are_found(on_sqlite: Chained) -> None:
    await on_sqlite.minutes(4)
    (file,) = anchor_files(on_sqlite.folder)
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    cases: list[tuple[bytes, list[str]]] = [
        (b"".join(lines[:1] + lines[2:]), ["anchor"]),  # one removed
        (b"".join(lines[:3]), ["anchor"]),  # the last one removed
        (whole.replace(b'"position":20', b'"position":21'), ["anchor", "anchor"]),  # its bytes and its name differ
        (b"".join([lines[0], b"{}\n", *lines[2:]]), ["anchor"]),
        (b"", ["anchor"]),
        (b"\xff\x00" * 9_000 + b"\n" + whole, ["anchor"]),
    ]
    for tampered, kinds in cases:
        file.write_bytes(tampered)
        faults, _ = await on_sqlite.check()
        assert [fault.kind.value for fault in faults][: len(kinds)] == kinds, (tampered[:80], faults)
    file.unlink()
    assert await on_sqlite.kinds() == ["anchor"]
    file.write_bytes(whole)
    assert await on_sqlite.kinds() == []
    stranger = AnchorSigner([Ed25519PrivateKey.generate()])
    faults, _ = await on_sqlite.check(signer=stranger)
    assert {str(fault).partition(": ")[2] for fault in faults[:4]} == {"signed by no trusted key"}


async def test_a_forged_anchor_hides_nothing(on_sqlite: Chained, tmp_path: Path) -> None:
    """Somebody without the key puts an anchor far ahead, so that later ones might be passed over."""
    await on_sqlite.minutes(2)
    forger = AnchorSigner([Ed25519PrivateKey.generate()])
    there = Anchor(on_sqlite.clock.now(), "audit", 0, 1, 10**15, 10**15, bytes(32))
    AnchorFolder(on_sqlite.folder, forger).append([there])
    await on_sqlite.minutes(2)
    await on_sqlite.sql("UPDATE audit_entries SET actor = 'x' WHERE number = 35")
    await on_sqlite.relink()
    faults, found = await on_sqlite.check()
    assert [fault.kind.value for fault in faults] == ["anchor", "rewritten"]
    assert found[0].anchors == 4


async def test_earlier_keys_are_trusted_and_the_last_signs(on_sqlite: Chained, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "audit-key"
    on_sqlite.signer = first = AnchorSigner.from_file(path, create=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert AnchorSigner.from_file(path, create=True).name == first.name
    await on_sqlite.minutes(1)
    AnchorSigner.from_file(tmp_path / "second", create=True)
    with path.open("ab") as file:
        file.write((tmp_path / "second").read_bytes())
    on_sqlite.signer = AnchorSigner.from_file(path)
    assert on_sqlite.signer.name != first.name
    await on_sqlite.minutes(1)
    assert await on_sqlite.kinds() == []
    assert len((await on_sqlite.check(signer=first))[0]) > 0
    for wrong in (b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="key"):
            AnchorSigner.from_file(path)


async def test_a_full_disk_is_said_and_loses_nothing(on_sqlite: Chained, caplog: pytest.LogCaptureFixture) -> None:
    on_sqlite.folder.write_text("no folder")
    chainer = on_sqlite.chainer()
    await on_sqlite.write(5)
    await chainer.run()
    assert not chainer.sound
    assert "AUDIT ANCHORS CANNOT BE WRITTEN" in caplog.text
    assert await on_sqlite.linked() == [1, 2, 3, 4, 5], "rows are linked all the same"
    on_sqlite.folder.unlink()
    on_sqlite.clock.advance(11)
    await chainer.run()
    assert chainer.sound
    faults, (found,) = await on_sqlite.check()
    assert (faults, found.anchors) == ([], 1)


async def test_an_anchor_that_was_cut_short(on_sqlite: Chained, tmp_path: Path) -> None:
    """By a disk that filled up in the middle of a line, and by a crash there."""
    folder = AnchorFolder(on_sqlite.folder, on_sqlite.signer)
    await on_sqlite.minutes(2)
    (file,) = anchor_files(on_sqlite.folder)
    whole = file.read_bytes()
    there = next(line.held.anchor for line in read_lines([(file, len(whole))]) if line.held)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 50, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            folder.append([there])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == whole
    file.write_bytes(whole + b'{"at":"2026-11-2')
    assert await on_sqlite.kinds() == []
    await on_sqlite.minutes(1)
    assert file.read_bytes().startswith(whole + b'{"at":"2026-11-2\n{')
    faults, (found,) = await on_sqlite.check()
    assert (faults, found.anchors) == ([], 3)


async def test_anchors_go_on_over_midnight_and_a_clock_set_back(on_sqlite: Chained) -> None:
    await on_sqlite.minutes(1)
    on_sqlite.clock.advance(86_400)
    await on_sqlite.minutes(2)
    on_sqlite.clock.advance(-86_400)
    await on_sqlite.sql("UPDATE chains SET anchored_at = NULL")
    await on_sqlite.minutes(2)
    assert [file.name for file in anchor_files(on_sqlite.folder)] == ["2026-11-23.anchors", "2026-11-24.anchors"]
    faults, (found,) = await on_sqlite.check()
    assert faults == []
    assert found.anchors >= 4
    anchor_files(on_sqlite.folder)[0].unlink()  # moved to other storage
    assert await on_sqlite.kinds() == []
