"""Rows in plain dicts and sorted lists, with the constraints that every store holds.

For :mod:`chatproto.store.memory`; it knows nothing of batches, and nothing of what is asked.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from chatproto.records import ConversationRow, Record
from chatproto.records.keys import KEY_OF
from chatproto.store.keys import RANGES, REFERRING, UNIQUE_OF

R = TypeVar("R", bound=Record)
Undo = list[Callable[[], None]]

_PART_OF = {kind: attrgetter(part) for kind, (part, _) in RANGES.items()}
_PLACE_OF = {kind: attrgetter(place) for kind, (_, place) in RANGES.items()}


class _Broken(Exception):
    """A row breaks a constraint."""


class MemoryTables:
    """Everything that was committed. Rows by kind and key; those that are read in ranges also in order."""

    def __init__(self) -> None:
        self.realm: str | None = None
        self.batch = self.seq = self.serial = 0
        self._rows: defaultdict[type[Record], dict[Any, Record]] = defaultdict(dict)
        self._unique: defaultdict[type[Record], dict[Any, Record]] = defaultdict(dict)
        self._parts: defaultdict[type[Record], dict[Any, list[Any]]] = defaultdict(dict)

    def find(self, kind: type[R], key: Any) -> R | None:
        """Return the row of a key."""
        return self._rows[kind].get(key)  # type: ignore[return-value]  # rows are filed by their kind

    def find_unique(self, kind: type[R], value: Any) -> R | None:
        """Return the row with a unique value that is not its key."""
        return self._unique[kind].get(value)  # type: ignore[return-value]  # rows are filed by their kind

    def every(self, kind: type[R]) -> Iterable[R]:
        """Return all rows of a kind, in no order that matters."""
        return self._rows[kind].values()  # type: ignore[return-value]  # rows are filed by their kind

    def every_unique(self, kind: type[R]) -> Iterable[R]:
        """Return all rows of a kind with a unique value that is not their key."""
        return self._unique[kind].values()  # type: ignore[return-value]  # rows are filed by their kind

    def range(self, kind: type[R], part: Any, after: int, before: int) -> list[R]:
        """Return the rows of a part that stand between two places, in order."""
        rows: list[R] = self._parts[kind].get(part, [])
        place = _PLACE_OF[kind]
        return rows[bisect_right(rows, after, key=place) : bisect_left(rows, before, key=place)]

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
        if kind in UNIQUE_OF and UNIQUE_OF[kind](row) in self._unique[kind]:  # None never is
            raise _Broken
        if isinstance(row, REFERRING) and row.conversation not in self._rows[ConversationRow]:
            raise _Broken
        self._file(row)
        undo.append(lambda: self._drop(row))

    def _file(self, row: Record) -> None:
        kind = type(row)
        self._rows[kind][KEY_OF[kind](row)] = row
        if kind in UNIQUE_OF and (value := UNIQUE_OF[kind](row)) is not None:
            self._unique[kind][value] = row
        if kind in RANGES:
            insort(self._parts[kind].setdefault(_PART_OF[kind](row), []), row, key=_PLACE_OF[kind])

    def _drop(self, row: Record) -> None:
        kind = type(row)
        del self._rows[kind][KEY_OF[kind](row)]
        if kind in UNIQUE_OF and (value := UNIQUE_OF[kind](row)) is not None:
            del self._unique[kind][value]
        if kind in RANGES:
            rows, place = self._parts[kind][_PART_OF[kind](row)], _PLACE_OF[kind]
            del rows[bisect_left(rows, place(row), key=place)]
