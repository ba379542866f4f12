"""What a store keeps: one frozen struct per kind of row.

A store is a set of these rows and knows nothing of the rules that make them. Names that are keys
are folded; names that are shown are kept as registered. Times are milliseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

#: Kinds of messages that say what happened in a group. The text of ``topic`` is the topic, of ``history`` and
#: ``access`` the option's value, of ``joined``, ``left`` and ``deleted`` nothing, of the others the address
#: that it happened to.
NOTICES = (
    "access",
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


class Record(Struct, frozen=True):
    """The base of all rows."""


class NameRow(Record, frozen=True):
    """A name that is taken for ever: users and groups of a realm share one namespace.

    Key: ``name``.
    """

    name: str
    kind: str  # "user" or "group"


class AccountRow(Record, frozen=True):
    """A user of this realm. Key: ``name``. ``deleted`` is when it was deleted, or 0: its name stays taken."""

    name: str
    shown: str
    display: str
    country: str
    created: int
    deleted: int = 0


class PasswordRow(Record, frozen=True):
    """The argon2id string of an account's password. Key: ``account``."""

    account: str
    hash: str

    def __repr__(self) -> str:
        return f"PasswordRow(account={self.account!r})"


class DeviceRow(Record, frozen=True):
    """A named device of an account, which keeps its number over logins. Key: ``account, name``."""

    account: str
    name: str
    device: int


class LoginRow(Record, frozen=True):
    """A session. Key: ``token_hash`` (SHA-256 of the token); ``login`` is unique too.

    ``device`` is the number under which its cursor and its own messages stand; a session without a named
    device has a number of its own. ``ended`` is the time it was revoked, or 0.
    """

    token_hash: bytes
    login: int
    account: str
    device: int
    device_name: str | None
    created: int
    used: int
    expires: int
    ended: int

    def __repr__(self) -> str:
        return f"LoginRow(login={self.login}, account={self.account!r}, device={self.device})"


class InviteRow(Record, frozen=True):
    """An invitation to register, for one use. Key: ``token_hash``; ``number`` is unique too.

    ``note`` is what the operator wrote to know it by.
    """

    token_hash: bytes
    number: int
    created: int
    expires: int
    note: str

    def __repr__(self) -> str:
        return f"InviteRow(number={self.number})"


class BlockRow(Record, frozen=True):
    """An address from which an account wants to hear nothing. Key: ``account, address``.

    ``address`` is folded, ``shown`` the same as registered.
    """

    account: str
    address: str
    shown: str
    at: int


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


class GroupRow(Record, frozen=True):
    """A group whose home is this realm. Key: ``name``.

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
    ``kind`` is ``"text"``; ``"invitation"``, whose text is the address of a group; one of :data:`NOTICES`; or
    ``"void"`` for a number that a failed command left. ``gseq`` is the group's own number, 0 in a direct
    conversation.
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
    conversation's number), ``inbox`` (scope ``0``).
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


class EpochRow(Record, frozen=True):
    """One life of the store: it began before the message ``first``. Key: ``number``, which counts from 1."""

    number: int
    epoch: str
    first: int
    at: int


class Batch(Struct):
    """What one commit makes durable, whole or not at all, but for entries that break a constraint.

    ``number`` is one above that of the batch before. ``seq`` is the newest seq given so far, stored or
    not; ``serial`` likewise the newest number given to a conversation, a device or a session.
    """

    number: int
    seq: int
    serial: int
    entries: Sequence[Entry]


class Entry:
    """The rows of one command in a batch.

    ``inserts`` must be new (their key and unique columns); ``puts`` replace the row of the same key. If a
    constraint fails, none of them is stored and ``otherwise`` is inserted instead, so that a number that
    others count on is not left out. ``removes`` are rows whose key shall not be there any more, their other
    fields do not matter; an entry names no key twice. Subclasses add what has to happen after the commit.
    """

    __slots__ = ("inserts", "otherwise", "puts", "removes")

    def __init__(
        self,
        inserts: Sequence[Record] = (),
        puts: Sequence[Record] = (),
        otherwise: Sequence[Record] = (),
        removes: Sequence[Record] = (),
    ) -> None:
        self.inserts = inserts
        self.puts = puts
        self.otherwise = otherwise
        self.removes = removes


class StoreState(Struct, frozen=True):
    """Where a store stands when it is opened.

    ``older`` is the batch number that was once committed here, if this store is an older copy that does
    not have it; otherwise 0.
    """

    batch: int
    seq: int
    serial: int
    epoch: EpochRow | None
    older: int


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
