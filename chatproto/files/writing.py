"""The file of a part, as threads use it: written at its end, hashed as it grows, and linked as a content.

Everything here blocks, and raises :class:`OSError` as it comes.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import threading
from collections.abc import Sequence
from pathlib import Path

from chatproto.errors import WrongContent
from chatproto.files.layout import Layout, sync_folder

#: Bytes that are hashed at a time of what was written before the part was opened.
_PIECE = 1024 * 1024
#: So many times what is written is hashed of what was there before: it catches up, and nobody waits for it.
_HASTE = 4
#: Room that is left to the rest of the realm, whose store may be on the same disk; of a small disk less.
_RESERVE_BYTES = 64 * 1024 * 1024
_RESERVE_SHARE = 16
#: A file system says so where it has no links.
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def room(path: int | Path) -> int:
    """Return how many bytes may be written where a file is."""
    found = os.statvfs(path)
    total, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    return max(0, free - _reserve(total))


def capacity(path: Path) -> int:
    """Return how many bytes might be written there if nothing were."""
    found = os.statvfs(path)
    total = found.f_blocks * found.f_frsize
    return total - _reserve(total)


def _reserve(total: int) -> int:
    return min(_RESERVE_BYTES, total // _RESERVE_SHARE)


class PartFile:
    """The open file at ``path``, which is used by one thread at a time.

    ``naming`` is held where contents get or lose their names.
    """

    def __init__(self, path: Path, layout: Layout, naming: threading.Lock) -> None:
        self._path = path
        self._layout = layout
        self._naming = naming
        self._hash = hashlib.sha256()
        self._hashed = 0
        self._file = _open(path)
        found = os.fstat(self._file)
        if not stat.S_ISREG(found.st_mode):
            os.close(self._file)
            raise OSError(errno.EINVAL, "no regular file", str(path))
        #: Bytes that are in it.
        self.size = found.st_size
        #: Whether it is a content already, which must not change.
        self._sealed = found.st_nlink > 1
        #: Whether the disk once failed to take what was written, or its name: the system tells that only
        #: once, and then calls the same written.
        self._lost = False

    def append(self, chunks: Sequence[bytes]) -> int:
        """Write at the end; return the new size. If anything is raised nothing was added."""
        if self._sealed:
            raise WrongContent
        size = self.size + sum(map(len, chunks))
        try:
            if room(self._file) < size - self.size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            end = self.size
            for chunk in chunks:
                end = _write(self._file, chunk, end)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise
        if self._hashed == self.size:
            for chunk in chunks:
                self._hash.update(chunk)
            self._hashed = size
        else:
            self._catch_up(size, _HASTE * (size - self.size))
        self.size = size
        return size

    def _catch_up(self, size: int, most: int) -> None:
        """Hash some of what was written before."""
        end = min(size, self._hashed + most)
        while self._hashed < end:
            data = os.pread(self._file, min(_PIECE, end - self._hashed), self._hashed)
            if not data:
                raise WrongContent  # somebody has cut it
            self._hash.update(data)
            self._hashed += len(data)

    def sync(self) -> None:
        """Write to the disk what is only in memory, so that less is left for the end; in any thread."""
        try:
            os.fdatasync(self._file)
        except OSError:
            self._lost = True
            raise

    def keep(self, size: int, sha256: str) -> str:
        """Verify it, sync it, and give it its name as a content; return that."""
        if self.size != size or self._lost:
            raise WrongContent
        self._catch_up(size, size)
        found = self._hash.hexdigest()
        if sha256 not in ("", found):
            raise WrongContent
        self._sealed = True
        content = self._layout.content(found)
        os.utime(self._file)
        self.sync()
        self._link(content)
        try:
            sync_folder(content.parent)
        except OSError:
            self._lost = True
            raise
        return found

    def _link(self, content: Path) -> None:
        """Name the content; one that is there may be damaged, and what was verified takes its place."""
        new = self._layout.new / content.name
        with self._naming:
            if self._is_at(content):  # a rename to itself would leave the other name
                return
            try:
                new.unlink(missing_ok=True)
                os.link(self._path, new, follow_symlinks=False)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                self._path.rename(content)
            else:
                new.rename(content)

    def _is_at(self, content: Path) -> bool:
        """Tell whether the content is this very file, which was kept before."""
        try:
            return os.path.samestat(os.fstat(self._file), content.stat(follow_symlinks=False))
        except FileNotFoundError:
            return False

    def drop(self) -> None:
        """Remove its name, and close it."""
        self.close()
        self._path.unlink(missing_ok=True)
        for folder in self._path.parents:
            if folder in (self._layout.parts, self._layout.new):
                break
            with contextlib.suppress(OSError):  # others are in it
                folder.rmdir()

    def close(self) -> None:
        """Close it; what the disk did not take is not gone on with."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            if self._lost:
                self._path.unlink(missing_ok=True)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:  # a long name has folders of its own
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)


def _write(file: int, data: bytes, offset: int) -> int:
    """Write all of some bytes; return where they end."""
    left = memoryview(data)
    while left:
        written = os.pwrite(file, left, offset)
        left, offset = left[written:], offset + written
    return offset
