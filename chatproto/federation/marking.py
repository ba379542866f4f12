"""Up to where items may be sent: the row that says so, on its way to the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto.realm.writer import Work
from chatproto.records import StreamRow

if TYPE_CHECKING:
    from chatproto.federation.outgoing import OutgoingStream


class Mark(Work):
    """The mark of everything numbered while its batch is open: one row for all of them."""

    __slots__ = ("batch", "stream")

    def __init__(self, stream: OutgoingStream, row: StreamRow, batch: int) -> None:
        super().__init__(puts=[row])
        self.stream = stream
        self.batch = batch

    def committed(self) -> None:
        """See :class:`Work`."""
        row = self.puts[0]
        assert isinstance(row, StreamRow)
        self.stream.marked(row)
