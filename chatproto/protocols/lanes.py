"""What waits to be sent over one connection for many: in turns, so that nobody waits for one who has much."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

#: What one may send before others have their turn: the longest chunk of a file with what is around it.
_TURN_BYTES = 128 * 1024


class Lanes:
    """Pieces for one connection, in the order of each lane."""

    def __init__(self) -> None:
        #: Those that have something, the one whose turn it is first.
        self._lanes: dict[int, deque[bytes]] = {}
        self._sent = 0  # by the first one in this turn
        #: Bytes that wait.
        self.size = 0

    def put(self, lane: int, pieces: Sequence[bytes]) -> None:
        """Add pieces, behind all of the same lane."""
        self._lanes.setdefault(lane, deque()).extend(pieces)
        self.size += sum(map(len, pieces))

    def take(self) -> bytes:
        """Take the piece that is to be sent next; ``b""`` if there is none."""
        if not self._lanes:
            return b""
        lane, pieces = next(iter(self._lanes.items()))
        piece = pieces.popleft()
        self.size -= len(piece)
        self._sent += len(piece)
        if not pieces or self._sent >= _TURN_BYTES:
            del self._lanes[lane]
            self._sent = 0
            if pieces:
                self._lanes[lane] = pieces
        return piece

    def drop(self, lane: int) -> None:
        """Forget what waits in a lane."""
        if lane in self._lanes:
            if lane == next(iter(self._lanes)):
                self._sent = 0
            self.size -= sum(map(len, self._lanes.pop(lane)))
