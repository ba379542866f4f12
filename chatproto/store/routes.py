"""What a SQL store is asked about items that pass through this realm."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, cast, func, select

from chatproto.records import HeldRow, Run, VerdictRow
from chatproto.store.link_schema import held, verdicts
from chatproto.store.selecting import list_rows, where

_PARTS = ("hop", "origin", "realm", "stream", "since")
_OF_RUN = tuple(held.c[name] for name in _PARTS)
_RUNS = (
    select(
        *_OF_RUN,
        func.min(held.c.number),
        func.max(held.c.number),
        func.count(),
        cast(func.sum(held.c.size), BigInteger),
    )
    .group_by(*_OF_RUN)
    .order_by(*_OF_RUN)
)


def runs(connection: Connection) -> list[Run]:
    """Sum up what is held."""
    return [Run(*tuple[Any, ...](found)) for found in connection.execute(_RUNS)]


#: Rows with what those up to each of them have together, itself included.
_ADDED = (
    where(held, *_PARTS)
    .where(held.c.number > bindparam("after"))
    .add_columns(func.sum(held.c.size).over(order_by=held.c.number).label("total"))
    .order_by(held.c.number)
    .limit(bindparam("limit"))
    .subquery()
)
_HELD = (
    select(*(_ADDED.c[column.name] for column in held.c))
    .where(_ADDED.c.total - _ADDED.c.size < bindparam("size"))
    .order_by(_ADDED.c.number)
)


def relayed(
    connection: Connection, run: tuple[str, str, str, str, int], after: int, limit: int, size: int
) -> list[HeldRow]:
    """Read what is held of an epoch."""
    values = dict(zip(_PARTS, run, strict=True))
    return list_rows(connection, HeldRow, _HELD, **values, after=after, limit=limit, size=size)


_VERDICTS = select(verdicts).order_by(verdicts.c.origin, verdicts.c.realm, verdicts.c.stream)


def verdicts_all(connection: Connection) -> list[VerdictRow]:
    """List verdicts that are to be passed on."""
    return list_rows(connection, VerdictRow, _VERDICTS)
