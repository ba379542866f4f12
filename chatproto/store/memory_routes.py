"""What the reference store is asked about items that pass through this realm."""

# ruff: noqa: D102 - the methods of IStore are described there

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from twisted.internet.defer import Deferred

from chatproto.records import HeldRow, Run, VerdictRow
from chatproto.records.keys import KEY_OF
from chatproto.store.tables import MemoryTables

T = TypeVar("T")

_run_of = attrgetter("hop", "origin", "realm", "stream", "since")


class MemoryRoutes(ABC):
    """A part of :class:`~chatproto.store.memory.MemoryStore`."""

    @abstractmethod
    def _now(self, read: Callable[[MemoryTables], T]) -> Deferred[T]:
        """Answer from the tables, if they are open."""

    def runs(self) -> Deferred[list[Run]]:
        return self._now(lambda tables: _runs(sorted(tables.every(HeldRow), key=KEY_OF[HeldRow])))

    def relayed(
        self, hop: str, origin: str, realm: str, stream: str, since: int, after: int, limit: int, size: int
    ) -> Deferred[list[HeldRow]]:
        def read(tables: MemoryTables) -> list[HeldRow]:
            run = (hop, origin, realm, stream, since)
            rows = [row for row in tables.every(HeldRow) if row.number > after and _run_of(row) == run]
            found: list[HeldRow] = []
            total = 0
            for row in sorted(rows, key=attrgetter("number"))[:limit]:
                if total >= size:
                    break
                total += row.size
                found.append(row)
            return found

        return self._now(read)

    def verdicts(self) -> Deferred[list[VerdictRow]]:
        return self._now(lambda tables: sorted(tables.every(VerdictRow), key=KEY_OF[VerdictRow]))


def _runs(rows: Iterable[HeldRow]) -> list[Run]:
    """Sum up rows that are sorted."""
    found: list[Run] = []
    for _, group in groupby(rows, _run_of):
        held = list(group)
        first = held[0]
        found.append(
            Run(
                hop=first.hop,
                origin=first.origin,
                realm=first.realm,
                stream=first.stream,
                since=first.since,
                first=first.number,
                last=held[-1].number,
                items=len(held),
                bytes=sum(row.size for row in held),
            )
        )
    return found
