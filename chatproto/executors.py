"""Where blocking calls run, of a store or of the hasher: threads of their own, or at once.

An executor knows nothing of what it runs. One with a single thread also keeps the order of the calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from chatproto.interfaces import IExecutor


@implementer(IExecutor)
class ThreadExecutor:
    """A few threads that nobody else uses, so that a busy pool elsewhere never delays a commit.

    The threads start with the first call and end with :meth:`stop`, or after the reactor's shutdown:
    they are no daemons, since a thread that dies in the middle of a commit helps nobody.
    """

    def __init__(self, reactor: IReactorFromThreads, name: str, threads: int) -> None:
        self._reactor = reactor
        self._name = name
        self._threads = threads
        self._pool: ThreadPool | None = None
        self._trigger: Any = None

    def run(self, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Call ``work`` in a thread; a result arrives in a reactor turn of its own."""
        return deferToThreadPool(self._reactor, self._pool or self._start(), work, *arguments)

    def stop(self) -> None:
        """End the threads; a later call starts new ones."""
        if self._pool is not None:
            IReactorCore(self._reactor).removeSystemEventTrigger(self._trigger)
            pool, self._pool = self._pool, None
            pool.stop()

    def _start(self) -> ThreadPool:
        self._pool = pool = ThreadPool(minthreads=0, maxthreads=self._threads, name=self._name)
        pool.start()
        self._trigger = IReactorCore(self._reactor).addSystemEventTrigger("after", "shutdown", pool.stop)
        return pool


@implementer(IExecutor)
class InlineExecutor:
    """Runs everything at once on the caller's thread: for virtual time, where threads would be noise."""

    def run(self, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Call ``work`` now; the Deferred has fired already."""
        return execute(work, *arguments)

    def stop(self) -> None:
        """Do nothing: there is no thread."""
