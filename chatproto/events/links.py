"""Replies to an operator who looks after the links to other realms."""

from __future__ import annotations

from msgspec import Struct, field

from chatproto.events.base import Reply


class RealmKey(Reply, frozen=True, kw_only=True):
    """This realm's name, and the fingerprint of its key: what operators of other realms pin."""

    realm: str
    fingerprint: str


class LinkState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A link as an administrator sees it.

    ``state`` is ``linked``, ``opening``, ``dialling``, ``waiting`` (until ``next``, or for the other side to
    dial), ``routed`` (its messages go ``via`` another realm), what was decided: ``pending``, ``parked``,
    ``blocked``, ``dropped``, or ``stranger`` for a realm that dialled and was never added. ``since`` is when
    it last changed. ``fingerprint`` is of the key that the realm has to have, ``shown`` of one that waits for
    approval. ``items`` and ``bytes`` wait to be sent or for an answer, the oldest for ``age`` seconds.
    ``applied`` and ``refused`` are what the other side said of our messages since the start, ``received`` is
    how many of its own were taken. ``held`` messages of other realms, ``held_bytes`` in all, wait here for
    this one. ``fetching`` files come from it now, ``came_bytes`` did since the start, ``sent_bytes`` of ours
    went. ``failures`` counts dials in vain since the last link that stood, ``error`` is the newest.
    ``skew`` is how many seconds its clock is ahead of ours, if that was asked for and it answers.
    ``introducer`` is the realm that told its key and address, if no operator did.
    """

    realm: str
    state: str
    since: str = ""
    connect: str = ""
    via: str = ""
    trust: str = ""
    fingerprint: str = ""
    shown: str = ""
    neighbour: bool = False
    items: int = 0
    bytes: int = 0
    age: int = 0
    applied: int = 0
    refused: int = 0
    received: int = 0
    held: int = 0
    held_bytes: int = 0
    fetching: int = 0
    came_bytes: int = 0
    sent_bytes: int = 0
    failures: int = 0
    next: str = ""
    error: str = ""
    skew: float | None = None
    introducer: str = ""


class LinkPage(Reply, frozen=True, kw_only=True):
    """Links by realm; ``complete``: there are no more."""

    links: list[LinkState]
    complete: bool


class LinkAdded(Reply, frozen=True, kw_only=True):
    """A realm was added.

    ``fingerprint`` is that of the key which it shows, or which it was added with; ``shown`` of the one which
    it shows, if that is another. ``error`` says why it is not known. ``state`` is ``pending`` until the key
    is approved.
    """

    realm: str
    state: str
    fingerprint: str = ""
    error: str = ""
    shown: str = ""


class LinkDropped(Reply, frozen=True, kw_only=True):
    """A link is no more; so many messages that waited came back to their senders."""

    bounced: int


class QueuedItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message that waits for another realm; ``sent``: it may have arrived. What it says is its owners'."""

    number: int
    mid: str
    from_: str = field(default="", name="from")
    to: str = ""
    size: int = 0
    at: str = ""
    expires: str = ""
    sent: bool = False


class QueuePage(Reply, frozen=True, kw_only=True):
    """What waits, the oldest first; ``complete``: there is no more."""

    items: list[QueuedItem]
    complete: bool


class DeadLetter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message that came back, and the code that says why."""

    seq: int
    mid: str
    realm: str
    from_: str = field(name="from")
    to: str
    code: str
    at: str


class DeadLetterPage(Reply, frozen=True, kw_only=True):
    """What came back, the oldest first; ``complete``: there is no more."""

    letters: list[DeadLetter]
    complete: bool
