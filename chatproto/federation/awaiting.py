"""Who waits for what becomes of an item, and the newest verdicts, for who asks a moment late."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from chatproto.federation.bounds import VERDICTS
from chatproto.records import Outcome


class Awaited:
    """The items of one link that somebody waits for."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[Deferred[Outcome]]] = {}
        self._outcomes: dict[int, Outcome] = {}
        #: In which words items are refused that have not ended yet.
        self._said: dict[int, str] = {}

    def say(self, number: int, said: str) -> None:
        """Hear in which words an item is refused, for whoever hears of its end."""
        self._said[number] = said

    def ended(self, number: int, code: str) -> None:
        """Hear what became of an item: ``""`` or a code."""
        self._outcomes[number] = outcome = Outcome(code, self._said.pop(number, ""))
        if len(self._outcomes) > VERDICTS:
            del self._outcomes[next(iter(self._outcomes))]
        for waiter in self._waiting.pop(number, ()):
            waiter.callback(outcome)

    def of(self, number: int) -> Deferred[Outcome]:
        """Fire with what becomes of an item. Whoever waits no longer cancels it."""
        waiter: Deferred[Outcome] = Deferred(lambda _: self._wait_no_more(number, waiter))
        if number in self._outcomes:
            waiter.callback(self._outcomes[number])
        else:
            self._waiting.setdefault(number, []).append(waiter)
        return waiter

    def _wait_no_more(self, number: int, waiter: Deferred[Outcome]) -> None:
        waiters = self._waiting.get(number, [])
        if waiter in waiters:
            waiters.remove(waiter)
        if not waiters:
            self._waiting.pop(number, None)
