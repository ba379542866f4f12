"""What simulated users do about files: send some, give some up, and fetch what they are told of.

Everything that may go wrong does: connections are lost in the middle of a chunk, machines crash, and what was
begun is gone on with under the same cid.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Container, Iterator, Sequence
from random import Random
from typing import Any

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from chatproto.client import ChatClient, Message
from chatproto.client.lasting import pause_after
from chatproto.client.sending import Opened
from chatproto.commands import Cancel, Chunk, Download, Finish, Upload
from chatproto.errors import (
    BadOffset,
    ChatError,
    CidReused,
    ConnectionUnavailable,
    FileGone,
    InternalError,
    NoSuchFile,
    WrongContent,
)
from chatproto.events import Done, FileInfo, Piece, Sent, Written
from chatproto.records import Offer, offer_text
from chatproto.testing.ledger import Ledger, Sending

#: Sizes: nothing, as much as a chunk has at most and around it, a few pieces, more than a window; or any
#: number below a bound.
_SIZES = (0, 1, 1000, 65_535, 65_536, 65_537, 200_000, 1_200_000)
_MOST = 300_000
#: What one chunk or one question has; a line of a client has room for no more.
_PIECES = (1, 1000, 20_000, 60_000, 60_000, 60_000)
#: Chunks or questions under way.
_UNDER_WAY = 4
#: How many of the contents are such as others send, too, and how many of the files told of are fetched.
_COMMON = 0.2
_FETCHED = 0.8
#: Pauses of who has no connection.
_AWAY = (0.1, 3.0)
#: Pauses of who tries again what should work at once.
_AGAIN = (0.05, 1.0)
#: What is soon.
_SOON_SECONDS = 10.0
#: The longest pause that anybody asks for is far below a run.
_LONGEST = 60.0


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
    shaken: int = 0


class Told(Struct, eq=False):
    """A file that one was told of, and as much as was fetched of it; ``outcome`` is a code, or ``""``."""

    info: FileInfo
    data: bytearray
    outcome: str | None = None
    running: object | None = None


class FileLife:
    """One user's part in files."""

    def __init__(
        self,
        ledger: Ledger,
        address: str,
        to: Sequence[str],
        files: int,
        seconds: float,
        common: Sequence[bytes],
        random: Random,
    ) -> None:
        """Send so many files to these in so many seconds; ``common`` are contents that others send, too."""
        self._ledger = ledger
        self._address = address
        self._to = to
        self._files = files
        self._pause = seconds / (files + 1)
        self._common = common
        self._random = random
        self._made = 0
        self._over = False
        self._jobs: list[Job] = []
        self._told: dict[str, Told] = {}
        self._clock: IReactorTime
        self._client: ChatClient

    @property
    def waiting(self) -> int:
        """How many files are neither sent nor given up."""
        return len(self._jobs)

    def open(self, realms: Container[str]) -> Iterator[str]:
        """Return the files that have to come to it between these realms, and have not yet."""
        for mid, told in self._told.items():
            if told.outcome is None and self._ledger.files.is_between(mid, realms):
                yield f"{self._address} waits for the file {mid}"

    def begin(self, clock: IReactorTime, client: ChatClient) -> None:
        """Live on with a new client, which may not be connected yet."""
        self._clock, self._client = clock, client
        for job in self._jobs:
            self._run(self._send(clock, client, job))
        for told in self._told.values():
            told.running = None
            if told.outcome is None:
                self._fetch_soon(told)
        self._plan()

    def hurry(self) -> None:
        """Send one soon, beside what is planned."""
        if not self._over:
            self._clock.callLater(self._random.uniform(0, _SOON_SECONDS), self._make)

    def end(self) -> None:
        """Begin nothing more; fetch what was told of and did not come."""
        self._over = True
        for told in self._told.values():
            if told.outcome != "":
                told.outcome = None
                self._fetch_soon(told)

    def heard(self, message: Message) -> None:
        """Hear of a message."""
        if message.file is None or message.mid in self._told:
            return
        told = self._told[message.mid] = Told(message.file, bytearray())
        if self._over or self._random.random() < _FETCHED:
            self._fetch_soon(told)
        else:
            told.outcome = "not-wanted"

    def _plan(self) -> None:
        if not self._over:
            self._clock.callLater(self._random.expovariate(1 / self._pause), self._go_on)

    def _go_on(self) -> None:
        self._make()
        if self._ledger.files.mids and not self._over:
            self._run(self._pry(self._client, self._random.choice(self._ledger.files.mids)))
        self._plan()

    def _run(self, work: Any) -> None:
        Deferred.fromCoroutine(work).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        self._ledger.broke(f"client: {self._address}: {failure.getTraceback()}")

    async def _sleep(self, clock: IReactorTime, shortest: float, longest: float) -> None:
        await deferLater(clock, self._random.uniform(shortest, longest))

    # -- sending

    def _make(self) -> None:
        """Think of a file, and send it."""
        if self._over or self._made >= self._files:
            return
        self._made += 1
        random = self._random
        size = random.choice(_SIZES) if random.random() < 0.5 else random.randrange(_MOST)
        data = random.choice(self._common) if random.random() < _COMMON else random.randbytes(size)
        sha256 = self._ledger.files.made(data)
        name = f"{self._address}-{self._made}.bin"
        text = offer_text(Offer(name=name, size=len(data), sha256=sha256))
        cid = f"file:{self._made}"
        sending = Sending(self._address, random.choice(self._to), cid, text)
        fate = random.choices(list(Fate), (12, 4, 2, 1))[0]
        began = self._ledger.files.shaken(self._realm)
        job = Job(sending, name, data, sha256, fate, random.random() < 0.5, began)
        self._jobs.append(job)
        self._ledger.sent([sending])
        self._ledger.counts[f"file {fate.value}"] += 1
        self._run(self._send(self._clock, self._client, job))

    @property
    def _realm(self) -> str:
        return self._address.rpartition("@")[2]

    async def _send(self, clock: IReactorTime, client: ChatClient, job: Job) -> None:
        while job in self._jobs:
            try:
                await self._attempt(client, job)
            except ConnectionUnavailable:
                await self._sleep(clock, *_AWAY)
            except (BadOffset, NoSuchFile, InternalError):
                await self._sleep(clock, *_AGAIN)
            except WrongContent:
                self._wrong(job)
                await self._sleep(clock, *_AGAIN)
            except ChatError as error:
                if isinstance(error, CidReused):
                    self._ledger.broke(f"client: {job} was told {error.code}")
                pause = pause_after(error)
                if pause is None:
                    await self._clear(clock, client, job)
                    self._refused(job, error.code)
                else:
                    await self._sleep(clock, pause, pause + 1)

    def _wrong(self, job: Job) -> None:
        """Hear that what has arrived is not what was sent: only a disk that lost something is a reason."""
        if job.fate is Fate.LIED:
            self._refused(job, WrongContent.code)
        elif self._ledger.files.shaken(self._realm) == job.began:
            self._ledger.broke(f"file-content: {self._address} was told that {job.name} is another one")
        job.mid, job.written = "", 0

    def _refused(self, job: Job, code: str) -> None:
        if job in self._jobs:
            self._jobs.remove(job)
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
                again.addErrback(_hush)
        self._sent(job, sent.mid)
        if job.fate is Fate.FINISHED_TWICE:
            self._sent(job, (await client.request(finish, Sent)).mid)

    def _sent(self, job: Job, mid: str) -> None:
        if job.fate in (Fate.LIED, Fate.CANCELLED):
            self._ledger.broke(f"refused: {job.name} was sent as {mid}, which is {job.fate.value}")
        self._ledger.acknowledged(job.sending, mid)
        self._ledger.files.mids.append(mid)
        if job in self._jobs:
            self._jobs.remove(job)

    def _check_resumed(self, job: Job, opened: Opened) -> None:
        """See that nothing of what was acked is lost, but with the disk."""
        shaken = self._ledger.files.shaken(self._realm)
        if opened.file == job.mid and opened.offset < job.written and shaken == job.shaken:
            self._ledger.broke(f"file-acked: {job.name} had {job.written} bytes, and now {opened.offset}")
        if opened.offset:
            self._ledger.counts["uploads resumed"] += 1
        if opened.offset > len(job.data):
            self._ledger.broke(f"file-acked: {job.name} has {opened.offset} bytes")
        job.mid, job.written, job.shaken = opened.file, opened.offset, shaken

    async def _send_chunks(self, client: ChatClient, job: Job, offset: int) -> None:
        size = len(job.data)
        stop = self._random.randint(0, size) if job.fate is Fate.CANCELLED else size
        flying: deque[Deferred[Written]] = deque()
        try:
            while offset < stop or flying:
                if offset < stop and len(flying) < _UNDER_WAY:
                    data = job.data[offset : offset + self._random.choice(_PIECES)]
                    chunk = Chunk(file=job.mid, offset=offset, size=len(data), data=data)
                    flying.append(client.request(chunk, Written))
                    offset += len(data)
                else:
                    job.written = (await flying.popleft()).offset
        finally:
            for unanswered in flying:
                unanswered.addErrback(_hush)

    async def _clear(self, clock: IReactorTime, client: ChatClient, job: Job) -> None:
        """End an upload whose message is refused, if it is there."""
        while job.mid:
            try:
                await client.request(Cancel(file=job.mid), Done)
            except NoSuchFile:
                return
            except ChatError:
                await self._sleep(clock, *_AWAY)
            else:
                return

    # -- fetching

    def _fetch_soon(self, told: Told) -> None:
        told.outcome = None
        if told.running is not self._client:
            told.running = self._client
            self._run(self._fetch(self._clock, self._client, told))

    async def _fetch(self, clock: IReactorTime, client: ChatClient, told: Told) -> None:
        while told.outcome is None:
            try:
                await self._pull(client, told)
            except ConnectionUnavailable:
                await self._sleep(clock, *_AWAY)
            except (NoSuchFile, FileGone) as error:
                self._end(told, error.code)
            except ChatError as error:
                pause = pause_after(error)
                if pause is None:
                    self._ledger.broke(f"client: {self._address} was told {error.code} of {told.info}")
                    return
                await self._sleep(clock, pause, pause + 1)
        told.running = None

    def _end(self, told: Told, code: str) -> None:
        told.outcome = self._ledger.files.outcomes[self._address, told.info.id] = code
        self._ledger.counts[f"file {code or 'saved'}"] += 1

    async def _pull(self, client: ChatClient, told: Told) -> None:
        size = told.info.size
        flying: deque[Deferred[Piece]] = deque()
        asked = len(told.data)
        try:
            while len(told.data) < size or (not size and told.outcome is None):
                while len(flying) < _UNDER_WAY and (asked < size or not (size or flying)):
                    most = self._random.choice(_PIECES)
                    flying.append(client.request(Download(file=told.info.id, offset=asked, size=most), Piece))
                    asked += min(most, size - asked)
                piece = await flying.popleft()
                self._ledger.files.given(self._address, told.info.id, piece.offset, piece.data)
                if piece.offset != len(told.data):
                    self._ledger.broke(f"file-content: {piece} of {told.info} at {len(told.data)}")
                    return
                told.data += piece.data
                if not size:
                    break
        finally:
            for unanswered in flying:
                unanswered.addErrback(_hush)
        if self._ledger.files.made(bytes(told.data)) != told.info.sha256:
            self._ledger.broke(f"file-content: {self._address} has other bytes of {told.info}")
        self._end(told, "")

    async def _pry(self, client: ChatClient, mid: str) -> None:
        """Ask for a file that may not be for this user."""
        try:
            piece = await client.request(Download(file=mid, offset=0, size=100), Piece)
        except ChatError:
            return
        self._ledger.files.given(self._address, mid, piece.offset, piece.data)


def _hush(failure: Failure) -> None:
    failure.trap(ChatError)
