"""One process per store: a lock file beside it, which also remembers the newest batch.

The number is the store's only memory outside itself: a store that is behind it is an older copy that
somebody put back. The file is never deleted, since a lock on a deleted file keeps nobody out.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from chatproto.errors import StoreInUse


class StoreLock:
    """The lock file at ``path``. It is held by an open file, so a crash gives it free."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> int:
        """Take the lock and return the newest batch it remembers, 0 if there is none.

        :raises StoreInUse: it is held already, here or in another process.
        :raises OSError: the file cannot be opened.
        """
        # Not lockf: its locks belong to a process, which would let two stores in one process pass.
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise StoreInUse(f"the store is in use by another process, which holds {self._path}") from None
        self._file = file
        text = os.pread(file, 64, 0).strip()
        return int(text) if text.isdigit() else 0

    def remember(self, batch: int) -> None:
        """Write down the newest committed batch, in one write of always the same length."""
        assert self._file is not None
        os.pwrite(self._file, b"%020d\n" % batch, 0)

    def release(self) -> None:
        """Give the lock free, if it is held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
