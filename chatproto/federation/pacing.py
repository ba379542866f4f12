"""How far a stream is sent ahead of what the next realm has on disk, and when it is sent again.

A gateway need not answer: it may be honest and slow, or neither. So each who sends keeps what was sent, and
begins again from the oldest of it when nothing moves, ever less often.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from chatproto.federation.bounds import PATIENCE, PATIENCE_MOST, WINDOW_BYTES, WINDOW_ITEMS
from chatproto.realm.times import Clock

#: How often in a row what was sent is sent again at once, as the next realm says that something is missing.
_TIMES_BACK = 4


class Pace:
    """What of a stream was sent to the next realm: at first one item, and as many more as are confirmed."""

    def __init__(self, after: int, most: int) -> None:
        self.sent = self.confirmed = after
        #: The number up to which the next realm takes it.
        self.most = most
        self._window = 1
        self._sizes: deque[tuple[int, int]] = deque()
        self._bytes = 0
        #: Where it was told to go back to, and how often in vain.
        self._back_to = (-1, 0)

    def room(self) -> tuple[int, int] | None:
        """Return how many items may be sent, and bytes; None if nothing may."""
        items = min(self.confirmed + self._window, self.most) - self.sent
        size = WINDOW_BYTES - self._bytes
        return (items, size) if items > 0 and size > 0 else None

    def went(self, number: int, size: int) -> None:
        """Hear that the next number was sent."""
        self.sent = number
        self._sizes.append((number, size))
        self._bytes += size

    def confirm(self, number: int) -> bool:
        """Hear that the next realm has everything up to a number; tell whether that is news."""
        if number <= self.confirmed:
            return False
        self._window = min(self._window + number - self.confirmed, WINDOW_ITEMS)
        if number > self._back_to[0]:
            self._back_to = (-1, 0)
        self.confirmed = number
        self.sent = max(self.sent, number)
        while self._sizes and self._sizes[0][0] <= number:
            self._bytes -= self._sizes.popleft()[1]
        return True

    def go_back(self, after: int) -> None:
        """Hear that the next realm lacks what follows a number; who says so too often is not believed."""
        number, times = self._back_to
        self._back_to = (after, times + 1 if number == after else 0)
        if after < self.sent and self._back_to[1] < _TIMES_BACK:
            self.rewind(after)

    def rewind(self, after: int) -> None:
        """Begin again after a number."""
        self.sent = self.confirmed = after
        self._window = 1
        self._sizes.clear()
        self._bytes = 0


class Patience:
    """Calls when nothing has moved for a while, and each time waits twice as long."""

    def __init__(self, clock: Clock, lost: Callable[[], None]) -> None:
        self._clock = clock
        self._lost = lost
        self._delay = PATIENCE
        self._call: IDelayedCall | None = None

    def begin(self) -> None:
        """Begin to wait, unless it waits already."""
        if self._call is None:
            self._call = self._clock.callLater(self._delay, self._over)

    def moved(self, more: bool) -> None:
        """Hear that something moved, and whether there is more to wait for."""
        self.stop()
        if more:
            self.begin()

    def begin_again(self) -> None:
        """Begin to wait anew, for as long as the last time."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self.begin()

    def stop(self) -> None:
        """Wait no more, and forget how long it took."""
        self._delay = PATIENCE
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _over(self) -> None:
        self._call = None
        self._delay = min(2 * self._delay, PATIENCE_MOST)
        self._lost()
