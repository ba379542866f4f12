"""One user's talk with a realm: carries out the lines that are typed, and takes what comes."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from chatproto.cli.conversations import SAID, Conversation, Conversations
from chatproto.cli.printing import Printing
from chatproto.cli.slashes import SLASHES, Mistake
from chatproto.cli.transfers import Transfers
from chatproto.client import ChatClient, IsTyping, LiveChange, LiveMembers, Message, Receipt, Sent, State
from chatproto.errors import ChatError, ConnectionUnavailable, Distrust, TlsNeeded, UnknownCommand
from chatproto.events import PENDING, Done, GroupChanged, Hint, HistoryItem

#: Texts that are shown as on their way, at most; and the newest that came, of which one may be among them.
MOST_AWAY = 100


def refusal(error: ChatError) -> str:
    """Say why the talk could not begin."""
    if isinstance(error, Distrust | TlsNeeded):
        return f"cannot connect: {error.text}"
    if isinstance(error, UnknownCommand):
        return "cannot log in: the realm is of another version, and does not know how"
    return f"cannot log in: {error.text}"


class View(Protocol):
    """What is shown of messages. A script has them all in a row, a terminal has a conversation in front."""

    def received(self, message: Message) -> None:
        """Take a message as it comes."""
        ...

    def page(self, conversation: Conversation, items: Sequence[HistoryItem], title: str) -> None:
        """Show a page of history, oldest first."""
        ...

    async def enter(self, name: str) -> None:
        """Hear that texts go to a name from now on.

        :raises ChatError: nobody has the name, or it is a group that is not the user's.
        """
        ...

    def leave(self) -> None:
        """Hear that texts go to nobody from now on."""
        ...

    def changed(self) -> None:
        """Hear that something else than messages has changed."""
        ...

    def show_all(self) -> str:
        """Show a line on each message, also of groups that are not in front, or no longer; say which."""
        ...


class Pending(Struct):
    """A text that the realm has not answered for, or that another realm has to put into its group."""

    to: str
    text: str


class Talk:
    """What commands act on: the client, what is known of conversations, and the ways to show and to ask.

    ``show`` prints a line, ``complain`` one about something that went wrong, ``ask`` asks for a secret. With
    ``patient`` a text is done when it is stored; else it goes on in the background, among :attr:`pending`.
    """

    def __init__(
        self,
        clock: IReactorTime,
        client: ChatClient,
        printing: Printing,
        conversations: Conversations,
        view: View,
        *,
        show: Callable[[str], None],
        complain: Callable[[str], None],
        ask: Callable[[str], Awaitable[str]],
        patient: bool,
    ) -> None:
        self.clock = clock
        self.client = client
        self.printing = printing
        self.conversations = conversations
        self.view = view
        self.show = show
        self.ask = ask
        self.patient = patient
        #: Whom texts go to.
        self.to: str | None = None
        #: Whether the user wants to leave.
        self.ended = False
        #: Whether everything worked so far.
        self.fine = True
        #: Texts and files that came from others and that no /expect has counted.
        self.expected = 0
        #: Fires with the next of them.
        self.arrival: Deferred[None] | None = None
        #: Texts on their way, in their order.
        self.pending: dict[int, Pending] = {}
        #: Files on their way.
        self.transfers = Transfers(self)
        #: Texts that are stored here, by their mid, until they come back from the realm of their group.
        self.away: dict[str, Pending] = {}
        #: Mids of what came: after a lost connection a text may come before the answer to it.
        self._came: deque[str] = deque(maxlen=MOST_AWAY)
        self._number = 0
        self._waiter: Deferred[None] | None = None
        self._complain = complain
        client.on_message(self._received)
        client.on_hint(self._hinted)

    async def run(self, line: str) -> None:
        """Carry out a line; what goes wrong is shown and remembered, never raised."""
        try:
            await self._run(line)
        except Mistake as mistake:
            self.failed(str(mistake))
        except ConnectionUnavailable as error:
            self.failed(error.text)  # without its code, which says the same
        except UnknownCommand:
            self.failed("unknown-command: the realm is of another version, and does not know this command")
        except ChatError as error:
            self.failed(f"{error.code}: {error.text}")

    async def _run(self, line: str) -> None:
        stripped = line.strip()
        if not stripped:
            return
        if stripped.startswith("//"):
            line = stripped[1:]  # a text that begins with a slash
        elif stripped.startswith("/"):
            await self._command(stripped)
            return
        if self.to is None:
            raise Mistake("whom to? begin with /to NAME")
        await self.send(self.to, line.strip("\r\n").rstrip())  # a first line's indentation may matter

    async def _command(self, line: str) -> None:
        word, *rest = line.split(maxsplit=1)
        slash = SLASHES.get(word)
        if slash is None:
            near = difflib.get_close_matches(word, SLASHES, n=1, cutoff=0.7)
            instead = f"did you mean {near[0]}?" if near else "/help lists what there is"
            raise Mistake(f"there is no {word}; {instead}")
        await slash.run(self, *slash.arguments("".join(rest)))

    def _received(self, message: Message) -> None:
        ends = message.about if message.kind == "bounce" and message.about else message.mid
        self._came.append(ends)
        self.away.pop(ends, None)
        self.view.received(message)
        if message.kind in SAID and not self.conversations.is_own(message.from_):
            self.expected += 1
            if self.arrival is not None:
                arrival, self.arrival = self.arrival, None
                arrival.callback(None)

    def _hinted(self, hint: Hint | LiveMembers) -> None:
        match hint:
            case Receipt():
                self.conversations.receipt(hint)
            case IsTyping():
                self.conversations.typing(hint)
            case LiveChange():
                self.conversations.live(hint)
            case LiveMembers():
                self.conversations[hint.group].live = hint.live
        self.view.changed()

    def failed(self, reason: str) -> None:
        """Show what went wrong."""
        if self.client.state is State.CLOSED:
            return  # whoever closed it knows
        self.fine = False
        self._complain(self.printing.error(reason))

    def note(self, text: str) -> None:
        """Show something that was done."""
        self.show(self.printing.note(text))

    async def send(self, to: str, text: str) -> None:
        """Send a text, and wait until it is stored if that is how this talk is."""
        sending = self.client.send(to, text)
        if self.patient:
            sent: Sent = await sending
            if sent.state == PENDING:
                self.note(f"on its way to {to}")
            else:
                self.note(f"sent to {to}" + ("" if sent.seq is None else f" as {sent.seq}"))
            return
        self._number += 1
        self.pending[self._number] = Pending(to, text)
        sending.addCallbacks(self._sent, self._not_sent, (self._number,), errbackArgs=(self._number,))
        sending.addBoth(self._settled, self._number)
        self.view.changed()

    def _sent(self, sent: Sent, number: int) -> None:
        if sent.state != PENDING or sent.mid in self._came:
            return
        if len(self.away) >= MOST_AWAY:
            del self.away[next(iter(self.away))]
        self.away[sent.mid] = self.pending[number]

    def _not_sent(self, failure: Failure, number: int) -> None:
        failure.trap(ChatError)
        assert isinstance(failure.value, ChatError)
        if self.client.state is not State.CLOSED:
            pending = self.pending[number]
            text = self.printing.cut_to(" ".join(pending.text.split()), 40)
            self.failed(f"not sent to {pending.to}: {failure.value.text} ({text})")

    def _settled(self, result: object, number: int) -> None:
        if self.client.state is not State.CLOSED:  # else what was not sent is told at the end
            del self.pending[number]
            self.view.changed()
        if not self.pending and self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            waiter.callback(None)

    def settled(self) -> Deferred[None]:
        """Fire when nothing is on its way."""
        if not self.pending:
            return succeed(None)
        self._waiter = Deferred()
        return self._waiter

    def done(self, reply: Done | GroupChanged, text: str) -> bool:
        """Show what was done to a group, and tell whether it is; else its realm has not answered in time."""
        if reply.state == PENDING:
            self.note(f"waiting for its realm: {text}")
            return False
        self.note(text)
        return True

    async def talk_to(self, name: str) -> None:
        """Send what is typed from now on to a name; to nobody, if there is nobody of that name."""
        self.to = name
        try:
            await self.view.enter(name)
        except ChatError:
            # Lines that were typed already must not go to whom they were not meant for.
            self.forget(name)
            raise

    def forget(self, name: str) -> None:
        """Send to nobody, if it was to a name."""
        if self.to is not None and self.conversations[name] is self.conversations[self.to]:
            self.to = None
            self.view.leave()

    def here(self, name: str | None) -> str:
        """Return a name, or else whom texts go to."""
        name = name or self.to
        if name is None:
            raise Mistake("of which conversation? name it, or begin with /to NAME")
        return name
