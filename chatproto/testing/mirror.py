"""What is on a realm's disk, as its commits tell: for checks that must not believe the realm itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from chatproto.records import Batch, MessageRow, Record
from chatproto.store.keys import KEY_OF
from chatproto.testing.disks import rows_of

R = TypeVar("R", bound=Record)


class Mirror:
    """The rows of one store. It is rolled back where a store is put back."""

    def __init__(self) -> None:
        self._rows: dict[type[Record], dict[Any, Record]] = {}
        self._journal: list[tuple[Sequence[Record], Sequence[Record]]] = []
        #: Messages by mid; each has one entry.
        self.by_mid: dict[str, MessageRow] = {}
        #: And by the first word of their text.
        self.by_word: dict[str, list[MessageRow]] = {}
        #: The mids that were stored more than once.
        self.twice: list[str] = []

    def commit(self, batch: Batch, failed: Sequence[int]) -> list[Record]:
        """Take what a batch stored, and return it."""
        rows = rows_of(batch, failed)
        left_out = set(failed)
        removes = [
            row for index, entry in enumerate(batch.entries) if index not in left_out for row in entry.removes
        ]
        self._journal.append((rows, removes))
        self._apply(rows, removes)
        return rows

    def find(self, kind: type[R], key: Any) -> R | None:
        """Return the row of a key."""
        return self._rows.get(kind, {}).get(key)  # type: ignore[return-value]  # rows are filed by their kind

    def every(self, kind: type[R]) -> list[R]:
        """Return all rows of a kind."""
        return list(self._rows.get(kind, {}).values())  # type: ignore[arg-type]  # rows are filed by their kind

    def mark(self) -> int:
        """Return where the store stands, for :meth:`roll_back`."""
        return len(self._journal)

    def roll_back(self, mark: int) -> None:
        """Forget everything after a mark."""
        journal, self._journal = self._journal[:mark], []
        self._rows.clear()
        self.by_mid.clear()
        self.by_word.clear()
        for rows, removes in journal:
            self._apply(rows, removes)
        self._journal = journal

    def _apply(self, rows: Sequence[Record], removes: Sequence[Record]) -> None:
        for row in rows:
            self._rows.setdefault(type(row), {})[KEY_OF[type(row)](row)] = row
            if isinstance(row, MessageRow):
                if row.mid in self.by_mid:
                    self.twice.append(row.mid)
                self.by_mid[row.mid] = row
                self.by_word.setdefault(row.text.partition(" ")[0], []).append(row)
        for row in removes:
            self._rows.get(type(row), {}).pop(KEY_OF[type(row)](row), None)
