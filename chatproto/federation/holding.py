"""What is put on disk of a stream that passes through this realm, and how a number stands to it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chatproto.errors import ChatError
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
