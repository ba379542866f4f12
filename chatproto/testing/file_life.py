"""What simulated users do about files: send some, give some up, and fetch what they are told of.

Everything that may go wrong does: connections are lost in the middle of a chunk, machines crash, and what was
begun is gone on with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator, Sequence
from random import Random

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from chatproto.client import ChatClient, Message
from chatproto.client.lasting import pause_after
from chatproto.commands import Download
from chatproto.errors import ChatError, ConnectionUnavailable, FileGone, NoSuchFile
from chatproto.events import FileInfo, Piece
from chatproto.testing.file_sending import AWAY, PIECES, UNDER_WAY, FileSender, hush
from chatproto.testing.ledger import Ledger

#: How many of the files told of are fetched at once.
_FETCHED = 0.8
#: What is soon.
_SOON_SECONDS = 10.0


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
        self._sender = FileSender(ledger, address, to, common, random)
        self._run, self._sleep = self._sender.run, self._sender.sleep
        self._files = files
        self._pause = seconds / (files + 1)
        self._random = random
        self._made = 0
        self._over = False
        self._told: dict[str, Told] = {}
        self._clock: IReactorTime
        self._client: ChatClient

    @property
    def waiting(self) -> int:
        """How many files are neither sent nor given up."""
        return len(self._sender.jobs)

    def open(self, realms: Container[str]) -> Iterator[str]:
        """Return the files that have to come to it between these realms, and have not yet."""
        for mid, told in self._told.items():
            if told.outcome is None and self._ledger.files.is_between(mid, realms):
                yield f"{self._address} waits for the file {mid}"

    def begin(self, clock: IReactorTime, client: ChatClient) -> None:
        """Live on with a new client, which may not be connected yet."""
        self._clock, self._client = clock, client
        self._sender.begin(clock, client)
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

    def _make(self) -> None:
        if not self._over and self._made < self._files:
            self._made += 1
            self._sender.make(self._made, self._clock, self._client)

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
                await self._sleep(clock, *AWAY)
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
                while len(flying) < UNDER_WAY and (asked < size or not (size or flying)):
                    most = self._random.choice(PIECES)
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
                unanswered.addErrback(hush)
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
