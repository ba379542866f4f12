"""What is asked of a connection until it proves to be a user's: short lines, few mistakes, little time."""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from chatproto.limits import Limits
from chatproto.realm.times import Clock

#: A browser can be made to post commands to this machine; its request line gives it away.
_HTTP = re.compile(rb"[A-Z]+ [^ ]+ HTTP/[0-9]")
#: How a TLS handshake begins.
_TLS = b"\x16\x03"
#: How soon it is looked again, where the realm itself takes the time.
_AGAIN_SECONDS = 1.0


def is_http(line: bytes) -> bool:
    """Tell whether a line is from a browser."""
    return _HTTP.match(line) is not None


def is_tls(data: bytes) -> bool:
    """Tell whether what came first is of a TLS handshake."""
    return data.startswith(_TLS)


class Stranger:
    """The patience with one connection.

    ``too_late`` is called when its time to log in is over. While the realm is ``busy`` with its attempt,
    which may have been delayed on purpose, only ``login_total_seconds`` end it.
    """

    def __init__(
        self, limits: Limits, clock: Clock, too_late: Callable[[], None], busy: Callable[[], bool]
    ) -> None:
        self._mistakes_left = limits.bad_lines_before_login
        self._clock = clock
        self._too_late = too_late
        self._busy = busy
        self._end_at = clock.seconds() + limits.login_total_seconds
        self._deadline: IDelayedCall | None = None
        if limits.login_seconds:
            self._deadline = clock.callLater(limits.login_seconds, self._look)

    def _look(self) -> None:
        if self._busy() and self._clock.seconds() < self._end_at:
            self._deadline = self._clock.callLater(_AGAIN_SECONDS, self._look)
        else:
            self._too_late()

    def mistake(self) -> bool:
        """Count a line that is no command; tell whether it was one too many."""
        self._mistakes_left -= 1
        return self._mistakes_left < 0

    def end(self) -> None:
        """Be done with it: it logged in, or it is gone."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
