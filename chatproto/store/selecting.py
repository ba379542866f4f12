"""How a SQL store's questions find rows: by key, or by a statement whose columns are those of a record."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table, bindparam, select

from chatproto.records import Record
from chatproto.records.keys import KEYS
from chatproto.store.schema import TABLES

R = TypeVar("R", bound=Record)


def where(table: Table, *names: str) -> Select[Any]:
    """Return the statement that finds rows by the values of columns, to be bound by their names."""
    return select(table).where(*(table.c[name] == bindparam(name) for name in names))


_BY_KEY = {kind: where(table, *KEYS[kind]) for kind, table in TABLES.items()}


def find_row(connection: Connection, kind: type[R], *key: Any) -> R | None:
    """Find the row of a key."""
    found = connection.execute(_BY_KEY[kind], dict(zip(KEYS[kind], key, strict=True))).first()
    return None if found is None else kind(*found)


def list_rows(connection: Connection, kind: type[R], statement: Select[Any], /, **values: Any) -> list[R]:
    """List what a statement finds."""
    return [kind(*found) for found in connection.execute(statement, values)]
