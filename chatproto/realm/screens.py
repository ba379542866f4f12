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
#: And, by group, since when an account is away that is a member only by coming to be live: a seq and a count
#: of its moves at that seq, in so many bits; odd if it is away.
_AWAY, _COUNT = "away", 8


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
        self._moves: dict[int, int] = {}

    async def load(self) -> None:
        """Read it, the first time."""
        taken = await self._cursors.load((self._account, _INBOX, 0))
        groups = {} if self._loaded else await Spans.load(self._cursors, self._account, _SHOWN)
        moves = {} if self._loaded else await self._cursors.of_kind(self._account, _AWAY)
        self._moves = moves | self._moves
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
        """Tell whether a message was, or was said when the account had left."""
        spans = self._groups.get(row.conversation)
        since = self.away_since(row.conversation)
        if since is not None and row.seq > since:
            return True
        return spans is not None and row.kind == "text" and row.seq in spans

    def away_since(self, conversation: int) -> int | None:
        """Return after which message an account left that came only to be live, if it is not back."""
        move = self._moves.get(conversation, 0)
        return move >> _COUNT if move % 2 else None

    def go(self, conversation: int, seq: int, *, away: bool) -> None:
        """Note that it left, or is back."""
        move = max(seq << _COUNT, self._moves.get(conversation, 0) + 1)
        move += move % 2 != away
        self._moves[conversation] = move
        self._cursors.move((self._account, _AWAY, conversation), move)

    def come_back(self, conversation: int, seq: int) -> Span | None:
        """Let what was said while it was away be no mail, nor anything else that was."""
        since = self.away_since(conversation)
        if since is None:
            return None
        self.go(conversation, seq, away=False)
        spans = self.spans(conversation)
        span = spans.span(since, self.taken)
        spans.tell(span, seq)
        return span


class Screen:
    """One connection in live mode, for a user with an inbox. It is used until :meth:`close`."""

    def __init__(self, account: _Account, group: Group, close: Callable[[], None]) -> None:
        self._account = account
        self._group = group
        self.close = close
        self._after = self._pushed = 0
        self._span: Span | None = None
        self._is_passing = False

    def begin(self, published: int, *, is_new: bool) -> None:
        """Begin to show what is published behind a seq, to one who may be a member only since just now."""
        self._after = self._pushed = published
        self._span = self._account.come_back(self._group.row.conversation, published)
        self._is_passing = is_new or self._span is not None

    def claim(self, event: Event) -> Callable[[], bool] | None:
        """Return what to ask when an event is written, if it is something that is said in the group."""
        if type(event) is not Message or event.kind != "text" or event.to != self._group.row.shown_a:
            return None
        self._pushed = event.seq
        return partial(self._shown, event.seq)

    def left(self, published: int) -> None:
        """Hear that the user left: what was handed on until now is written before that is told."""
        if self._pushed > self._after:
            self._shown(self._pushed)
        if self._is_passing:
            self._account.go(self._group.row.conversation, published, away=True)

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

    async def join(self, account: str, conversation: int, published: int) -> bool:
        """Let an account have a group's mail that only came to be live; False if it has."""
        found = await self._use(account)
        self._leave(account, found)
        return found.come_back(conversation, published) is not None

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
