"""One file on its way from another realm: its bytes are written as they come, and asked for as they are
written.

What was asked for and is not written is bounded, and that bounds the memory that a file takes. Nothing is
believed but the hash: where bytes are missing, or are other ones, they are asked for again.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from chatproto.errors import WrongContent
from chatproto.federation.bounds import FETCH_PATIENCE, FETCH_TRIES
from chatproto.federation.rules import Files
from chatproto.frames import CHUNK_BYTES, Frame, Got, Want
from chatproto.interfaces import IFilePart
from chatproto.realm.times import Clock
from chatproto.records import FileRow


class Way(Protocol):
    """How a realm is spoken to about files: on a connection, or by a route."""

    #: Bytes of one file that may be under way.
    window: int
    #: How often a file may come with other bytes than were said.
    wrong: int

    def say(self, frame: Frame) -> bool:
        """Send a want, or the end of one."""
        ...


class Outcome(enum.Enum):
    """What became of fetching a file."""

    STORED = "stored"
    WRONG = "wrong"  # it has come whole, and is not what was said
    LATER = "later"  # it did not come whole


class Fetch:
    """Fetches one file by one way. :meth:`run` is called once."""

    def __init__(
        self, row: FileRow, files: Files, way: Way, clock: Clock, on_bytes: Callable[[int], None]
    ) -> None:
        self.row = row
        self._files = files
        self._way: Way | None = way
        self._clock = clock
        self._on_bytes = on_bytes
        self._window = way.window
        #: Where the next chunk begins, and up to where they were asked for.
        self._offset = self._granted = 0
        #: Whether a chunk was seen that begins later, so that those between are lost.
        self._missing = False
        #: Where it is written, and what fires when it was, or when there is no way; with a failure to write.
        self._part: IFilePart | None = None
        self._filled: Deferred[object] = Deferred()
        self._patience: IDelayedCall | None = None
        self._tries = 0
        self._tried_for = FETCH_PATIENCE

    async def run(self) -> Outcome:
        """Return what became of it, when nothing of it is open any more.

        :raises StoreFull: there was no room for it; what has come stays.
        :raises ChatError: that it is here cannot be stored now.
        """
        files, mid = self._files, self.row.mid
        if files.store is None:
            return Outcome.LATER
        files.busy.add(mid)
        try:
            part = await files.store.part(mid)
            if part.size > self.row.size:  # it was begun as another one
                await part.drop()
                part = await files.store.part(mid)
            # Not in a finally: where the process ends in the middle of it, nothing can be waited for.
            try:
                outcome = await self._run(part)
            except Exception:
                self._way = None
                await part.close()
                raise
            if outcome is Outcome.LATER:
                await part.close()
            return outcome
        finally:
            self._way = None
            self._rest()
            files.busy.discard(mid)

    async def _run(self, part: IFilePart) -> Outcome:
        files, row = self._files, self.row
        await self._fill(part)
        if part.size < row.size:
            return Outcome.LATER
        async with files.pins.held():
            try:
                await part.keep(row.size, row.sha256)
            except WrongContent:  # it is dropped
                return Outcome.WRONG
            await files.arrived(row)
        await part.drop()
        self._say(Got(mid=row.mid))
        return Outcome.STORED

    def stop(self) -> None:
        """Ask for no more, by this way: what is written stays."""
        self._way = None
        self._end()

    def give_up(self) -> None:
        """Ask for no more, and say so."""
        self._say(Want(mid=self.row.mid, offset=self._offset, size=0))
        self.stop()

    def _say(self, frame: Frame) -> None:
        if self._way is not None:
            self._way.say(frame)

    # -- bytes

    async def _fill(self, part: IFilePart) -> None:
        """Write what comes, until it is all or there is no way any more."""
        self._offset = self._granted = part.size
        if part.size == self.row.size or self._way is None:
            return
        self._part = part
        self._ask()
        self._wait()
        await self._filled

    def _written(self, size: int) -> None:
        if size == self.row.size:
            self._end()
        elif self._way is not None:
            self._ask()
            self._wait()

    def _end(self, failure: Failure | None = None) -> None:
        """Fill no more; later ends are of no interest."""
        self._rest()
        if not self._filled.called:
            self._filled.callback(failure)

    def _ask(self) -> None:
        """Ask for more, if that is worth a line: a quarter of the window, or the rest."""
        assert self._part is not None
        most = min(self.row.size, self._part.size + self._window)
        more = most - self._granted
        if more > 0 and (more >= self._window // 4 or most == self.row.size):
            self._say(Want(mid=self.row.mid, offset=self._granted, size=more))
            self._granted = most

    def chunk(self, offset: int, data: bytes) -> bool:
        """Take bytes if they are the next ones; tell whether they were of any use."""
        if self._part is None or self._way is None:
            return False
        if offset != self._offset or offset + len(data) > self._granted:
            if self._offset < offset < self._granted and not self._missing:
                self._missing = True
                self._begin_again()
            return False
        self._missing = False
        self._offset += len(data)
        self._on_bytes(len(data))
        self._window = min(self._window + CHUNK_BYTES // 4, self._way.window)
        self._tries = 0
        self._tried_for = FETCH_PATIENCE
        self._rest()
        self._part.write(data).addCallbacks(self._written, self._end)
        self._wait()
        return True

    # -- what does not come

    def _begin_again(self) -> None:
        """Ask again from where it is, for less at a time: something on the way has no room for so much."""
        self._window = max(CHUNK_BYTES, self._window // 2)
        most = min(self.row.size, self._offset + self._window)
        self._say(Want(mid=self.row.mid, offset=self._offset, size=most - self._offset))
        self._granted = most

    def _wait(self) -> None:
        """Wait for what was asked for and has not come."""
        if self._patience is None and self._way is not None and self._offset < self._granted:
            self._patience = self._clock.callLater(self._tried_for, self._not_moved)

    def _rest(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _not_moved(self) -> None:
        self._patience = None
        self._tries += 1
        self._tried_for *= 2
        if self._tries >= FETCH_TRIES:
            self.give_up()
            return
        self._begin_again()
        self._wait()
