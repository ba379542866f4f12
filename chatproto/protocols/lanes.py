"""What waits to be sent over one connection for many: in turns, so that nobody waits for one who has much."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

#: What one may send before others have their turn: the longest chunk of a file with what is around it.
_TURN_BYTES = 128 * 1024
#: Bytes of lines that were begun and are not whole. The other side keeps what it has of them, and ends the
#: connection if that is three times as much.
_BEGUN_BYTES = 64 * 1024 * 1024


class _Line:
    """The pieces of one line that are still to be sent."""

    __slots__ = ("begun", "pieces", "size")

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = deque(pieces)
        self.size = sum(map(len, pieces))  # of the whole line
        #: Whether the other side has some of it.
        self.begun = False


class Lanes:
    """Lines for one connection, each in pieces, in the order of each lane."""

    def __init__(self, most_begun: int = _BEGUN_BYTES) -> None:
        self._most_begun = most_begun
        self._begun = 0
        #: Those that may send, the one whose turn it is first.
        self._lanes: dict[int, deque[_Line]] = {}
        #: Those whose next line waits until others are whole, in the order in which they have to.
        self._held: dict[int, deque[_Line]] = {}
        self._sent = 0  # by the first one in this turn
        #: Bytes that wait.
        self.size = 0

    def put(self, lane: int, pieces: Sequence[bytes]) -> None:
        """Add a line, behind all of the same lane."""
        line = _Line(pieces)
        self.size += line.size
        waiting = self._held if lane in self._held else self._lanes
        waiting.setdefault(lane, deque()).append(line)

    def take(self) -> bytes:
        """Take the piece that is to be sent next; ``b""`` if there is none."""
        while self._lanes:
            lane, lines = next(iter(self._lanes.items()))
            if self._may_go_on(lines[0]):
                return self._take(lane, lines)
            self._end_turn(lane)
            self._held[lane] = lines
        return b""

    def _may_go_on(self, line: _Line) -> bool:
        """Tell whether the other side has room for a line; nobody overtakes who waits for that."""
        return line.begun or len(line.pieces) == 1 or (not self._held and self._fits(line))

    def _fits(self, line: _Line) -> bool:
        return not self._begun or self._begun + line.size <= self._most_begun

    def _take(self, lane: int, lines: deque[_Line]) -> bytes:
        line = lines[0]
        piece = line.pieces.popleft()
        self.size -= len(piece)
        self._sent += len(piece)
        if line.pieces and not line.begun:
            self._begin(line)
        if not line.pieces:
            lines.popleft()
        if not lines or self._sent >= _TURN_BYTES:
            self._end_turn(lane)
            if lines:
                self._lanes[lane] = lines
        if not line.pieces and line.begun:
            self._begun -= line.size
            self._release()
        return piece

    def _begin(self, line: _Line) -> None:
        line.begun = True
        self._begun += line.size

    def _end_turn(self, lane: int) -> None:
        del self._lanes[lane]
        self._sent = 0

    def _release(self) -> None:
        """Let those go on for whose next line there is room now."""
        while self._held:
            lane, lines = next(iter(self._held.items()))
            if len(lines[0].pieces) > 1:
                if not self._fits(lines[0]):
                    return
                self._begin(lines[0])
            self._lanes[lane] = self._held.pop(lane)

    def drop(self, lane: int) -> None:
        """Forget what waits in a lane."""
        if lane in self._lanes and lane == next(iter(self._lanes)):
            self._sent = 0
        lines = self._lanes.pop(lane, None) or self._held.pop(lane, None)
        if lines is None:
            return
        self.size -= sum(len(piece) for line in lines for piece in line.pieces)
        if lines[0].begun:
            self._begun -= lines[0].size
        self._release()
