"""What the reference store is asked about files."""

# ruff: noqa: D102 - the methods of IStore are described there

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TypeVar

from twisted.internet.defer import Deferred

from chatproto.records import FileRow, FileState, UploadRow
from chatproto.store.tables import MemoryTables

T = TypeVar("T")

#: What takes room here, or will.
_FETCHED = (FileState.WANTED, FileState.STORED)

_by_seq = attrgetter("seq", "mid")


class MemoryFiles(ABC):
    """A part of :class:`~chatproto.store.memory.MemoryStore`."""

    @abstractmethod
    def _now(self, read: Callable[[MemoryTables], T]) -> Deferred[T]:
        """Answer from the tables, if they are open."""

    def file(self, mid: str) -> Deferred[FileRow | None]:
        return self._now(lambda tables: tables.find(FileRow, mid))

    def files(self, after: int, limit: int) -> Deferred[list[FileRow]]:
        return self._now(
            lambda tables: sorted((row for row in tables.every(FileRow) if row.seq > after), key=_by_seq)[
                :limit
            ]
        )

    def wanted(self, realm: str, after: int, limit: int) -> Deferred[list[FileRow]]:
        def read(tables: MemoryTables) -> list[FileRow]:
            found = (
                row
                for row in tables.every(FileRow)
                if row.state == FileState.WANTED and row.realm == realm and row.seq > after
            )
            return sorted(found, key=_by_seq)[:limit]

        return self._now(read)

    def references(self, sha256s: Sequence[str]) -> Deferred[dict[str, int]]:
        def read(tables: MemoryTables) -> dict[str, int]:
            stored = (row.sha256 for row in tables.every(FileRow) if row.state == FileState.STORED)
            asked = frozenset(sha256s)
            return dict(Counter(sha256 for sha256 in stored if sha256 in asked))

        return self._now(read)

    def sent_bytes(self, sender: str, since: int) -> Deferred[int]:
        return self._now(
            lambda tables: sum(
                row.size
                for row in tables.every(FileRow)
                if not row.realm and row.sender == sender and row.at >= since
            )
        )

    def came_bytes(self, realm: str, since: int) -> Deferred[int]:
        return self._now(
            lambda tables: sum(
                row.size
                for row in tables.every(FileRow)
                if row.realm and row.realm == realm and row.at >= since and row.state in _FETCHED
            )
        )

    def upload(self, mid: str) -> Deferred[UploadRow | None]:
        return self._now(lambda tables: tables.find(UploadRow, mid))

    def uploads(self, account: str) -> Deferred[list[UploadRow]]:
        return self._now(
            lambda tables: sorted(
                (row for row in tables.every(UploadRow) if account in ("", row.account)),
                key=attrgetter("began", "mid"),
            )
        )
