"""Contents that are open to be read: a file is not opened again for each of its pieces."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

#: Files that stay open without being read: downloads that are under way, as many as usual.
_IDLE = 32
#: The kernel reads so far ahead of whoever reads.
_AHEAD_BYTES = 1024 * 1024


class Handle:
    """One open content. Any thread may read it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.size = os.fstat(self._file).st_size
        #: Reads that are under way.
        self.users = 0

    def read_now(self, offset: int, length: int) -> bytes | None:
        """Return bytes that are in memory, without waiting for a disk; None if they are not, or who knows."""
        data = bytearray(length)
        try:
            found = os.preadv(self._file, [data], offset, os.RWF_NOWAIT)
        except (OSError, AttributeError):  # not in memory; the file system or the system cannot tell
            return None
        return bytes(data) if found == length else None

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes, fewer if the file was cut; it may wait for the disk."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file, offset, _AHEAD_BYTES, os.POSIX_FADV_WILLNEED)
        data = os.pread(self._file, length, offset)
        while 0 < len(data) < length:
            more = os.pread(self._file, length - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def close(self) -> None:
        """Close it."""
        os.close(self._file)


class Handles:
    """The handles of a store, used on the reactor's thread. Those that are not in use are closed in time."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Handle] = OrderedDict()

    def take(self, sha256: str) -> Handle | None:
        """Return the handle of a content, for :meth:`give_back`."""
        handle = self._open.get(sha256)
        if handle is not None:
            handle.users += 1
            self._open.move_to_end(sha256)
        return handle

    def add(self, sha256: str, handle: Handle) -> Handle:
        """Take a handle that was just opened; if there is another one by now, that one."""
        known = self.take(sha256)
        if known is not None:
            handle.close()
            return known
        handle.users = 1
        self._open[sha256] = handle
        self._trim()
        return handle

    def _trim(self) -> None:
        """Close those that were not read for longest, if there are too many."""
        more = len(self._open) - _IDLE
        if more > 0:
            for idle in [key for key, each in self._open.items() if not each.users][:more]:
                self._open.pop(idle).close()

    def give_back(self, sha256: str, handle: Handle) -> None:
        """End a read."""
        handle.users -= 1
        if handle.users:
            return
        if self._open.get(sha256) is handle:
            self._trim()
        else:
            handle.close()

    def forget(self, sha256: str) -> None:
        """Let go of a content, as soon as nobody reads it."""
        handle = self._open.pop(sha256, None)
        if handle is not None and not handle.users:
            handle.close()

    def close(self) -> None:
        """Let go of all."""
        for sha256 in list(self._open):
            self.forget(sha256)
