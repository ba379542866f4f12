"""Virtual time: one queue of everything that will happen, and a clock for each process.

``twisted.internet.task.Clock`` sorts a list at every call. This keeps a heap, ends the timers of a process
that crashed, holds those of one that is stopped, and lets its clock be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

#: Where virtual time begins, in seconds since 1970.
START = 1_700_000_000.0
#: Cancelled calls that may stay in the heap before it is made anew, if they are also most of it.
_GARBAGE = 256


@implementer(IDelayedCall)
class Timer:
    """A call that is due at some time of its clock."""

    __slots__ = ("_arguments", "_call", "_clock", "_keywords", "called", "cancelled", "entry", "time")

    def __init__(
        self,
        clock: ProcessClock,
        time: float,
        call: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
    ) -> None:
        self._clock = clock
        self._call = call
        self._arguments = arguments
        self._keywords = keywords
        self.time = time
        #: Which entry of the heap is this one's; others are left over from before it was moved.
        self.entry = 0
        self.cancelled = self.called = False

    @property
    def clock(self) -> ProcessClock:
        """Whose it is."""
        return self._clock

    def run(self) -> None:
        """Make the call."""
        self.called = True
        self._call(*self._arguments, **self._keywords)

    def what(self) -> str:
        """Return the name of what is called."""
        return str(getattr(self._call, "__qualname__", type(self._call).__qualname__))

    def getTime(self) -> float:
        """Return when it is due."""
        return self.time

    def active(self) -> bool:
        """Tell whether it is still to come."""
        return not (self.cancelled or self.called)

    def cancel(self) -> None:
        """Do not make the call."""
        self._check()
        self.cancelled = True
        self._call, self._arguments, self._keywords = _nothing, (), {}
        self._clock.time.forget(self)

    def delay(self, secondsLater: float) -> None:  # noqa: N803 - Twisted's name
        """Make the call later than planned."""
        self._check()
        self._move(self.time + secondsLater)

    def reset(self, secondsFromNow: float) -> None:  # noqa: N803 - Twisted's name
        """Make the call so long after now."""
        self._check()
        self._move(self._clock.seconds() + secondsFromNow)

    def _check(self) -> None:
        if self.cancelled:
            raise AlreadyCancelled
        if self.called:
            raise AlreadyCalled

    def _move(self, time: float) -> None:
        self.time = time
        self._clock.plan(self)


class Time:
    """The time of a whole network, and what will happen in it.

    What is due at one moment happens in the order in which it was planned, so that a run is repeatable.
    """

    def __init__(self) -> None:
        self._now = START
        self._heap: list[tuple[float, int, Timer]] = []
        self._entries = 0
        self._garbage = 0
        #: How many calls were made.
        self.steps = 0
        #: The clock of what belongs to no process: the network itself.
        self.nobody = ProcessClock(self, "-")
        #: What went wrong in a call is told here; reactors log it and go on, and so does this.
        self.on_error: Callable[[Timer, BaseException], None] = _raise

    def seconds(self) -> float:
        """Return the time."""
        return self._now

    def plan(self, timer: Timer, when: float) -> None:
        """Put a call into the queue, or move it there."""
        if timer.entry:
            self._garbage += 1
        self._entries += 1
        timer.entry = self._entries
        heappush(self._heap, (max(when, self._now), self._entries, timer))

    def forget(self, timer: Timer) -> None:
        """Take a call out of the queue, if it is there."""
        if timer.entry:
            timer.entry = 0
            self._garbage += 1
        if self._garbage > _GARBAGE and self._garbage * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if _counts(entry)]
            heapify(self._heap)
            self._garbage = 0

    def next(self) -> Timer | None:
        """Return the next call that will be made, None if there is none."""
        while self._heap and not _counts(self._heap[0]):
            heappop(self._heap)
            self._garbage -= 1
        return self._heap[0][2] if self._heap else None

    def due(self) -> float:
        """Return when the next call is due; only after :meth:`next` found one."""
        return self._heap[0][0]

    def step(self) -> Timer | None:
        """Make the next call and return it; None if nothing will ever happen again."""
        timer = self.next()
        if timer is None:
            return None
        self._now = heappop(self._heap)[0]
        timer.entry = 0
        clock = timer.clock
        if clock.stopped:
            clock.hold(timer)
            return timer
        self.steps += 1
        try:
            timer.run()
        except Exception as error:
            self.on_error(timer, error)
        return timer

    def wait_until(self, when: float) -> None:
        """Let time pass in which nothing happens."""
        self._now = max(self._now, when)

    def timers(self, clock: ProcessClock) -> list[Timer]:
        """Return what a clock has planned, in order."""
        return [
            timer for _, _, timer in sorted(filter(_counts, self._heap), key=_order) if timer.clock is clock
        ]


@implementer(IReactorTime)
class ProcessClock:
    """The time as one process sees it, and the calls that it has planned.

    It is what a realm or a client in a :class:`~chatproto.testing.Network` is given as its reactor.
    """

    def __init__(self, time: Time, name: str, offset: float = 0.0) -> None:
        self.time = time
        #: Of the machine, for traces.
        self.name = name
        self._offset = offset
        self._ended = False
        #: Whether the process does not run for now.
        self.stopped = False
        self._held: list[Timer] = []

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._ended

    @property
    def offset(self) -> float:
        """How wrong the clock is."""
        return self._offset

    def seconds(self) -> float:
        """Return the time in seconds since 1970, as far as this process knows."""
        return self.time.seconds() + self._offset

    def callLater(self, delay: float, callable: Callable[..., Any], *args: Any, **kw: Any) -> Timer:
        """Call later; never, if the process is gone by then."""
        assert callable is not None
        timer = Timer(self, self.seconds() + max(delay, 0.0), callable, args, kw)
        self.plan(timer)
        return timer

    def getDelayedCalls(self) -> Sequence[Timer]:  # type: ignore[override,unused-ignore]
        """Return what will be called, in order."""
        return self.time.timers(self)

    def plan(self, timer: Timer) -> None:
        """Put a call where its time is now."""
        if not self._ended:
            when = timer.time - self._offset
            if timer.time > self.seconds():
                # What rounding made to be now would find that it is too early, without end.
                when = max(when, math.nextafter(self.time.seconds(), math.inf))
            self.time.plan(timer, when)

    def end(self) -> None:
        """Make no calls any more: the process is gone.

        Its timers are left as they are: what is collected of it later may still want to cancel them.
        """
        for timer in self.time.timers(self):
            self.time.forget(timer)
        self._held.clear()
        self._ended = True

    def stop(self) -> None:
        """Make no calls for now, as a process that is stopped or starved."""
        self.stopped = True

    def go_on(self) -> None:
        """Make the calls that would have been made meanwhile, and go on."""
        self.stopped = False
        held, self._held = self._held, []
        for timer in held:
            if timer.active() and not timer.entry:
                self.time.plan(timer, self.time.seconds())

    def hold(self, timer: Timer) -> None:
        """Keep a call that is due until the process runs again."""
        self._held.append(timer)

    def jump(self, seconds: float) -> None:
        """Set the clock, as ``date`` does: Twisted's reactors plan by it, so all calls move."""
        self._offset += seconds
        for timer in self.time.timers(self):
            self.plan(timer)


def _counts(entry: tuple[float, int, Timer]) -> bool:
    return entry[2].entry == entry[1]


def _order(entry: tuple[float, int, Timer]) -> tuple[float, int]:
    return entry[0], entry[1]


def _nothing() -> None:
    """Stand where a cancelled call was, so that what it held is gone."""


def _raise(timer: Timer, error: BaseException) -> None:
    raise error
