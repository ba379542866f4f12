"""What a SQL store is asked about realm boxes, and by which other names realms are known."""

# ruff: noqa: D102 - the methods of IStore are described there

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, bindparam, select
from twisted.internet.defer import Deferred

from chatproto.records import AliasRow, ConversationRow, MessageRow, ReplayPage
from chatproto.store.link_schema import aliases, boxes
from chatproto.store.schema import conversations, messages
from chatproto.store.selecting import list_rows

_ALIASES = select(aliases).order_by(aliases.c.alias)


def aliases_all(connection: Connection) -> list[AliasRow]:
    """List the aliases."""
    return list_rows(connection, AliasRow, _ALIASES)


_BOX = (
    select(messages, conversations)
    .join_from(boxes, messages, messages.c.seq == boxes.c.seq)
    .join(conversations, conversations.c.conversation == messages.c.conversation)
    .where(boxes.c.account == bindparam("account"), boxes.c.box == bindparam("box"))
    .where(boxes.c.seq > bindparam("after"))
    .order_by(boxes.c.seq)
    .limit(bindparam("limit"))
)
_WIDTH = len(messages.columns)


def box(connection: Connection, account: str, named: str, after: int, limit: int) -> ReplayPage:
    """Read a page of a box; one more tells whether that is all."""
    values = {"account": account, "box": named, "after": after, "limit": limit + 1}
    found = connection.execute(_BOX, values).all()
    page = [MessageRow(*row[:_WIDTH]) for row in found[:limit]]
    mentioned = {row[_WIDTH]: ConversationRow(*row[_WIDTH:]) for row in found[:limit]}
    return ReplayPage(page, mentioned, len(found) <= limit)


_BOXED = (
    select(boxes.c.seq)
    .where(boxes.c.account == bindparam("account"))
    .where(boxes.c.seq > bindparam("after"), boxes.c.seq <= bindparam("last"))
    .order_by(boxes.c.seq)
)


def boxed(connection: Connection, account: str, after: int, last: int) -> list[int]:
    """List the messages of a stretch of the log that stand in a box."""
    return list(connection.execute(_BOXED, {"account": account, "after": after, "last": last}).scalars())


class SqlBoxes(ABC):
    """A part of :class:`~chatproto.store.sql.SqlStore`."""

    @abstractmethod
    def _read(self, question: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Ask in a transaction of its own."""

    def aliases(self) -> Deferred[list[AliasRow]]:
        return self._read(aliases_all)

    def box(self, account: str, name: str, after: int, limit: int) -> Deferred[ReplayPage]:
        return self._read(box, account, name, after, limit)

    def boxed(self, account: str, after: int, last: int) -> Deferred[list[int]]:
        return self._read(boxed, account, after, last)
