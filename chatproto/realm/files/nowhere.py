"""A realm that keeps no files."""

from __future__ import annotations

from typing import NoReturn

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from chatproto.errors import NoSuchFile, NotSupported
from chatproto.interfaces import IFilePart, IFileStore


@implementer(IFileStore)
class NoFileStore:
    """Stands for a file store where there is none."""

    def open(self) -> Deferred[None]:
        """See :meth:`IFileStore.open`."""
        return succeed(None)

    def close(self) -> Deferred[None]:
        """See :meth:`IFileStore.close`."""
        return succeed(None)

    def part(self, name: str) -> Deferred[IFilePart]:
        """Refuse: see :meth:`IFileStore.part`."""
        self._refuse()

    def parts(self) -> Deferred[list[str]]:
        """See :meth:`IFileStore.parts`."""
        return succeed([])

    def put(self, data: bytes) -> Deferred[str]:
        """Refuse: see :meth:`IFileStore.put`."""
        self._refuse()

    def has(self, sha256: str) -> Deferred[bool]:
        """See :meth:`IFileStore.has`."""
        return succeed(False)

    def read(self, sha256: str, offset: int, length: int) -> Deferred[bytes]:
        """See :meth:`IFileStore.read`."""
        return fail(NoSuchFile())

    def contents(self, after: str, limit: int) -> Deferred[list[tuple[str, int]]]:
        """See :meth:`IFileStore.contents`."""
        return succeed([])

    def remove(self, sha256: str) -> Deferred[None]:
        """See :meth:`IFileStore.remove`."""
        return succeed(None)

    def export(self, sha256: str, path: str) -> Deferred[int]:
        """See :meth:`IFileStore.export`."""
        return fail(NoSuchFile())

    def room(self) -> Deferred[int]:
        """Refuse: see :meth:`IFileStore.room`."""
        self._refuse()

    def capacity(self) -> Deferred[int]:
        """Refuse: see :meth:`IFileStore.capacity`."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotSupported("this realm keeps no files")
