"""One thing that is done at a realm as its user, and then the session ends: for scripts."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec import Struct
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.posixbase import PosixReactorBase

from chatproto.cli.chat import PASSWORD
from chatproto.cli.logs import start_logging
from chatproto.cli.places import Place
from chatproto.cli.running import run
from chatproto.cli.show import Show
from chatproto.cli.talk import refusal
from chatproto.cli.transfers import says
from chatproto.client import ChatClient, Progress, Stage, State
from chatproto.errors import ChatError, ConnectionUnavailable

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

#: How long the realm has to end the session.
_LEAVING_SECONDS = 3.0
#: How long an errand that is interrupted has for that.
_ENDING_SECONDS = 5.0
#: The exit code of one that is not done, and that the same command goes on with.
UNFINISHED = 3
_AGAIN = "the same command goes on with it"
#: What passes as soon as somebody makes room.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

_OPTIONS = (
    click.option("--user", required=True, metavar="NAME", help="Who you are."),
    click.option(
        "--password-file",
        type=click.File(),
        metavar="FILE",
        help=f"Whose first line is the password; - is standard input.  [default: {PASSWORD}]",
    ),
    click.option(
        "--patience",
        type=click.FloatRange(min=0),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait, at a time, for a realm that is away or has no room, or for bytes.",
    ),
    click.option("--quiet", is_flag=True, help="Show no bar, and not why it waits."),
    click.option("--tls", is_flag=True, help="Speak TLS; the certificate has to prove to be that of HOST."),
    click.option("--pin", metavar="FINGERPRINT", help="Speak TLS with the server of this key, and no other."),
    click.option(
        "--ca",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Speak TLS, trusting the authorities in a file.",
    ),
    click.option("--insecure", is_flag=True, help="Go without TLS to another machine: others read along."),
)


def errand_options(function: F) -> F:
    """Add the options that say where a realm is, and who one is there."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


class Entry(Struct, frozen=True):
    """Where, as whom and for how long."""

    place: Place
    user: str
    password: str
    patience: float
    quiet: bool

    @classmethod
    def parse(
        cls,
        place: str,
        *,
        user: str,
        password_file: Any,
        patience: float,
        quiet: bool,
        tls: bool,
        pin: str | None,
        ca: Path | None,
        insecure: bool,
    ) -> Entry:
        """Return what the options say.

        :raises UsageError: they do not fit together, or there is no password.
        """
        where = Place.parse(place, tls=tls, pin=pin, ca=ca)
        if not where.private and not insecure:
            raise click.UsageError("the password would cross the network readable: add --tls, or --insecure.")
        if password_file is not None:
            password = password_file.readline().rstrip("\r\n")
        else:
            password = os.environ.get(PASSWORD, "")
        if not password and password_file is None and sys.stdin.isatty():
            password = str(click.prompt("password", hide_input=True, err=True))
        if not password:
            raise click.UsageError(f"a script has to set {PASSWORD}, or name a --password-file.")
        return cls(where, user, password, patience, quiet)


class Errand:
    """What an errand works with: the client, a way to show how far files are, and patience."""

    def __init__(self, reactor: PosixReactorBase, client: ChatClient, show: Show, patience: float) -> None:
        self.client = client
        self._reactor = reactor
        self._show = show
        self._patience = patience
        self._giving_up: IDelayedCall | None = None

    async def follow(self, title: str, begin: Callable[[Callable[[Progress], None]], Deferred[T]]) -> T:
        """Return what becomes of a file, whose progress is shown.

        :raises ClickException: it could not be done; :class:`Unfinished` if it can be gone on with.
        """
        showing = self._show.begin(title)
        step, most = Progress(Stage.QUEUED, 0, 0), 0

        def heard(progress: Progress) -> None:
            nonlocal step, most
            step = progress
            showing(progress)
            if progress.done > most or progress.stage in (Stage.READING, Stage.DONE):
                most = max(most, progress.done)
                self._stop_waiting()
            elif progress.stage is Stage.WAITING and self._giving_up is None:
                self._giving_up = self._reactor.callLater(self._patience, give_up)

        def give_up() -> None:
            transfer.cancel()

        transfer = begin(heard)
        try:
            return await transfer
        except CancelledError:
            if self._giving_up is None or self._giving_up.active():
                raise  # by a signal
            reason = f"{step.reason or 'nothing came'} for {self._patience:g} s"
            raise Unfinished(f"{title}: {reason}; {_AGAIN}") from None
        except OSError as error:
            if error.errno in _FULL:
                raise Unfinished(f"{title}: {says(error, name=False)}; {_AGAIN}") from None
            raise click.ClickException(says(error) if error.filename else f"{title}: {says(error)}") from None
        except ConnectionUnavailable as error:
            raise Unfinished(f"{title}: {error.text}; {_AGAIN}") from None
        except ChatError as error:
            if error.retry_after is not None:
                raise Unfinished(f"{title}: {error.text}; try in {error.retry_after:.0f} s") from None
            raise
        finally:
            self._stop_waiting()
            self._show.end()

    def _stop_waiting(self) -> None:
        if self._giving_up is not None and self._giving_up.active():
            self._giving_up.cancel()
        self._giving_up = None


class Unfinished(click.ClickException):
    """An errand ended that the same command goes on with."""

    exit_code = UNFINISHED


def run_errand(entry: Entry, work: Callable[[Errand], Awaitable[None]]) -> int:
    """Log in, do the work, log out."""
    start_logging("error")

    async def begin(reactor: PosixReactorBase) -> None:
        client = ChatClient(
            reactor, entry.place.endpoint(reactor), user=entry.user, password=entry.password, again=False
        )
        show = Show(reactor.seconds, quiet=entry.quiet)
        try:
            await _connect(client, entry, reactor)
            await work(Errand(reactor, client, show, entry.patience))
        finally:
            if client.state is State.ONLINE:
                with contextlib.suppress(ChatError, DeferredTimeoutError):
                    await client.account.logout().addTimeout(_LEAVING_SECONDS, reactor)
            await client.close()

    run(begin, ending_seconds=_ENDING_SECONDS)
    return 0


async def _connect(client: ChatClient, entry: Entry, reactor: PosixReactorBase) -> None:
    try:
        await client.connect().addTimeout(entry.patience, reactor)
    except DeferredTimeoutError:
        raise Unfinished(f"{entry.place.text} did not answer in {entry.patience:g} s") from None
    except ChatError as error:
        raise click.ClickException(refusal(error)) from None
