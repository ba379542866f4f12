"""One upload that is open: what of it is on its way to the disk, in the order in which it came."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatproto.bells import Bell
from chatproto.errors import BadOffset, ChatError, NoSuchFile
from chatproto.events import Reply, Written
from chatproto.interfaces import IFilePart
from chatproto.realm.meters import Meters
from chatproto.realm.sending import Answer
from chatproto.records import UploadRow

#: Bytes of an upload that may be under way without an answer: some round trips, and a slow disk's share of
#: the memory.
WINDOW_BYTES = 1024 * 1024
#: Bytes of all uploads that wait for the disk: beyond it connections are not read.
_ALL_BYTES = 64 * 1024 * 1024


class Room:
    """The memory for chunks that are not written yet, of all uploads."""

    def __init__(self, meters: Meters, most: int = _ALL_BYTES) -> None:
        self._most = most
        #: Counts what left it for the disk.
        self.meters = meters
        #: Bytes that are in it.
        self.taken = 0

    @property
    def full(self) -> bool:
        """Whether who brings more has to wait."""
        return self.taken > self._most


class Upload:
    """An upload that is open. ``fault`` makes an answer of what went wrong in the server."""

    def __init__(
        self, row: UploadRow, part: IFilePart, room: Room, fault: Callable[[Failure], ChatError]
    ) -> None:
        self.row = row
        self.part = part
        #: When it was used last.
        self.used = 0.0
        #: Where the next chunk has to begin.
        self.next: int = part.size
        #: Why the newest chunk was not taken, if it was not.
        self.refusal: ChatError | None = None
        #: Whether it is being finished, or was.
        self.finishing = False
        #: What became of it, once that is certain.
        self.outcome: Reply | ChatError | None = None
        self._waiters: list[Answer] = []
        self._room = room
        self._fault = fault
        self._bytes = 0
        self._change = Bell()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._bytes and not self.finishing

    @property
    def full(self) -> bool:
        """Whether who brings more has to wait: more is under way than may be."""
        return self._bytes > WINDOW_BYTES or (self._room.full and self._bytes > 0)

    def take(self, offset: int, data: bytes, answer: Answer) -> None:
        """Let a chunk be written after those before it, and answer it when it is.

        :raises BadOffset: it does not follow, or goes beyond the end.
        :raises NoSuchFile: the upload is over.
        """
        if self.outcome is not None:
            raise NoSuchFile
        if offset != self.next or offset + len(data) > self.row.size:
            self.refusal = self.refusal or BadOffset()
            if offset == self.next:
                raise BadOffset("the chunk goes beyond the size of the file")
            raise BadOffset(f"the next chunk begins at {self.next}")
        self.refusal = None
        self.next += len(data)
        self._bytes += len(data)
        self._room.taken += len(data)
        told = (len(data), answer)
        writing: Deferred[int] = self.part.write(data)
        writing.addCallbacks(self._written, self._not_written, callbackArgs=told, errbackArgs=told)

    def _written(self, size: int, length: int, answer: Answer) -> None:
        self._leave(length)
        self._room.meters.file_bytes_in += length
        answer(Written(file=self.row.mid, offset=size))
        self._change.ring()

    def _not_written(self, failure: Failure, length: int, answer: Answer) -> None:
        # Those behind it are not written either, and the next one has to begin where the part ends.
        self._leave(length)
        self.next = self.part.size
        error = self._fault(failure)
        self.refusal = self.refusal or error
        answer(error)
        self._change.ring()

    def _leave(self, length: int) -> None:
        self._bytes -= length
        self._room.taken -= length

    def join(self, answer: Answer) -> None:
        """Give an answer when it is certain what becomes of it, or cannot be finished now."""
        if self.outcome is None:
            self._waiters.append(answer)
        else:
            answer(self.outcome)

    def postpone(self, error: ChatError) -> None:
        """Hear that it cannot be finished now; that can be tried again."""
        self.finishing = False
        self._tell(error)

    def end(self, outcome: Reply | ChatError) -> None:
        """Hear what became of it, once and for all."""
        if self.outcome is None:
            self.finishing = True
            self.outcome = outcome
            self._tell(outcome)

    def _tell(self, outcome: Reply | ChatError) -> None:
        waiters, self._waiters = self._waiters, []
        for answer in waiters:
            answer(outcome)

    async def room(self) -> None:
        """Return when more may come."""
        while self.full:
            await self._change.wait()

    async def written(self) -> None:
        """Return when all that came is in the part, or was refused."""
        while self._bytes:
            await self._change.wait()
