"""What a SQL store is asked about files, as a part of it."""

# ruff: noqa: D102 - the methods of IStore are described there

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from chatproto.records import FileRow, UploadRow
from chatproto.store import files


class SqlFiles(ABC):
    """A part of :class:`~chatproto.store.sql.SqlStore`."""

    @abstractmethod
    def _read(self, question: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Ask in a transaction of its own."""

    def file(self, mid: str) -> Deferred[FileRow | None]:
        return self._read(files.file, mid)

    def files(self, after: int, limit: int) -> Deferred[list[FileRow]]:
        return self._read(files.files_after, after, limit)

    def wanted(self, realm: str, after: int, limit: int) -> Deferred[list[FileRow]]:
        return self._read(files.wanted, realm, after, limit)

    def references(self, sha256s: Sequence[str]) -> Deferred[dict[str, int]]:
        return self._read(files.references, sha256s)

    def sent_bytes(self, sender: str, since: int) -> Deferred[int]:
        return self._read(files.sent_bytes, sender, since)

    def came_bytes(self, realm: str, since: int) -> Deferred[int]:
        return self._read(files.came_bytes, realm, since)

    def upload(self, mid: str) -> Deferred[UploadRow | None]:
        return self._read(files.upload, mid)

    def uploads(self, account: str) -> Deferred[list[UploadRow]]:
        return self._read(files.uploads_of, account)
