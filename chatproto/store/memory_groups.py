"""What the reference store is asked about groups that have members in several realms."""

# ruff: noqa: D102 - the methods of IStore are described there

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TypeVar

from twisted.internet.defer import Deferred

from chatproto.records import LifeRow, MessageRow, ReplicaRow, SubscriptionRow
from chatproto.store.keys import MAXIMUM, within
from chatproto.store.tables import MemoryTables

T = TypeVar("T")


class MemoryGroups(ABC):
    """A part of :class:`~chatproto.store.memory.MemoryStore`."""

    @abstractmethod
    def _now(self, read: Callable[[MemoryTables], T]) -> Deferred[T]:
        """Answer from the tables, if they are open."""

    def entries(self, conversation: int, after: int, limit: int, size: int) -> Deferred[list[MessageRow]]:
        def read(tables: MemoryTables) -> list[MessageRow]:
            log = [row for row in tables.range(MessageRow, conversation, after, MAXIMUM) if row.gseq]
            return within(log[:limit], size)

        return self._now(read)

    def entry(self, conversation: int, number: int, before: int) -> Deferred[tuple[int, int]]:
        def read(tables: MemoryTables) -> tuple[int, int]:
            log = tables.range(MessageRow, conversation, 0, before)
            return next(((row.seq, row.gseq) for row in reversed(log) if 0 < row.gseq <= number), (0, 0))

        return self._now(read)

    def copied(self, conversation: int, mids: Sequence[str]) -> Deferred[list[MessageRow]]:
        def read(tables: MemoryTables) -> list[MessageRow]:
            found = (tables.find_unique(MessageRow, (mid, conversation)) for mid in frozenset(mids))
            return sorted((row for row in found if row is not None), key=attrgetter("seq"))

        return self._now(read)

    def replicas(self) -> Deferred[list[ReplicaRow]]:
        return self._now(lambda tables: sorted(tables.every(ReplicaRow), key=attrgetter("group")))

    def lives(self, group: str) -> Deferred[list[LifeRow]]:
        return self._now(
            lambda tables: sorted(
                (row for row in tables.every(LifeRow) if row.group == group),
                key=lambda row: (-row.last, row.epoch),
            )
        )

    def subscriptions(self, conversation: int) -> Deferred[list[SubscriptionRow]]:
        return self._now(
            lambda tables: sorted(
                (row for row in tables.every(SubscriptionRow) if conversation in (0, row.conversation)),
                key=attrgetter("realm", "conversation"),
            )
        )
