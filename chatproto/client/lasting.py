"""Work that outlives connections: it is begun again over the next one, and when a refusal is over."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from chatproto.client.link import Link
from chatproto.errors import BadOffset, ChatError, ConnectionUnavailable, QueueFull, Unavailable
from chatproto.protocols.client import ChatClientProtocol

T = TypeVar("T")

_AWAY = "no connection"
#: After a lost connection, so that its end is known everywhere.
_SHORT = 0.05
#: A refusal that does not say when to try again is repeated after this; one that says more than the longest
#: is for people to repeat.
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
#: Attempts without any progress where one client of the account gets in the way of another.
_CLASHES = 5


class Stage(enum.Enum):
    """What is being done with a file."""

    QUEUED = "queued"  #: it waits for other files
    READING = "reading"  #: its hash is made
    SENDING = "sending"
    FINISHING = "finishing"  #: the realm verifies it and puts it on its disk
    FETCHING = "fetching"
    SAVING = "saving"  #: it gets its name
    WAITING = "waiting"  #: for a connection, or for the end of a refusal
    DONE = "done"


class Progress(NamedTuple):
    """How far a file is: so many of its bytes, and in words why it waits, if it does."""

    stage: Stage
    done: int
    size: int
    reason: str = ""


ProgressCallback = Callable[[Progress], object]


class Reporter:
    """Tells how far a file is."""

    _log = Logger()

    def __init__(self, callback: ProgressCallback | None) -> None:
        self.now = Progress(Stage.READING, 0, 0)
        self._callback = callback

    def report(self, stage: Stage, done: int, size: int, reason: str = "") -> None:
        """Tell it, if it is news."""
        progress = Progress(stage, done, size, reason)
        if progress == self.now:
            return
        self.now = progress
        if self._callback is not None:
            try:
                self._callback(progress)
            except Exception:
                self._log.failure("a callback for progress failed")

    def waits(self, reason: str) -> None:
        """Tell that nothing happens for now."""
        self.report(Stage.WAITING, self.now.done, self.now.size, reason)


class Lasting:
    """Runs attempts over the connections of a link."""

    def __init__(self, clock: IReactorTime, link: Link) -> None:
        self._clock = clock
        self._link = link
        self._sleepers: dict[Deferred[None], str] = {}

    async def run(
        self, attempt: Callable[[ChatClientProtocol], Awaitable[T]], reporter: Reporter, about: str = ""
    ) -> T:
        """Return what an attempt returns in the end; :meth:`wake` with ``about`` ends a pause early.

        :raises ChatError: a refusal that stays, or one that lasts long; or the client is closed.
        """
        clashes = 0
        while True:
            if self._link.protocol is None:
                reporter.waits(_AWAY)
            await self._link.open()
            protocol, before = self._link.protocol, reporter.now.done
            if protocol is None:
                await self.sleep(_SHORT)
                continue
            try:
                return await attempt(protocol)
            except ConnectionUnavailable:
                reporter.waits(_AWAY)
                await self.sleep(_SHORT)
            except ChatError as error:
                clashes = clashes + 1 if reporter.now.done <= before else 0
                pause = _SHORT if isinstance(error, BadOffset) and clashes < _CLASHES else pause_after(error)
                if pause is None:
                    raise
                reporter.waits(error.text)
                await self.sleep(pause, about)

    async def sleep(self, seconds: float, about: str = "") -> None:
        """Return after a while, or when it is woken, or the client is closed."""
        sleeper: Deferred[None] = Deferred()
        alarm = self._clock.callLater(seconds, sleeper.callback, None)
        self._sleepers[sleeper] = about
        try:
            await sleeper
        finally:
            del self._sleepers[sleeper]
            if alarm.active():
                alarm.cancel()

    def wake(self, about: str | None = None) -> None:
        """End the pauses that are about something; all of them, if it is not said."""
        for sleeper in [each for each, what in self._sleepers.items() if about in (None, what)]:
            if not sleeper.called:
                sleeper.callback(None)


def pause_after(error: ChatError) -> float | None:
    """Return how long to wait before the same is asked again; None if that should not be done."""
    if isinstance(error, QueueFull) or not (isinstance(error, Unavailable) or error.retry_after is not None):
        return None
    pause = PAUSE_SECONDS if error.retry_after is None else max(error.retry_after, _SHORT)
    return pause if pause <= LONGEST_PAUSE_SECONDS else None
