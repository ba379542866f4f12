"""Stores that are full before a server opens them: rows written straight, in large batches."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatproto.executors import InlineExecutor
from chatproto.names import RealmName
from chatproto.records import Batch, Entry, Record
from chatproto.store.database import Database
from chatproto.store.sql import SqlStore
from chatproto.store.sqlite import SqliteDatabase

T = TypeVar("T")

ALPHA = RealmName("alpha")
_BATCH = 8192


def fill(database: Database | Path, rows: Iterable[Record], *, seq: int, serial: int) -> None:
    """Store rows in a database, or in a new SQLite file, and say how far numbers were given."""
    if isinstance(database, Path):
        database = SqliteDatabase(database, 2, Clock())
    store = SqlStore(database, InlineExecutor(), InlineExecutor())
    number = _now(store.open(ALPHA)).batch
    rest = iter(rows)
    while piece := tuple(islice(rest, _BATCH)):
        number += 1
        broken = _now(store.commit(Batch(number, seq, serial, [Entry(piece)])))
        assert not broken, "the rows break a constraint"
    _now(store.close())


def _now(deferred: Deferred[T]) -> T:
    """Return what a store without threads has answered."""
    results: list[T] = []
    deferred.addCallback(results.append)
    return results[0]
