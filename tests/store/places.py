"""Where the stores under test live, and rows to put into them."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock

from chatproto.executors import InlineExecutor, ThreadExecutor
from chatproto.interfaces import IExecutor, IStore
from chatproto.store.memory import MemoryDisk, MemoryStore
from chatproto.store.postgresql import PostgresqlDatabase
from chatproto.store.sql import SqlStore
from chatproto.store.sqlite import SqliteDatabase
from chatproto.testing.store_contract.rows import (
    ALPHA,
    Place,
    arrival,
    batch,
    cid,
    conversation,
    entry,
    item,
    login,
    member,
    message,
    refusal,
)
from tests.postgresql import PostgresServer

__all__ = [
    "ALPHA",
    "MemoryPlace",
    "Place",
    "PostgresPlace",
    "SqlitePlace",
    "arrival",
    "batch",
    "cid",
    "conversation",
    "entry",
    "item",
    "login",
    "member",
    "message",
    "refusal",
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
        database = SqliteDatabase(self.path, 2, self.clock)
        return SqlStore(database, _executor(self._reactor, 1), _executor(self._reactor, 2))


class PostgresPlace:
    """A schema of a PostgreSQL server, reached over its Unix socket, or over a TCP port on this machine.

    It may have the tables of a realm ``alpha`` already, without rows.
    """

    def __init__(
        self, server: PostgresServer, reactor: IReactorFromThreads | None = None, *, tcp: int = 0
    ) -> None:
        self.server = server
        self.schema = server.used_schema()
        self.url = server.url(schema=self.schema, tcp=tcp)
        self._reactor = reactor

    def store(self) -> SqlStore:
        database = PostgresqlDatabase(self.url, 2)
        return SqlStore(database, _executor(self._reactor, 1), _executor(self._reactor, 2))

    def close(self) -> None:
        """Leave the place to another test: its stores are closed, and it is as it was."""
        self.server.empty_schema(self.schema)


def _executor(reactor: IReactorFromThreads | None, threads: int) -> IExecutor:
    return InlineExecutor() if reactor is None else ThreadExecutor(reactor, "test", threads)
