"""One file on its way to the realm."""

from __future__ import annotations

import contextlib
import hashlib
import mimetypes
from collections import deque
from pathlib import Path

from msgspec import structs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from chatproto.client.disk import BLOCK, HASHED, Source
from chatproto.client.lasting import Lasting, Reporter, Stage
from chatproto.client.pace import CHUNK, MOST, Pace
from chatproto.commands import Cancel, Chunk, Finish, Upload, Uploads
from chatproto.errors import ChatError, CidReused, WrongContent
from chatproto.events import Done, Reply, Sent, UploadList, Written
from chatproto.names import clean_file_name
from chatproto.protocols.client import ChatClientProtocol


class Opened(Reply, frozen=True, kw_only=True):
    """Either reply to ``upload``: where to go on, or what became of a file that was sent before."""

    file: str = ""
    offset: int = 0
    window: int = 0
    mid: str = ""
    seq: int | None = None
    state: str | None = None


class Cids:
    """Makes the cids of uploads, and knows which ones are in use: no two transfers go on with one upload."""

    def __init__(self, prefix: str) -> None:
        #: Those in use.
        self.used: set[str] = set()
        self._prefix = prefix
        self._number = 0

    def new(self) -> str:
        """Return one that was never used."""
        self._number += 1
        return f"{self._prefix}:{self._number}"


class Sending:
    """Sends a file: from where it was left, and once more from the start if its bytes arrived wrong."""

    def __init__(
        self, clock: IReactorTime, lasting: Lasting, cids: Cids, source: Source, reporter: Reporter
    ) -> None:
        self._clock = clock
        self._lasting = lasting
        self._cids = cids
        self._source = source
        self._reporter = reporter
        self._block = (0, b"")

    async def run(self, to: str, path: Path, name: str | None, kind: str | None, cid: str | None) -> Sent:
        """Send it.

        :raises OSError: the file cannot be read.
        :raises WrongContent: it was changed meanwhile, or does not arrive as it is.
        :raises ChatError: the realm refuses it.
        """
        await self._source.run(self._source.open)
        name = clean_file_name(name or path.name)
        kind = kind or mimetypes.guess_type(path.name)[0]
        try:
            return await self._send(to, name, kind, cid)
        except WrongContent:
            # A disk or a memory that failed, or a change that nobody noticed.
            await self._source.run(self._source.begin_again)
            return await self._send(to, name, kind, cid)

    async def _send(self, to: str, name: str, kind: str | None, cid: str | None) -> Sent:
        self._block = (0, b"")
        sha256 = await self._hash()
        upload = Upload(to=to, name=name, size=self._source.size, sha256=sha256, type=kind, cid=cid)
        if cid is None:
            upload = await self._lasting.run(lambda protocol: self._choose(protocol, upload), self._reporter)
        try:
            return await self._send_as(upload)
        except CidReused:
            if cid is not None:
                raise
        return await self._send_as(structs.replace(upload, cid=self._cids.new()))  # it had another type

    async def _send_as(self, upload: Upload) -> Sent:
        assert upload.cid is not None
        self._cids.used.add(upload.cid)
        try:
            return await self._lasting.run(lambda protocol: self._attempt(protocol, upload), self._reporter)
        finally:
            self._cids.used.discard(upload.cid)

    async def _hash(self) -> str:
        size, found, offset = self._source.size, hashlib.sha256(), 0

        def step() -> int:
            data = self._source.read(offset, HASHED)
            found.update(data)
            return len(data)

        while offset < size:
            self._reporter.report(Stage.READING, offset, size)
            offset += await self._source.run(step)
        return found.hexdigest()

    async def _choose(self, protocol: ChatClientProtocol, upload: Upload) -> Upload:
        """Give it the cid of an upload of the same file that was not finished, or a new one."""
        held = await protocol.request(Uploads(), UploadList)
        for found in held.uploads:
            same = (found.to, found.name, found.size, found.sha256)
            wanted = (upload.to, upload.name, upload.size, upload.sha256)
            if same == wanted and found.cid and found.cid not in self._cids.used:
                return structs.replace(upload, cid=found.cid)
        return structs.replace(upload, cid=self._cids.new())

    async def _attempt(self, protocol: ChatClientProtocol, upload: Upload) -> Sent:
        size = upload.size
        opened = await protocol.request(upload, Opened)
        if opened.mid:
            return Sent(mid=opened.mid, seq=opened.seq, state=opened.state)
        self._reporter.report(Stage.SENDING, opened.offset, size)
        try:
            await self._send_chunks(protocol, opened, size)
        except WrongContent:  # what was sent is of a file that is no more
            with contextlib.suppress(ChatError):
                await protocol.request(Cancel(file=opened.file), Done)
            raise
        self._reporter.report(Stage.FINISHING, size, size)
        return await protocol.request(Finish(file=opened.file, sha256=upload.sha256), Sent)

    async def _send_chunks(self, protocol: ChatClientProtocol, opened: Opened, size: int) -> None:
        pace = Pace(max(min(opened.window, MOST), CHUNK))
        flying: deque[tuple[float, Deferred[Written]]] = deque()
        offset = acked = opened.offset
        try:
            while acked < size:
                while offset < size and offset - acked < pace.window:
                    data = await self._read(offset)
                    chunk = Chunk(file=opened.file, offset=offset, size=len(data), data=data)
                    flying.append((self._clock.seconds(), protocol.request(chunk, Written)))
                    offset += len(data)
                began, answer = flying.popleft()
                acked = (await answer).offset
                pace.answered(self._clock.seconds() - began)
                self._reporter.report(Stage.SENDING, acked, size)
        finally:
            for _, unanswered in flying:  # where one is refused, those behind it are, too
                unanswered.addErrback(_hush)

    async def _read(self, offset: int) -> bytes:
        """Return a chunk, of a block that is read at once."""
        start, block = self._block
        if not start <= offset < start + len(block):
            self._block = start, block = offset, await self._source.run(self._source.read, offset, BLOCK)
            if not block:
                raise WrongContent("the file has become shorter")
        return block[offset - start : offset - start + CHUNK]


def _hush(failure: Failure) -> None:
    failure.trap(ChatError)
