"""An installation whose audit is chained, on both stores or on SQLite alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from foundation.anchors import AnchorSigner
from foundation.clock import FakeClock
from foundation.database import Database
from tests.foundation.chained import Chained


@pytest.fixture
def signer() -> AnchorSigner:
    return AnchorSigner([Ed25519PrivateKey.from_private_bytes(bytes(range(32)))])


@pytest.fixture
def chained(database: Database, clock: FakeClock, tmp_path: Path, signer: AnchorSigner) -> Chained:
    """The same on both stores."""
    return Chained(database, clock, tmp_path / "anchors", signer)


@pytest.fixture
def on_sqlite(sqlite_database: Database, clock: FakeClock, tmp_path: Path, signer: AnchorSigner) -> Chained:
    """For tests in which the store does not matter."""
    return Chained(sqlite_database, clock, tmp_path / "anchors", signer)
