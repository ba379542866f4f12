"""Rows of a gateway: what it holds for other realms, and what destinations said that origins do not know yet.

A *stream* here is that of an origin to a destination, neither of which is this realm. ``hop`` is the linked
realm that brought it: what one neighbour brings is kept apart from what others do, so that none can spoil
another's.
"""

from __future__ import annotations

from msgspec import Struct

from chatproto.records.base import Record


class HeldRow(Record, frozen=True):
    """An item that is passed on. Key: ``hop, origin, realm, stream, since, number``.

    ``realm`` is the destination. ``since`` is when the epoch began, which tells old from new; ``mid``
    is of the item. ``body`` is signed by the origin and passed on as it came. ``via`` are the realms that it
    went through, with commas between them; ``size`` is in bytes.
    """

    hop: str
    origin: str
    realm: str
    stream: str
    since: int
    number: int
    epoch: str
    mid: str
    via: str
    ttl: int
    body: str
    signature: str
    size: int


class VerdictRow(Record, frozen=True):
    """The newest verdicts of a destination that the realms towards the origin have not confirmed.

    Key: ``origin, realm, stream``. ``realm`` is the destination, which signed ``body``; ``hop`` is the linked
    realm that brought the items.
    """

    origin: str
    realm: str
    stream: str
    hop: str
    since: int
    number: int
    epoch: str
    body: str
    signature: str


class Run(Struct, frozen=True):
    """What is held of one epoch of a stream: numbers from ``first`` to ``last``, how many, their bytes."""

    hop: str
    origin: str
    realm: str
    stream: str
    since: int
    first: int
    last: int
    items: int
    bytes: int
