"""Who waits until another realm has decided about something that was done to a group of its.

The home's verdict comes by the ack of the item, and what it does by an entry of the group's log, in any
order. A refusal is told to who waits and to nobody else: so from the moment on in which that is decided,
nobody stops to wait.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from chatproto.errors import ChatError
from chatproto.realm.times import Clock

#: So long a client waits for another realm: as long as most clients wait for an answer at all.
WAIT_SECONDS = 10.0


class _Waiter:
    """One command. It fires with whether its effect is certain."""

    __slots__ = ("call", "done", "entry")

    def __init__(self, entry: bool) -> None:
        self.done: Deferred[bool] = Deferred()
        #: Whether it waits for the entry, too.
        self.entry = entry
        self.call: IDelayedCall | None = None


class Waiters:
    """All who wait, by the mid of their item."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiters: dict[str, _Waiter] = {}

    def wait(self, mid: str, *, entry: bool) -> Deferred[bool]:
        """Fire with True when the home has taken an item, and if that is wanted its entry is here.

        With False if nothing is known in time; with the refusal if it is refused.
        """
        waiter = self._waiters[mid] = _Waiter(entry)
        waiter.call = self._clock.callLater(WAIT_SECONDS, self._end, mid, False)
        return waiter.done

    def close(self) -> None:
        """Let nobody wait any more."""
        for mid in list(self._waiters):
            self._end(mid, False)

    def decide(self, mid: str) -> bool:
        """Tell whether somebody waits for an item, who then waits until it is refused or taken."""
        waiter = self._waiters.get(mid)
        if waiter is not None and waiter.call is not None:
            waiter.call.cancel()
            waiter.call = None
        return waiter is not None

    def refused(self, mid: str, error: ChatError) -> None:
        """Hear that an item was refused."""
        self._end(mid, error)

    def taken(self, mid: str) -> None:
        """Hear that the home has taken an item."""
        waiter = self._waiters.get(mid)
        if waiter is not None and not waiter.entry:
            self._end(mid, True)

    def entered(self, mid: str) -> None:
        """Hear that an entry is here."""
        if mid in self._waiters:
            self._end(mid, True)

    def _end(self, mid: str, outcome: bool | ChatError) -> None:
        waiter = self._waiters.pop(mid, None)
        if waiter is None:
            return
        if waiter.call is not None and waiter.call.active():
            waiter.call.cancel()
        if isinstance(outcome, ChatError):
            waiter.done.errback(outcome)
        else:
            waiter.done.callback(outcome)
