"""What tests of files do again and again, and a file store whose parts are as slow as the test wants."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.components import proxyForInterface

from chatproto import commands, events
from chatproto.files import MemoryFileStore
from chatproto.interfaces import IFilePart, IFileStore
from chatproto.limits import CHUNK_BYTES
from tests.realm.house import Client, House


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Files:
    """One client, as it sends and fetches files."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def upload(self, to: str, size: int, name: str = "plan.pdf", **fields: Any) -> Any:
        return self.client.ask(commands.Upload(to=to, name=name, size=size, **fields))

    def chunk(self, file: str, offset: int, data: bytes) -> Any:
        return self.client.ask(commands.Chunk(file=file, offset=offset, size=len(data), data=data))

    def fill(self, file: str, data: bytes, start: int = 0) -> None:
        for offset in range(start, len(data), CHUNK_BYTES):
            self.chunk(file, offset, data[offset : offset + CHUNK_BYTES])

    def finish(self, file: str, hash_: str | None = None) -> Any:
        return self.client.ask(commands.Finish(file=file, sha256=hash_))

    def send(self, to: str, data: bytes, **fields: Any) -> events.Sent:
        """Send a file from its beginning to its end."""
        file = self.upload(to, len(data), **fields).file
        self.fill(file, data)
        sent: events.Sent = self.finish(file)
        return sent

    def fetch(self, file: str, offset: int = 0) -> bytes:
        """Return all of a file from an offset on."""
        data = b""
        while True:
            piece: events.Piece = self.client.ask(
                commands.Download(file=file, offset=offset + len(data), size=CHUNK_BYTES)
            )
            data += piece.data
            if piece.size < CHUNK_BYTES:
                return data

    def uploads(self) -> list[events.UploadState]:
        listed: events.UploadList = self.client.ask(commands.Uploads())
        return listed.uploads


class SlowPart(proxyForInterface(IFilePart, "part")):  # type: ignore[misc]  # a base made at run time
    """A part whose writes, and whose keeping, wait while the store is slow."""

    def __init__(self, part: IFilePart, store: SlowFiles) -> None:
        super().__init__(part)
        self._store = store

    def write(self, data: bytes) -> Deferred[int]:
        return self._store.when_fast().addCallback(lambda _: self.part.write(data))

    def keep(self, size: int, hash_: str) -> Deferred[str]:
        return self._store.when_fast().addCallback(lambda _: self.part.keep(size, hash_))


class SlowFiles(proxyForInterface(IFileStore, "files")):  # type: ignore[misc]  # a base made at run time
    """A file store in memory whose parts can be slow."""

    def __init__(self, files: IFileStore) -> None:
        super().__init__(files)
        self.slow = False
        self._waiting: list[Deferred[None]] = []

    def part(self, name: str) -> Deferred[IFilePart]:
        part: Deferred[IFilePart] = self.files.part(name)
        return part.addCallback(SlowPart, self)

    def when_fast(self) -> Deferred[None]:
        """Fire as soon as the store is not slow."""
        done: Deferred[None] = Deferred()
        self._waiting.append(done)
        if not self.slow:
            self.rush()
        return done

    def go_on(self) -> None:
        """Do one of the things that wait."""
        self._waiting.pop(0).callback(None)

    def rush(self) -> None:
        """Do what waits, and be fast."""
        self.slow = False
        while self._waiting:
            self.go_on()


class SlowHouse(House):
    """A house over such a file store."""

    files: SlowFiles

    def make_files(self) -> IFileStore:
        self.files = SlowFiles(MemoryFileStore(self.file_disk, now=self.clock.seconds))
        return self.files
