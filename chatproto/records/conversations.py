"""Rows of conversations, their members and their log, and what a store answers about them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from chatproto.names import fold
from chatproto.records.base import Record

#: The conversation of what waits for a group elsewhere. It has no members, so nobody reads it.
NOWHERE = 0

#: Kinds of messages that only say what happened, and do not count as unread. ``delayed``: the message whose
#: mid is the text still waits for another realm. The others are of groups: the text of ``topic`` is the
#: topic, of ``history`` and ``access`` the option's value, of ``joined``, ``left`` and ``deleted`` nothing,
#: else the address that it happened to.
NOTICES = (
    "access",
    "delayed",
    "deleted",
    "demoted",
    "history",
    "joined",
    "kicked",
    "left",
    "owner",
    "promoted",
    "topic",
)


class ConversationRow(Record, frozen=True):
    """A conversation. Key: ``conversation``; unique: ``a, b``.

    Two users: their folded addresses, the lower first. A group: its folded address and ``""``.
    ``shown_a`` and ``shown_b`` are the same addresses as registered.
    """

    conversation: int
    a: str
    b: str
    shown_a: str
    shown_b: str

    @property
    def is_group(self) -> bool:
        """Tell a group from two users."""
        return not self.b

    def recipient(self, sender: str) -> str:
        """Return the ``to`` of a message: the group, or the one of two users who did not send it."""
        return self.shown_a if self.is_group or fold(sender) != self.a else self.shown_b


class GroupRow(Record, frozen=True):
    """A group, whose home is this realm unless ``home`` is another. Key: ``name``.

    The ``name`` of one with another home is its folded address, which is no name of this realm.
    ``owner`` is the folded name of the account that made it; who owns it now stands in the members' roles.
    ``history`` is ``"joined"`` or ``"all"``: what a newcomer may read. ``access`` is ``"open"`` or
    ``"invited"``: who may join. ``deleted`` is when it was deleted, or 0: its name stays taken.
    """

    name: str
    shown: str
    conversation: int
    owner: str
    created: int
    topic: str = ""
    history: str = "joined"
    access: str = "open"
    deleted: int = 0
    home: str = ""


class MemberRow(Record, frozen=True):
    """What one address may read of one conversation: ``since < seq``, and ``seq <= until`` if it left.

    Key: ``conversation, member``. Both local users of a direct conversation have one, with since 0.
    ``until`` 0: still a member. ``joined`` is the newest seq at the last join: what follows it is news to the
    member, what is before it is at most history.

    ``role`` is ``"owner"``, ``"admin"`` or ``"member"``; of who is none any more ``"left"`` or ``"kicked"``,
    and ``"invited"`` of who may join.
    """

    conversation: int
    member: str
    since: int
    until: int
    role: str
    joined: int = 0


class MessageRow(Record, frozen=True):
    """A message: one row per realm, however many read it. Key: ``seq``; ordered by ``conversation, seq``.

    ``sender`` is an address as shown; ``device`` the number of the sending device, 0 if it has none here.
    ``kind`` is ``"text"``; ``"invitation"``, whose text is the address of a group; ``"bounce"`` for a message
    to another realm that came to nothing, whose text is a code and the mid of that message; one of
    ``NOTICES``; or ``"void"`` for a number that a failed command left. ``gseq`` is the group's own
    number, 0 in a direct conversation.
    """

    seq: int
    conversation: int
    mid: str
    sender: str
    device: int
    at: int
    kind: str
    gseq: int
    text: str

    def __repr__(self) -> str:
        return f"MessageRow(seq={self.seq}, conversation={self.conversation}, mid={self.mid!r})"


class CursorRow(Record, frozen=True):
    """How far an account has got in one respect. Key: ``account, kind, scope``.

    Kinds: ``device`` (scope: the device's number), ``read`` and ``inboxgroup`` (scope: the
    conversation's number), ``inbox`` and ``picked-up`` (scope ``0``), ``realm`` with a blank and a
    realm box (scope ``0``); the ends of spans (see ``realm/spans.py``); and ``joining``, which is
    no position: with 1 the account asked to join a group elsewhere (scope: a hash of its address), with 2
    that is over.
    """

    account: str
    kind: str
    scope: int
    seq: int


class CidRow(Record, frozen=True):
    """The outcome of a command that may be repeated. Key: ``account, prefix, counter``.

    An ordered cid ``prefix:counter`` whose counter was above all before it has ``ordered`` true: a store
    may pack such rows of one batch together, since within (account, prefix) their counters rise with
    time. Any other cid stands whole in ``prefix``, with counter 0 and ``ordered`` false. ``outcome`` is a
    (mid, seq) per recipient.
    """

    account: str
    prefix: str
    counter: int
    ordered: bool
    digest: bytes
    outcome: Sequence[tuple[str, int]]


class ReplayPage(Struct, frozen=True):
    """Messages past a position, over all conversations of a member, in order of seq.

    ``complete``: there are no more up to the newest one. ``conversations`` has the row of every
    conversation that occurs.
    """

    messages: list[MessageRow]
    conversations: dict[int, ConversationRow]
    complete: bool


class Membership(Struct, frozen=True):
    """A conversation as one member has it, with the newest seq in it that the member may read (0: none)."""

    conversation: ConversationRow
    member: MemberRow
    newest: int
