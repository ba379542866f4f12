"""Whole stores from one database to another: table by table, in bounded memory and in one transaction.

All of it blocks, and holds nothing of a store in memory but a piece of one table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.exc import SQLAlchemyError
from twisted.internet.interfaces import IReactorTime

from chatproto.errors import StoreError
from chatproto.store import migrating, schema
from chatproto.store.committing import Committing, revision_of
from chatproto.store.database import Database
from chatproto.store.sqlite import SqliteDatabase
from chatproto.store.unfinished import unfinished
from chatproto.store.writing import BROKEN, LARGEST, BatchWriting

#: Called after each table, with its name and how many rows were copied.
Progress = Callable[[str, int], None]


def copy_store(source: Database, target: Database, progress: Progress) -> int:
    """Copy the store of a realm that does not run into an empty database; return its newest batch.

    Both are locked. The source is brought up to date first if it is of an older version.

    :raises StoreInUse: one of them is in use.
    :raises StoreError: there is nothing to copy, the target is not empty, or it cannot hold what is copied.
    """
    if not source.exists():
        raise StoreError("there is no realm in this store")
    committing = Committing(source)
    state = committing.open(None)
    try:
        assert committing.connection is not None
        with committing.connection.begin():
            _fill(committing.connection, target, state.batch, progress)
    finally:
        committing.close()
        target.close()
    return state.batch


def back_up(source: Database, path: Path, clock: IReactorTime) -> int:
    """Copy a store, whether its realm runs or not, into a new SQLite file; return the newest batch in it.

    The copy is one state of the store. It gets its name when it is complete and on the disk; what a backup
    that was killed left in that folder is removed.

    :raises FileExistsError: the file is there already.
    :raises OSError: it cannot be made.
    :raises StoreError: there is no store, or not one that this version can copy.
    """
    with unfinished(path) as copy:
        if isinstance(source, SqliteDatabase):
            source.copy_file(copy)
        else:
            _copy_snapshot(source, SqliteDatabase(copy, 1, clock))
        return _check(copy)


def _copy_snapshot(source: Database, target: Database) -> None:
    try:
        with source.read() as connection:
            revision = revision_of(connection)
            if revision is None:
                raise StoreError("there is no realm in this store")
            if revision != schema.REVISION:
                raise StoreError(
                    f"the store's schema is revision {revision}, and {schema.REVISION} is what this version "
                    "copies: let it serve the store once, or use PostgreSQL's own tools"
                )
            _fill(connection, target, 0, lambda table, rows: None)
    except SQLAlchemyError as error:
        raise StoreError(f"the store cannot be read: {source.reason(error)}") from error
    finally:
        target.close()


def _fill(source: Connection, target: Database, newest: int, progress: Progress) -> None:
    """Lock an empty database and copy everything into it; it is empty again if that fails.

    ``newest`` is the batch that the copy is to know as its newest.
    """
    target.lock()
    try:
        connection = target.connect()
    except SQLAlchemyError as error:
        raise StoreError(f"the copy cannot be opened: {target.reason(error)}") from error
    with closing(connection):
        try:
            with connection.begin():
                if revision_of(connection) is not None:
                    raise StoreError("there is a store already where the copy should go")
                migrating.migrate(connection)
                writing = BatchWriting(connection.dialect, target)
                for table in schema.metadata.sorted_tables:
                    progress(table.name, _copy_table(source, connection, writing, table))
            target.committed(newest, 0)
        except (SQLAlchemyError, *BROKEN) as error:
            raise StoreError(f"the copy cannot be made: {target.reason(error)}") from error


def _copy_table(source: Connection, target: Connection, writing: BatchWriting, table: Table) -> int:
    copied = 0
    # In pieces, also by the server: a driver would otherwise fetch all of them.
    found = source.execution_options(yield_per=LARGEST).execute(select(table))
    for rows in found.partitions():
        writing.insert(target, table, rows)
        copied += len(rows)
    there: int = target.execute(select(func.count()).select_from(table)).scalar_one()
    if there != copied:
        raise StoreError(f"{copied} rows of {table.name} were copied, and {there} arrived")
    return copied


def _check(path: Path) -> int:
    """Read a copy; return the newest batch in it."""
    with closing(sqlite3.connect(path)) as copy:
        try:
            problem: Any = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
            batch: int = copy.execute("SELECT batch FROM state").fetchone()[0]
        except sqlite3.Error as error:
            raise StoreError(f"there is no realm in this store: {error}") from error
    if problem != "ok":
        raise StoreError(f"the copy is damaged, and so perhaps the store: {problem}")
    return batch
