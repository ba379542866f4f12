"""Clients that go on asking although they were told to wait: not to read them for a while costs least.

So it is with those who send what is no command, or not theirs to give: no rate counts that.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall

from chatproto.errors import BadRequest, ChatError, NotAllowed, NotLoggedIn, RateLimited
from chatproto.limits import Limits
from chatproto.protocols.order import Pause
from chatproto.realm.times import Clock

#: Commands that are refused so, until nothing is read. To refuse one costs as much
#: as to carry out a small one, so that refusals alone would keep a server busy.
_REFUSALS = 64
#: For so long nothing is read then.
_SECONDS = 1.0


#: What a command is refused with before its rate is asked.
_UNCOUNTED = (BadRequest, NotAllowed, NotLoggedIn)


def is_hasty(error: ChatError, limits: Limits) -> bool:
    """Tell whether a refusal is to be counted: of what came too fast, or of what no rate has counted."""
    return type(error) is RateLimited or (limits.commands > 0 and isinstance(error, _UNCOUNTED))


class Paused(Protocol):
    """A connection that can be left unread."""

    def pause(self, why: Pause) -> None: ...  # noqa: D102
    def resume(self, why: Pause) -> None: ...  # noqa: D102


class Haste:
    """The haste of one connection."""

    def __init__(self, connection: Paused, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._refusals = 0
        self._rest: IDelayedCall | None = None

    def refused(self) -> None:
        """Hear of a refusal that counts."""
        self._refusals += 1
        if self._refusals >= _REFUSALS and self._rest is None:
            self._connection.pause(Pause.HASTE)
            self._rest = self._clock.callLater(_SECONDS, self._over)

    def end(self) -> None:
        """Be done: the connection is gone."""
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _over(self) -> None:
        self._refusals = 0
        self._rest = None
        self._connection.resume(Pause.HASTE)
