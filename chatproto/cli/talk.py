"""What one can type into ``chatproto chat``: texts, and commands that begin with a slash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from chatproto.cli.printing import Printing
from chatproto.client import ChatClient, Message, Sent, State
from chatproto.errors import ChatError

#: How long ``/expect`` waits if it is not told.
EXPECT_SECONDS = 30.0
#: Messages that ``/history`` shows: about a screen.
HISTORY_ITEMS = 20


class Mistake(Exception):
    """What was typed cannot be done; the message says why."""


class Talk:
    """One user's talk with a realm: carries out lines, shows messages.

    ``show`` prints a line, ``complain`` prints one about something that went wrong. With ``patient`` a line
    is done when its message is stored; else a message goes on in the background, and only its failure is
    shown.
    """

    def __init__(
        self,
        clock: IReactorTime,
        client: ChatClient,
        printing: Printing,
        *,
        show: Callable[[str], None],
        complain: Callable[[str], None],
        patient: bool,
    ) -> None:
        #: Whom texts go to.
        self.to: str | None = None
        #: Whether the user wants to leave.
        self.ended = False
        #: Whether everything worked so far.
        self.fine = True
        self._clock = clock
        self._client = client
        self._printing = printing
        self._show = show
        self._complain = complain
        self._patient = patient
        self._expected = 0  # messages that came and that no /expect has counted
        self._arrival: Deferred[None] | None = None
        client.on_message(self._received)

    async def run(self, line: str) -> None:
        """Carry out a line; what goes wrong is shown and remembered, never raised."""
        try:
            await self._run(line)
        except Mistake as mistake:
            self._failed(str(mistake))
        except ChatError as error:
            self._failed(f"{error.code}: {error.text}")

    async def _run(self, line: str) -> None:
        line = line.strip()
        if not line:
            return
        if not line.startswith("/"):
            if self.to is None:
                raise Mistake("whom to? begin with /to NAME")
            await self._send(self.to, line)
            return
        word, _, rest = line.partition(" ")
        slash = SLASHES.get(word)
        if slash is None:
            raise Mistake(f"there is no {word}; /help lists what there is")
        arguments = rest.split(maxsplit=max(slash.most - 1, 0))
        if not slash.least <= len(arguments) <= slash.most:
            raise Mistake(f"it is {slash.usage}")
        await slash.run(self, *arguments)

    def _received(self, message: Message) -> None:
        self._show(self._printing.message(message.from_, message.to, message.text, message.at))
        self._expected += 1
        if self._arrival is not None:
            arrival, self._arrival = self._arrival, None
            arrival.callback(None)

    def _failed(self, reason: str) -> None:
        if self._client.state is State.CLOSED:
            return  # whoever closed it knows
        self.fine = False
        self._complain(self._printing.error(reason))

    async def greet(self) -> None:
        """Tell what came while nobody listened."""
        page = await self._client.conversations()
        unread = [state for state in page.conversations if state.unread]
        if unread:
            shown = ", ".join(f"{self._printing.name(state.with_)} ({state.unread})" for state in unread)
            self._show(self._printing.note(f"unread: {shown}; /history NAME shows it"))

    async def _send(self, to: str, text: str) -> None:
        sending = self._client.send(to, text)
        if not self._patient:
            sending.addErrback(self._not_sent, to)
            return
        sent: Sent = await sending
        self._show(self._printing.note(f"sent to {to}" + ("" if sent.seq is None else f" as {sent.seq}")))

    def _not_sent(self, failure: Failure, to: str) -> None:
        failure.trap(ChatError)
        assert isinstance(failure.value, ChatError)
        self._failed(f"not sent to {to}: {failure.value.text}")

    async def msg(self, to: str, text: str) -> None:
        """Send a text to NAME."""
        await self._send(to, text)

    async def address(self, to: str) -> None:
        """Send what is typed from now on to NAME, a user or a group."""
        self.to = to

    async def history(self, with_: str | None = None) -> None:
        """Show the last messages with NAME, and mark them as read."""
        with_ = with_ or self.to
        if with_ is None:
            raise Mistake("the history of what? say /history NAME")
        page = await self._client.history(with_, limit=HISTORY_ITEMS)
        for item in page.messages:
            self._show(self._printing.message(item.from_, item.to, item.text, item.at))
        if page.messages:
            await self._client.read(with_, page.messages[-1].seq)
        else:
            self._show(self._printing.note(f"nothing was said with {with_}"))

    async def create(self, group: str) -> None:
        """Make the group NAME."""
        self._show(self._printing.note(f"made {(await self._client.groups.create(group)).group}"))

    async def join(self, group: str) -> None:
        """Join the group NAME."""
        self._show(self._printing.note(f"joined {(await self._client.groups.join(group)).group}"))

    async def leave(self, group: str) -> None:
        """Leave the group NAME."""
        self._show(self._printing.note(f"left {(await self._client.groups.leave(group)).group}"))

    async def members(self, group: str) -> None:
        """List the members of the group NAME."""
        page = await self._client.groups.members(group)
        self._list(page.members, complete=page.complete)

    async def who(self) -> None:
        """List who is connected."""
        page = await self._client.active()
        self._list(page.users, complete=page.complete)

    def _list(self, names: list[str], *, complete: bool) -> None:
        shown = "  ".join(self._printing.name(name) for name in names)
        self._show((shown or self._printing.note("nobody")) + ("" if complete else "  ..."))

    async def conversations(self) -> None:
        """List conversations and how much of each is unread."""
        page = await self._client.conversations()
        for state in page.conversations:
            self._show(f"{self._printing.name(state.with_)}  {state.unread} unread")
        if not page.conversations:
            self._show(self._printing.note("there are none"))

    async def wait(self, seconds: str) -> None:
        """Wait before the next line."""
        await deferLater(self._clock, _number(seconds))

    async def expect(self, count: str, seconds: str | None = None) -> None:
        """Wait until COUNT messages have come since the last /expect."""
        wanted = int(_number(count))
        end = self._clock.seconds() + (EXPECT_SECONDS if seconds is None else _number(seconds))
        while self._expected < wanted:
            self._arrival = Deferred()
            self._arrival.addTimeout(max(end - self._clock.seconds(), 0.0), self._clock)
            try:
                await self._arrival
            except DeferredTimeoutError:
                self._arrival = None
                raise Mistake(f"only {self._expected} of {wanted} messages came") from None
        self._expected -= wanted

    async def help(self) -> None:
        """Show this list."""
        width = max(len(slash.usage) for slash in SLASHES.values())
        for slash in SLASHES.values():
            self._show(f"{slash.usage:{width}}  {slash.run.__doc__}")
        self._show(f"{'TEXT':{width}}  Say it to whom /to named.")

    async def quit(self) -> None:
        """Leave."""
        self.ended = True


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


def _number(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e6:
        raise Mistake(f"{word} is not a number that makes sense here")
    return number


class Slash(Struct, frozen=True):
    """A command that begins with a slash: how it is written, and with how many words after it."""

    usage: str
    run: Callable[..., Awaitable[None]]
    least: int
    most: int


SLASHES = {
    slash.usage.split()[0]: slash
    for slash in (
        Slash("/to NAME", Talk.address, 1, 1),
        Slash("/msg NAME TEXT", Talk.msg, 2, 2),
        Slash("/history [NAME]", Talk.history, 0, 1),
        Slash("/conversations", Talk.conversations, 0, 0),
        Slash("/create NAME", Talk.create, 1, 1),
        Slash("/join NAME", Talk.join, 1, 1),
        Slash("/leave NAME", Talk.leave, 1, 1),
        Slash("/members NAME", Talk.members, 1, 1),
        Slash("/who", Talk.who, 0, 0),
        Slash("/wait SECONDS", Talk.wait, 1, 1),
        Slash("/expect COUNT [SECONDS]", Talk.expect, 1, 2),
        Slash("/help", Talk.help, 0, 0),
        Slash("/quit", Talk.quit, 0, 0),
    )
}
