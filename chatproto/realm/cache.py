"""A bounded memory of what the store has, which is never behind the open batch.

Rules see the state as of the last command, stored or not. So an entry that the open batch changes must not
be dropped and read again before that batch is committed: it would be read as it was before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatproto.realm.writer import Writer

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """At most ``size`` entries, the oldest go first; beyond those are the newest and what is not durable."""

    def __init__(self, size: int, writer: Writer) -> None:
        self._size = size
        self._writer = writer
        self._values: dict[K, V] = {}
        #: The batch that has the newest change of an entry, for changed entries only.
        self._changed: dict[K, int] = {}
        #: What is being read, how often; it stays if it is changed meanwhile, since the read may be older.
        self._reading: Counter[K] = Counter()
        self._clears = 0
        writer.on_reset(self.clear)

    def get(self, key: K) -> V | None:
        """Return what is known under a key."""
        return self._values.get(key)

    async def find(self, key: K, read: Callable[[], Awaitable[V | None]]) -> V | None:
        """Return what is known under a key; if nothing is, what is read, unless a change overtook that."""
        while (known := self._values.get(key)) is None:
            clears = self._clears
            self._reading[key] += 1
            try:
                value = await read()
            finally:
                self._reading[key] -= 1
                if not self._reading[key]:
                    del self._reading[key]
            if clears == self._clears:  # else a change was forgotten that may be newer than this
                return self._learn(key, value)
        return known

    def change(self, key: K, value: V) -> None:
        """Keep what a command of the open batch makes of an entry."""
        self._changed[key] = self._writer.open_number
        if key in self._values:
            self._values[key] = value
        else:
            self._insert(key, value)

    def keep(self, key: K, value: V) -> None:
        """Keep an entry for a while, unless it is known."""
        self._learn(key, value)

    def _forget(self, key: K) -> None:
        self._values.pop(key, None)
        self._changed.pop(key, None)

    def clear(self) -> None:
        """Drop all."""
        self._values.clear()
        self._changed.clear()
        self._clears += 1

    def _learn(self, key: K, value: V | None) -> V | None:
        known = self._values.get(key)
        if known is None and value is not None:
            self._insert(key, value)
            return value
        return known

    def _insert(self, key: K, value: V) -> None:
        self._values[key] = value
        excess = len(self._values) - self._size
        if excess > 0:
            self._evict(excess, key)

    def _evict(self, count: int, but: K) -> None:
        """Drop the oldest that may go; never the newest, which somebody is about to use."""
        durable = self._writer.committed
        old = (
            key
            for key in self._values
            if self._changed.get(key, 0) <= durable and key not in self._reading and key != but
        )
        for key in list(islice(old, count)):
            self._forget(key)


class Registry(Generic[K, V]):
    """One object per key for as long as anybody holds it, read from the store once when it is missing.

    Objects that change in place must not exist twice; so they are found again while a route or a session
    holds them, and kept for a while after that. Those that are ``lasting`` are the same after a lost batch;
    others are read again then.
    """

    def __init__(self, size: int, writer: Writer, *, lasting: bool = False) -> None:
        self._live: WeakValueDictionary[K, V] = WeakValueDictionary()
        self._recent: Cache[K, V] = Cache(size, writer)
        self._loading: dict[K, list[Deferred[V | None]]] = {}
        if not lasting:
            writer.on_reset(self._live.clear)

    def get(self, key: K) -> V | None:
        """Return the object if it is in memory."""
        return self._live.get(key)

    def change(self, key: K, value: V) -> None:
        """Keep an object that a command of the open batch makes or changes."""
        self._live[key] = value
        self._recent.change(key, value)

    def values(self) -> list[V]:
        """Return all objects that are in memory."""
        return list(self._live.values())

    async def find(self, key: K, load: Callable[[], Awaitable[V | None]]) -> V | None:
        """Return the object; if it is not in memory, what ``load`` makes of the store. Loads are shared."""
        value = self._live.get(key)
        if value is not None:
            return value
        if key in self._loading:
            shared: Deferred[V | None] = Deferred()
            self._loading[key].append(shared)
            return await shared
        self._loading[key] = []
        try:
            value = await load()
        except BaseException:
            failure = Failure()
            for shared in self._loading.pop(key):
                shared.errback(failure)
            raise
        value = self._live.get(key) or value
        if value is not None:
            self._live[key] = value
            self._recent.keep(key, value)
        for shared in self._loading.pop(key):
            shared.callback(value)
        return value
