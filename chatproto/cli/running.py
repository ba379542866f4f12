"""Running one piece of asynchronous work as a whole program."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.posixbase import PosixReactorBase
from twisted.python.failure import Failure

T = TypeVar("T")


def run(
    work: Callable[[PosixReactorBase], Coroutine[Any, Any, T]], *, ending_seconds: float | None = None
) -> T:
    """Run the reactor until ``work(reactor)`` is done, and return or raise what it did.

    A signal stops the reactor earlier. Work that is to end well then has a trigger of its own before
    the shutdown, on which the reactor waits, or else ``ending_seconds``: it is cancelled, and has so long to
    clean up before it is cancelled again.
    """
    from twisted.internet import reactor as installed  # noqa: PLC0415 - importing it installs it

    # The global reactor is typed by its interfaces; here it is the whole thing.
    assert isinstance(installed, PosixReactorBase)
    reactor: PosixReactorBase = installed
    outcome: list[T | Failure] = []

    def done(result: T | Failure) -> None:
        outcome.append(result)
        with contextlib.suppress(ReactorNotRunning):  # a signal may have been quicker
            reactor.stop()

    def begin() -> None:
        running = Deferred.fromCoroutine(work(reactor)).addBoth(done)
        if ending_seconds is not None:
            reactor.addSystemEventTrigger("before", "shutdown", interrupt, running, ending_seconds)

    def interrupt(running: Deferred[None], seconds: float) -> Deferred[None]:
        again = reactor.callLater(seconds, running.cancel)
        running.addBoth(lambda _: again.cancel() if again.active() else None)
        running.cancel()
        return running

    reactor.callWhenRunning(begin)
    reactor.run()
    if not outcome:
        raise click.Abort()
    result = outcome[0]
    if isinstance(result, Failure):
        if result.check(CancelledError):
            raise click.Abort()
        result.raiseException()
    return result
