"""Waiting for something that may happen again and again."""

from __future__ import annotations

from twisted.internet.defer import Deferred


class Bell:
    """Lets all go on who wait for one thing, each time it happens."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Deferred[None]] = []

    @property
    def awaited(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    def wait(self) -> Deferred[None]:
        """Fire the next time."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def ring(self) -> None:
        """Let those go on who wait now; who waits again meanwhile waits for the next time."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
