"""Messages, and replies about them."""

from __future__ import annotations

from msgspec import Struct, field

from chatproto.events.base import Reply
from chatproto.events.files import FileInfo

#: The state of what is on its way to a group of another realm: its place in the group's log is not known yet.
PENDING = "pending"


class Sent(Reply, frozen=True, kw_only=True):
    """The message is stored. ``seq`` is its place in the log of this realm.

    To a group of another realm its ``state`` is ``pending``, and it has no ``seq``: it comes back as a
    message with the same ``mid``, or as a bounce.
    """

    mid: str
    seq: int | None = None
    state: str | None = None


class Result(Struct, frozen=True, omit_defaults=True):
    """One recipient's part of a list that was sent."""

    to: str
    mid: str
    seq: int | None = None
    state: str | None = None


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


#: The kind of a text that an original server shows in live mode, and of the last, when it has ended that.
#: They are in no log.
SHOWN = "shown"
ENDED = "ended"


class HistoryItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message as the log has it. ``at`` is when the sender's realm stored it, RFC 3339 in UTC.

    ``kind`` is absent for a text. ``file``: it is one, and ``text`` is empty. ``invitation``: ``from``
    invites to the group ``about``. ``bounce``: your message with the mid ``about`` does not reach ``from``,
    who is in another realm; ``text`` is a code that says why. ``delayed``: it still waits for that realm. The
    others are notices in a group's log: ``joined``, ``left``, ``deleted``; ``kicked``, ``promoted``,
    ``demoted`` and ``owner`` with ``about`` whom; ``topic``, ``history`` and ``access`` with the new value as
    ``text``.
    """

    seq: int
    mid: str
    from_: str = field(name="from")
    to: str
    text: str
    at: str
    kind: str = "text"
    about: str | None = None
    file: FileInfo | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(seq={self.seq}, mid={self.mid!r}, from={self.from_!r}, to={self.to!r})"


class Message(HistoryItem, frozen=True, kw_only=True, tag_field="event", tag="message"):
    """A message that was just stored, or that a listener missed."""


class HistoryPage(Reply, frozen=True, kw_only=True):
    """Messages of one conversation, oldest first; ``complete``: nothing is left in that direction."""

    messages: list[HistoryItem]
    complete: bool


class ConversationState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One conversation: whom with, its newest message, how far it is read, and how much is not.

    Of two users also how far the other one's devices (``delivered``) and the other one (``seen``) have got.
    Of one in another realm that is what its realm told since this one was started, with ``stored``, up to
    where that has your messages; and ``name`` is the name to show, if ever it wrote.
    """

    with_: str = field(name="with")
    seq: int
    read: int
    unread: int
    delivered: int | None = None
    seen: int | None = None
    stored: int | None = None
    name: str | None = None


class ConversationPage(Reply, frozen=True, kw_only=True):
    """Conversations by their newest message, oldest first; ``complete``: there are no more."""

    conversations: list[ConversationState]
    complete: bool
