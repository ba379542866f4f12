"""How late the main loop is.

Everything a realm does for its clients happens on one thread, in short steps. What keeps that thread busy for
long keeps everybody waiting: a call that should not block, a processor that others use, a machine that swaps.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from chatproto.realm.meters import Histogram
from chatproto.realm.times import Clock

#: How often the loop is looked at. Longer blocks are seen; four calls a second cost nothing.
_EVERY_SECONDS = 0.25
#: A block of this length is worth a line in the log.
_LONG_SECONDS = 1.0
#: From what a busy loop has at all times to what makes clients give up.
_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class LoopWatch:
    """Asks to be called at a time, again and again, and notes how late it is called.

    ``seconds`` is a clock that nobody sets.
    """

    _log = Logger()

    def __init__(self, clock: Clock, seconds: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds = seconds
        self._call: IDelayedCall | None = None
        self._due = 0.0
        #: How late it was called.
        self.lag = Histogram(_SECONDS)

    def start(self) -> None:
        """Begin to watch."""
        self._due = self._seconds() + _EVERY_SECONDS
        self._call = self._clock.callLater(_EVERY_SECONDS, self._look)

    def stop(self) -> None:
        """Watch no more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        late = self._seconds() - self._due
        self.lag.observe(late)
        if late >= _LONG_SECONDS:
            self._log.warn("the main loop was blocked for {time} s; all clients waited", time=round(late, 1))
        self.start()
