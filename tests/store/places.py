"""Where the stores under test live, and rows to put into them."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock

from chatproto.executors import InlineExecutor, ThreadExecutor
from chatproto.interfaces import IExecutor, IStore
from chatproto.store.memory import MemoryDisk, MemoryStore
from chatproto.store.sql import SqlStore
from chatproto.store.sqlite import SqliteDatabase
from chatproto.testing.store_contract.rows import (
    ALPHA,
    Place,
    batch,
    cid,
    conversation,
    entry,
    login,
    member,
    message,
)

__all__ = [
    "ALPHA",
    "MemoryPlace",
    "Place",
    "SqlitePlace",
    "batch",
    "cid",
    "conversation",
    "entry",
    "login",
    "member",
    "message",
]


class MemoryPlace:
    def __init__(self) -> None:
        self.disk = MemoryDisk()

    def store(self) -> IStore:
        return MemoryStore(self.disk)


class SqlitePlace:
    """A SQLite file; with a reactor in threads, otherwise inline."""

    def __init__(self, path: Path, reactor: IReactorFromThreads | None = None) -> None:
        self.path = path
        self.clock = Clock()
        self._reactor = reactor

    def store(self) -> SqlStore:
        return SqlStore(SqliteDatabase(self.path, 2, self.clock), self._executor(1), self._executor(2))

    def _executor(self, threads: int) -> IExecutor:
        if self._reactor is None:
            return InlineExecutor()
        return ThreadExecutor(self._reactor, "test", threads)
