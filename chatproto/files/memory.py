"""Files in memory: for a realm that keeps nothing, and for tests and simulations.

A :class:`MemoryFileDisk` plays the disk: it outlives a crash of the process that used it. Nothing here waits:
every Deferred has fired when it is returned.
"""

# ruff: noqa: D102 - the methods of IFileStore and IFilePart are described there

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any, TypeVar

from msgspec import Struct
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from chatproto.errors import NoSuchFile, StoreError, StoreFull, StoreInUse, Unavailable, WrongContent
from chatproto.files.exporting import export_bytes
from chatproto.files.layout import GRACE_SECONDS
from chatproto.interfaces import IFilePart, IFileStore

T = TypeVar("T")

#: Bytes that all files in memory may have together: a realm without a disk is one to try things out.
CAPACITY = 1024 * 1024 * 1024
_RETRY_SECONDS = 30.0


class Content(Struct):
    """The bytes of a file, and when they were kept last."""

    data: bytes
    at: float


class PartBytes(Struct):
    """What came of a file; up to ``synced`` it survives a loss of power."""

    data: bytearray
    synced: int = 0


class MemoryFileDisk:
    """What a :class:`MemoryFileStore` has written; it stays when the store, and its process, are gone."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        #: Bytes that it can have; whoever makes it smaller has filled it.
        self.capacity = capacity
        #: Bytes that it can have when it is empty.
        self.size = capacity
        self.contents: dict[str, Content] = {}
        self.parts: dict[str, PartBytes] = {}
        #: Who has the disk open.
        self.owner: object | None = None

    @property
    def used(self) -> int:
        """Bytes that it has."""
        return sum(len(content.data) for content in self.contents.values()) + sum(
            len(part.data) for part in self.parts.values()
        )

    def crash(self, power: Random | None = None) -> None:
        """End the process that uses the disk; with ``power`` also its machine.

        Then what was not synced of a part is lost from somewhere on, or is zeros from there on.
        """
        self.owner = None
        if power is not None:
            for part in self.parts.values():
                lost = power.randint(part.synced, len(part.data))
                zeros = bytes(len(part.data) - lost) if power.randrange(2) else b""
                part.data[lost:] = zeros

    def backup(self) -> Any:
        """Return a copy of what it has now."""
        return deepcopy((self.contents, self.parts))

    def restore(self, backup: Any) -> None:
        """Put back an older copy."""
        self.contents, self.parts = deepcopy(backup)


@implementer(IFileStore)
class MemoryFileStore:
    """An :class:`~chatproto.interfaces.IFileStore` over a :class:`MemoryFileDisk`."""

    def __init__(self, disk: MemoryFileDisk, *, now: Callable[[], float] = time.time) -> None:
        self.disk = disk
        self.now = now
        self._open: set[str] = set()

    @property
    def is_open(self) -> bool:
        """Whether the disk is this store's."""
        return self.disk.owner is self

    def open(self) -> Deferred[None]:
        if self.disk.owner is not None:
            return fail(StoreInUse("the files in memory are in use by another store"))
        self.disk.owner = self
        return succeed(None)

    def close(self) -> Deferred[None]:
        if self.is_open:
            self.disk.owner = None
        return succeed(None)

    def part(self, name: str) -> Deferred[IFilePart]:
        if name in self._open:
            return fail(Unavailable("the file is being written already", retry_after=1.0))

        def begin() -> IFilePart:
            self._open.add(name)
            return MemoryPart(self, name, self.disk.parts.setdefault(name, PartBytes(bytearray())))

        return self.work(begin)

    def let_go(self, name: str) -> None:
        """Hear that a part is closed."""
        self._open.discard(name)

    def parts(self) -> Deferred[list[str]]:
        return self.work(lambda: sorted(self.disk.parts))

    def put(self, data: bytes) -> Deferred[str]:
        return self.work(lambda: self.keep(data))

    def keep(self, data: bytes) -> str:
        """Have a content."""
        found = hashlib.sha256(data).hexdigest()
        if found not in self.disk.contents:
            self.need_room(len(data))
        self.disk.contents[found] = Content(bytes(data), self.now())
        return found

    def need_room(self, size: int) -> None:
        """See that there is room.

        :raises StoreFull: there is not.
        """
        if self.disk.used + size > self.disk.capacity:
            raise StoreFull(retry_after=_RETRY_SECONDS)

    def has(self, sha256: str) -> Deferred[bool]:
        return self.work(lambda: sha256 in self.disk.contents)

    def read(self, sha256: str, offset: int, length: int) -> Deferred[bytes]:
        def read() -> bytes:
            if sha256 not in self.disk.contents:
                raise NoSuchFile
            return self.disk.contents[sha256].data[offset : offset + length]

        return self.work(read)

    def contents(self, after: str, limit: int) -> Deferred[list[tuple[str, int]]]:
        def read() -> list[tuple[str, int]]:
            hashes = sorted(sha256 for sha256 in self.disk.contents if sha256 > after)[:limit]
            return [(sha256, len(self.disk.contents[sha256].data)) for sha256 in hashes]

        return self.work(read)

    def remove(self, sha256: str) -> Deferred[None]:
        def remove() -> None:
            content = self.disk.contents.get(sha256)
            if content is not None and abs(self.now() - content.at) >= GRACE_SECONDS:
                del self.disk.contents[sha256]

        return self.work(remove)

    def export(self, sha256: str, path: str) -> Deferred[int]:
        def export() -> int:
            if sha256 not in self.disk.contents:
                raise NoSuchFile
            return export_bytes([self.disk.contents[sha256].data], sha256, path)

        return self.work(export)

    def room(self) -> Deferred[int]:
        return self.work(lambda: max(0, self.disk.capacity - self.disk.used))

    def capacity(self) -> Deferred[int]:
        return self.work(lambda: self.disk.size)

    def work(self, work: Callable[[], T]) -> Deferred[T]:
        """Do it, if the disk still is ours."""
        if not self.is_open:
            return fail(StoreError("the files in memory are not open, or no longer"))
        try:
            return succeed(work())
        except Exception:
            return fail()


@implementer(IFilePart)
class MemoryPart:
    """An :class:`~chatproto.interfaces.IFilePart` in memory."""

    def __init__(self, store: MemoryFileStore, name: str, bytes_: PartBytes) -> None:
        self._store = store
        self._name = name
        self._bytes: PartBytes | None = bytes_
        self.size = len(bytes_.data)
        self._kept = False

    def write(self, data: bytes) -> Deferred[int]:
        def write() -> int:
            part = self._there()
            if self._kept:
                raise WrongContent
            self._store.need_room(len(data))
            part.data += data
            self.size = len(part.data)
            return self.size

        return self._store.work(write)

    def keep(self, size: int, sha256: str) -> Deferred[str]:
        def keep() -> str:
            part = self._there()
            found = hashlib.sha256(part.data).hexdigest()
            if len(part.data) != size or sha256 not in ("", found):
                self._drop()
                raise WrongContent
            self._store.keep(bytes(part.data))
            part.synced = size
            self._kept = True
            return found

        return self._store.work(keep)

    def drop(self) -> Deferred[None]:
        return self._store.work(self._drop)

    def close(self) -> Deferred[None]:
        self._bytes = None
        self._store.let_go(self._name)
        return succeed(None)

    def _there(self) -> PartBytes:
        if self._bytes is None:
            raise NoSuchFile
        return self._bytes

    def _drop(self) -> None:
        if self._bytes is not None:
            self._store.disk.parts.pop(self._name, None)
            self._bytes = None
            self._store.let_go(self._name)
