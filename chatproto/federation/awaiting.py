"""Who waits for what becomes of an item, and the newest verdicts, for who asks a moment late."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from chatproto.federation.bounds import VERDICTS


class Awaited:
    """The items of one link that somebody waits for."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[Deferred[str]]] = {}
        self._verdicts: dict[int, str] = {}

    def ended(self, number: int, code: str) -> None:
        """Hear what became of an item: ``""`` or a code."""
        self._verdicts[number] = code
        if len(self._verdicts) > VERDICTS:
            del self._verdicts[next(iter(self._verdicts))]
        for waiter in self._waiting.pop(number, ()):
            waiter.callback(code)

    def of(self, number: int) -> Deferred[str]:
        """Fire with what becomes of an item. Whoever waits no longer cancels it."""
        waiter: Deferred[str] = Deferred(lambda _: self._wait_no_more(number, waiter))
        if number in self._verdicts:
            waiter.callback(self._verdicts[number])
        else:
            self._waiting.setdefault(number, []).append(waiter)
        return waiter

    def _wait_no_more(self, number: int, waiter: Deferred[str]) -> None:
        waiters = self._waiting.get(number, [])
        if waiter in waiters:
            waiters.remove(waiter)
        if not waiters:
            self._waiting.pop(number, None)
