"""What is asked of a connection until it proves to be a user's: short lines, few mistakes, little time."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from chatproto.limits import Limits
from chatproto.realm.times import Clock


class Stranger:
    """The patience with one connection. ``too_late`` is called when its time to log in is over."""

    def __init__(self, limits: Limits, clock: Clock, too_late: Callable[[], None]) -> None:
        self._mistakes_left = limits.bad_lines_before_login
        self._deadline: IDelayedCall | None = None
        if limits.login_seconds:
            self._deadline = clock.callLater(limits.login_seconds, too_late)

    def mistake(self) -> bool:
        """Count a line that is no command; tell whether it was one too many."""
        self._mistakes_left -= 1
        return self._mistakes_left < 0

    def end(self) -> None:
        """Be done with it: it logged in, or it is gone."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
