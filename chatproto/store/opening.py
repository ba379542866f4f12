"""From the URL of a store to the store."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.interfaces import IReactorFromThreads, IReactorTime

from chatproto.errors import ConfigError
from chatproto.executors import ThreadExecutor
from chatproto.interfaces import IStore
from chatproto.store.database import Database
from chatproto.store.lock import StoreLock
from chatproto.store.memory import MemoryDisk, MemoryStore
from chatproto.store.sql import SqlStore
from chatproto.store.sqlite import SqliteDatabase
from chatproto.store.urls import MEMORY, SQLITE, is_postgresql, shown

#: Threads that read. One would make a short question wait for a long one; more than a few only take
#: the interpreter from each other.
_READERS = 2


def open_store(url: str, reactor: IReactorFromThreads, newest: Path | None = None) -> IStore:
    """Return the store of a URL, for its :meth:`~chatproto.interfaces.IStore.open` to be called.

    ``memory:`` is a new, empty store that ends with the process; for the others see
    :func:`~chatproto.store.open_database`. Nothing is touched before ``open``.

    :raises ConfigError: the URL is not that of a store.
    """
    if url == MEMORY:
        return MemoryStore(MemoryDisk())
    return SqlStore(
        open_database(url, IReactorTime(reactor), newest),
        ThreadExecutor(reactor, "store-writer", 1),
        ThreadExecutor(reactor, "store-reader", _READERS),
    )


def open_database(url: str, clock: IReactorTime, newest: Path | None = None) -> Database:
    """Return the database of a URL, for whoever has threads of their own. Nothing is touched yet.

    ``sqlite:///alpha.db`` is a file in the working directory, ``sqlite:////var/lib/alpha.db`` one elsewhere;
    ``postgresql://...`` is whatever that means to PostgreSQL's own programs. ``newest`` is a file that
    remembers the newest batch of a store in PostgreSQL, which has none beside it.

    :raises ConfigError: the URL is not that of a database.
    """
    if is_postgresql(url):
        try:
            from chatproto.store.postgresql import PostgresqlDatabase  # noqa: PLC0415 - needs an extra
        except ImportError as error:
            raise ConfigError(
                f"store: PostgreSQL needs {error.name or 'libpq'}, which is not installed: "
                "pip install 'chatproto[postgresql]'"
            ) from error
        return PostgresqlDatabase(url, _READERS, None if newest is None else StoreLock(newest, clock))
    path = url.removeprefix(SQLITE)
    if path == url or not path or "?" in path:
        raise ConfigError(f"store: {shown(url)!r} is not memory:, sqlite:///FILE or postgresql://...")
    return SqliteDatabase(Path(path), _READERS, clock)
