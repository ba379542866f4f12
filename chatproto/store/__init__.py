"""What a realm remembers: stores in memory and in SQL, behind :class:`~chatproto.interfaces.IStore`.

A store keeps rows (:mod:`chatproto.records`), whole batches at a time, and finds them again. It knows
nothing of the rules that make the rows, nothing of sessions, and nothing of the wire. When the next
batch begins is the realm's affair; the store commits one at a time.

To add a store: a class that passes the contract tests, and a line in :func:`open_store`, or in
:func:`open_database` for a SQL database.

The names are imported when they are asked for, since SQLAlchemy takes half a second that a command line which
only asks a running realm does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto.lazily import importer

if TYPE_CHECKING:
    from chatproto.store.memory import MemoryDisk, MemoryStore
    from chatproto.store.opening import open_database, open_store
    from chatproto.store.sql import SqlStore

_HOMES = {
    "MemoryDisk": "memory",
    "MemoryStore": "memory",
    "SqlStore": "sql",
    "open_database": "opening",
    "open_store": "opening",
}

__all__ = ["MemoryDisk", "MemoryStore", "SqlStore", "open_database", "open_store"]


__getattr__ = importer(__name__, _HOMES)
