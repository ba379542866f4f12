"""How a connection's bytes come: in which pieces, and how fast they are read."""

from __future__ import annotations

from random import Random


class Shape:
    """The pieces of one connection.

    With ``shred`` they are cut anywhere, also within a line and within a character; a reader that is ``slow``
    takes so many bytes in a second.
    """

    def __init__(self, random: Random, *, shred: bool = False, slow: float = 0.0) -> None:
        self._random = random
        self.shred = shred
        self.slow = slow

    def piece(self, most: int) -> int:
        """Return how many of the bytes that may leave go together."""
        if not self.shred:
            return most
        return min(most, self._random.choice((1, 7, 100, 1000, 1460, 16384)))

    def read_pause(self, waiting: int) -> float:
        """Return how long the reader takes until it reads so many bytes."""
        return waiting / self.slow if self.slow else 0.0
