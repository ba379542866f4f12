"""Everything a server may tell: replies to commands, and pushes to those who listen.

One frozen struct each. A reply answers exactly one command; its fields are what an OK reply adds
to ``re`` and ``status``. A refusal is a :class:`~chatproto.errors.ChatError`, not an event. Fields
at their default are left out on the wire.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct, field


class Reply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The base of all OK replies."""


class Done(Reply, frozen=True, kw_only=True):
    """The command was carried out and there is nothing to add."""


class Greeting(Reply, frozen=True, kw_only=True):
    """The answer to ``hello``. ``limits`` are the bounds a client has to know."""

    realm: str
    version: str
    epoch: str
    commands: list[str]
    limits: dict[str, int]


class LoggedIn(Reply, frozen=True, kw_only=True):
    """A session began. ``token`` is told once, at ``login`` and ``register``; the store only has its hash."""

    address: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"LoggedIn(address={self.address!r})"


class Sent(Reply, frozen=True, kw_only=True):
    """The message is stored. ``seq`` is its place in the log of this realm."""

    mid: str
    seq: int | None = None


class Result(Struct, frozen=True, omit_defaults=True):
    """One recipient's part of a list that was sent."""

    to: str
    mid: str
    seq: int | None = None


class SentEach(Reply, frozen=True, kw_only=True):
    """The messages of a list are stored, in the list's order."""

    results: list[Result]


class Listening(Reply, frozen=True, kw_only=True):
    """Events follow, of every message past ``after``: with ``epoch`` the position to come back with.

    ``seq`` is the newest message there is. ``reset`` says that the position the client gave belongs to
    another life of the store: what the client holds beyond the common part was lost by the server or never
    was its own.
    """

    seq: int
    after: int
    epoch: str
    reset: bool = False


class HistoryItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message as the log has it. ``at`` is when the sender's realm stored it, RFC 3339 in UTC."""

    seq: int
    mid: str
    from_: str = field(name="from")
    to: str
    text: str
    at: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(seq={self.seq}, mid={self.mid!r}, from={self.from_!r}, to={self.to!r})"


class Message(HistoryItem, frozen=True, kw_only=True, tag_field="event", tag="message"):
    """A message that was just stored, or that a listener missed."""


class HistoryPage(Reply, frozen=True, kw_only=True):
    """Messages of one conversation, oldest first; ``complete``: nothing is left in that direction."""

    messages: list[HistoryItem]
    complete: bool


class ConversationState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One conversation: whom with, its newest message, how far it is read, and how much is not."""

    with_: str = field(name="with")
    seq: int
    read: int
    unread: int


class ConversationPage(Reply, frozen=True, kw_only=True):
    """Conversations by their newest message, oldest first; ``complete``: there are no more."""

    conversations: list[ConversationState]
    complete: bool


class GroupChanged(Reply, frozen=True, kw_only=True):
    """The group was made, joined or left. ``group`` is its full address."""

    group: str


class MemberPage(Reply, frozen=True, kw_only=True):
    """Members of a group as addresses, by name; ``complete``: there are no more."""

    members: list[str]
    complete: bool


class ActivePage(Reply, frozen=True, kw_only=True):
    """Users with a connection, by name; ``as_of`` is when that was true, RFC 3339 in UTC."""

    users: list[str]
    as_of: str
    complete: bool


class SessionState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One session of the account; ``current`` marks the one that asks."""

    session: int
    created: str
    used: str
    expires: str
    device: str | None = None
    current: bool = False


class SessionList(Reply, frozen=True, kw_only=True):
    """The sessions of the account that have not ended."""

    sessions: list[SessionState]


class UserState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One account as an administrator sees it."""

    user: str
    name: str
    country: str
    created: str


class UserPage(Reply, frozen=True, kw_only=True):
    """Accounts by name; ``complete``: there are no more."""

    users: list[UserState]
    complete: bool


class InboxEntry(Struct, frozen=True, kw_only=True):
    """One message in an older client's inbox; names are the ones to show."""

    sender: str
    msg_from: str
    msg_to: str
    msg: str
    group: str | None = None

    def __repr__(self) -> str:
        return f"InboxEntry(sender={self.sender!r}, group={self.group!r})"


class InboxTaken(Reply, frozen=True, kw_only=True):
    """What an older client took out of its inbox, oldest first."""

    entries: list[InboxEntry]


class UserInfo(Struct, frozen=True, kw_only=True):
    """One user who is logged in, as older clients see them."""

    username: str
    name: str
    country: str


class InfoTaken(Reply, frozen=True, kw_only=True):
    """Who is logged in."""

    users: list[UserInfo]


class Goodbye(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag="goodbye"):
    """The server ends the connection on purpose; come back after ``retry_after`` seconds."""

    reason: str
    retry_after: float = 0.0


#: What may be told without being asked, and only after ``listen``.
Event = Message | Goodbye


class Refused(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fields of an ERROR reply beside ``re`` and ``status``."""

    code: str
    message: str
    retry_after: float | None = None

    status: ClassVar[str] = "ERROR"
