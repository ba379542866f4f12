"""What the reference store is asked about realm boxes, and by which other names realms are known."""

# ruff: noqa: D102 - the methods of IStore are described there

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from operator import attrgetter
from typing import TypeVar

from twisted.internet.defer import Deferred

from chatproto.records import AliasRow, BoxRow, ConversationRow, MessageRow, ReplayPage
from chatproto.store.keys import MAXIMUM
from chatproto.store.tables import MemoryTables

T = TypeVar("T")


class MemoryBoxes(ABC):
    """A part of :class:`~chatproto.store.memory.MemoryStore`."""

    @abstractmethod
    def _now(self, read: Callable[[MemoryTables], T]) -> Deferred[T]:
        """Answer from the tables, if they are open."""

    def aliases(self) -> Deferred[list[AliasRow]]:
        return self._now(lambda tables: sorted(tables.every(AliasRow), key=attrgetter("alias")))

    def box(self, account: str, name: str, after: int, limit: int) -> Deferred[ReplayPage]:
        def read(tables: MemoryTables) -> ReplayPage:
            rows = [row for row in tables.range(BoxRow, account, after, MAXIMUM) if row.box == name]
            found = [_both(tables, row.seq) for row in rows]
            stored = [each for each in found if each is not None]
            page = stored[:limit]
            mentioned = {conversation.conversation: conversation for _, conversation in page}
            return ReplayPage([message for message, _ in page], mentioned, len(stored) <= limit)

        return self._now(read)

    def boxed(self, account: str, after: int, last: int) -> Deferred[list[int]]:
        return self._now(
            lambda tables: [row.seq for row in tables.range(BoxRow, account, after, last + 1)],
        )


def _both(tables: MemoryTables, seq: int) -> tuple[MessageRow, ConversationRow] | None:
    """Return a message with its conversation."""
    message = tables.find(MessageRow, seq)
    conversation = None if message is None else tables.find(ConversationRow, message.conversation)
    return None if message is None or conversation is None else (message, conversation)
