"""What a realm remembers: stores in memory and in SQL, behind :class:`~chatproto.interfaces.IStore`.

A store keeps rows (:mod:`chatproto.records`), whole batches at a time, and finds them again. It knows
nothing of the rules that make the rows, nothing of sessions, and nothing of the wire. When the next
batch begins is the realm's affair; the store commits one at a time.

To add a store: a class that passes the contract tests, and a line in :func:`open_store`.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime

from chatproto.errors import ConfigError
from chatproto.executors import ThreadExecutor
from chatproto.interfaces import IStore
from chatproto.store.memory import MemoryDisk, MemoryStore
from chatproto.store.sql import SqlStore
from chatproto.store.sqlite import SqliteDatabase

__all__ = ["MemoryDisk", "MemoryStore", "SqlStore", "open_store"]

MEMORY = "memory:"

#: Threads that read. One would make a short question wait for a long one; more than a few only take
#: the interpreter from each other.
_READERS = 2


def open_store(url: str, reactor: IReactorFromThreads) -> IStore:
    """Return the store of a URL, for its :meth:`~chatproto.interfaces.IStore.open` to be called.

    ``memory:`` is a new, empty store that ends with the process; ``sqlite:///alpha.db`` a file in the
    working directory, ``sqlite:////var/lib/alpha.db`` one elsewhere. Nothing is touched before ``open``.

    :raises ConfigError: the URL is not that of a store.
    """
    if url == MEMORY:
        return MemoryStore(MemoryDisk())
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError(f"store: {url!r} is not memory:, sqlite:///FILE or postgresql://...") from None
    if parsed.drivername.startswith("postgresql"):
        raise ConfigError("store: PostgreSQL needs the extra 'postgresql'")
    if parsed.drivername != "sqlite" or parsed.host or parsed.query or not parsed.database:
        raise ConfigError("store: must be memory:, sqlite:///FILE or postgresql://...")
    return SqlStore(
        SqliteDatabase(Path(parsed.database), _READERS, IReactorTime(reactor)),
        ThreadExecutor(reactor, "store-writer", 1),
        ThreadExecutor(reactor, "store-reader", _READERS),
    )
