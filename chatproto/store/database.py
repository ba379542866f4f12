"""What one kind of SQL database has to offer to :class:`~chatproto.store.sql.SqlStore`.

Here stands everything in which SQLite and PostgreSQL differ: how a store is locked, what a connection
needs, which failures are harmless, what has to be looked after.
"""

from __future__ import annotations

import enum
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Insert, Table


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

    def replacing(self, table: Table) -> Insert:
        """Return an ``INSERT`` that replaces the row of the same key."""

    def lock(self) -> int:
        """Keep other processes out, and return the newest batch known to have been committed, or 0.

        :raises StoreInUse: another process has the store.
        :raises StoreError: there is no getting at it.
        """

    def connect(self) -> Connection:
        """Open the one connection that writes. Its transactions exclude other writers from the start.

        :raises StoreError: what is there is no database.
        """

    def read(self) -> AbstractContextManager[Connection]:
        """Lend a connection with a transaction of its own, which only reads."""

    def back_up(self, connection: Connection, revision: str) -> None:
        """Keep a copy of a store of this revision that is about to be migrated, where that is ours to do."""

    def committed(self, batch: int, rows: int) -> Upkeep:
        """Hear of a commit, on the writer's thread, and say what is to be done about it."""

    def keep_up(self, connection: Connection, upkeep: Upkeep) -> None:
        """Do the work; the writer's connection is for ``BEFORE_NEXT`` only."""

    def is_refusal(self, error: Exception) -> bool:
        """Tell a failure that passes, and that left nothing behind, from one after which all is unknown."""

    def close(self) -> None:
        """Close all other connections than the writer's, which is closed already, and unlock."""
