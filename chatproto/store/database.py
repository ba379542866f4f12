"""What one kind of SQL database has to offer to :class:`~chatproto.store.sql.SqlStore`.

Here stands everything in which SQLite and PostgreSQL differ: how a store is locked, what a connection
needs, which failures are harmless, what has to be looked after.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Connection, Insert, Table

from chatproto.errors import StoreError, StoreFailed, StoreRefused

#: Stores new rows, given in the order of the table's columns, and raises as SQLAlchemy does.
Bulk = Callable[[Connection, Table, Iterable[Sequence[Any]]], None]


class Upkeep(enum.Enum):
    """Work that a database wants done after a commit."""

    NONE = "none"
    #: Beside the commits, on a reader's thread.
    BESIDE = "beside"
    #: Before the next commit, on the writer's thread.
    BEFORE_NEXT = "before next"


class Database(Protocol):
    """One database. All methods block; ``read`` may be called in several threads."""

    #: Most variables in one statement.
    variables: int

    @property
    def bulk(self) -> Bulk | None:
        """A quicker way to store new rows than ``INSERT``, if there is one."""

    def exists(self) -> bool:
        """Tell whether there may be a store; what opens one would make it."""

    def replacing(self, table: Table) -> Insert:
        """Return an ``INSERT`` that replaces the row of the same key."""

    def lock(self) -> int:
        """Keep other processes out, and return the newest batch known to have been committed, or 0.

        Called again after the connection was lost, if that took the lock with it.

        :raises StoreInUse: another process has the store.
        :raises StoreRefused: it cannot be reached now.
        :raises StoreError: there is no getting at it.
        """

    def connect(self) -> Connection:
        """Open the one connection that writes. Its transactions exclude other writers from the start.

        :raises StoreError: what is there is no database.
        """

    def read(self) -> AbstractContextManager[Connection]:
        """Lend a connection with a transaction of its own, which only reads and sees one state."""

    def back_up(self, connection: Connection, revision: str) -> None:
        """Keep a copy of a store of this revision that is about to be migrated, where that is ours to do."""

    def committed(self, batch: int, rows: int) -> Upkeep:
        """Hear of a commit, on the writer's thread, and say what is to be done about it."""

    def keep_up(self, connection: Connection | None, upkeep: Upkeep) -> None:
        """Do the work; the writer's connection is for ``BEFORE_NEXT`` only."""

    def lost(self, error: Exception) -> bool:
        """Tell whether an error means that the connection is gone, and what was under way with it."""

    def refusal(self, error: Exception) -> type[StoreRefused] | None:
        """Return what a failure is that passes and left nothing behind, None for one that may not pass."""

    def reason(self, error: Exception) -> str:
        """Return what the database said, in one line, without values and statements."""

    def measure(self, connection: Connection) -> tuple[str, int]:
        """Return the database's kind and version, and how many bytes the store takes."""

    def close(self) -> None:
        """Close all other connections than the writer's, which is closed already, and unlock."""


def explained(database: Database, error: Exception, *, certain: bool) -> StoreError:
    """Return what the caller is told of a failure: nothing happened ``certain``-ly, or all is unknown."""
    refusal = database.refusal(error) if certain else None
    if refusal is not None:
        return refusal(f"the store refused: {database.reason(error)}")
    return StoreFailed(f"the store failed: {database.reason(error)}")
