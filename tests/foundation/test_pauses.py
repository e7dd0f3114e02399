"""What stays is left out of searches for cycles; what has left is found all the same."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from foundation.pauses import COME, GONE, Pauses


class Own:
    """Holds itself."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_newcomers_are_left_out_some_hundred_at_a_time() -> None:
    pauses = Pauses()
    pauses.look(COME - 1, 0)
    assert gc.get_freeze_count() == 0
    pauses.look(COME, 0)
    frozen = gc.get_freeze_count()
    assert frozen > 0
    kept = [[number] for number in range(1_000)]
    pauses.look(COME + 1, 0)
    assert gc.get_freeze_count() <= frozen
    pauses.look(2 * COME, 0)
    assert gc.get_freeze_count() >= frozen + len(kept) // 2


def test_what_left_is_found_once_many_have() -> None:
    pauses, own = Pauses(), Own()
    pauses.look(COME, 0)
    left = weakref.ref(own)
    del own
    gc.collect()
    assert left() is not None, "it is left out of the search"
    pauses.look(COME, GONE - 1)
    assert left() is not None
    pauses.look(COME, GONE)
    assert left() is None
    assert gc.get_freeze_count() > 0
    frozen = Own()
    pauses.look(4 * GONE, GONE)
    left = weakref.ref(frozen)
    del frozen
    pauses.look(4 * GONE, 4 * GONE)
    assert left() is not None, "as many as are there are more"
    pauses.look(4 * GONE, 5 * GONE)
    assert left() is None
