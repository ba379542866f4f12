"""Signs of life on one connection: who says nothing is asked, and given up when that does not help."""

from __future__ import annotations

import math
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from chatproto.federation.bounds import ASK_AFTER, PROOF_OF_LIFE
from chatproto.frames import Ping
from chatproto.limits import Limits
from chatproto.realm.times import Clock


class Life:
    """Watches one connection. ``silent`` is called when nothing comes, ``late`` if it opens for too long."""

    def __init__(
        self,
        clock: Clock,
        limits: Limits,
        ask: Callable[[Ping], object],
        silent: Callable[[], None],
        late: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._ask = ask
        self._on_silent = silent
        self._on_late = late
        #: Ticks in which nothing was heard, and all of them until the connection is up.
        self._silent = 0
        self._ticks = 0
        self.opening = True
        self._tick_seconds = limits.link_quiet_seconds / ASK_AFTER
        self._dead_after = math.ceil(limits.link_dead_seconds / self._tick_seconds)
        self._pings = 0
        self._call: IDelayedCall | None = None
        self._proof: IDelayedCall | None = None

    def begin(self) -> None:
        """Begin to watch."""
        self._call = self._clock.callLater(self._tick_seconds, self._tick)

    def stop(self) -> None:
        """Watch no more."""
        for call in (self._call, self._proof):
            if call is not None and call.active():
                call.cancel()

    def _tick(self) -> None:
        # By ticks, so that a clock that jumps ends no link.
        self._call = self._clock.callLater(self._tick_seconds, self._tick)
        self._silent += 1
        self._ticks += 1
        if self._silent > self._dead_after:
            self._on_silent()
        elif self.opening and self._ticks > self._dead_after:
            self._on_late()
        elif self._silent % ASK_AFTER == 0:
            self._ping()

    def _ping(self) -> None:
        self._pings += 1
        self._ask(Ping(number=self._pings))

    def prove(self) -> None:
        """Ask for a sign of life; without one the connection is silent soon."""
        if self._proof is None:
            self._proof = self._clock.callLater(PROOF_OF_LIFE, self._on_silent)
            self._ping()

    def heard(self) -> bool:
        """Hear a sign of life; tell whether it was asked for as a proof."""
        self._silent = 0
        if self._proof is None:
            return False
        self._proof.cancel()
        self._proof = None
        return True
