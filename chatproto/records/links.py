"""Rows of links to other realms: who they are, what waits for them, what came from them.

Each direction of a link is a *stream* of numbered items. The sender's side of it is a :class:`StreamRow` with
an :class:`OutboxRow` per item; the receiver's side is one :class:`AppliedRow`. ``realm`` is always the other
realm.
"""

from __future__ import annotations

from msgspec import Struct

from chatproto.records.base import Record
from chatproto.records.conversations import MessageRow

#: The ``device`` of a message that came over a link. Such messages, and no others, have a unique
#: (mid, conversation): the second line of defence against a message that comes twice.
ARRIVED = -1
#: The stream of private messages; each group whose home is at one end has a stream of its own.
ITEMS = "items"


class KeyRow(Record, frozen=True):
    """A private Ed25519 key of this realm. Key: ``name``, which is ``"realm"``."""

    name: str
    seed: bytes
    created: int

    def __repr__(self) -> str:
        return f"KeyRow(name={self.name!r})"


class PeerRow(Record, frozen=True):
    """What was decided about another realm while this one ran; the configuration may say more.

    Key: ``realm``.

    ``state`` is ``"open"``, ``"pending"`` (its key waits for approval), ``"parked"`` (it is not dialled),
    ``"blocked"`` or ``"dropped"``; ``reason`` is a code if the realm itself parked it. ``key`` is the
    public key that was approved, in hexadecimal, or ``""``; ``shown`` one that the peer showed and nobody
    approved. ``connect`` is the endpoint by which it was added, or ``""``; after ``legacy:`` that of an
    original server, or ``from:`` and the address from which it comes. ``introducer`` is the realm that named
    the key and the endpoint, if that was no operator.
    """

    realm: str
    state: str
    key: str = ""
    shown: str = ""
    connect: str = ""
    reason: str = ""
    changed: int = 0
    introducer: str = ""


class DialRow(Record, frozen=True):
    """How often a realm was dialled in vain since the last link, since when, and when it is next.

    Key: ``realm``.
    """

    realm: str
    failures: int
    since: int
    next: int


class StreamRow(Record, frozen=True):
    """The sender's side of a stream. Key: ``realm, stream``.

    ``epoch`` is the name of this life of it, in which the numbers begin with ``first``; those up to
    ``repeats`` may have been sent in an earlier one, of which ``previous`` was the last. Up to ``settled``
    the receiver's verdicts are committed here. Only numbers up to ``offered`` may have been sent. Of those
    up to ``late`` that were overdue the senders have been told so. ``since`` is when this epoch began: it
    rises from one to the next.
    """

    realm: str
    stream: str
    epoch: str
    previous: str
    first: int
    repeats: int
    settled: int
    offered: int
    late: int = 0
    since: int = 0


class OutboxRow(Record, frozen=True):
    """An item for another realm. Key: ``realm, number``; numbers have no gaps.

    ``seq`` is the message, 0 if its sender has been told that it does not go: then the number is skipped.
    ``size`` is in bytes of text; ``expires`` is when it is too late for it. ``to`` is to whom it goes, as
    shown, where the message's conversation does not tell: to a group of that realm. ``box`` is by which name
    its sender called that realm, for the realm box there; ``""``: it is for no box.
    """

    realm: str
    number: int
    mid: str
    seq: int
    size: int
    at: int
    expires: int
    to: str = ""
    box: str = ""


class AppliedRow(Record, frozen=True):
    """The receiver's side of a stream. Key: ``realm, stream``.

    Everything up to ``number`` of ``epoch`` has its effect in this store, or its refusal; ``mid`` is that of
    this number. Up to ``settled`` the sender knows the verdicts. Numbers up to ``repeats`` may have come
    before, in another epoch. ``since`` is when the sender says that this one began.
    """

    realm: str
    stream: str
    epoch: str
    number: int
    mid: str
    settled: int
    repeats: int
    since: int = 0


class RefusalRow(Record, frozen=True):
    """An item that was refused, kept so that a repeat gets the same verdict. Key: ``mid, recipient, realm``.

    With the ``code`` ``""`` one that was not, but left no message that tells of it: it has had its effect.

    ``recipient`` is folded. ``mid`` is as the realm sent it: it may have no right to it, and then what is
    recorded of the realm that has stays. The number is the newest under which it came; after ``until`` it
    may be forgotten.
    """

    mid: str
    recipient: str
    realm: str
    epoch: str
    number: int
    code: str
    until: int


class DeadRow(Record, frozen=True):
    """An item of this realm that ended in a bounce. Key: ``mid``. ``seq`` is the message it was."""

    mid: str
    realm: str
    number: int
    seq: int
    sender: str
    recipient: str
    code: str
    at: int


class RemoteRow(Record, frozen=True):
    """Somebody of another realm as they last wrote to us. Key: ``address``, folded."""

    address: str
    shown: str
    name: str


class Outgoing(Struct, frozen=True):
    """An item to send: its row, the message (None for a skipped number), and to whom, as shown."""

    row: OutboxRow
    message: MessageRow | None
    to: str


class Outcome(Struct, frozen=True):
    """What became of an item: ``""`` or a code that refuses it, and how an original server said so."""

    code: str = ""
    said: str = ""


class Arrived(Struct, frozen=True):
    """A message that came over a link: its mid, and for whom, folded."""

    mid: str
    recipient: str


class Waiting(Struct, frozen=True):
    """How much waits in an outbox: items, bytes, and since when the oldest does (0: nothing does)."""

    items: int
    bytes: int
    oldest: int
