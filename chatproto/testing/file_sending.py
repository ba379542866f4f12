"""Files that a simulated user sends: in chunks, over lost connections and crashes, some not to the end."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from chatproto.client import ChatClient
from chatproto.client.lasting import pause_after
from chatproto.client.sending import Opened
from chatproto.commands import Cancel, Chunk, Finish, Upload
from chatproto.errors import (
    BadOffset,
    ChatError,
    CidReused,
    ConnectionUnavailable,
    InternalError,
    NoSuchFile,
    WrongContent,
)
from chatproto.events import Done, Sent, Written
from chatproto.records import Offer, offer_text
from chatproto.testing.ledger import Ledger, Sending

#: Sizes: nothing, as much as a chunk has at most and around it, a few pieces, more than a window; or any
#: number below a bound.
_SIZES = (0, 1, 1000, 65_535, 65_536, 65_537, 200_000, 1_200_000)
_MOST = 300_000
#: What one chunk or one question has; a line of a client has room for no more.
PIECES = (1, 1000, 20_000, 60_000, 60_000, 60_000)
#: Chunks or questions under way.
UNDER_WAY = 4
#: How many of the contents are such as others send, too.
_COMMON = 0.2
#: Pauses of who has no connection.
AWAY = (0.1, 3.0)
#: Pauses of who tries again what should work at once.
_AGAIN = (0.05, 1.0)


class Fate(enum.Enum):
    """What becomes of a file that is sent."""

    SENT = "sent"
    FINISHED_TWICE = "finished twice"
    CANCELLED = "cancelled"
    LIED = "lied"  # another hash is said than it has


class Job(Struct, eq=False):
    """A file that is to be sent, as it is known over crashes; ``written`` bytes of ``mid`` were acked."""

    sending: Sending
    name: str
    data: bytes
    sha256: str
    fate: Fate
    early: bool
    began: int
    mid: str = ""
    written: int = 0


class FileSender:
    """The files that one user sends to others; ``common`` are contents that others send, too."""

    def __init__(
        self, ledger: Ledger, address: str, to: Sequence[str], common: Sequence[bytes], random: Random
    ) -> None:
        self._ledger = ledger
        self._address = address
        self._realm = address.rpartition("@")[2]
        self._to = to
        self._common = common
        self._random = random
        #: Those that are neither sent nor given up.
        self.jobs: list[Job] = []

    def begin(self, clock: IReactorTime, client: ChatClient) -> None:
        """Go on with a new client."""
        for job in self.jobs:
            self.run(self._send(clock, client, job))

    def run(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        """Do something that may not fail."""
        Deferred.fromCoroutine(work).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self._ledger.broke(f"client: {self._address}: {failure.getTraceback()}")

    async def sleep(self, clock: IReactorTime, shortest: float, longest: float) -> None:
        """Wait for a while."""
        await deferLater(clock, self._random.uniform(shortest, longest))

    def make(self, number: int, clock: IReactorTime, client: ChatClient) -> None:
        """Think of a file, and send it."""
        random = self._random
        size = random.choice(_SIZES) if random.random() < 0.5 else random.randrange(_MOST)
        data = random.choice(self._common) if random.random() < _COMMON else random.randbytes(size)
        sha256 = self._ledger.files.made(data)
        name = f"{self._address}-{number}.bin"
        text = offer_text(Offer(name=name, size=len(data), sha256=sha256))
        cid = f"file:{number}"
        sending = Sending(self._address, random.choice(self._to), cid, text)
        fate = random.choices(list(Fate), (12, 4, 2, 1))[0]
        began = self._ledger.files.shaken(self._realm)
        job = Job(sending, name, data, sha256, fate, random.random() < 0.5, began)
        self.jobs.append(job)
        self._ledger.sent([sending])
        self._ledger.counts[f"file {fate.value}"] += 1
        self.run(self._send(clock, client, job))

    async def _send(self, clock: IReactorTime, client: ChatClient, job: Job) -> None:
        while job in self.jobs:
            try:
                await self._attempt(client, job)
            except ConnectionUnavailable:
                await self.sleep(clock, *AWAY)
            except (BadOffset, NoSuchFile, InternalError):
                await self.sleep(clock, *_AGAIN)
            except WrongContent:
                self._wrong(job)
                await self.sleep(clock, *_AGAIN)
            except ChatError as error:
                if isinstance(error, CidReused):
                    self._ledger.broke(f"client: {job} was told {error.code}")
                pause = pause_after(error)
                if pause is None:
                    await self._clear(clock, client, job)
                    self._refused(job, error.code)
                else:
                    await self.sleep(clock, pause, pause + 1)

    def _wrong(self, job: Job) -> None:
        """Hear that what has arrived is not what was sent: only a disk that lost something is a reason."""
        if job.fate is Fate.LIED:
            self._refused(job, WrongContent.code)
        elif self._ledger.files.shaken(self._realm) == job.began:
            self._ledger.broke(f"file-content: {self._address} was told that {job.name} is another one")
        job.mid, job.written = "", 0

    def _refused(self, job: Job, code: str) -> None:
        if job in self.jobs:
            self.jobs.remove(job)
            self._ledger.refused([job.sending], code)

    async def _attempt(self, client: ChatClient, job: Job) -> None:
        sending, size = job.sending, len(job.data)
        said = job.sha256 if job.early else None
        upload = Upload(to=sending.to, name=job.name, size=size, sha256=said, cid=sending.cid)
        opened = await client.request(upload, Opened)
        if opened.mid:
            self._sent(job, opened.mid)
            return
        self._check_resumed(job, opened)
        await self._send_chunks(client, job, opened.offset)
        if job.fate is Fate.CANCELLED:
            await client.request(Cancel(file=job.mid), Done)
            self._refused(job, "cancelled")
            return
        sha256 = "0" * 64 if job.fate is Fate.LIED else job.sha256
        finish = Finish(file=job.mid, sha256=sha256)
        again = client.request(finish, Sent) if job.fate is Fate.FINISHED_TWICE else None
        try:
            sent = await client.request(finish, Sent)
            if again is not None:
                self._sent(job, (await again).mid)
        finally:
            if again is not None:
                again.addErrback(hush)
        self._sent(job, sent.mid)
        if job.fate is Fate.FINISHED_TWICE:
            self._sent(job, (await client.request(finish, Sent)).mid)

    def _sent(self, job: Job, mid: str) -> None:
        if job.fate in (Fate.LIED, Fate.CANCELLED):
            self._ledger.broke(f"refused: {job.name} was sent as {mid}, which is {job.fate.value}")
        self._ledger.acknowledged(job.sending, mid)
        self._ledger.files.mids.append(mid)
        if job in self.jobs:
            self.jobs.remove(job)

    def _check_resumed(self, job: Job, opened: Opened) -> None:
        """See that nothing of what was acked is lost, but with the disk."""
        shaken = self._ledger.files.shaken(self._realm)
        # What is found to be wrong is dropped at once.
        is_right = job.fate is not Fate.LIED and shaken == job.began
        if opened.file == job.mid and opened.offset < job.written and is_right:
            self._ledger.broke(f"file-acked: {job.name} had {job.written} bytes, and now {opened.offset}")
        if opened.offset:
            self._ledger.counts["uploads resumed"] += 1
        if opened.offset > len(job.data):
            self._ledger.broke(f"file-acked: {job.name} has {opened.offset} bytes")
        job.mid, job.written = opened.file, opened.offset

    async def _send_chunks(self, client: ChatClient, job: Job, offset: int) -> None:
        size = len(job.data)
        stop = self._random.randint(0, size) if job.fate is Fate.CANCELLED else size
        flying: deque[Deferred[Written]] = deque()
        try:
            while offset < stop or flying:
                if offset < stop and len(flying) < UNDER_WAY:
                    data = job.data[offset : offset + self._random.choice(PIECES)]
                    chunk = Chunk(file=job.mid, offset=offset, size=len(data), data=data)
                    flying.append(client.request(chunk, Written))
                    offset += len(data)
                else:
                    job.written = (await flying.popleft()).offset
        finally:
            for unanswered in flying:
                unanswered.addErrback(hush)

    async def _clear(self, clock: IReactorTime, client: ChatClient, job: Job) -> None:
        """End an upload whose message is refused, if it is there."""
        while job.mid:
            try:
                await client.request(Cancel(file=job.mid), Done)
            except NoSuchFile:
                return
            except ChatError:
                await self.sleep(clock, *AWAY)
            else:
                return


def hush(failure: Failure) -> None:
    """Expect what nobody waits for any more."""
    failure.trap(ChatError)
