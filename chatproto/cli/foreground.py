"""What a terminal shows: one conversation in front, and what goes on in the others.

It decides which messages are printed and how, and tells the realm what was read. It knows no terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from chatproto.cli.conversations import Conversation, Conversations
from chatproto.cli.printing import Printing, local_day
from chatproto.client import ChatClient, Message, State
from chatproto.errors import ChatError, ConnectionUnavailable
from chatproto.events import HistoryItem

#: Messages that are shown when a conversation comes to the front: so many, or else all that are unread, up to
#: a screen or two.
CONTEXT = 10
MOST_UNREAD = 50
#: That something was read is told after so long: a burst of messages is one position.
READ_SECONDS = 0.3
#: Lines a second on what is said elsewhere. What a long absence brings is counted, not listed.
GLIMPSES = 5
#: Messages that wait for the page that they come behind; if there are more, another page has them.
HELD = 500


class Front:
    """Prints what is to be seen of messages. ``on_change`` is called when a bar has something new to show."""

    def __init__(
        self,
        clock: IReactorTime,
        client: ChatClient,
        printing: Printing,
        conversations: Conversations,
        *,
        show: Callable[[str], None],
        on_change: Callable[[], None],
    ) -> None:
        #: The conversation in front.
        self.current: Conversation | None = None
        self._clock = clock
        self._client = client
        self._printing = printing
        self._conversations = conversations
        self._show = show
        self._on_change = on_change
        self._all = False
        self._day = ""
        self._loading = False
        #: What is in front was not fetched yet.
        self._stale = False
        #: What came while a page is fetched, and is to stand behind it.
        self._held: list[Message] = []
        #: There were more than those.
        self._missed = False
        self._reading: IDelayedCall | None = None
        self._closed = False
        self._glimpses = (0, 0)

    def received(self, message: Message) -> None:
        """Print a message of the conversation in front, or a short line, or only count it."""
        conversation = self._conversations.heard(message)
        if conversation is self.current:
            if self._loading and len(self._held) < HELD:
                self._held.append(message)
            elif self._loading:
                self._missed = True
            else:
                conversation.shown = 0  # the client hands out nothing twice, and positions may begin again
                self._print_new(conversation, [message])
        elif self._is_worth_a_line(message) and self._has_room():
            self._show(self._printing.glimpse(message))
        self._on_change()

    def _is_worth_a_line(self, message: Message) -> bool:
        own = self._printing.is_own
        return self._all or own(message.from_) or own(message.to)

    def _has_room(self) -> bool:
        second = int(self._clock.seconds())
        self._glimpses = (second, self._glimpses[1] + 1 if self._glimpses[0] == second else 1)
        return self._glimpses[1] <= GLIMPSES

    def show_all(self) -> str:
        """See :meth:`View.show_all`."""
        self._all = not self._all
        return (
            "what is said in other groups is shown in short lines"
            if self._all
            else "what is said in other groups is only counted"
        )

    def changed(self) -> None:
        """See :meth:`View.changed`."""
        self._on_change()

    def page(self, conversation: Conversation, items: Sequence[HistoryItem], title: str) -> None:
        """Print a page of history between two rules."""
        self._begin(title)
        for item in items:
            self._print(item)
        self._begin("now" if self.current is None else self._printing.name(self.current.address))

    def _begin(self, title: str) -> None:
        """Print a rule, below which messages of today need not say so."""
        self._show(self._printing.rule(title))
        self._day = _today()

    async def enter(self, name: str) -> None:
        """Bring a conversation to the front, with its last messages.

        Without a connection it comes to the front all the same, and the messages come with the next one.

        :raises ChatError: the realm has no such name, or it is a group that is not the user's.
        """
        self._read_now()
        conversation = self.current = self._conversations[name]
        self._stale = False
        self._on_change()
        try:
            await self._load(conversation)
        except ConnectionUnavailable:
            self._stale = True
            self._begin(self._printing.name(conversation.address))
            self._show(
                self._printing.note("there is no connection; what was said is shown when there is one")
            )

    async def _load(self, conversation: Conversation) -> None:
        self._held, self._missed = [], False
        unread = conversation.unread
        limit = max(CONTEXT, min(unread, MOST_UNREAD))
        self._loading = True
        try:
            page = await self._client.history(conversation.address, limit=limit)
            topic = await self._look_at(conversation) if conversation.is_group else ""
        finally:
            self._loading = False
        self._stale = False
        self._begin(self._printing.name(conversation.address))
        if topic:
            self._show(self._printing.note(f"topic: {topic}"))
        if unread > len(page.messages):
            self._show(self._printing.note(f"{unread} are unread; PageUp or /more shows those before these"))
        if not page.messages:
            self._show(self._printing.note("nothing was said yet"))
        self._conversations.paged(conversation, page.messages)
        conversation.shown = 0
        self._print_new(conversation, [*page.messages, *self._held])
        if self._missed:
            await self._load(conversation)

    async def _look_at(self, conversation: Conversation) -> str:
        """Learn who is in a group, and return its topic."""
        try:
            state = await self._client.groups.describe(conversation.address)
            conversation.members = (await self._client.groups.members(conversation.address)).members
        except ChatError:
            return ""  # a group that one has left still has its history
        conversation.live = state.live
        return state.topic

    def leave(self) -> None:
        """Have nothing in front."""
        self._read_now()
        self.current = None
        self._on_change()

    def learned(self) -> None:
        """Hear that unread counts are the realm's, which may not know yet that what is in front is read."""
        if self.current is not None and not self._stale:
            self.current.unread = 0

    async def back(self) -> None:
        """Show what is missing after a connection was lost and is back."""
        if self.current is None:
            return
        if self._stale and not self._loading:
            await self._load(self.current)
        if self.current.is_group:
            await self._look_at(self.current)
        self._read_soon()

    def close(self) -> None:
        """Tell what was read, and nothing after it."""
        self._read_now()
        self._closed = True

    def _print_new(self, conversation: Conversation, items: Sequence[HistoryItem]) -> None:
        for item in items:
            if item.seq > conversation.shown:
                conversation.shown = item.seq
                self._print(item)
        conversation.unread = 0
        self._read_soon()

    def _print(self, item: HistoryItem) -> None:
        day = local_day(item.at)
        if day and day != self._day:
            self._day = day
            self._show(self._printing.note(day))
        self._show(self._printing.spoken(item))

    def _read_soon(self) -> None:
        if self._reading is None and not self._closed:
            self._reading = self._clock.callLater(READ_SECONDS, self._read)

    def _read_now(self) -> None:
        """Do not wait: what is in front will not be there any more."""
        if self._reading is not None:
            self._reading.cancel()
            self._read()

    def _read(self) -> None:
        self._reading = None
        found = self.current
        if found is None or found.newest <= found.read or self._client.state is not State.ONLINE:
            return
        seq = found.newest
        self._client.read(found.address, seq).addCallbacks(lambda _: self._was_read(found, seq), _hush)

    def _was_read(self, conversation: Conversation, seq: int) -> None:
        conversation.read = max(conversation.read, seq)
        if conversation is self.current and conversation.newest > seq:
            self._read_soon()


def _hush(failure: Failure) -> None:
    """What was not told now is told with the next message, or when the connection is back."""
    failure.trap(ChatError)


def _today() -> str:
    return local_day(datetime.now().astimezone().isoformat())
