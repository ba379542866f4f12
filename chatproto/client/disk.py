"""Files on the client's disk, as transfers use them: blocking work, done in threads.

A file that is sent is watched for changes. A file that is saved is written beside its place, under a name
that tells what it is to become, and comes to its place when it is whole and verified. Nothing that is there
is overwritten unless that is wanted, and no link is followed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from chatproto.errors import WrongContent
from chatproto.events import FileInfo
from chatproto.interfaces import IExecutor
from chatproto.names import clean_file_name, cut_file_name

#: Bytes that one call reads for their hash: few calls, and a transfer that is given up is not kept waiting.
HASHED = 4 * 1024 * 1024
#: Bytes that one call reads to be sent.
BLOCK = 512 * 1024
#: Bytes of a file's name in that of its part: with the hash it is no longer than file systems take.
_PART_BYTES = 200
#: Numbers that are tried for a name that is taken.
_NUMBERS = 10_000
#: What a file system says that has no hard links.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EXDEV}
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class Disk:
    """Something open, whose calls run elsewhere; it is let go of when none is under way any more."""

    def __init__(self, executor: IExecutor) -> None:
        self._executor = executor
        self._descriptors: list[int] = []
        self._busy = 0
        self._closing = False

    def run(self, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Call ``work`` elsewhere. Cancelling stops the waiting, not the work."""
        self._busy += 1
        outcome: Deferred[Any] = Deferred()

        def done(result: Any) -> None:
            self._busy -= 1
            if self._closing:
                self.close()
            outcome.callback(result)

        self._executor.run(work, *arguments).addBoth(done)
        return outcome

    def close(self) -> None:
        """Let go of it."""
        self._closing = True
        while self._descriptors and not self._busy:
            os.close(self._descriptors.pop())

    def _keep_open(self, descriptor: int) -> int:
        self._descriptors.append(descriptor)
        return descriptor


class Source(Disk):
    """A file that is sent."""

    def __init__(self, executor: IExecutor, path: Path) -> None:
        super().__init__(executor)
        self.size = 0
        self._path = path
        self._descriptor = -1
        self._mark = (0, 0)

    def open(self) -> None:
        """Open it.

        :raises OSError: it cannot be read, or is no file.
        """
        self._descriptor = self._keep_open(os.open(self._path, _READ))
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            kind = errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL
            raise OSError(kind, "not a file", str(self._path))
        self._begin(found)

    def _begin(self, found: os.stat_result) -> None:
        self.size = found.st_size
        self._mark = (found.st_size, found.st_mtime_ns)

    def begin_again(self) -> None:
        """Take it as it is now."""
        self._begin(os.fstat(self._descriptor))

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes.

        :raises WrongContent: the file was changed since it was opened.
        """
        data = _read(self._descriptor, offset, min(length, self.size - offset))
        found = os.fstat(self._descriptor)
        if (found.st_size, found.st_mtime_ns) != self._mark:
            raise WrongContent(f"{self._path.name} was changed while it was being sent")
        return data


class Target(Disk):
    """A place for a file that is saved: a part of it, a copy that is there already, or nothing yet."""

    def __init__(self, executor: IExecutor, folder: Path, info: FileInfo, *, overwrite: bool) -> None:
        super().__init__(executor)
        #: How many bytes the part has.
        self.size = 0
        self._folder = folder
        self._info = info
        self._overwrite = overwrite
        self.name = clean_file_name(info.name)
        self._part = f".{cut_file_name(self.name, most=_PART_BYTES)}.{info.sha256[:12]}.part"
        self._directory = -1
        self._descriptor = -1
        self._hash = hashlib.sha256()

    @property
    def path(self) -> Path:
        """Where the file is to be, or is."""
        return self._folder / self.name

    def open(self) -> None:
        """Open the folder.

        :raises OSError: it is none, or not to be used.
        """
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        self._directory = self._keep_open(os.open(self._folder, flags))

    def twin(self) -> int | None:
        """Open what has the file's name and size, to be compared; None if there is no such thing."""
        try:
            descriptor = os.open(self.name, _READ | os.O_NOFOLLOW, dir_fd=self._directory)
        except OSError:
            return None
        found = os.fstat(self._keep_open(descriptor))
        return descriptor if stat.S_ISREG(found.st_mode) and found.st_size == self._info.size else None

    def begin(self) -> int:
        """Open the part, or make it; return how many bytes it has.

        :raises BlockingIOError: somebody else is at it.
        :raises OSError: it cannot be written to, or is not ours.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        try:
            descriptor = os.open(self._part, flags | os.O_EXCL, 0o666, dir_fd=self._directory)
        except FileExistsError:
            descriptor = os.open(self._part, flags & ~os.O_CREAT, dir_fd=self._directory)
        self._descriptor = self._keep_open(descriptor)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_uid != os.geteuid():
            raise OSError(errno.EPERM, "somebody else's file is in the way", str(self._folder / self._part))
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had it locked before may have given it its name meanwhile.
        named = os.stat(self._part, dir_fd=self._directory, follow_symlinks=False)
        if named.st_ino != found.st_ino:
            raise BlockingIOError(errno.EAGAIN, "somebody else has just saved it", str(self.path))
        return named.st_size

    def hash(self, descriptor: int | None, offset: int) -> int:
        """Take bytes of the part, or of its twin, into the hash; return where to go on."""
        data = _read(self._descriptor if descriptor is None else descriptor, offset, HASHED)
        self._hash.update(data)
        return offset + len(data)

    def is_right(self) -> bool:
        """Tell whether the hash of what went into it is the file's."""
        return self._hash.hexdigest() == self._info.sha256

    def begin_again(self) -> None:
        """Forget what went into the hash; of a part, its bytes too."""
        self._hash = hashlib.sha256()
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
        self.size = 0

    def write(self, pieces: Sequence[bytes]) -> None:
        """Add bytes to the part."""
        for data in pieces:
            rest = memoryview(data)
            while rest:
                written = os.pwrite(self._descriptor, rest, self.size)
                self._hash.update(rest[:written])
                self.size += written
                rest = rest[written:]

    def finish(self) -> Path:
        """Give the whole file its name, which may get a number if it is taken; return where it is."""
        os.fsync(self._descriptor)
        if self._overwrite:
            os.rename(self._part, self.name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        else:
            self._give_free_name()
        os.fsync(self._directory)
        return self.path

    def _give_free_name(self) -> None:
        wanted = self.name
        for number in range(_NUMBERS):
            self.name = cut_file_name(wanted, f" ({number})") if number else wanted
            try:
                self._give_name()
            except FileExistsError:
                continue
            return
        raise FileExistsError(errno.EEXIST, "too many files have this name", str(self._folder / wanted))

    def _give_name(self) -> None:
        here = self._directory
        try:
            os.link(self._part, self.name, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # Without hard links the name is taken first, by nothing, which is then replaced.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(self.name, flags, 0o666, dir_fd=here))
            os.rename(self._part, self.name, src_dir_fd=here, dst_dir_fd=here)
        else:
            os.unlink(self._part, dir_fd=here)

    def drop(self) -> None:
        """Remove the part."""
        os.unlink(self._part, dir_fd=self._directory)


def _read(descriptor: int, offset: int, length: int) -> bytes:
    """Return bytes; fewer only at the end of the file."""
    pieces = []
    while length > 0 and (piece := os.pread(descriptor, length, offset)):
        pieces.append(piece)
        offset += len(piece)
        length -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
