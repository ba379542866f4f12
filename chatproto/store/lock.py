"""A lock file, which also remembers the newest batch of a store.

The number is the store's only memory outside itself: a store that is behind it is an older copy that
somebody put back. The file is never deleted, since a lock on a deleted file keeps nobody out.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from twisted.internet.interfaces import IReactorTime

from chatproto.errors import StoreInUse

#: How often the file is rewritten: it costs a write, and an older copy is older by more than this.
REMEMBER_SECONDS = 1.0


class StoreLock:
    """The lock file at ``path``. It is held by an open file, so a crash gives it free.

    ``clock`` times the writing.
    """

    def __init__(self, path: Path, clock: IReactorTime) -> None:
        self._path = path
        self._clock = clock
        self._file: int | None = None
        self._newest = 0
        self._written = 0
        self._written_at = float("-inf")

    def acquire(self) -> int:
        """Take the lock, if it is not held yet, and return the newest batch it remembers, 0 if there is none.

        The folder is made if it is missing.

        :raises StoreInUse: it is held already, elsewhere in this process or in another.
        :raises OSError: the file cannot be opened.
        """
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Not lockf: its locks belong to a process, which would let two stores in one process pass.
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                raise StoreInUse(
                    f"the store is in use by another process, which holds {self._path}"
                ) from None
            self._file = file
        text = os.pread(self._file, 64, 0).strip()
        return int(text) if text.isdigit() else 0

    def committed(self, batch: int) -> None:
        """Remember the newest committed batch; it is written at most once a second."""
        self._newest = batch
        now = self._clock.seconds()
        if now - self._written_at >= REMEMBER_SECONDS:
            self._written_at = now
            self._write()

    def release(self) -> None:
        """Write what is not written yet, and give the lock free, if it is held."""
        if self._file is not None:
            if self._newest != self._written:
                self._write()
            os.close(self._file)
            self._file = None

    def _write(self) -> None:
        assert self._file is not None
        try:
            # In one write of always the same length.
            os.pwrite(self._file, b"%020d\n" % self._newest, 0)
        except OSError:
            # An older number there is harmless, and the batch is stored.
            return
        self._written = self._newest
