"""Rows in plain dicts and sorted lists, with the constraints that every store holds.

For :mod:`chatproto.store.memory`; it knows nothing of batches, and nothing of what is asked.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from chatproto.records import ConversationRow, MessageRow, Record
from chatproto.store.keys import KEY_OF, REFERRING, UNIQUE_OF

R = TypeVar("R", bound=Record)
Undo = list[Callable[[], None]]

_by_seq = attrgetter("seq")


class _Broken(Exception):
    """A row breaks a constraint."""


class MemoryTables:
    """Everything that was committed. Rows by kind and key; messages also by conversation and seq."""

    def __init__(self) -> None:
        self.realm: str | None = None
        self.batch = self.seq = self.serial = 0
        self._rows: defaultdict[type[Record], dict[Any, Record]] = defaultdict(dict)
        self._unique: defaultdict[type[Record], dict[Any, Record]] = defaultdict(dict)
        self._logs: defaultdict[int, list[MessageRow]] = defaultdict(list)

    def find(self, kind: type[R], key: Any) -> R | None:
        """Return the row of a key."""
        return self._rows[kind].get(key)  # type: ignore[return-value]  # rows are filed by their kind

    def find_unique(self, kind: type[R], value: Any) -> R | None:
        """Return the row with a unique value that is not its key."""
        return self._unique[kind].get(value)  # type: ignore[return-value]  # rows are filed by their kind

    def every(self, kind: type[R]) -> Iterable[R]:
        """Return all rows of a kind, in no order that matters."""
        return self._rows[kind].values()  # type: ignore[return-value]  # rows are filed by their kind

    def log(self, conversation: int, after: int, before: int) -> list[MessageRow]:
        """Return the messages with ``after < seq < before``, void ones too."""
        log = self._logs.get(conversation, [])
        return log[bisect_right(log, after, key=_by_seq) : bisect_left(log, before, key=_by_seq)]

    def store(self, inserts: Sequence[Record], puts: Sequence[Record]) -> bool:
        """Store rows, all or none; tell whether they were stored."""
        undo: Undo = []
        try:
            for row in inserts:
                self._insert(row, undo)
            for row in puts:
                self._put(row, undo)
        except _Broken:
            for step in reversed(undo):
                step()
            return False
        return True

    def remove(self, rows: Sequence[Record]) -> None:
        """Remove the rows of the same keys that are there."""
        for row in rows:
            old = self._rows[type(row)].get(KEY_OF[type(row)](row))
            if old is not None:
                self._drop(old)

    def _insert(self, row: Record, undo: Undo) -> None:
        if KEY_OF[type(row)](row) in self._rows[type(row)]:
            raise _Broken
        self._add(row, undo)

    def _put(self, row: Record, undo: Undo) -> None:
        old = self._rows[type(row)].get(KEY_OF[type(row)](row))
        if old is not None:
            self._drop(old)
            undo.append(lambda: self._file(old))
        self._add(row, undo)

    def _add(self, row: Record, undo: Undo) -> None:
        kind = type(row)
        if kind in UNIQUE_OF and UNIQUE_OF[kind](row) in self._unique[kind]:
            raise _Broken
        if isinstance(row, REFERRING) and row.conversation not in self._rows[ConversationRow]:
            raise _Broken
        self._file(row)
        undo.append(lambda: self._drop(row))

    def _file(self, row: Record) -> None:
        kind = type(row)
        self._rows[kind][KEY_OF[kind](row)] = row
        if kind in UNIQUE_OF:
            self._unique[kind][UNIQUE_OF[kind](row)] = row
        if isinstance(row, MessageRow):
            insort(self._logs[row.conversation], row, key=_by_seq)

    def _drop(self, row: Record) -> None:
        kind = type(row)
        del self._rows[kind][KEY_OF[kind](row)]
        if kind in UNIQUE_OF:
            del self._unique[kind][UNIQUE_OF[kind](row)]
        if isinstance(row, MessageRow):
            self._logs[row.conversation].remove(row)
