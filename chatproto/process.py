"""What a process that serves a realm needs of its operating system and interpreter.

The library never does this by itself: only ``chatproto serve`` and ``twistd chatproto`` own their process.
"""

from __future__ import annotations

import contextlib
import gc
import resource
import signal
import sys
from collections.abc import Callable

from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.posixbase import PosixReactorBase

#: With the default of 5 ms the writer's thread waits that long for the interpreter behind a busy
#: reactor; with this a lone commit stays near the time of its sync.
_SWITCH_INTERVAL = 0.0005
#: Objects made, and collections of younger ones, between two of the collector's. The objects of a full batch
#: come and go within the first.
_COLLECT_AFTER = (20_000, 20, 50)


def prepare_process() -> None:
    """Let threads take turns more often, and let as many files be open as the system allows."""
    sys.setswitchinterval(_SWITCH_INTERVAL)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems state a hard limit that they do not grant; the soft one then stays.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def settle_process() -> None:
    """Let the collector of cycles leave alone what a process has once it serves, and come less often.

    Messages make no cycles, but their objects count, and each time the collector looks at everything that was
    imported. It took a tenth of the time of a message.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def end_once(reactor: PosixReactorBase) -> None:
    """Let the first SIGTERM or SIGINT stop the reactor in order, and further ones change nothing.

    To hurry would leave clients in doubt, and what is waited for has a bound. The reactor's own handlers stop
    it again at each signal, which is an error, and are gone before the process is.
    """
    ends = (signal.SIGTERM, signal.SIGINT)
    told = False

    def stop() -> None:
        with contextlib.suppress(ReactorNotRunning):  # what failed may have been quicker
            reactor.stop()

    def end(*_: object) -> None:
        nonlocal told
        if not told:
            told = True
            reactor.callFromThread(stop)

    def set_all(handler: Callable[..., None] | signal.Handlers) -> None:
        for each in ends:
            signal.signal(each, handler)

    # The reactor sets its own when it starts to run.
    reactor.callWhenRunning(set_all, end)
    # The interpreter forgets functions before it ends, but not what is ignored.
    reactor.addSystemEventTrigger("before", "shutdown", set_all, signal.SIG_IGN)


def on_hangup(reactor: IReactorFromThreads, do: Callable[[], None]) -> None:
    """Do something whenever the process gets SIGHUP, in place of ending."""
    # The handler may stand in the middle of anything; the reactor carries it out in a turn of its own.
    signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(do))
