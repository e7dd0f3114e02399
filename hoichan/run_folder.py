"""The private temporary folder of a running installation, and the clearing away of those whose owner was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "hoichan-"
_LOCK = "lock"


class RunFolder:
    """A folder that this process alone may enter. Its lock file says that the owner lives, and says it in containers
    that share the folder of temporary files too, where a process id would not.
    """

    def __init__(self) -> None:
        clear_stale()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        being_made = self.path / f"{_LOCK}.new"
        self._lock = os.open(being_made, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        being_made.rename(self.path / _LOCK)  # there only once it is held: nobody takes a fresh folder for a stale one

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def clear_stale() -> None:
    """Remove the folders of this user whose owner died without doing so, as after a kill -9."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else's, or cleared by another start meanwhile
            found = path.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and _is_left(path / _LOCK):
                shutil.rmtree(path, ignore_errors=True)


def _is_left(lock: Path) -> bool:
    """Whether nobody holds this lock file. Raises OSError without one: such a folder is none of ours."""
    descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
