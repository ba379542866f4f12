"""Bytes of files between the lines of a client."""

from __future__ import annotations

from msgspec.structs import replace

from chatproto.commands import Chunk, Request
from chatproto.protocols.framing import RAW_BYTES
from chatproto.protocols.order import Pause
from chatproto.protocols.pausing import PausingFraming
from chatproto.wire.dialect import Dialect
from chatproto.wire.json import chunk_size


class RawFraming(PausingFraming):
    """Lines, and behind some of them the bytes of a chunk, which belong to its command."""

    #: The chunk whose bytes come now; None if they are thrown away.
    _chunk: tuple[Dialect, Request] | None = None

    def take(self, dialect: Dialect, request: Request) -> None:
        """Carry out a command."""
        raise NotImplementedError

    def expect_chunk(self, dialect: Dialect, request: Request) -> None:
        """Carry out a chunk when its bytes are here."""
        assert isinstance(request.command, Chunk)
        self._chunk = (dialect, request)
        self.expect_raw(request.command.size)

    def skip_chunk(self, line: bytes) -> None:
        """Throw away the bytes behind a line that was refused, or read no more if nobody knows how many."""
        size = chunk_size(line)
        if size is None or size > RAW_BYTES:
            self.pause(Pause.ENDING)
        elif size:
            self.expect_raw(size)

    def raw_received(self, data: bytes) -> None:
        """See :meth:`LineFraming.raw_received`."""
        chunk, self._chunk = self._chunk, None
        if chunk is not None:
            dialect, request = chunk
            self.take(dialect, replace(request, command=replace(request.command, data=data)))
