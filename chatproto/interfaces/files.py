"""What keeps the bytes of files, by their hash."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface


class IFilePart(Interface):
    """A file that is not whole yet, while its bytes come. It outlives the process under its name."""

    size = Attribute("Bytes that are written, as an int: what follows them is the next chunk.")

    def write(data: bytes) -> Deferred[int]:
        """Add bytes at the end, and fire with the new size when they are in the file, in the order of calls.

        Several may be under way. If one is not added, those that wait behind it are not either.

        :raises StoreFull: there is no room for them; none of them was added, and it can be tried again.
        """

    def keep(size: int, sha256: str) -> Deferred[str]:
        """Verify what was written and make it durable under its hash; fire with that.

        ``sha256`` is ``""`` where nobody said one. The part stays until :meth:`drop`, so that this can be
        repeated after a crash.

        :raises WrongContent: its size or its hash is another; the part is dropped.
        :raises StoreFull: there is no room; it can be tried again.
        """

    def drop() -> Deferred[None]:
        """Forget it, with what was written."""

    def close() -> Deferred[None]:
        """Let go of it: it is opened again by its name."""


class IFileStore(Interface):
    """Durable memory of the bytes of files, used by one process at a time, together with one ``IStore``.

    Nothing that it is given becomes a path: parts have names that we made, contents have their hash. All of
    it runs in threads, or at once on virtual time; a chunk has at most 64 KiB.
    """

    def open() -> Deferred[None]:
        """Make the folders, if there are none, and see that they can be written to.

        :raises StoreError: they cannot.
        """

    def close() -> Deferred[None]:
        """Finish what is under way. Nothing is called after it."""

    def part(name: str) -> Deferred[IFilePart]:
        """Open a part, or begin it; ``name`` is a mid. Only one at a time may be open under a name."""

    def parts() -> Deferred[list[str]]:
        """Return the names of all parts that are there."""

    def put(data: bytes) -> Deferred[str]:
        """Keep a small file at once, durably, and fire with its hash.

        :raises StoreFull: there is no room for it.
        """

    def has(sha256: str) -> Deferred[bool]:
        """Tell whether a content is here."""

    def read(sha256: str, offset: int, length: int) -> Deferred[bytes]:
        """Return bytes of a content; fewer only at its end.

        :raises NoSuchFile: it is not here.
        """

    def contents(after: str, limit: int) -> Deferred[list[tuple[str, int]]]:
        """Return hashes above ``after`` with their sizes, by hash."""

    def remove(sha256: str) -> Deferred[None]:
        """Remove a content; nothing refers to it any more."""

    def export(sha256: str, path: str) -> Deferred[int]:
        """Copy a content to a new file, verified, and fire with its size. The operator says where.

        :raises NoSuchFile: it is not here.
        :raises WrongContent: it is damaged; there is no copy.
        :raises BadField: the file is there already, or cannot be made.
        """

    def room() -> Deferred[int]:
        """Return how many bytes there is room for, as far as is known."""

    def capacity() -> Deferred[int]:
        """Return how many there would be room for if nothing were there: a larger file never fits."""
