"""What is put on disk of a stream that passes through this realm, and how a number stands to it."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from chatproto.errors import ChatError
from chatproto.frames import Parcel
from chatproto.realm.writer import Work
from chatproto.records import HeldRow, Record

if TYPE_CHECKING:
    from chatproto.federation.runs import Run

#: By whom it was brought, from whom, to whom, which stream.
Key = tuple[str, str, str, str]


class Fit(enum.Enum):
    """How a number stands to what is held."""

    NEXT = "next"
    AGAIN = "again"  # it came before
    GAP = "gap"  # there is one before it that did not come
    OLD = "old"  # it is of an epoch that is over


class Copy(NamedTuple):
    """What is known of a row without reading it: its size, and by which it is known again."""

    size: int
    content: int
    mid: int

    @classmethod
    def of(cls, row: HeldRow) -> Copy:
        """Return what is known of a row."""
        return cls(row.size, hash((row.body, row.signature)), hash(row.mid))


def parcel_of(row: HeldRow) -> Parcel:
    """Return what is passed on."""
    return Parcel(
        origin=row.origin,
        to=row.realm,
        stream=row.stream,
        via=[name for name in row.via.split(",") if name],
        ttl=row.ttl,
        body=row.body,
        signature=row.signature,
    )


class Shares:
    """Bytes by the neighbour on whose account they are kept: none has more than is left for all others.

    So one who fills its share takes half, two take two thirds, and whoever comes later finds room.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        #: Bytes of all.
        self.bytes = 0
        self._of: Counter[str] = Counter()

    def left(self, hop: str) -> int:
        """Return how many bytes more a neighbour may have."""
        return (self._most - self.bytes - self._of[hop]) // 2

    def add(self, hop: str, size: int) -> None:
        """Count bytes, or with less than 0 count them no more."""
        self.bytes += size
        self._of[hop] += size
        if not self._of[hop]:
            del self._of[hop]


class Holding(Work):
    """A row that is to be held, and what it takes the place of."""

    __slots__ = ("_row", "_run")

    def __init__(self, run: Run, row: HeldRow, inserts: Sequence[Record], removes: Sequence[Record]) -> None:
        super().__init__(inserts, [row], removes=removes, size=row.size)
        self._run = run
        self._row = row

    def committed(self) -> None:
        """See :class:`Work`."""
        self._run.stored(self._row)

    def failed(self, error: ChatError) -> None:
        """See :class:`Work`."""
        self._run.lost()
