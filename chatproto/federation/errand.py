"""Work of a link that waits: one coroutine at a time, again if it is needed, later if the store refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import ChatError, StoreFailed, StoreRefused
from chatproto.faults import Discreet
from chatproto.federation.bounds import LOST_PAUSE, STORE_PAUSE
from chatproto.realm.times import Clock
from chatproto.realm.writer import Work, Writer


class Errand:
    """Runs ``work`` whenever it was woken, never twice at once."""

    _log = Logger()

    def __init__(self, writer: Writer, clock: Clock, what: str, work: Callable[[], Awaitable[Any]]) -> None:
        self._writer = writer
        self._clock = clock
        self._what = what
        self._work = work
        self._wanted = False
        self._running = False
        self._resting = False
        self._stopped = False
        self._call: IDelayedCall | None = None

    def wake(self) -> None:
        """Run now; if it is running, once more after that, and if it rests, then."""
        self._wanted = True
        if self._running or self._resting or self._stopped:
            return
        self._cancel()
        self._running = True
        Deferred.fromCoroutine(self._run()).addErrback(self._failed)

    def soon(self) -> None:
        """Run at the end of this turn of the reactor, once for all who ask in it."""
        self._wanted = True
        if not self._running and self._call is None:
            self.later(0)

    def later(self, seconds: float) -> None:
        """Run after a while, or before if it is woken."""
        if not self._stopped:
            self._cancel()
            self._call = self._clock.callLater(seconds, self._called)

    def rest(self, seconds: float) -> None:
        """Run after a while, and not before."""
        if not self._stopped:
            self._resting = True
            self.later(seconds)

    def rest_after_loss(self) -> None:
        """Rest as long as is wise after an entry was not stored."""
        self.rest(STORE_PAUSE if self._writer.refusing else LOST_PAUSE)

    def stop(self) -> None:
        """Begin nothing any more; what is waiting goes on to its end."""
        self._stopped = True
        self._cancel()

    async def _run(self) -> None:
        try:
            while self._wanted and not self._stopped and not self._resting:
                self._wanted = False
                await self._work()
        finally:
            self._running = False

    def _failed(self, failure: Failure) -> None:
        if failure.check(StoreFailed):
            self._writer.fail(failure)
        if self._writer.failure is not None:
            self.stop()
            return
        if not failure.check(StoreRefused, ChatError):
            self._log.failure("{what} failed", what=self._what, failure=Discreet(failure))
        self.rest(STORE_PAUSE)

    def _called(self) -> None:
        self._call = None
        self._resting = False
        self.wake()

    def _cancel(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None


class Step(Work):
    """An entry whose maker waits for what becomes of it: None if it is on disk, or why it is not."""

    __slots__ = ("done",)

    def __init__(self, *rows: Any, **more: Any) -> None:
        super().__init__(*rows, **more)
        self.done: Deferred[ChatError | None] = Deferred()

    def committed(self) -> None:
        """See :class:`Work`."""
        self.done.callback(None)

    def failed(self, error: ChatError) -> None:
        """See :class:`Work`."""
        self.done.callback(error)

    def abandoned(self, failure: Failure) -> None:
        """See :class:`Work`."""
        self.done.errback(failure)


async def come_to_rest(writer: Writer) -> None:
    """Return when everything appended before is on disk or lost, so that the store tells how things stand.

    :raises Unavailable: the store takes nothing now. Who went on would only append more, again and again.
    """
    if writer.load != (0, 0):
        step = Step()
        writer.append(step)
        error = await step.done
        if error is not None and writer.refusing:
            raise error


def tell(call: Callable[..., Any], *arguments: Any) -> None:
    """Tell somebody who may fail at it; what is on disk is on disk."""
    try:
        call(*arguments)
    except Exception:
        Errand._log.failure("somebody could not be told", failure=Discreet(Failure()))
