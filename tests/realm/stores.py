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


class _Call:
    """One call of a method: not made yet, then made and not told."""

    def __init__(self, name: str, make: Callable[[], Deferred[Any]]) -> None:
        self.name = name
        self.told: Deferred[Any] = Deferred()
        self._make: Callable[[], Deferred[Any]] | None = make
        self._made: Deferred[Any] | None = None

    def go_on(self) -> bool:
        """Make the call, or tell what it returned; tell whether that was all."""
        if self._make is not None:
            make, self._make = self._make, None
            self._made = make()
            return False
        assert self._made is not None
        self._made.chainDeferred(self.told)
        return True


class SlowStore(proxyForInterface(IStore, "store")):  # type: ignore[misc]  # a base made at run time
    """Any store, whose calls go on one step at a time while it is slow.

    A call is made in one step, and what it returned is told in a later one: so a read may be older than
    a commit that was told before it, as with threads. Reads overtake each other, commits do not.
    """

    def __init__(self, store: IStore) -> None:
        super().__init__(store)
        self.slow = False
        self.calls: list[_Call] = []

    def go_on(self, random: Random) -> None:
        """Let one call go one step further."""
        if self.calls:
            call = random.choice(self.calls)
            if call.go_on():
                self.calls.remove(call)

    def make(self, name: str) -> None:
        """Make the oldest call of a method that was not made, without telling what it returned."""
        next(call for call in self.calls if call.name == name and call._make is not None).go_on()

    def tell(self, name: str) -> None:
        """Tell what the oldest call of a method returned, which is made now if it was not."""
        call = next(call for call in self.calls if call.name == name)
        self.calls.remove(call)
        while not call.go_on():
            pass

    def rush(self) -> None:
        """Be fast again, and finish what is under way."""
        self.slow = False
        while self.calls:
            self.tell(self.calls[0].name)


def _slowed(name: str) -> Callable[..., Deferred[Any]]:
    def method(self: SlowStore, *arguments: Any) -> Deferred[Any]:
        if not self.slow:
            result: Deferred[Any] = getattr(self.store, name)(*arguments)
            return result
        call = _Call(name, lambda: getattr(self.store, name)(*arguments))
        self.calls.append(call)
        return call.told

    return method


for _name in IStore.names():
    if _name not in _AT_ONCE:
        setattr(SlowStore, _name, _slowed(_name))
