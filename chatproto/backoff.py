"""How long to wait before the next attempt to connect. Pure: it knows neither clocks nor connections."""

from __future__ import annotations

from collections.abc import Callable
from random import SystemRandom

#: Shortest delay: a dropped connection is back before people notice, and one core can serve the herd.
SHORTEST = 0.5
#: A realm that is back after hours has all its clients again within a minute.
LONGEST = 60.0


class Backoff:
    """Delays that double from failure to failure, with equal jitter: one half fixed, one half random.

    The jitter keeps a thousand clients of a restarted realm from coming back in step. Failures are counted
    since the last :meth:`reset`, which belongs where a link is *established*: a server that accepts and then
    drops must be left alone for longer and longer too.
    """

    def __init__(
        self,
        random: Callable[[], float] | None = None,
        *,
        shortest: float = SHORTEST,
        longest: float = LONGEST,
    ) -> None:
        self._random = random or SystemRandom().random
        self._shortest = shortest
        self._longest = longest
        self._failures = 0

    def next(self) -> float:
        """Count a failure and return the seconds to wait after it, ``shortest`` to ``longest``."""
        # Beyond 2**20 every bound in use is passed; the exponent must not grow with a long outage.
        ceiling = min(self._longest, self._shortest * 2.0 ** min(self._failures + 1, 20))
        self._failures += 1
        return ceiling / 2 + self._random() * ceiling / 2

    def reset(self) -> None:
        """Begin anew: the link is established."""
        self._failures = 0
