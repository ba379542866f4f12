"""Files between a room and one of its guests, piece by piece: none is in memory as a whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chatproto.commands import Cancel, Chunk, Command, Download, Finish, Upload
from chatproto.errors import ChatError, WrongContent
from chatproto.events import Done, Piece, Reply, Uploading
from chatproto.limits import CHUNK_BYTES
from chatproto.protocols.fields import Fields
from chatproto.realm.sending import Answer
from chatproto.wire.room import Arrival, Began, Bytes, Ended

#: Has a command carried out, and returns what becomes of it.
Ask = Callable[[Command], Awaitable[Reply | ChatError]]
#: The same, for who does not wait.
Order = Callable[[Command, Answer], None]


class Incoming:
    """The file that a guest sends: the others hear of it when all of it is here."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._file = ""
        self._size = 0
        self._offset = 0

    async def take(self, token: Began | Bytes | Ended, group: str) -> Reply | ChatError:
        """Go on with the file; what is refused once is told once, and the rest of its bytes is dropped."""
        match token:
            case Began():
                return await self._begin(token, group)
            case Bytes() if self._file:
                return await self._add(token.data)
            case Ended() if self._file:
                return await self._end(token.missing)
        return Done()

    async def _begin(self, began: Began, group: str) -> Reply | ChatError:
        self._file, self._size, self._offset = "", began.size, 0
        outcome = await self._ask(Upload(to=group, name=began.name, size=began.size))
        if isinstance(outcome, Uploading):
            self._file = outcome.file
        return outcome

    async def _add(self, data: bytes) -> Reply | ChatError:
        outcome = await self._ask(Chunk(file=self._file, offset=self._offset, size=len(data), data=data))
        self._offset += len(data)
        if isinstance(outcome, ChatError):
            await self._drop()
        return outcome

    async def _end(self, missing: int) -> Reply | ChatError:
        if missing:
            await self._drop()
            return WrongContent(f"{self._size - missing} bytes of {self._size} came; the file is not sent")
        outcome = await self._ask(Finish(file=self._file))
        if isinstance(outcome, ChatError):
            await self._drop()
        self._file = ""
        return outcome

    async def _drop(self) -> None:
        await self._ask(Cancel(file=self._file))
        self._file = ""


class Outgoing:
    """A file on its way to one guest. If its bytes are lost on the way, the connection ends with them."""

    def __init__(self, arrival: Arrival, fields: Fields, order: Order, abort: Callable[[], None]) -> None:
        self._arrival = arrival
        self._fields = fields
        self._order = order
        self._abort = abort
        self._offset = 0

    def begin(self) -> None:
        """See :class:`~chatproto.protocols.fields.Stream`."""
        if self._arrival.size:
            self.go_on()
        else:
            self._fields.came(b"", head=self._arrival.fields, last=True)

    def go_on(self) -> None:
        """See :class:`~chatproto.protocols.fields.Stream`."""
        size = min(CHUNK_BYTES, self._arrival.size - self._offset)
        self._order(Download(file=self._arrival.id, offset=self._offset, size=size), self._came)

    def _came(self, outcome: Reply | ChatError) -> None:
        if isinstance(outcome, Piece) and outcome.data:
            head = () if self._offset else self._arrival.fields
            self._offset += len(outcome.data)
            self._fields.came(outcome.data, head=head, last=self._offset == self._arrival.size)
        elif self._offset:
            self._abort()
        else:
            self._fields.missed(self._arrival.instead)
