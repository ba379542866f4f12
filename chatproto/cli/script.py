"""Lines from a pipe, carried out one after the other."""

from __future__ import annotations

import click
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.cli.logs import start_logging
from chatproto.cli.places import Place
from chatproto.cli.printing import Printing
from chatproto.cli.running import run
from chatproto.cli.talk import Outages, Talk
from chatproto.client import ChatClient, State
from chatproto.errors import ChatError
from chatproto.protocols.framing import LineFraming


@implementer(IHalfCloseableProtocol)
class ScriptInput(LineFraming):
    """Standard input as lines for a talk, and standard output.

    The next line comes when the one before is done. Printing goes through the reactor too, as standard output
    does not block.
    """

    def __init__(self) -> None:
        super().__init__()
        #: Fires when the script is over.
        self.over: Deferred[None] = Deferred()
        self._printed: Deferred[None] = Deferred()
        self._talk: Talk | None = None

    def connectionMade(self) -> None:
        """Wait for the talk to begin."""
        self.pauseProducing()

    def begin(self, talk: Talk) -> None:
        """Read lines for a talk."""
        self._talk = talk
        self.resumeProducing()

    def show(self, line: str) -> None:
        """Print a line."""
        if self.transport is not None:
            self.transport.write(line.encode(errors="backslashreplace") + b"\n")

    async def close(self) -> None:
        """Return when everything is printed that can be."""
        if self.transport is not None:
            self.transport.loseConnection()
            await self._printed

    def lineReceived(self, line: bytes) -> None:
        """Carry out a line; the next one has to wait."""
        assert self._talk is not None
        self.pauseProducing()
        Deferred.fromCoroutine(self._talk.run(line.decode(errors="replace"))).addBoth(self._go_on)

    def line_too_long(self, start: bytes) -> None:
        """Complain in the place of the line."""
        self.lineReceived(b"/line-too-long")

    def _go_on(self, result: object) -> None:
        assert self._talk is not None
        if isinstance(result, Failure):
            self.end(result)
        elif self._talk.ended:
            self.end(None)
        elif not self.over.called:
            self.resumeProducing()

    def readConnectionLost(self) -> None:
        """End the last line, and the script: the end of the input means /quit."""
        self.dataReceived(b"\n/quit\n")

    def writeConnectionLost(self) -> None:
        """Stop: nobody reads what the script prints."""
        self.transport = None
        self.end(Failure(click.ClickException("nobody reads what is printed")))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note that everything was printed."""
        self.transport = None
        self._printed.callback(None)

    def end(self, result: Failure | None) -> None:
        """End the script if it goes on, with an error if it could not be carried out."""
        if self._talk is not None and not self.over.called:
            self.over.callback(result)


def run_script(place: Place, *, user: str, password: str, register: bool, patience: float) -> int:
    """Run standard input as a script and return the exit code."""
    start_logging("error")
    return run(
        lambda reactor: _run(
            reactor, place, user=user, password=password, register=register, patience=patience
        )
    )


async def _run(
    reactor: PosixReactorBase, place: Place, *, user: str, password: str, register: bool, patience: float
) -> int:
    script = ScriptInput()
    printing = Printing(colours=False)
    outages = Outages(printing, complain)

    def changed(state: State, reason: str) -> None:
        outages.changed(state, reason)
        if state is State.CLOSED:
            script.end(Failure(click.ClickException(reason)))

    client = ChatClient(
        reactor, place.endpoint(reactor), user=user, password=password, register=register, on_state=changed
    )
    talk = Talk(reactor, client, printing, show=script.show, complain=complain, patient=True)
    try:
        await _connect(client, place, patience, reactor)
        printing.own = client.address or user
        StandardIO(script, reactor=reactor)
        script.begin(talk)
        await script.over
    finally:
        await client.close()
        await script.close()
    return 0 if talk.fine else 1


async def _connect(client: ChatClient, place: Place, patience: float, reactor: PosixReactorBase) -> None:
    try:
        await client.connect().addTimeout(patience, reactor)
    except DeferredTimeoutError:
        raise click.ClickException(f"{place.text} did not answer in {patience:g} s") from None
    except ChatError as error:
        raise click.ClickException(f"cannot log in: {error.text}") from None


def complain(line: str) -> None:
    """Print a line about something that went wrong."""
    click.echo(line, err=True)
