"""How far a member has read, or a device has been told.

Positions that clients move all the time are coalesced and written at most once a second: losing the last
second of them only means that something is shown once more.
"""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall

from chatproto.errors import ChatError
from chatproto.interfaces import IStore
from chatproto.realm.cache import Cache
from chatproto.realm.times import Clock
from chatproto.realm.writer import Work, Writer
from chatproto.records import CursorRow

#: An account, a kind of cursor and what it is for; see :class:`~chatproto.records.CursorRow`.
Key = tuple[str, str, int]

#: How long a moved cursor may wait to be written.
_WRITE_SECONDS = 1.0


class Cursors:
    """All cursors of a realm. They only move forward."""

    def __init__(self, store: IStore, writer: Writer, clock: Clock, size: int) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._size = size
        self._known: Cache[Key, int] = Cache(size, writer)
        self._moved: dict[Key, int] = {}
        #: What moved before that and is on its way to the disk.
        self._writing: list[dict[Key, int]] = []
        self._write_call: IDelayedCall | None = None
        self._closed = False

    def known(self, key: Key) -> int | None:
        """Return a cursor if it is in memory."""
        moved = self._moved.get(key)
        return self._known.get(key) if moved is None else moved

    async def load(self, key: Key) -> int:
        """Return a cursor, 0 if it was never moved."""
        known = self.known(key)
        if known is not None:
            return known
        known = await self._known.find(key, lambda: self._store.cursor(*key))
        return self._moved.get(key, known or 0)

    async def of_kind(self, account: str, kind: str) -> dict[int, int]:
        """Return all cursors of a kind by what they are for."""
        before = self._unwritten(account, kind)  # the read may miss what is written during it
        stored = await self._store.cursors(account, kind)
        for scope, seq in (*before, *self._unwritten(account, kind)):
            stored[scope] = max(seq, stored.get(scope, 0))
        return stored

    def _unwritten(self, account: str, kind: str) -> list[tuple[int, int]]:
        return [
            (scope, seq)
            for moved in (*self._writing, self._moved)
            for (owner, its_kind, scope), seq in moved.items()
            if owner == account and its_kind == kind
        ]

    def move(self, key: Key, seq: int) -> None:
        """Move a cursor that was loaded, within a second durably; it never goes back."""
        if seq <= (self.known(key) or 0):
            return
        self._moved[key] = seq
        if len(self._moved) >= self._size:
            self.write()
        else:
            self._write_soon()

    def _write_soon(self) -> None:
        if self._write_call is None and not self._closed:
            self._write_call = self._clock.callLater(_WRITE_SECONDS, self.write)

    async def move_now(self, key: Key, seq: int) -> None:
        """Move a cursor, and return when that is durable.

        :raises Unavailable: it is not moved.
        """
        self._known.change(key, seq)
        await self._writer.save(puts=(CursorRow(*key, seq),))

    def write(self) -> None:
        """Append what has moved to the open batch."""
        if self._write_call is not None and self._write_call.active():
            self._write_call.cancel()
        self._write_call = None
        moved, self._moved = self._moved, {}
        if moved:
            self._writing.append(moved)
            self._writer.append(_Moves(self, moved))
            for key, seq in moved.items():
                self._known.change(key, seq)

    def written(self, moved: dict[Key, int]) -> None:
        """Hear that moves are durable."""
        self._writing.remove(moved)

    def close(self) -> None:
        """Append what has moved, for the last time."""
        self.write()
        self._closed = True

    def again(self, moved: dict[Key, int]) -> None:
        """Take back moves that could not be stored; they are written with the next ones."""
        self._writing.remove(moved)
        for key, seq in moved.items():
            self._moved[key] = max(seq, self._moved.get(key, 0))
        self._write_soon()


class _Moves(Work):
    """Moved cursors on their way to the disk. Nobody waits for them."""

    __slots__ = ("cursors", "moved")

    def __init__(self, cursors: Cursors, moved: dict[Key, int]) -> None:
        super().__init__(puts=[CursorRow(*key, seq) for key, seq in moved.items()])
        self.cursors = cursors
        self.moved = moved

    def committed(self) -> None:
        """See :class:`Work`."""
        self.cursors.written(self.moved)

    def failed(self, error: ChatError) -> None:
        """See :class:`Work`."""
        self.cursors.again(self.moved)
