"""What the commands that serve have in common: process, signals, and what they tell of themselves.

Standard output belongs to scripts: one line a listener, ``ready``, and nothing more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click
from twisted.internet.defer import Deferred
from twisted.internet.posixbase import PosixReactorBase

from chatproto.cli.logs import LEVELS, start_logging
from chatproto.cli.running import run
from chatproto.errors import CannotServe
from chatproto.listeners import Listener, check_certificates
from chatproto.ports import Listening
from chatproto.process import end_once, on_hangup, prepare_process, settle_process
from chatproto.supervision import Supervisor

F = TypeVar("F", bound=Callable[..., Any])

_LOG = (
    click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True),
    click.option(
        "--log-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Where to log instead of standard error; may be moved away while it runs.",
    ),
)


def log_options(function: F) -> F:
    """Add the options that say what is logged, and where."""
    for option in reversed(_LOG):
        function = option(function)
    return function


def run_server(
    work: Callable[[PosixReactorBase], Coroutine[Any, Any, None]],
    listeners: Iterable[Listener],
    log_level: str,
    log_file: Path | None,
) -> None:
    """Be the process of a server: run ``work(reactor)`` until it is done.

    :raises ClickException: the log cannot be opened, or the server not serve.
    :raises ConfigError: a certificate cannot be used.
    """
    check_certificates(listeners)
    # What a server keeps, a store with its lock or keys, and its socket are the operator's alone.
    os.umask(0o077)
    prepare_process()
    try:
        start_logging(log_level, log_file)
    except OSError as error:
        raise click.ClickException(f"log file: {log_file}: {error.strerror}") from error
    try:
        run(work)
    except CannotServe as error:
        raise click.ClickException(str(error)) from error


class Serving:
    """A server as signals, a supervisor and scripts know it; made before it is opened.

    ``stop`` closes the server, and is called once; the process ends after its Deferred.
    """

    def __init__(
        self,
        reactor: PosixReactorBase,
        listeners: Iterable[Listener],
        stop: Callable[[], Deferred[None]],
        reload_certificates: Callable[[], None],
    ) -> None:
        self._supervisor = Supervisor(reactor)
        self._stop = stop
        self._stopping = False
        end_once(reactor)
        reactor.addSystemEventTrigger("before", "shutdown", self._end)
        # Where a terminal that closes should end the process, it does; a supervisor means the certificates.
        if self._supervisor.there or any(listener.tls for listener in listeners):
            on_hangup(reactor, reload_certificates)

    def _end(self) -> Deferred[None]:
        self._stopping = True
        self._supervisor.stopping()
        return self._stop()

    def ready(self, where: Iterable[Listening], name: str, status: str) -> None:
        """Tell that the server serves, unless it has to end by now."""
        if self._stopping:
            return
        # For a moment nobody is read, and older clients tell what they say apart by pauses only.
        settle_process()
        lines = [f"listening {each.name} {each.host} {each.port}" for each in where]
        print(*lines, f"ready {name}", sep="\n", flush=True)
        self._supervisor.ready(status)

    async def until(self, ended: Deferred[None]) -> None:
        """Wait until the server is closed, and tell no more."""
        try:
            await ended
        finally:
            self._supervisor.gone()
