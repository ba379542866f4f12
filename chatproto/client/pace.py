"""How much of a file may be under way."""

from __future__ import annotations

#: Bytes in one chunk, and in one piece.
CHUNK = 64 * 1024
#: Bytes under way at first, and at most; the most is also what one transfer takes of memory, some times over.
FIRST = 4 * CHUNK
MOST = 16 * CHUNK
#: What is typed meanwhile stands behind what is under way. So many seconds above what the quickest answer
#: took, nothing is added to it, and so many above, there is too much of it. (A busy machine is slow too, and
#: for that one less under way would be no help.)
QUICK = 0.7
SLOW = 2.0


class Pace:
    """Bytes under way: as many as the line carries, and no more than a text may wait behind."""

    def __init__(self, most: int = MOST) -> None:
        self.window = min(FIRST, most)
        self._most = most
        self._least = SLOW

    def answered(self, seconds: float) -> None:
        """Learn how long one chunk took, there and back."""
        self._least = min(self._least, seconds)
        if seconds < self._least + QUICK:
            self.window = min(self.window + CHUNK, self._most)
        elif seconds > self._least + SLOW:
            self.window = max(self.window // 2, CHUNK)
