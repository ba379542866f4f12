"""Token buckets: how much of something may happen in how much time. Pure: whoever asks gives the time.

A bucket is one number, the time at which it will be full again. Taking something puts that time off. So a
full bucket need not be kept, and one bucket may be asked by the rules of several listeners.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import islice
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

K = TypeVar("K", bound=Hashable)

#: Waits that are only the error of adding up times since 1970.
_ROUNDING = 0.001
#: No command costs more, in what a rate counts: so nothing can be owed that goes beyond it.
_MOST = 256
#: A clock that is put back by less does no harm that lasts.
_STEP = 60.0
#: How many of the oldest buckets are looked at for one that is full, when there are too many.
_LOOKED_AT = 8


class Rate:
    """``count`` in ``seconds`` in the long run, ``burst`` at once; with a count of 0 there is no bound.

    What costs more than a whole bucket has passes when the bucket is full, and is owed.
    """

    __slots__ = ("depth", "interval", "most")

    def __init__(self, count: float, seconds: float = 1.0, burst: float | None = None) -> None:
        #: Seconds until one is back; 0 where there is no bound.
        self.interval = seconds / count if count else 0.0
        #: Seconds until an empty bucket is full.
        self.depth = self.interval * (count if burst is None else burst)
        #: Seconds in which any bucket is full. One that says more stems from a clock that went back.
        self.most = self.depth + max(self.depth, _MOST * self.interval) + _STEP

    def wait(self, full: float, now: float, cost: float = 1.0) -> float:
        """Return how long to wait until a bucket has what something costs; 0 if it has it now."""
        if not self.interval or not now < full <= now + self.most:
            return 0.0
        wait = full - now + min(cost * self.interval - self.depth, 0.0)
        return 0.0 if wait < _ROUNDING else wait

    def taken(self, full: float, now: float, cost: float = 1.0) -> float:
        """Return what a bucket is after something was taken, whether it had that or not."""
        return (full if now < full <= now + self.most else now) + cost * self.interval


class Buckets(Generic[K]):
    """A bounded number of buckets by key.

    When there are too many, one that is full goes first, which changes nothing; otherwise the one that was
    asked longest ago, which may forgive somebody something, but never lets memory grow.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._full: dict[K, float] = {}

    def __len__(self) -> int:
        return len(self._full)

    def full(self, key: K) -> float:
        """Return when a bucket is full."""
        return self._full.get(key, 0.0)

    def take(self, key: K, rate: Rate, now: float, cost: float = 1.0) -> float:
        """Take from a bucket and return 0, or return how long to wait and take nothing."""
        full = self.full(key)
        wait = rate.wait(full, now, cost)
        if not wait and rate.interval:
            self.put(key, rate.taken(full, now, cost), now)
        return wait

    def put(self, key: K, full: float, now: float) -> None:
        """Let a bucket be full at a time."""
        self._full.pop(key, None)  # so that the oldest stand first
        if full <= now:
            return
        self._full[key] = full
        if len(self._full) > self._size:
            oldest = list(islice(self._full, _LOOKED_AT))
            for old in [each for each in oldest if self._full[each] <= now] or oldest[:1]:
                del self._full[old]


class Allowance:
    """What one account has used up: for each of its rates the time at which the bucket is full again."""

    __slots__ = ("__weakref__", "bytes", "commands", "contacts", "messages")

    def __init__(self) -> None:
        self.messages = 0.0
        self.bytes = 0.0
        self.contacts = 0.0
        self.commands = 0.0


class Allowances:
    """One allowance for each account, as long as a session holds it, and for a while after that."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._live: WeakValueDictionary[str, Allowance] = WeakValueDictionary()
        #: Those that were asked for last: to log out and in again gives nobody a new one.
        self._recent: dict[str, Allowance] = {}

    def of(self, account: str) -> Allowance:
        """Return an account's allowance."""
        allowance = self._live.get(account) or Allowance()
        self._live[account] = allowance
        self._recent.pop(account, None)
        self._recent[account] = allowance
        if len(self._recent) > self._size:
            del self._recent[next(iter(self._recent))]
        return allowance
