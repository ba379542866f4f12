"""One file on its way from the realm."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from chatproto.client.disk import Target
from chatproto.client.lasting import Lasting, Reporter, Stage
from chatproto.client.pace import CHUNK, Pace
from chatproto.commands import Download
from chatproto.errors import ChatError, FileGone, NoSuchFile, WrongContent
from chatproto.events import FileInfo, Piece
from chatproto.protocols.client import ChatClientProtocol

#: Bytes that are written at once: fewer calls, each with more to do.
_WRITTEN = 512 * 1024


class Fetching:
    """Saves a file: from where it was left, and once more from the start if its bytes are wrong."""

    def __init__(
        self, clock: IReactorTime, lasting: Lasting, target: Target, info: FileInfo, reporter: Reporter
    ) -> None:
        self._clock = clock
        self._lasting = lasting
        self._target = target
        self._info = info
        self._reporter = reporter

    async def run(self) -> Path:
        """Save it, and return where it is.

        :raises OSError: it cannot be written there, or somebody else is writing it.
        :raises WrongContent: its bytes came twice and were not what was said.
        :raises ChatError: the realm refuses it.
        """
        target = self._target
        await target.run(target.open)
        if await self._is_there():
            return target.path
        size = await target.run(target.begin)
        if size > self._info.size:
            await target.run(target.begin_again)
        else:
            await self._hash(None, size)
            target.size = size
        try:
            return await self._whole()
        except WrongContent:
            await target.run(target.begin_again)
        try:
            return await self._whole()
        except WrongContent:
            await target.run(target.drop)
            raise

    async def _is_there(self) -> bool:
        """Tell whether a file of its name has its content: then it was saved before."""
        target = self._target
        twin = await target.run(target.twin)
        if twin is None:
            return False
        await self._hash(twin, self._info.size)
        if target.is_right():
            return True
        await target.run(target.begin_again)
        return False

    async def _hash(self, descriptor: int | None, size: int) -> None:
        offset = 0
        while offset < size:
            self._reporter.report(Stage.READING, offset, self._info.size)
            after: int = await self._target.run(self._target.hash, descriptor, offset)
            if after == offset:
                break  # somebody has cut it; the hash will tell
            offset = after

    async def _whole(self) -> Path:
        target, size = self._target, self._info.size
        try:
            await self._lasting.run(self._attempt, self._reporter, self._info.id)
        except (FileGone, NoSuchFile):
            await target.run(target.drop)
            raise
        self._reporter.report(Stage.SAVING, size, size)
        if not target.is_right():
            raise WrongContent
        path: Path = await target.run(target.finish)
        return path

    async def _attempt(self, protocol: ChatClientProtocol) -> None:
        size, pace, writer = self._info.size, Pace(), _Writer(self._target)
        flying: deque[tuple[float, int, Deferred[Piece]]] = deque()
        asked = got = self._target.size
        self._reporter.report(Stage.FETCHING, got, size)
        try:
            while got < size:
                # A quarter of the window at a time: each write costs more than what is written.
                more = asked - got <= pace.window - pace.window // 4
                while more and asked < size and asked - got < pace.window:
                    length = min(CHUNK, size - asked)
                    download = Download(file=self._info.id, offset=asked, size=length)
                    flying.append((self._clock.seconds(), length, protocol.request(download, Piece)))
                    asked += length
                began, length, answer = flying.popleft()
                piece = await answer
                if piece.offset != got or len(piece.data) != length:
                    raise WrongContent("the realm sent other bytes of the file than it was asked for")
                pace.answered(self._clock.seconds() - began)
                got += length
                await writer.add(piece.data)
                self._reporter.report(Stage.FETCHING, got, size)
        finally:
            for _, _, unanswered in flying:  # where one is refused, those behind it are, too
                unanswered.addErrback(_hush)
            await writer.end()  # also of an attempt that fails: what came is not asked for again


class _Writer:
    """Writes pieces while others come."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._writing: Deferred[None] | None = None

    async def add(self, data: bytes) -> None:
        """Take a piece; returns when there is room for the next one."""
        self._pieces.append(data)
        self._bytes += len(data)
        if self._bytes >= _WRITTEN:
            await self._write()

    async def end(self) -> None:
        """Return when everything is written."""
        if self._pieces:
            await self._write()
        await self._written()

    async def _write(self) -> None:
        await self._written()
        pieces, self._pieces, self._bytes = self._pieces, [], 0
        self._writing = self._target.run(self._target.write, pieces)

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing


def _hush(failure: Failure) -> None:
    failure.trap(ChatError)
