"""Where the contents under test live."""

from __future__ import annotations

import os
import time
from pathlib import Path

from twisted.internet.interfaces import IReactorFromThreads

from chatproto.executors import InlineExecutor, ThreadExecutor
from chatproto.files import DiskFileStore, MemoryFileDisk, MemoryFileStore
from chatproto.interfaces import IExecutor, IFileStore


class MemoryPlace:
    def __init__(self) -> None:
        self.disk = MemoryFileDisk()
        self.later = 0.0

    def store(self) -> IFileStore:
        return MemoryFileStore(self.disk, now=self.now)

    def now(self) -> float:
        return 1_700_000_000.0 + self.later

    def crash(self, store: IFileStore) -> None:
        self.disk.crash()


class FolderPlace:
    """A folder; with a reactor in threads, otherwise inline."""

    def __init__(self, folder: Path, reactor: IReactorFromThreads | None = None) -> None:
        self.folder = folder
        self.later = 0.0
        self._reactor = reactor

    def store(self, realm: str = "alpha") -> DiskFileStore:
        executor: IExecutor = InlineExecutor()
        if self._reactor is not None:
            executor = ThreadExecutor(self._reactor, "test", 4)
        return DiskFileStore(self.folder, realm, executor, now=self.now)

    def now(self) -> float:
        return time.time() + self.later

    def crash(self, store: IFileStore) -> None:
        """Let go of the lock only, as the kernel does."""
        assert isinstance(store, DiskFileStore)
        assert store._lock is not None
        os.close(store._lock)
        store._lock = None
        store._executor.stop()
