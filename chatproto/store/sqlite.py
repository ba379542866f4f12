"""SQLite: its pragmas, its lock file, its write-ahead log.

The log is copied into the database (a checkpoint) beside the commits, never by a commit itself, which
would make every so many senders wait for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, Table, create_engine, event
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.exc import DBAPIError
from twisted.internet.interfaces import IReactorTime

from chatproto.errors import DiskFull, StoreError, StoreRefused
from chatproto.store.database import Upkeep
from chatproto.store.lock import StoreLock

#: Seconds to wait for another program that writes to the file: a copy or a look with the sqlite3 tool.
BUSY_SECONDS = 5
#: Pages in the log after which they are copied into the database; SQLite's own default.
CHECKPOINT_PAGES = 1000
#: A log that grew to this, because there was never a moment without a reader, is emptied before the
#: next commit. Recovery after a crash reads the whole log: about a second for so much.
LOG_BYTES = 64 * 1024 * 1024

#: Nothing was stored, and it may go better later.
_PASSING = {
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_BUSY: StoreRefused,
    sqlite3.SQLITE_LOCKED: StoreRefused,
}


class Checkpoints:
    """Guesses how many pages the log has: SQLite only tells at a checkpoint.

    A commit writes so many pages a row as the commits before the last checkpoint did.
    """

    def __init__(self) -> None:
        # At first one for each row: too many, so that the first checkpoint comes early and tells.
        self._pages_a_row = 1.0
        self._rows = 0
        self._log = b""
        self._pages = 0

    def committed(self, rows: int) -> bool:
        """Count a commit, and tell whether a checkpoint is due."""
        # A batch without rows still writes the page with the store's state.
        self._rows += rows + 1
        return self._rows * self._pages_a_row >= CHECKPOINT_PAGES

    def done(self, log: bytes, pages: int) -> None:
        """Learn from a checkpoint that found so many pages.

        ``log`` names the log: SQLite begins a new one, in the same file, only after a checkpoint that
        caught up with the commits.
        """
        written = pages - self._pages if log == self._log else pages
        self._pages_a_row = max(0.01, written / (self._rows + 1))
        self._log, self._pages, self._rows = log, pages, 0


class SqliteDatabase:
    """A SQLite file at ``path``; the lock file ``path.lock`` stands beside it.

    ``readers`` is how many threads read at a time. ``clock`` times the lock file.
    """

    #: SQLITE_MAX_VARIABLE_NUMBER as every release since 3.32 is built.
    variables = 32766
    bulk = None

    def __init__(self, path: Path, readers: int, clock: IReactorTime) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._lock = StoreLock(path.with_name(path.name + ".lock"), clock)
        self._checkpoints = Checkpoints()
        self._writing = self._engine("BEGIN IMMEDIATE", poolclass=NullPool)
        # Two more than readers: for a checkpoint, and for the writer that looks what became of a commit.
        self._reading = self._engine("BEGIN", poolclass=QueuePool, pool_size=readers + 2, max_overflow=0)

    def _engine(self, begin: str, **pool: Any) -> Engine:
        engine = create_engine(
            URL.create("sqlite", database=str(self._path)),
            connect_args={"check_same_thread": False, "isolation_level": None, "timeout": BUSY_SECONDS},
            # Parameters are passwords' hashes and people's messages: not for logs or exceptions.
            hide_parameters=True,
            **pool,
        )
        event.listen(engine, "connect", _set_pragmas)
        # sqlite3 would begin transactions by its own rules, which changed with Python versions.
        event.listen(engine, "begin", partial(_begin, begin))
        return engine

    def exists(self) -> bool:
        """Tell whether the file is there."""
        return self._path.is_file()

    def replacing(self, table: Table) -> Insert:
        """Return an ``INSERT`` that replaces the row of the same key."""
        statement = Insert(table)
        others = {
            column.name: statement.excluded[column.name] for column in table.c if not column.primary_key
        }
        return statement.on_conflict_do_update(index_elements=table.primary_key.columns, set_=others)

    def lock(self) -> int:
        """Take the lock file, beside which the database will be."""
        try:
            newest = self._lock.acquire()
            # Made here, so that nobody else may read it; SQLite's other files take after it.
            self._path.touch(mode=0o600)
        except OSError as error:
            raise StoreError(f"the store {self._path} cannot be opened: {error.strerror}") from error
        return newest

    def connect(self) -> Connection:
        """Open the connection that writes, and switch to the write-ahead log."""
        try:
            connection = self._writing.connect()
            mode = _driver(connection).execute("PRAGMA journal_mode=WAL").fetchone()[0]
        except Exception as error:
            if _code(error) != sqlite3.SQLITE_NOTADB:
                raise
            raise StoreError(f"{self._path} is not a SQLite database") from error
        if mode != "wal":
            raise StoreError(f"{self._path} cannot have a write-ahead log where it is")
        return connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Lend a connection; its transaction sees the store as it is at the first statement."""
        with self._reading.connect() as connection:
            yield connection

    def back_up(self, connection: Connection, revision: str) -> None:
        """Copy the whole file to ``path.before-REVISION``, over a copy that was not finished."""
        copy = self._path.with_name(f"{self._path.name}.before-{revision}")
        copy.unlink(missing_ok=True)
        _copy(connection, copy)

    def copy_file(self, path: Path) -> None:
        """Copy the whole file as it is now, also while a realm writes to it.

        :raises StoreError: there is no database, or it cannot be read.
        """
        if not self.exists():
            raise StoreError(f"{self._path} is not there")
        try:
            with self._reading.connect() as connection:
                _copy(connection, path)
        except (DBAPIError, sqlite3.Error) as error:
            raise StoreError(f"{self._path} cannot be copied: {self.reason(error)}") from error

    def measure(self, connection: Connection) -> tuple[str, int]:
        """Return the library's version, and the size of the file and its log."""
        files = (self._path, self._log)
        return f"SQLite {sqlite3.sqlite_version}", sum(path.stat().st_size for path in files if path.exists())

    def committed(self, batch: int, rows: int) -> Upkeep:
        """Remember the batch in the lock file, and look at the log's size."""
        self._lock.committed(batch)
        due = self._checkpoints.committed(rows)
        if self._log.stat().st_size > LOG_BYTES:
            return Upkeep.BEFORE_NEXT
        return Upkeep.BESIDE if due else Upkeep.NONE

    def keep_up(self, connection: Connection | None, upkeep: Upkeep) -> None:
        """Copy the log into the database; before the next commit also cut the log off."""
        if upkeep is Upkeep.BEFORE_NEXT:
            assert connection is not None
            _driver(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return
        with self._reading.connect() as reader:
            _, pages, _ = _driver(reader).execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._checkpoints.done(self._salt(), pages)

    def lost(self, error: Exception) -> bool:
        """Tell that no connection to a file is ever lost."""
        return False

    def refusal(self, error: Exception) -> type[StoreRefused] | None:
        """Tell a full disk and a busy file from what may have broken the store."""
        return _PASSING.get(_code(error))

    def reason(self, error: Exception) -> str:
        """Return what SQLite said: it never repeats a value."""
        return str(getattr(error, "orig", error))

    def close(self) -> None:
        """Close the readers; the last connection copies the log and deletes it."""
        self._reading.dispose()
        self._writing.dispose()
        self._lock.release()

    def _salt(self) -> bytes:
        """Return the part of the log's header that is new whenever the log begins anew."""
        with self._log.open("rb") as log:
            return log.read(24)[16:]


def _begin(statement: str, connection: Connection) -> None:
    connection.exec_driver_sql(statement)


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys=ON")
    # A commit returns when the log is on the disk, not when it is on its way there.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=0")


def _driver(connection: Connection) -> sqlite3.Connection:
    """Return sqlite3's own connection, for what has to happen outside of a transaction."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _copy(connection: Connection, path: Path) -> None:
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as target:
        _driver(connection).backup(target)


def _code(error: Exception) -> int:
    """Return SQLite's primary result code of an error, 0 if it is none of SQLite's."""
    return getattr(getattr(error, "orig", error), "sqlite_errorcode", 0) & 0xFF
