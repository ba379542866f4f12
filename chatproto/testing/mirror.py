"""What is on a realm's disk, as its commits tell: for checks that must not believe the realm itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from chatproto.records import Batch, ConversationRow, MessageRow, Record
from chatproto.records.keys import KEY_OF
from chatproto.store.keys import VOID
from chatproto.testing.disks import rows_of

R = TypeVar("R", bound=Record)


class Mirror:
    """The rows of one store. It is rolled back where a store is put back."""

    def __init__(self) -> None:
        self._rows: dict[type[Record], dict[Any, Record]] = {}
        self._journal: list[tuple[Sequence[Record], Sequence[Record]]] = []
        #: Messages of two by mid; each has one entry.
        self.by_mid: dict[str, MessageRow] = {}
        #: Entries of groups by number, for each conversation; and the numbers of groups' conversations.
        self.logs: dict[int, dict[int, MessageRow]] = {}
        self.groups: dict[str, int] = {}
        #: Posts to groups of other realms, by mid, also those that the realm has no need of any more.
        self.posts: dict[str, MessageRow] = {}
        #: And by the first word of their text.
        self.by_word: dict[str, list[MessageRow]] = {}
        #: Mids of entries of groups that were given another place.
        self.moved: set[str] = set()
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
        for kept in (self.by_mid, self.by_word, self.logs, self.groups, self.posts):
            kept.clear()
        for rows, removes in journal:
            self._apply(rows, removes)
        self._journal = journal

    def _apply(self, rows: Sequence[Record], removes: Sequence[Record]) -> None:
        for row in rows:
            key = KEY_OF[type(row)](row)
            before = self._rows.setdefault(type(row), {}).get(key)
            self._rows[type(row)][key] = row
            if isinstance(row, MessageRow):
                self._file(row, before)
            elif isinstance(row, ConversationRow) and row.is_group:
                self.groups[row.a] = row.conversation
        for row in removes:
            self._rows.get(type(row), {}).pop(KEY_OF[type(row)](row), None)

    def _file(self, row: MessageRow, before: Record | None) -> None:
        if not row.conversation:
            self.posts[row.mid] = row
        elif self.is_of_group(row):
            log = self.logs.setdefault(row.conversation, {})
            if isinstance(before, MessageRow) and log.get(before.gseq) is before:
                del log[before.gseq]  # it has taken another number, or none
            if isinstance(before, MessageRow) and row.kind == VOID != before.kind:
                self.moved.add(row.mid)
            if row.gseq:
                log[row.gseq] = row
        else:
            if row.mid in self.by_mid:
                self.twice.append(row.mid)
            self.by_mid[row.mid] = row
            self.by_word.setdefault(row.text.partition(" ")[0], []).append(row)

    def is_of_group(self, row: MessageRow) -> bool:
        """Tell whether a message is one of a group, here or on its way to one."""
        return not row.conversation or row.conversation in self.groups.values()
