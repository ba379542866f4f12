"""Files in a folder, written and read by a few threads of their own."""

# ruff: noqa: D102 - the methods of IFileStore are described there

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.errors import NoSuchFile, StoreError, StoreFull, Unavailable
from chatproto.files.exporting import export_bytes, pieces_of
from chatproto.files.handles import Handle, Handles
from chatproto.files.layout import GRACE_SECONDS, Layout, sync_folder
from chatproto.files.parts import DiskPart
from chatproto.files.writing import PartFile, capacity, room
from chatproto.interfaces import IExecutor, IFilePart, IFileStore
from chatproto.names import is_sha256

#: When to try again what found no room, or a disk that does not do what it should.
RETRY_SECONDS = 30.0
#: A disk that fails is told to the log so often.
_TELL_SECONDS = 60.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@implementer(IFileStore)
class DiskFileStore:
    """An :class:`~chatproto.interfaces.IFileStore` in a folder, which only one realm ever uses.

    ``now`` is the time as files have it. The executor is stopped when the store is closed, and when it could
    not be opened.
    """

    _log = Logger()

    def __init__(
        self, folder: Path, realm: str, executor: IExecutor, *, now: Callable[[], float] = time.time
    ) -> None:
        self._layout = Layout(folder)
        self._realm = realm
        self._executor = executor
        self._now = now
        self._lock: int | None = None
        self._naming = threading.Lock()
        self._handles = Handles()
        self._parts: dict[str, DiskPart | None] = {}
        self._numbers = count(1)
        self._under_way = 0
        self._closing: Deferred[None] | None = None
        self._closed = False
        self._told_at = float("-inf")

    # Opening and closing.

    def open(self) -> Deferred[None]:
        return self._executor.run(self._open).addErrback(self._not_opened)

    def _open(self) -> None:
        layout = self._layout
        try:
            for folder in layout.folders():
                folder.mkdir(0o700, parents=True, exist_ok=True)
            self._lock = self._take_lock()
            self._claim()
            if len({path.stat().st_dev for path in (layout.contents, layout.parts, layout.new)}) > 1:
                raise StoreError(f"the folders in {layout.folder} are on several file systems")
            for left in layout.new.iterdir():
                left.unlink()
            for folder in (layout.contents, layout.folder):  # what a killed process made here is relied on
                sync_folder(folder)
            probe = layout.new / "probe"
            probe.touch(0o600)
            probe.unlink()
        except OSError as error:
            self._release()
            raise StoreError(f"the files in {layout.folder} cannot be opened: {_reason(error)}") from error
        except StoreError:
            self._release()
            raise

    def _take_lock(self) -> int:
        # By an open file, so that a crash gives it free.
        lock = os.open(self._layout.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise StoreError(f"the files in {self._layout.folder} are in use by another process") from None
        return lock

    def _claim(self) -> None:
        """See that the folder is this realm's: what another one has no reference to would be removed."""
        with contextlib.suppress(FileNotFoundError):
            owner = self._layout.realm.read_text(errors="replace").strip()
            if owner == self._realm:
                return
            if owner:
                raise StoreError(f"the files in {self._layout.folder} are those of the realm {owner[:64]!r}")
        self._layout.realm.write_text(f"{self._realm}\n")

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _not_opened(self, failure: Failure) -> Failure:
        self._executor.stop()
        return failure

    def close(self) -> Deferred[None]:
        for part in list(self._parts.values()):
            if part is not None:
                part.close()
        self._closing = Deferred()
        closing = self._closing
        if not self._under_way:
            closing.callback(None)
        return closing.addCallback(self._close)

    def _close(self, _: object) -> None:
        self._closed = True
        self._handles.close()
        self._executor.stop()
        self._release()

    # Threads.

    def _run(self, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        if self._closed:  # its threads are gone, and would begin again
            return fail(StoreError("the files are closed"))
        self._under_way += 1
        return self._executor.run(work, *arguments).addBoth(self._ran)

    def _ran(self, result: Any) -> Any:
        self._under_way -= 1
        if self._closing is not None and not self._under_way:
            # When those who wait for the result had their turn: they may have more to do.
            self._executor.run(_nothing).addCallback(self._perhaps_idle)
        return self._told(result) if isinstance(result, Failure) else result

    def _perhaps_idle(self, _: object) -> None:
        if self._closing is not None and not self._under_way and not self._closing.called:
            self._closing.callback(None)

    def _told(self, failure: Failure) -> Failure:
        """Return what a caller may be told of a failure; the log has the rest, though not each time."""
        error = failure.value
        if not isinstance(error, OSError):
            return failure
        if abs(self._now() - self._told_at) >= _TELL_SECONDS:
            self._told_at = self._now()
            self._log.error(
                "files in {folder} cannot be stored or read: {reason}",
                folder=str(self._layout.folder),
                reason=_reason(error),
            )
        if error.errno in _FULL:
            return Failure(StoreFull(retry_after=RETRY_SECONDS))
        return Failure(Unavailable("the realm cannot use its files now", retry_after=RETRY_SECONDS))

    # Parts.

    def part(self, name: str) -> Deferred[IFilePart]:
        if name in self._parts:
            return fail(Unavailable("the file is being written already", retry_after=1.0))
        self._parts[name] = None
        opening = self._run(PartFile, self._layout.part(name), self._layout, self._naming)
        return opening.addCallbacks(self._opened, self._not_there, (name,), errbackArgs=(name,))

    def _opened(self, file: PartFile, name: str) -> DiskPart:
        self._parts[name] = part = DiskPart(
            file, self._run, kept=self._kept, closed=lambda: self._let_go(name)
        )
        if self._closing is not None:
            part.close()
        return part

    def _let_go(self, name: str) -> None:
        del self._parts[name]

    def _not_there(self, failure: Failure, name: str) -> Failure:
        del self._parts[name]
        return failure

    def parts(self) -> Deferred[list[str]]:
        return self._run(self._layout.part_names)

    # Contents.

    def _kept(self, sha256: str) -> str:
        """Read from now on what was just verified: what has the name no more may be damaged."""
        self._handles.forget(sha256)
        return sha256

    def put(self, data: bytes) -> Deferred[str]:
        return self._run(self._put, data, next(self._numbers)).addCallback(self._kept)

    def _put(self, data: bytes, number: int) -> str:
        file = PartFile(self._layout.new / f"put-{number}", self._layout, self._naming)
        try:
            file.append([data])
            return file.keep(len(data), "")
        finally:
            file.drop()

    def has(self, sha256: str) -> Deferred[bool]:
        if not is_sha256(sha256):
            return succeed(False)
        return self._run(self._layout.content(sha256).is_file)

    def read(self, sha256: str, offset: int, length: int) -> Deferred[bytes]:
        if not is_sha256(sha256):
            return fail(NoSuchFile())
        handle = self._handles.take(sha256)
        if handle is None:
            opening = self._run(_handle, self._layout.content(sha256))
            opening.addCallback(lambda opened: self._handles.add(sha256, opened))
            return opening.addCallback(self._read, sha256, offset, length)
        return self._read(handle, sha256, offset, length)

    def _read(self, handle: Handle, sha256: str, offset: int, length: int) -> Deferred[bytes]:
        length = min(length, max(0, handle.size - offset))
        data = handle.read_now(offset, length) if length else b""
        reading: Deferred[bytes]
        reading = self._run(handle.read, offset, length) if data is None else succeed(data)
        return reading.addBoth(self._has_read, sha256, handle, length)

    def _has_read(self, result: Any, sha256: str, handle: Handle, length: int) -> Any:
        self._handles.give_back(sha256, handle)
        if isinstance(result, bytes) and len(result) < length:  # somebody has cut it
            self._handles.forget(sha256)
            return Failure(NoSuchFile())
        return result

    def contents(self, after: str, limit: int) -> Deferred[list[tuple[str, int]]]:
        return self._run(lambda: list(islice(self._layout.content_sizes(after), limit)))

    def remove(self, sha256: str) -> Deferred[None]:
        if not is_sha256(sha256):
            return succeed(None)
        return self._run(self._remove, self._layout.content(sha256)).addCallback(self._removed, sha256)

    def _remove(self, content: Path) -> bool:
        with self._naming, contextlib.suppress(FileNotFoundError):
            # Also in the future, where the clock was put back.
            if abs(self._now() - content.stat(follow_symlinks=False).st_mtime) >= GRACE_SECONDS:
                content.unlink()
                return True
        return False

    def _removed(self, removed: bool, sha256: str) -> None:
        if removed:
            self._handles.forget(sha256)

    def export(self, sha256: str, path: str) -> Deferred[int]:
        if not is_sha256(sha256):
            return fail(NoSuchFile())
        content = self._layout.content(sha256)
        return self._run(lambda: export_bytes(pieces_of(content), sha256, path))

    def room(self) -> Deferred[int]:
        return self._run(room, self._layout.folder)

    def capacity(self) -> Deferred[int]:
        return self._run(capacity, self._layout.folder)


def _nothing() -> None:
    """Do nothing, in a thread."""


def _handle(path: Path) -> Handle:
    try:
        return Handle(path)
    except FileNotFoundError:
        raise NoSuchFile from None


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
