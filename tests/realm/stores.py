"""A store that is as slow as the test wants, in the order that the test wants."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.components import proxyForInterface

from chatproto.interfaces import IStore

#: What is not slowed down.
_AT_ONCE = ("open", "close")


class Call:
    """One call of a method: not made yet, then made and not told."""

    def __init__(self, name: str, make: Callable[[], Deferred[Any]]) -> None:
        self.name = name
        self.told: Deferred[Any] = Deferred()
        self._make: Callable[[], Deferred[Any]] | None = make
        self._made: Deferred[Any] | None = None

    def make(self) -> None:
        """Make the call, if it was not made."""
        if self._make is not None:
            make, self._make = self._make, None
            self._made = make()

    @property
    def made(self) -> bool:
        """Whether it was made."""
        return self._made is not None

    def tell(self) -> None:
        """Tell what the call returned."""
        self.make()
        assert self._made is not None
        self._made.chainDeferred(self.told)


class SlowStore(proxyForInterface(IStore, "store")):  # type: ignore[misc]  # a base made at run time
    """Any store, whose calls go on one step at a time while it is slow.

    A call is made in one step, and what it returned is told in a later one: so a read may be older than
    a commit that was told before it, as with threads. Reads overtake each other, commits do not.
    """

    def __init__(self, store: IStore) -> None:
        super().__init__(store)
        self.slow = False
        self.calls: list[Call] = []

    def go_on(self, random: Random) -> None:
        """Let one call go one step further."""
        if self.calls:
            call = random.choice(self.calls)
            if call.made:
                self._tell(call)
            else:
                call.make()

    def tell_oldest(self, name: str | None = None) -> None:
        """Tell what the oldest call, of a method or of any, returned."""
        self._tell(next(call for call in self.calls if name in (None, call.name)))

    def rush(self) -> None:
        """Be fast again, and finish what is under way."""
        self.slow = False
        while self.calls:
            self.tell_oldest()

    def _tell(self, call: Call) -> None:
        self.calls.remove(call)
        call.tell()


def _slowed(name: str) -> Callable[..., Deferred[Any]]:
    def method(self: SlowStore, *arguments: Any) -> Deferred[Any]:
        if not self.slow:
            result: Deferred[Any] = getattr(self.store, name)(*arguments)
            return result
        call = Call(name, lambda: getattr(self.store, name)(*arguments))
        self.calls.append(call)
        return call.told

    return method


for _name in IStore.names():
    if _name not in _AT_ONCE:
        setattr(SlowStore, _name, _slowed(_name))
