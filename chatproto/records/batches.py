"""What one commit makes durable, and where a store then stands."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from chatproto.records.base import Record


class EpochRow(Record, frozen=True):
    """One life of the store: it began before the message ``first``. Key: ``number``, which counts from 1."""

    number: int
    epoch: str
    first: int
    at: int


class Batch(Struct):
    """What one commit makes durable, whole or not at all, but for entries that break a constraint.

    ``number`` is one above that of the batch before. ``seq`` is the newest seq given so far, stored or
    not; ``serial`` likewise the newest number given to a conversation, a device, a session or a row of the
    audit log.
    """

    number: int
    seq: int
    serial: int
    entries: Sequence[Entry]


class Entry:
    """The rows of one command in a batch.

    ``inserts`` must be new (their key and unique columns); ``puts`` replace the row of the same key, and one
    may take a unique value that one before it lets go. If a constraint fails, none of them is stored and
    ``otherwise`` is inserted instead, so that a number that others count on is not left out. ``removes`` are
    rows whose key shall not be there any more, their other fields do not matter; an entry names no key twice.
    Subclasses add what has to happen after the commit.
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
    not have it; otherwise 0. ``vouched``: the store certainly has everything that was ever committed here.
    """

    batch: int
    seq: int
    serial: int
    epoch: EpochRow | None
    older: int
    vouched: bool = False
