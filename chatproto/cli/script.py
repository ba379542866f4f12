"""Lines from a pipe, carried out one after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import click
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.cli.conversations import Conversation, Conversations
from chatproto.cli.logs import start_logging
from chatproto.cli.places import Place
from chatproto.cli.printing import Printing
from chatproto.cli.running import run
from chatproto.cli.talk import Talk, refusal
from chatproto.client import ChatClient, Message, State
from chatproto.client.link import StateCallback
from chatproto.errors import ChatError
from chatproto.events import HistoryItem
from chatproto.protocols.framing import LineFraming

#: How long the realm has to end the session.
LEAVING_SECONDS = 3.0
#: How long a script that is interrupted has for that, and for what is not yet printed.
ENDING_SECONDS = 5.0


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
        self._answer: Deferred[str] | None = None

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

    def ask(self, question: str) -> Deferred[str]:
        """Take the next line as the answer to a question."""
        self._answer = Deferred()
        self.resumeProducing()
        return self._answer

    async def close(self) -> None:
        """Return when everything is printed that can be."""
        if self.transport is not None:
            self.transport.loseConnection()
            await self._printed

    def lineReceived(self, line: bytes) -> None:
        """Carry out a line; the next one has to wait."""
        assert self._talk is not None
        self.pauseProducing()
        text = line.decode(errors="replace")
        if self._answer is not None:
            answer, self._answer = self._answer, None
            answer.callback(text)
            return
        Deferred.fromCoroutine(self._talk.run(text)).addBoth(self._go_on)

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


class Listing:
    """Shows every message, one after the other, each so that it is clear by itself."""

    def __init__(self, printing: Printing, conversations: Conversations, show: Callable[[str], None]) -> None:
        self._printing = printing
        self._conversations = conversations
        self._show = show

    def received(self, message: Message) -> None:
        """Show a message."""
        self._conversations.heard(message)
        self._show(self._printing.listed(message))

    def page(self, conversation: Conversation, items: Sequence[HistoryItem], title: str) -> None:
        """Show messages."""
        for item in items:
            self._show(self._printing.listed(item))

    async def enter(self, name: str) -> None:
        """Show nothing: a script asks for what it wants to see."""

    def leave(self) -> None:
        """Show nothing."""

    def changed(self) -> None:
        """Show nothing."""

    def show_all(self) -> str:
        """Say that this is so anyway."""
        return "a script is shown every message in full"


class Outages:
    """Says once that the realm is away, and once that it is back."""

    def __init__(self, printing: Printing, show: Callable[[str], None]) -> None:
        self._printing = printing
        self._show = show
        self._away = False

    def changed(self, state: State, reason: str) -> None:
        """Hear of a change of the client's state."""
        if state is State.WAITING and not self._away:
            self._away = True
            self._show(self._printing.note(f"{reason}; trying again"))
        elif state is State.ONLINE and self._away:
            self._away = False
            self._show(self._printing.note("connected"))


def run_script(
    place: Place, *, user: str, password: str, register: bool, invite: str | None, patience: float
) -> int:
    """Run standard input as a script and return the exit code."""
    start_logging("error")

    def make_client(reactor: PosixReactorBase, on_state: StateCallback) -> ChatClient:
        return ChatClient(
            reactor,
            place.endpoint(reactor),
            user=user,
            password=password,
            register=register,
            invite=invite,
            again=False,
            on_state=on_state,
        )

    return run(lambda reactor: _run(reactor, place, make_client, patience), ending_seconds=ENDING_SECONDS)


async def _run(
    reactor: PosixReactorBase,
    place: Place,
    make_client: Callable[[PosixReactorBase, StateCallback], ChatClient],
    patience: float,
) -> int:
    script = ScriptInput()
    printing = Printing(colours=False)
    outages = Outages(printing, complain)
    conversations = Conversations(reactor.seconds)

    def changed(state: State, reason: str) -> None:
        outages.changed(state, reason)
        if state is State.CLOSED:
            script.end(None if client.error is None else Failure(click.ClickException(reason)))

    client = make_client(reactor, changed)
    talk = Talk(
        reactor,
        client,
        printing,
        conversations,
        Listing(printing, conversations, script.show),
        show=script.show,
        complain=complain,
        ask=script.ask,
        patient=True,
    )
    try:
        await _connect(client, place, patience, reactor)
        assert client.address is not None
        printing.own = conversations.own = client.address
        StandardIO(script, reactor=reactor)
        script.begin(talk)
        await script.over
    finally:
        await _leave(client, reactor)
        await script.close()
    return 0 if talk.fine else 1


async def _leave(client: ChatClient, reactor: PosixReactorBase) -> None:
    """End the session with the script, or it would stay among the account's for weeks."""
    if client.state is State.ONLINE:
        with contextlib.suppress(ChatError, DeferredTimeoutError):
            await client.account.logout().addTimeout(LEAVING_SECONDS, reactor)
    await client.close()


async def _connect(client: ChatClient, place: Place, patience: float, reactor: PosixReactorBase) -> None:
    try:
        await client.connect().addTimeout(patience, reactor)
    except DeferredTimeoutError:
        raise click.ClickException(f"{place.text} did not answer in {patience:g} s") from None
    except ChatError as error:
        raise click.ClickException(refusal(error)) from None


def complain(line: str) -> None:
    """Print a line about something that went wrong."""
    click.echo(line, err=True)
