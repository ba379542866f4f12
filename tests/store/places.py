"""Where the stores under test live, and rows to put into them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock

from chatproto.executors import InlineExecutor, ThreadExecutor
from chatproto.interfaces import IExecutor, IStore
from chatproto.names import RealmName
from chatproto.records import (
    Batch,
    CidRow,
    ConversationRow,
    Entry,
    LoginRow,
    MemberRow,
    MessageRow,
    Record,
)
from chatproto.store.memory import MemoryDisk, MemoryStore
from chatproto.store.sql import SqlStore
from chatproto.store.sqlite import SqliteDatabase

ALPHA = RealmName("alpha")


class Place(Protocol):
    """Where a store outlives the objects that use it."""

    def store(self) -> IStore:
        """Return a new store object on what is there."""


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


def conversation(number: int, a: str = "", b: str = "") -> ConversationRow:
    a = a or f"group{number}@alpha"
    return ConversationRow(number, a, b, a.upper(), b.upper())


def member(number: int, name: str, since: int = 0, until: int = 0) -> MemberRow:
    return MemberRow(number, name, since, until, "member", since)


def message(
    seq: int,
    number: int = 1,
    text: str = "halo",
    sender: str = "messi@alpha",
    kind: str = "text",
    gseq: int = 0,
) -> MessageRow:
    return MessageRow(seq, number, f"alpha/{seq}", sender, 3, 1_700_000_000_000 + seq, kind, gseq, text)


def login(number: int, account: str = "messi", ended: int = 0, token: bytes | None = None) -> LoginRow:
    token = b"%032d" % number if token is None else token
    return LoginRow(token, number, account, 7, None, 10, 20, 30, ended)


def cid(prefix: str, counter: int = 0, ordered: bool = False, account: str = "messi") -> CidRow:
    outcome = ((f"alpha/{prefix}{counter}", counter + 100), ("alpha/other", counter + 101))
    return CidRow(account, prefix, counter, ordered, b"digest" + bytes([counter % 256]), outcome)


def entry(
    *inserts: Record,
    puts: Sequence[Record] = (),
    otherwise: Sequence[Record] = (),
    removes: Sequence[Record] = (),
) -> Entry:
    return Entry(inserts, puts, otherwise, removes)


def batch(number: int, *entries: Entry, seq: int = 0, serial: int = 0) -> Batch:
    return Batch(number, seq, serial, entries)
