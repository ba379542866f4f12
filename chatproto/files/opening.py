"""From what a configuration says of files to where they are kept."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.interfaces import IReactorFromThreads

from chatproto.executors import ThreadExecutor
from chatproto.files.disk import DiskFileStore
from chatproto.files.memory import MemoryFileDisk, MemoryFileStore
from chatproto.interfaces import IFileStore

#: Keep files in memory.
MEMORY = "memory:"
#: Threads that write and read: one that waits for a disk should not keep all others waiting.
_THREADS = 4


def open_files(where: str, realm: str, reactor: IReactorFromThreads) -> IFileStore:
    """Return where a realm's files are, for its ``open`` to be called: a folder, or ``memory:``."""
    if where == MEMORY:
        return MemoryFileStore(MemoryFileDisk())
    return DiskFileStore(Path(where), realm, ThreadExecutor(reactor, "files", _THREADS))
