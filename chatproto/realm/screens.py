"""What accounts were shown in live mode, which does not stand in their inboxes after that.

A line counts as shown when it was written to the connection, or handed to it before the user left: then the
farewell comes behind it. What was lost on the way is in the inbox.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from chatproto.events import Event, Message
from chatproto.realm.conversations import Group
from chatproto.realm.cursors import Cursors
from chatproto.realm.logins import Login
from chatproto.realm.spans import Span, Spans
from chatproto.records import MessageRow

#: Kinds of cursors: the ends of each span of a group's messages, and of the inbox.
_SHOWN, _INBOX = ("shown-after", "shown-until"), "inbox"


class _Account:
    """What one account was shown, while somebody asks for it, by the group's conversation."""

    def __init__(self, account: str, cursors: Cursors) -> None:
        self._account = account
        self._cursors = cursors
        self.users = 0
        self._loaded = False
        #: Up to where the inbox was emptied, when this was read.
        self.taken = 0
        self._groups: dict[int, Spans] = {}

    async def load(self) -> None:
        """Read it, the first time."""
        taken = await self._cursors.load((self._account, _INBOX, 0))
        groups = {} if self._loaded else await Spans.load(self._cursors, self._account, _SHOWN)
        self._groups = groups | self._groups  # another one may have read it meanwhile
        self.taken = taken
        self._loaded = True

    def spans(self, conversation: int) -> Spans:
        """Return those of one group."""
        spans = self._groups.get(conversation)
        if spans is None:
            spans = self._groups[conversation] = Spans(self._cursors, self._account, _SHOWN, conversation)
        return spans

    def was_shown(self, row: MessageRow) -> bool:
        """Tell whether a message was."""
        spans = self._groups.get(row.conversation)
        return spans is not None and row.kind == "text" and row.seq in spans


class Screen:
    """One connection in live mode, for a user with an inbox. It is used until :meth:`close`."""

    def __init__(self, account: _Account, group: Group, close: Callable[[], None]) -> None:
        self._account = account
        self._group = group
        self.close = close
        self._after = self._pushed = 0
        self._span: Span | None = None

    def begin(self, published: int) -> None:
        """Begin to show what is published behind a seq."""
        self._after = self._pushed = published

    def claim(self, event: Event) -> Callable[[], bool] | None:
        """Return what to ask when an event is written, if it is something that is said in the group."""
        if type(event) is not Message or event.kind != "text" or event.to != self._group.row.shown_a:
            return None
        self._pushed = event.seq
        return partial(self._shown, event.seq)

    def left(self) -> None:
        """Hear that the user left: what was handed on until now is written before that is told."""
        if self._pushed > self._after:
            self._shown(self._pushed)

    def _shown(self, seq: int) -> bool:
        spans = self._account.spans(self._group.row.conversation)
        if self._span is None:
            self._span = spans.span(self._after, self._account.taken)
        spans.tell(self._span, seq)
        return True


class Screens:
    """What all accounts were shown."""

    def __init__(self, cursors: Cursors) -> None:
        self._cursors = cursors
        self._accounts: dict[str, _Account] = {}

    async def open(self, login: Login, group: Group) -> Screen:
        """Return what notes the messages of a group that a connection is shown."""
        account = await self._use(login.account)
        return Screen(account, group, partial(self._leave, login.account, account))

    async def shown(self, account: str) -> Callable[[MessageRow], bool]:
        """Return what tells whether an account was shown a message until now."""
        found = await self._use(account)
        self._leave(account, found)
        return found.was_shown

    async def _use(self, name: str) -> _Account:
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = _Account(name, self._cursors)
        account.users += 1
        try:
            await account.load()
        except BaseException:
            self._leave(name, account)
            raise
        return account

    def _leave(self, name: str, account: _Account) -> None:
        account.users -= 1
        if not account.users:
            del self._accounts[name]
