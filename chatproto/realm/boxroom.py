"""The memory for files in the boxes of older clients: from their reading until the clients took them."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from chatproto.limits import INBOX_BYTES
from chatproto.realm.times import Clock

#: Bytes of files in all replies that are read, or not taken yet: four of the largest.
_ALL_BYTES = 4 * INBOX_BYTES
#: How long a reply waits for room for its first file; then the file stays in the box.
_WAIT_SECONDS = 10.0


class BoxRoom:
    """The room, of all connections."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._most = _ALL_BYTES
        #: Bytes that are in it.
        self.taken = 0
        self._waiting: deque[tuple[int, Deferred[bool]]] = deque()

    def fits(self, size: int) -> bool:
        """Tell whether there is room; one file has it in any case, if nothing else is there."""
        return not self.taken or self.taken + size <= self._most

    async def take(self, size: int, *, wait: bool) -> bool:
        """Take room, and tell whether there was any; nobody overtakes who waits."""
        if not self._waiting and self.fits(size):
            self.taken += size
            return True
        if not wait:
            return False
        found: Deferred[bool] = Deferred()
        place = (size, found)
        self._waiting.append(place)
        call: IDelayedCall = self._clock.callLater(_WAIT_SECONDS, self._give_up, place)
        try:
            return await found
        finally:
            if call.active():
                call.cancel()

    def _give_up(self, place: tuple[int, Deferred[bool]]) -> None:
        self._waiting.remove(place)
        place[1].callback(False)
        self.leave(0)  # a smaller one behind it may fit

    def leave(self, size: int) -> None:
        """Give room back."""
        self.taken -= size
        while self._waiting and self.fits(self._waiting[0][0]):
            size, found = self._waiting.popleft()
            self.taken += size
            found.callback(True)


class Share:
    """What the replies to one connection have of the room."""

    def __init__(self, room: BoxRoom, *, closed: bool) -> None:
        self._room = room
        self._bytes = 0
        self._closed = closed

    async def take(self, size: int) -> bool:
        """Take room for a file, and tell whether there was any.

        It is waited for only with empty hands, so that nobody waits for one who waits.
        """
        if self._closed or not await self._room.take(size, wait=not self._bytes):
            return False
        self._bytes += size
        if self._closed:
            self.close()
        return not self._closed

    def close(self) -> None:
        """Give all of it back: the client took everything, or never will."""
        self._closed = True
        size, self._bytes = self._bytes, 0
        self._room.leave(size)
